"""A night of which some frames are chosen, and one of several directories."""

from __future__ import annotations

import json

import pytest

from ccdfx.errors import ArgumentError, FileError
from ccdfx.night.run import reduce_night

FAST = {"bad_pixels": {"use": False}, "cosmic_rays": {"use": False}, "combine": {"use": False}}
"""Without what makes a calibrated frame depend on the others of its night."""


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.fits"))


@pytest.fixture
def two_objects(camera):
    """Frames of two objects in two filters, with their calibrations and a broken file."""
    camera.biases(3)
    camera.darks(3)
    camera.flats(3)
    camera.flats(3, filter="R")
    camera.science("a1.fits", object="A", AIRMASS=1.1)
    camera.science("a2.fits", object="A", AIRMASS=2.1)
    camera.science("aR.fits", object="A", filter="R", AIRMASS=1.3)
    camera.science("b.fits", object="B", AIRMASS=1.2)
    (camera.folder / "broken.fits").write_text("not an image")
    return camera


def test_an_object_is_reduced_with_its_calibrations_to_the_same_bytes(two_objects, tmp_path):
    night = reduce_night(
        two_objects.folder, tmp_path / "some", recipe=FAST, object="A", filter="V", where="airmass < 2"
    )
    assert night.status == 0, "what is not wanted is no failure"
    assert files_in(tmp_path / "some") == [
        "calibrated/a1.fits",
        "masters/bias.fits",
        "masters/dark_60s.fits",
        "masters/flat_V.fits",
    ]
    everything = reduce_night(two_objects.folder, tmp_path / "all", recipe=FAST)
    assert everything.status == 1 and everything.not_chosen == {}
    for file in files_in(tmp_path / "some"):
        assert (tmp_path / "some" / file).read_bytes() == (tmp_path / "all" / file).read_bytes(), file


def test_what_is_not_chosen_is_listed_with_the_reason(two_objects, out):
    facts = reduce_night(
        two_objects.folder, out, recipe=FAST, object="a", where="airmass<2", exclude="fR*"
    ).facts
    assert json.loads((out / "night.json").read_text()) == facts
    assert facts["chosen_by"] == ["exclude fR*", "object a", "where airmass < 2"]
    left_out = {one["file"]: one["left_out"] for one in facts["frames"] if one["left_out"]}
    unread = left_out.pop("broken.fits")
    assert unread.startswith("not chosen by object a, as it has none (") and "broken.fits" not in unread
    assert left_out == {
        "a2.fits": "not chosen by where airmass < 2",
        "b.fits": "not chosen by object a",
        **{f"fR{i}.fits": "not chosen by exclude fR*" for i in range(3)},
    }
    assert not [one for one in facts["frames"] if one["problem"] or one["used"] == bool(one["left_out"])]
    assert "not chosen by object a" in (out / "report.html").read_text()


def test_a_dry_run_plans_what_is_chosen(two_objects, out):
    night = reduce_night(
        two_objects.folder, out, recipe=FAST, dry_run=True, filter=("V", "U"), exclude="broken*"
    )
    assert night.status == 0 and not out.exists()
    assert [one.use.frame.file for one in night.plan.science] == ["a1.fits", "a2.fits", "b.fits"]
    assert set(night.not_chosen) == {"aR.fits", "broken.fits", "fR0.fits", "fR1.fits", "fR2.fits"}
    assert len(night.frames) == 17
    assert night.plan.warnings[0] == "no frame has the filter U; there are V, R"


def test_when_nothing_is_chosen_nothing_is_usable(two_objects, out):
    night = reduce_night(two_objects.folder, out, recipe=FAST, object="C", kind="science")
    assert night.status == 3 and night.facts["warnings"] == ["no frame has the object C; there are A, B"]


def test_a_wrong_condition_makes_nothing(camera, out):
    camera.biases(2)
    with pytest.raises(ArgumentError, match="where: at character 11 must be a number"):
        reduce_night(camera.folder, out, where="exptime > long")
    assert not out.exists()


def test_several_directories_and_files_are_one_night(camera, tmp_path):
    camera.biases(3)
    camera.flats(3)
    camera.science("march/s.fits")
    camera.science("march/other.fits")
    given = (camera.folder / "march/s.fits", *sorted(camera.folder.glob("*.fits")))
    some = reduce_night(given, tmp_path / "some", recipe=FAST)
    assert some.directory == camera.folder and some.facts["directory"] == str(camera.folder)
    assert [one["source"] for one in some.facts["calibrated"]] == ["march/s.fits"]
    reduce_night(camera.folder, tmp_path / "all", recipe=FAST)
    for file in ("calibrated/march_s.fits", "masters/bias.fits", "masters/flat_V.fits"):
        assert (tmp_path / "some" / file).read_bytes() == (tmp_path / "all" / file).read_bytes()


def test_the_output_is_no_directory_of_frames(camera, tmp_path):
    camera.biases(2)
    one = camera.folder / "b0.fits"
    for given in ([one], [tmp_path / "more", camera.folder], camera.folder):
        (tmp_path / "more").mkdir(exist_ok=True)
        with pytest.raises(ArgumentError, match="must not be the directory of the raw frames"):
            reduce_night(given, camera.folder)
    with pytest.raises(FileError, match="gone: is not a file and not a directory"):
        reduce_night([camera.folder, tmp_path / "gone"], tmp_path / "out")
    with pytest.raises(ArgumentError, match="paths: must be one or more"):
        reduce_night([], tmp_path / "out")
