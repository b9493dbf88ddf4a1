"""Reducing a night: what comes out, what is refused, and what a broken frame does."""

from __future__ import annotations

import html
import json
import re
import shutil

import numpy as np
import pytest

from ccdfx.errors import ArgumentError, FileError, FormatError, OutputExistsError
from ccdfx.io import read, write
from ccdfx.io.one_writer import one_writer
from ccdfx.night.graph.context import made_folder
from ccdfx.night.run import reduce_night

# What night.json must hold; other programs rely on it.
KEYS = {
    "frames": {"file", "kind", "object", "filter", "exptime", "instrument", "used", "problem"},
    "masters": {"file", "kind", "filter", "exptime", "inputs"},
    "calibrated": {"file", "source", "masters", "sky", "noise_measured", "noise_predicted", "flags"},
    "combined": {"file", "object", "filter", "inputs", "shifts", "rejected"},
}


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.quick
def test_a_whole_night(done):
    _, night, out = done
    assert night.status == 0
    facts = {"facts/raw_keys.json", "facts/effects.json", "facts/camera/iraf-128x96-1x1.json"}
    for file in night.made:
        if file != "effects.json":  # an image, so it has a picture
            facts |= {f"facts/{file.removesuffix('.fits')}.{end}" for end in ("json", "png")}
            facts |= {
                str(path.relative_to(out))
                for path in (out / "facts" / file).parent.glob(
                    file.rpartition("/")[2].removesuffix(".fits") + "~*"
                )
            }
    facts |= {f"facts/calibrated/s{number}.npy" for number in range(3)} | {"facts/combined/field_V.npy"}
    assert files_in(out) == [
        "calibrated/s0.fits",
        "calibrated/s1.fits",
        "calibrated/s2.fits",
        "combined/field_V.fits",
        *sorted(facts),
        "masters/bad_pixels.fits",
        "masters/bias.fits",
        "masters/dark_2s.fits",
        "masters/dark_60s.fits",
        "masters/flat_V.fits",
        "night.csv",
        "night.json",
        "report.html",
    ]
    facts = json.loads((out / "night.json").read_text())
    assert facts == night.facts
    for name, keys in KEYS.items():
        assert facts[name] and all(keys <= set(entry) for entry in facts[name]), name
    assert facts["warnings"] == []
    (noise,) = facts["noise"]
    assert (noise["gain"], noise["readnoise"], noise["source"]) == (2.0, 6.0, "header")


def test_what_a_rule_warns_of_is_recorded_with_its_product(camera, out):
    camera.biases(2)
    camera.flats(3)
    camera.science("s1.fits")
    camera.science("s2.fits", dx=2.0)
    recipe = {name: {"reject": {"name": "sigma_clip", "low": 3, "high": 3}} for name in ("bias", "combine")}
    facts = reduce_night(camera.folder, out, recipe=recipe).facts
    few = "sigma_clip rejects nothing: it needs 3 frames or more (got 2)"
    cautions = {made["file"]: made["cautions"] for made in (*facts["masters"], *facts["combined"])}
    assert cautions["masters/flat_V.fits"] == []
    page = html.unescape((out / "report.html").read_text())
    for file in ("masters/bias.fits", "combined/field_V.fits"):
        (caution,) = cautions[file]
        assert caution.startswith(few)
        assert f"{file}: {caution}" in facts["warnings"]
        assert page.count(f"△ {caution}") == 2
    assert json.loads((out / "night.json").read_text()) == facts


def test_what_a_reader_warns_of_is_recorded(camera, out):
    camera.biases(3)
    path = camera.folder / "b1.fits"
    path.write_bytes(path.read_bytes()[:-100])  # ends in its padding
    facts = reduce_night(camera.folder, out).facts
    assert [text for text in facts["warnings"] if "b1.fits: ends before the padding" in text]
    assert facts["masters"][0]["inputs"] == ["b0.fits", "b1.fits", "b2.fits"]


def test_an_output_that_cannot_be_made_is_said(camera, tmp_path):
    camera.biases()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileError, match="cannot be made"):
        reduce_night(camera.folder, tmp_path / "file" / "out")


def test_the_plan_is_told_before_anything_is_made(camera, out):
    camera.biases()
    told = []
    night = reduce_night(camera.folder, out, planned=lambda plan: told.append((plan, out.exists())))
    assert told == [(night.plan, False)]


def test_broken_frames_are_listed_and_the_rest_goes_on(camera, out):
    camera.night()
    for name in ("b1.fits", "s1.fits"):
        path = camera.folder / name
        path.write_bytes(path.read_bytes()[:20000])
    (camera.folder / "text.fits").write_text("no image")
    night = reduce_night(camera.folder, out)
    assert night.status == 1
    entries = {entry["file"]: entry for entry in night.facts["frames"]}
    for name in ("b1.fits", "s1.fits", "text.fits"):
        assert entries[name]["problem"] and not entries[name]["used"], name
    assert entries["b0.fits"]["used"]
    (bias,) = [master for master in night.facts["masters"] if master["kind"] == "bias"]
    assert bias["inputs"] == ["b0.fits", "b2.fits", "b3.fits", "b4.fits"]
    assert [fact["source"] for fact in night.facts["calibrated"]] == ["s0.fits", "s2.fits"]


