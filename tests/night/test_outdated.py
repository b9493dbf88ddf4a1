"""Products of earlier runs: replaced ones go, those that cannot be made again stay and are listed."""

from __future__ import annotations

import pytest
from astropy.io import fits

from ccdfx.night.graph.record import Record
from ccdfx.night.outdated import raw_of
from ccdfx.night.run import reduce_night


def record(file, raw=(), inputs=()) -> Record:
    parts = {"raw": dict.fromkeys(raw, "0"), "inputs": dict.fromkeys(inputs, "0")}
    return Record(file=file, kind="toy", key="0", parts=parts)


def names(out) -> set[str]:
    """The products and facts that are there."""
    return {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}


@pytest.mark.quick
def test_the_raw_frames_of_a_product_are_those_of_all_it_is_made_of():
    records = {
        "c": record("c", inputs=["a", "b", "lost"]),
        "a": record("a", ["1"], ["m"]),
        "b": record("b", ["2"], ["m"]),
        "m": record("m", ["3", "4"], ["c"]),  # a circle, as only a broken record can make
    }
    assert raw_of("c", records) == {"1", "2", "3", "4"} and raw_of("m", records) == {"1", "2", "3", "4"}
    assert raw_of("none", records) == set()


@pytest.mark.quick
def test_a_product_whose_frames_are_in_others_now_goes_with_its_facts(camera, out):
    camera.biases(3)
    for number in range(2):
        camera.science(f"s{number}.fits", dx=number, filter="V")
    reduce_night(camera.folder, out)
    before = names(out)
    for number in range(2):  # the filter was another one
        with fits.open(camera.folder / f"s{number}.fits", mode="update") as hdus:
            hdus[0].header["FILTER"] = "R"
    night = reduce_night(camera.folder, out)
    combined = {f"{folder}combined/field_{{}}.{end}"
                for folder, end in (("", "fits"), *(("facts/", end) for end in ("json", "npy", "png")))}  # fmt: skip
    combined.add("facts/combined/field_{}~large.jpg")
    assert before - names(out) == {name.format("V") for name in combined}
    assert names(out) - before == {name.format("R") for name in combined}
    assert not [text for text in night.facts["warnings"] if "earlier run" in text]


@pytest.mark.quick
def test_a_second_setup_changes_names_and_the_old_ones_go(camera, out):
    camera.biases(3)
    camera.science("s0.fits", filter="V")
    camera.science("s1.fits", filter="V", dx=2.0)
    reduce_night(camera.folder, out)
    before = names(out)
    for number in range(3):
        camera.write(f"other{number}.fits", "zero", INSTRUME="large")
    camera.science("other.fits", filter="V", INSTRUME="large")
    night = reduce_night(camera.folder, out)
    gone = before - names(out)
    assert "masters/bias.fits" in gone and "facts/masters/bias.json" in gone and night.status == 0
    assert not [text for text in night.facts["warnings"] if "earlier run" in text]
    fresh = reduce_night(camera.folder, out.parent / "fresh")
    assert names(out) == names(out.parent / "fresh") and fresh.facts == night.facts


@pytest.mark.quick
def test_what_was_made_of_frames_that_are_gone_stays_and_is_said(camera, out):
    camera.biases(3)
    camera.science("s0.fits")
    for number in range(2):
        camera.science(f"t{number}.fits", object="other", dx=number)
    reduce_night(camera.folder, out)
    (camera.folder / "t0.fits").unlink()
    night = reduce_night(camera.folder, out)
    assert {"calibrated/t0.fits", "combined/other_V.fits", "facts/calibrated/t0.json"} <= names(out)
    said = [text for text in night.facts["warnings"] if "earlier run" in text]
    old = ("calibrated/t0.fits", "combined/other_V.fits")
    assert said == [f"{file} is of an earlier run and no product of this one" for file in old]


def test_files_of_others_in_the_folders_of_products_are_never_removed(camera, out):
    camera.biases(3)
    camera.science("s0.fits")
    reduce_night(camera.folder, out)
    mine = out / "masters/mine.fits"
    mine.write_bytes((camera.folder / "b0.fits").read_bytes())
    night = reduce_night(camera.folder, out)
    assert mine.is_file()
    assert any("masters/mine.fits is of an earlier run" in text for text in night.facts["warnings"])


def test_products_of_frames_that_are_not_chosen_stay(camera, out):
    """One filter after the other, with one output: what took hours is not thrown away for a condition."""
    camera.biases(3)
    for filter in "VR":
        for number in range(2):
            camera.science(f"{filter}{number}.fits", filter=filter, dx=number)
    reduce_night(camera.folder, out, filter="V")
    before = {name: (out / name).read_bytes() for name in names(out) if name.endswith(".fits")}
    night = reduce_night(camera.folder, out, filter="R")
    assert {name: (out / name).read_bytes() for name in before if "V" in name} == {
        name: content for name, content in before.items() if "V" in name
    }
    assert "combined/field_R.fits" in names(out)
    said = [text.split()[0] for text in night.facts["warnings"] if "earlier run" in text]
    assert said == ["calibrated/V0.fits", "calibrated/V1.fits", "combined/field_V.fits"]
    assert all(reason is None for reason in reduce_night(camera.folder, out, filter="R").made.values())