def test_data_that_break_only_while_reading(camera, out):
    """A damaged compressed stream: the header reads well, the pixels do not."""
    import gzip

    camera.night()
    path = camera.folder / "s1.fits"
    packed = bytearray(gzip.compress(path.read_bytes()))
    packed[len(packed) // 2] ^= 0xFF
    path.unlink()
    (camera.folder / "s1.fits.gz").write_bytes(packed)
    night = reduce_night(camera.folder, out)
    assert night.status == 1
    (entry,) = [entry for entry in night.facts["frames"] if entry["file"] == "s1.fits.gz"]
    assert entry["kind"] == "science" and entry["problem"] and not entry["used"]
    assert len(night.facts["calibrated"]) == 2


def test_nothing_usable(camera, out):
    (camera.folder / "text.fits").write_text("no image")
    night = reduce_night(camera.folder, out)
    assert night.status == 3
    assert files_in(out) == ["night.csv", "night.json", "report.html"]


def test_an_empty_directory(camera, out):
    assert reduce_night(camera.folder, out).status == 3


@pytest.mark.parametrize(
    ("recipe", "lost", "kept"),
    [
        ({"combine": {"reject": {"name": "minmax", "low": 2, "high": 1}}}, "combined/field_V.fits", 3),
        ({"dark": {"reject": {"name": "minmax", "low": 2, "high": 1}}}, "masters/dark_2s.fits", 3),
    ],
)
def test_a_rule_that_does_not_suit_one_product_does_not_cost_the_others(camera, out, recipe, lost, kept):
    camera.night()
    night = reduce_night(camera.folder, out, recipe=recipe)
    assert night.status == 1 and not (out / lost).exists()
    assert any(text.startswith(f"{lost} could not be made: minmax") for text in night.facts["warnings"])
    assert len(night.facts["calibrated"]) == kept and (out / "report.html").exists()


def test_infinite_limits_are_null_in_json(camera, out):
    camera.night()
    rule = {"name": "mad_clip", "low": float("inf"), "high": 3.0}
    assert reduce_night(camera.folder, out, recipe={"combine": {"reject": rule}}).status == 0
    told = json.loads((out / "night.json").read_text())["recipe"]["combine"]["reject"]
    assert told == {"name": "mad_clip", "low": None, "high": 3.0}
    assert "infinite" in (out / "report.html").read_text()


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "file",
    ["masters/flat_V.fits", "masters/bad_pixels.fits", "calibrated/s1.fits", "night.json", "report.html"],
)
def test_a_file_of_others_is_refused_before_anything_is_computed(camera, out, file, overwrite):
    camera.biases(2)
    camera.flats(2)
    camera.science("s1.fits")
    (out / file).parent.mkdir(parents=True)
    (out / file).write_text("mine")
    for dry_run in (True, False):
        with pytest.raises(OutputExistsError, match=re.escape(file)):
            reduce_night(camera.folder, out, overwrite=overwrite, dry_run=dry_run)
    assert files_in(out) == [file] and (out / file).read_text() == "mine"


def test_an_image_of_another_program_is_refused_and_one_of_an_earlier_run_replaced(camera, out):
    camera.biases(2)
    camera.science("s.fits")
    write(read(camera.folder / "s.fits"), made_folder(out / "calibrated") / "s.fits")
    with pytest.raises(OutputExistsError, match=r"s\.fits.*was not made by ccdfx"):
        reduce_night(camera.folder, out)
    (out / "calibrated/s.fits").unlink()
    reduce_night(camera.folder, out)
    shutil.rmtree(out / "facts")  # the keys stand in the files too
    night = reduce_night(camera.folder, out)
    assert night.status == 0 and set(night.made.values()) == {"missing"}


def test_a_second_run_inside_the_night_does_not_see_the_first(camera):
    camera.night()
    first = reduce_night(camera.folder, camera.folder / "out")
    again = reduce_night(camera.folder, camera.folder / "out", overwrite=True)
    third = reduce_night(camera.folder, camera.folder / "third", dry_run=True)
    assert len(first.frames) == len(again.frames) == len(third.frames)
    assert again.status == 0


def test_the_output_cannot_be_the_input(camera):
    camera.biases(2)
    with pytest.raises(ArgumentError, match="must not be the directory"):
        reduce_night(camera.folder, camera.folder / "." / "")
    link = camera.folder.parent / "link"
    link.symlink_to(camera.folder)
    with pytest.raises(ArgumentError, match="must not be the directory"):
        reduce_night(camera.folder, link)


def test_a_product_cannot_replace_a_raw_frame(camera, tmp_path):
    camera.biases(2)
    (tmp_path / "masters").mkdir()
    raw = tmp_path / "masters/bias.fits"
    (camera.folder / "b0.fits").rename(raw)
    content = raw.read_bytes()
    with pytest.raises(ArgumentError, match="replace a raw frame"):
        reduce_night(tmp_path / "masters", tmp_path, overwrite=True)
    assert raw.read_bytes() == content


def test_wrong_directories(camera, tmp_path):
    with pytest.raises(FileError, match="not a directory"):
        reduce_night(tmp_path / "absent", tmp_path / "out")
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="not a directory"):
        reduce_night(camera.folder, tmp_path / "file")
    with pytest.raises(FormatError, match="color"):
        reduce_night(camera.folder, tmp_path / "out", recipe={"color": {}})


def test_an_object_cannot_leave_the_output(camera, out):
    camera.biases(2)
    for i in range(2):
        camera.science(f"s{i}.fits", object="../../../x", filter="../V")
    reduce_night(camera.folder, out)
    outside = [path for path in out.parent.iterdir() if path not in (out, camera.folder)]
    assert outside == []
    assert all(re.fullmatch(r"[\w/.+~-]+", name) and ".." not in name for name in files_in(out))


def test_an_interrupt_leaves_no_partial_file(camera, out):
    camera.night()

    def interrupt(label, done, total):
        if label == "masters/flat_V.fits":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reduce_night(camera.folder, out, progress=interrupt)
    assert "masters/bias.fits" in files_in(out)
    for name in files_in(out):
        assert not name.rpartition("/")[2].startswith("."), name
        assert not name.endswith(".fits") or read(out / name).shape == (96, 120)
        if name.startswith("facts/") and name.endswith(".json"):
            json.loads((out / name).read_text())
    assert json.loads((out / "night.json").read_text())["complete"] is False


def test_progress_counts_to_the_end(camera, out):
    """Once a product; its step is the number of frames that go into it, so that a time left can be told."""
    camera.night()
    for _ in range(2):  # also where all is current
        calls: list[tuple[str, int, int]] = []
        night = reduce_night(camera.folder, out, progress=lambda *call, calls=calls: calls.append(call))
        labels, done, totals = zip(*calls, strict=True)
        assert sorted(labels[:-1]) == sorted(night.made) and labels[-1] == "report.html"
        assert len(set(totals)) == 1 and list(done) == sorted(set(done)) and done[-1] == totals[0]
        steps = dict(zip(labels, np.diff((0, *done)), strict=True))
        assert steps["masters/bias.fits"] == 5 and steps["calibrated/s0.fits"] == 1


def test_a_file_of_several_images_is_said_not_guessed(camera, out):
    from astropy.io import fits

    camera.biases(3)
    with fits.open(camera.folder / "b1.fits") as hdus:
        both = fits.HDUList([fits.PrimaryHDU(hdus[0].data, hdus[0].header), fits.ImageHDU(hdus[0].data)])
        both.writeto(camera.folder / "b9.fits")
    night = reduce_night(camera.folder, out)
    assert night.status == 1
    (problem,) = [entry["problem"] for entry in night.facts["frames"] if entry["problem"]]
    assert "must hold one image" in problem


def test_a_science_frame_without_anything_counts_as_failed(camera, out):
    camera.biases(2)
    camera.science("s.fits", BIASSEC=None, TRIMSEC=None)
    night = reduce_night(camera.folder, out)
    assert night.status == 1
    (entry,) = [entry for entry in night.facts["frames"] if entry["file"] == "s.fits"]
    assert entry["used"] is False and "no bias, dark or flat fits it" in entry["left_out"]


def test_what_an_earlier_run_left_is_said_and_kept(camera, out):
    camera.night()
    reduce_night(camera.folder, out)
    (camera.folder / "s2.fits").unlink()
    rule = {"name": "minmax", "low": 1, "high": 1}  # leaves nothing of two frames
    night = reduce_night(camera.folder, out, overwrite=True, recipe={"combine": {"reject": rule}})
    for old in ("calibrated/s2.fits", "combined/field_V.fits"):
        assert (out / old).exists()
        assert f"{old} is of an earlier run and no product of this one" in night.facts["warnings"]


def test_an_output_has_one_writer(camera, out):
    camera.biases()
    out.mkdir()
    with one_writer(out), pytest.raises(FileError, match="being written by another run"):
        reduce_night(camera.folder, out)
    assert not list(out.iterdir())


def test_a_run_that_is_stopped_says_that_it_is_not_complete(camera, out):
    camera.biases()
    assert reduce_night(camera.folder, out).facts["complete"] is True

    first = (out / "masters/bias.fits").read_bytes()

    def stopped(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reduce_night(camera.folder, out, overwrite=True, told=stopped)
    assert json.loads((out / "night.json").read_text())["complete"] is False
    assert not (out / "report.html").exists(), "it would speak of other products"
    night = reduce_night(camera.folder, out)
    assert night.facts["complete"] is True and (out / "report.html").exists()
    assert (out / "masters/bias.fits").read_bytes() == first
