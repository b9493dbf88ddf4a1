"""Reducing a night: what comes out, what is refused, and what a broken frame does."""

from __future__ import annotations

import hashlib
import html
import json
import re

import numpy as np
import pytest

from ccdfx.errors import ArgumentError, CcdfxError, FileError, FormatError, OutputExistsError
from ccdfx.io import read
from ccdfx.night.run import reduce_night
from ccdfx.pipelines.pipeline import pipeline, step
from ccdfx.records.flags import Flag

# What night.json must hold; other programs rely on it.
KEYS = {
    "frames": {"file", "kind", "object", "filter", "exptime", "instrument", "used", "problem"},
    "masters": {"file", "kind", "filter", "exptime", "inputs"},
    "calibrated": {"file", "source", "masters", "sky", "noise_measured", "noise_predicted", "flags"},
    "combined": {"file", "object", "filter", "inputs", "shifts", "rejected"},
}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture(scope="module")
def done(make_camera, tmp_path_factory):
    """A night that was reduced once, for the tests that only look: the camera, the night and its folder."""
    folder = tmp_path_factory.mktemp("done")
    (folder / "raw").mkdir()
    camera = make_camera(folder / "raw")
    camera.night()
    before = {path: path.read_bytes() for path in camera.folder.iterdir()}
    night = reduce_night(camera.folder, folder / "out")
    assert {path: path.read_bytes() for path in camera.folder.iterdir()} == before  # raw frames are only read
    return camera, night, folder / "out"


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.quick
def test_a_whole_night(done):
    _, night, out = done
    assert night.status == 0
    assert files_in(out) == [
        "calibrated/s0.fits",
        "calibrated/s1.fits",
        "calibrated/s2.fits",
        "combined/field_V.fits",
        "masters/bias.fits",
        "masters/dark_2s.fits",
        "masters/dark_60s.fits",
        "masters/flat_V.fits",
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


@pytest.mark.quick
def test_masters_are_what_was_simulated(done):
    camera, _, out = done
    bias = read(out / "masters/bias.fits")
    assert bias.shape == (96, 120)
    # 3 ADU a frame, 5 frames; the median of 8 overscan pixels adds 3 sqrt(1.57 / 8) to each line of a frame.
    assert np.std(bias.array - camera.structure) == pytest.approx(3.0 * np.sqrt((1 + 1.57 / 8) / 5), rel=0.1)
    dark = read(out / "masters/dark_60s.fits")
    assert np.mean(dark.array) == pytest.approx(15.0, abs=0.3)  # 0.5 e-/s, 60 s, 2 e-/ADU
    assert dark.header["EXPTIME"] == 60.0
    flat = read(out / "masters/flat_V.fits")
    assert np.median(flat.array) == pytest.approx(1.0, abs=1e-4)
    residual = flat.array / camera.flat - 1
    assert np.std(residual) < 0.006
    assert np.std(residual / np.sqrt(flat.variance)) == pytest.approx(1.0, abs=0.15)
    assert flat.header["NCOMBINE"] == 4
    assert [flat.header[f"IMCMB{i:03d}"] for i in (1, 2, 3, 4)] == [
        "fV0.fits",
        "fV1.fits",
        "fV2.fits",
        "fV3.fits",
    ]


def test_calibrated_frames_are_the_sky_with_its_noise(done):
    camera, night, out = done
    image = read(out / "calibrated/s0.fits")
    truth = (camera.scene(0, 0) + 400.0) / 2.0
    pull = (image.array - truth) / np.sqrt(image.variance)
    good = image.good
    assert np.mean(pull[good]) == pytest.approx(0.0, abs=0.25)
    assert np.std(pull[good]) == pytest.approx(1.0, abs=0.1)
    assert len(night.facts["calibrated"]) == 3
    for fact in night.facts["calibrated"]:
        assert fact["sky"] == pytest.approx(200.0, rel=0.02)
        assert fact["excess"] == pytest.approx(1.0, abs=0.15)
        assert fact["unit"] == "adu"


def test_history_says_every_step_and_the_hash_of_every_master(done):
    out = done[2]
    history = "\n".join(read(out / "calibrated/s0.fits").header.history)
    steps = ["subtract_overscan", "trim", "calibrate"]
    assert sorted(steps, key=history.index) == steps
    text = history.replace("\n", "")
    for name in ("bias", "dark_60s", "flat_V"):
        digest = hashlib.sha256((out / f"masters/{name}.fits").read_bytes()).hexdigest()
        assert re.search(rf"{name}\.fits sha256={digest[:12]}", text), name
    assert "combine flat average=mean" in "\n".join(read(out / "masters/flat_V.fits").header.history)


@pytest.mark.quick
def test_combined_frames_are_registered(done):
    camera, night, out = done
    (fact,) = night.facts["combined"]
    assert fact["left_out"] == []
    expected = [(0, 0), (-2.3, 1.6), (3.4, -2.2)]
    for shift, (dx, dy) in zip(fact["shifts"], expected, strict=True):
        assert (shift["dx"], shift["dy"]) == (pytest.approx(dx, abs=0.1), pytest.approx(dy, abs=0.1))
    image = read(out / fact["file"])
    assert image.header["NCOMBINE"] == 3
    assert image.header["TOTALEXP"] == 180.0
    inner = np.s_[8:-8, 8:-8]
    truth = (camera.scene(0, 0) + 400.0) / 2.0
    assert np.median(np.abs(image.array - truth)[inner]) < 8.0  # 16 ADU of noise in one frame


def test_a_frame_of_another_field_is_left_out_and_said(camera, out):
    camera.night()
    camera.stars = camera.stars[::-1, ::-1] * [1.2, 0.7]  # other stars
    camera.science("s9.fits")
    facts = reduce_night(camera.folder, out).facts
    (fact,) = facts["combined"]
    assert [item["source"] for item in fact["left_out"]] == ["calibrated/s9.fits"]
    assert len(fact["inputs"]) == 3
    assert any("s9.fits is left out: cannot be aligned" in text for text in facts["warnings"])


def test_a_first_frame_of_another_field_does_not_cost_the_rest(camera, out):
    camera.night()
    camera.stars = camera.stars[::-1, ::-1] * [1.2, 0.7]  # other stars
    camera.science("a.fits")  # sorts before the others
    (fact,) = reduce_night(camera.folder, out).facts["combined"]
    assert [item["source"] for item in fact["left_out"]] == ["calibrated/a.fits"]
    assert fact["inputs"] == ["calibrated/s0.fits", "calibrated/s1.fits", "calibrated/s2.fits"]
    assert (fact["shifts"][0]["dx"], fact["shifts"][0]["dy"], fact["resampled"]) == (0.0, 0.0, 2)


def test_flats_count_by_their_level(camera, out):
    """A faint flat beside bright ones must not bring its noise into the master."""
    camera.biases()
    for number, level in enumerate((300.0, 40000.0, 44000.0)):
        camera.write(f"f{number}.fits", "flat", level * camera.flat, exptime=2.0, filter="V")
    camera.science("s.fits")
    reduce_night(camera.folder, out)
    flat = read(out / "masters/flat_V.fits")
    residual = flat.array / camera.flat - 1
    assert np.std(residual) < 1.2 / np.sqrt(84300.0)  # equal weights would give 0.024
    assert np.std(residual / np.sqrt(flat.variance)) == pytest.approx(1.0, abs=0.15)


def test_a_master_of_one_frame_is_said(camera, out):
    camera.biases(1)
    camera.science("s.fits")
    assert any(
        "masters/bias.fits is made of one frame, b0.fits" in text
        for text in reduce_night(camera.folder, out).facts["warnings"]
    )


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


def test_a_master_that_cannot_be_made_is_said(camera, out):
    camera.night()
    for path in camera.folder.glob("fV*.fits"):
        path.write_bytes(path.read_bytes()[:20000])
    night = reduce_night(camera.folder, out)
    assert night.status == 1
    assert len(night.facts["calibrated"]) == 3
    assert all("flat_V" not in name for fact in night.facts["calibrated"] for name in fact["masters"])
    assert any("flat" in text for text in night.facts["warnings"])


def test_a_saturated_and_a_dark_flat_are_left_out(camera, out):
    camera.night()
    camera.write("fVx.fits", "flat", 3e5 * camera.flat, exptime=2.0, filter="V")
    camera.write("fVy.fits", "flat", 20.0 * camera.flat, exptime=2.0, filter="V")
    night = reduce_night(camera.folder, out)
    assert night.status == 1
    problems = {entry["file"]: entry["problem"] for entry in night.facts["frames"] if entry["problem"]}
    assert set(problems) == {"fVx.fits", "fVy.fits"}
    assert "unflagged" in problems["fVx.fits"] and "level" in problems["fVy.fits"]


def test_a_flat_without_light_is_left_out_whatever_the_recipe(camera, out):
    camera.structure = camera.structure + 5.0  # the bias is higher than the overscan
    camera.biases()
    camera.write("f0.fits", "flat", 0.0, exptime=0.0, filter="V", level=-100.0)
    camera.science("s.fits")
    night = reduce_night(camera.folder, out, recipe={"flat": {"level": 0.0}})
    (flat,) = [entry for entry in night.facts["frames"] if entry["kind"] == "flat"]
    assert night.status == 1
    assert not flat["used"] and "must hold light" in flat["problem"]
    assert night.facts["lost"] == [
        {"file": "masters/flat_V.fits", "problem": "no frame of 1 is usable"},
    ]


def test_nothing_usable(camera, out):
    (camera.folder / "text.fits").write_text("no image")
    night = reduce_night(camera.folder, out)
    assert night.status == 3
    assert files_in(out) == ["night.json", "report.html"]


def test_an_empty_directory(camera, out):
    assert reduce_night(camera.folder, out).status == 3


def test_gain_and_read_noise_are_measured_when_nobody_says_them(camera, out):
    camera.biases(5, GAIN=None, RDNOISE=None)
    camera.flats(4, GAIN=None, RDNOISE=None)
    camera.science("s.fits", GAIN=None, RDNOISE=None)
    (noise,) = reduce_night(camera.folder, out).facts["noise"]
    assert noise["source"] == "measured"
    assert abs(noise["gain"] - 2.0) < 5 * noise["gain_error"] < 0.5
    assert abs(noise["readnoise"] - 6.0) < 5 * noise["readnoise_error"] < 2.0
    header = read(out / "calibrated/s.fits").header
    assert header["GAIN"] == noise["gain"]


@pytest.mark.quick
def test_read_noise_alone_is_measured_from_biases(camera, out):
    camera.biases(4, RDNOISE=None)
    camera.science("s.fits", RDNOISE=None)
    (noise,) = reduce_night(camera.folder, out).facts["noise"]
    assert (noise["gain_source"], noise["readnoise_source"]) == ("header", "measured")
    assert noise["source"] == "gain: header, read noise: measured"
    assert noise["readnoise"] == pytest.approx(6.0, rel=0.06)


def test_a_number_of_the_header_has_no_measured_error(camera, out):
    camera.biases(3, GAIN=None)
    camera.flats(3, GAIN=None)
    camera.science("s.fits", GAIN=None)
    (noise,) = reduce_night(camera.folder, out).facts["noise"]
    assert (noise["gain_source"], noise["readnoise_source"]) == ("measured", "header")
    assert noise["gain_error"] > 0 and noise["readnoise"] == 6.0 and noise["readnoise_error"] is None


def test_read_noise_is_measured_from_integers(camera, out):
    none = {"RDNOISE": None, "BIASSEC": None, "TRIMSEC": None}
    camera.structure = camera.structure * 0
    camera.biases(4, **none)
    camera.science("s.fits", **none)
    (noise,) = reduce_night(camera.folder, out).facts["noise"]
    assert noise["readnoise"] == pytest.approx(6.0, rel=0.06)


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


def test_without_gain_there_is_no_prediction_and_that_is_said(camera, out):
    camera.biases(3, GAIN=None, RDNOISE=None)
    camera.science("s.fits", GAIN=None, RDNOISE=None)
    facts = reduce_night(camera.folder, out).facts
    assert facts["noise"][0]["gain"] is None
    assert any("gain and read noise are not known" in text for text in facts["warnings"])


def test_electrons_when_asked(camera, out):
    camera.night()
    facts = reduce_night(camera.folder, out, recipe={"science": {"electrons": True}}).facts
    assert len(facts["calibrated"]) == 3
    for fact in facts["calibrated"]:
        assert fact["unit"] == "electron"
        assert fact["sky"] == pytest.approx(400.0, rel=0.02)
        assert fact["excess"] == pytest.approx(1.0, abs=0.15)
    assert read(out / "calibrated/s0.fits").header["GAIN"] == 1.0
    assert facts["combined"][0]["unit"] == "electron"


@pytest.mark.parametrize("rule", ["auto", "cr_reject"])
def test_the_unit_does_not_change_what_is_rejected(camera, out, rule):
    camera.night()
    adu, electrons = (
        reduce_night(
            camera.folder,
            out / str(unit),
            recipe={"science": {"electrons": unit}, "combine": {"sensitivity": 0.0, "reject": rule}},
        )
        for unit in (False, True)
    )
    rejected = [night.facts["combined"][0]["rejected"] for night in (adu, electrons)]
    assert rejected[1] == pytest.approx(rejected[0], abs=3)
    assert rejected[0] < 0.02 * 3 * 120 * 96


def test_electrons_without_a_gain_are_not_pretended(camera, out):
    camera.biases(GAIN=None)
    camera.science("s.fits", GAIN=None)
    facts = reduce_night(camera.folder, out, recipe={"science": {"electrons": True}}).facts
    assert facts["calibrated"][0]["unit"] == "adu"
    assert "the gain is not known, so these frames are in ADU, not in electrons: s.fits" in facts["warnings"]


def test_steps_of_a_recipe_are_applied(camera, out, tmp_path):
    camera.night()
    (tmp_path / "more.toml").write_text('[[step]]\nuse = "trim"\nsection = "[11:110,11:86]"\n')
    (tmp_path / "night.toml").write_text('[science]\nsteps = "more.toml"\n[combine]\nuse = false\n')
    reduce_night(camera.folder, out, recipe=tmp_path / "night.toml")
    assert read(out / "calibrated/s0.fits").shape == (76, 100)
    for wrong, words in (('use = "trimm"', "trimm"), ('gather = "combine"', "single frames")):
        (tmp_path / "more.toml").write_text(f"[[step]]\n{wrong}\n")
        with pytest.raises(CcdfxError, match=words):
            reduce_night(camera.folder, tmp_path / "other", recipe=tmp_path / "night.toml")
    assert not (tmp_path / "other").exists()


def test_a_step_that_raises_anything_costs_one_frame(camera, out, monkeypatch):
    camera.night()

    def broken(image):
        if image.header["DATE-OBS"].endswith("1"):
            raise ZeroDivisionError("of a plugin")
        return image

    camera.science("odd.fits", **{"DATE-OBS": "2020-01-01T00:00:01"})
    monkeypatch.setattr("ccdfx.night.run.further_steps", lambda recipe: pipeline(step(broken)))
    night = reduce_night(camera.folder, out)
    problems = {entry["file"]: entry["problem"] for entry in night.facts["frames"] if entry["problem"]}
    assert problems == {"odd.fits": "of a plugin"} and len(night.facts["calibrated"]) == 3


def test_dark_scaling_when_asked(camera, out):
    camera.biases()
    camera.darks(exptime=120.0)
    camera.flats()
    camera.science("s.fits", exptime=60.0)
    facts = reduce_night(camera.folder, out, recipe={"dark": {"scale": True}}).facts
    assert facts["calibrated"][0]["masters"] == [
        "masters/bias.fits",
        "masters/dark_120s.fits",
        "masters/flat_V.fits",
    ]
    assert facts["calibrated"][0]["sky"] == pytest.approx(200.0, abs=2.0)


def test_a_long_exposure_weighs_more_than_a_short_one(camera, out):
    camera.biases(20)
    camera.science("s0.fits", exptime=6.0)
    camera.science("s1.fits", exptime=600.0)
    (fact,) = reduce_night(camera.folder, out, recipe={"combine": {"align": False}}).facts["combined"]
    (long,) = [f for f in night_facts(out)["calibrated"] if f["source"] == "s1.fits"]
    assert fact["noise_measured"] == pytest.approx(long["noise_measured"] / 100, rel=0.15)


def night_facts(out):
    return json.loads((out / "night.json").read_text())


def test_frames_of_another_exposure_and_sky_are_brought_to_the_first(camera, out):
    camera.biases()
    camera.darks(exptime=60.0)
    camera.darks(exptime=120.0, prefix="kl")
    camera.flats()
    camera.science("s0.fits", sky=400.0)
    camera.science("s1.fits", sky=800.0, exptime=120.0, dx=2.0)
    (fact,) = reduce_night(camera.folder, out).facts["combined"]
    assert fact["sky"] == pytest.approx(200.0, rel=0.02)
    assert (fact["exptime"], fact["total_exptime"]) == (60.0, 180.0)
    image = read(out / fact["file"])
    truth = (camera.scene(0, 0) + 400.0) / 2.0
    inner = np.s_[8:-8, 8:-8]
    assert np.sum((image.array - truth)[inner]) == pytest.approx(0.0, abs=0.02 * truth[inner].sum())


def test_an_existing_product_is_refused_before_anything_is_computed(camera, out):
    camera.night()
    (out / "masters").mkdir(parents=True)
    (out / "masters/flat_V.fits").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"flat_V\.fits"):
        reduce_night(camera.folder, out)
    assert files_in(out) == ["masters/flat_V.fits"]
    with pytest.raises(OutputExistsError):
        reduce_night(camera.folder, out, dry_run=True)
    night = reduce_night(camera.folder, out, overwrite=True)
    assert night.status == 0
    assert read(out / "masters/flat_V.fits").shape == (96, 120)


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
    with pytest.raises(FormatError, match="colour"):
        reduce_night(camera.folder, tmp_path / "out", recipe={"colour": {}})


def test_a_dry_run_writes_nothing_and_gives_the_plan(camera, out):
    camera.night()
    night = reduce_night(camera.folder, out, dry_run=True)
    assert not out.exists()
    assert (night.status, night.facts) == (0, {})
    assert "masters/flat_V.fits: 4 flat frames, filter V" in str(night.plan)


def test_an_object_cannot_leave_the_output(camera, out):
    camera.biases(2)
    for i in range(2):
        camera.science(f"s{i}.fits", object="../../../x", filter="../V")
    reduce_night(camera.folder, out)
    outside = [path for path in out.parent.iterdir() if path not in (out, camera.folder)]
    assert outside == []
    assert all(re.fullmatch(r"[\w/.+-]+", name) and ".." not in name for name in files_in(out))


def test_an_interrupt_leaves_no_partial_file(camera, out):
    camera.night()

    def interrupt(label, done, total):
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reduce_night(camera.folder, out, progress=interrupt)
    assert "masters/bias.fits" in files_in(out)
    for name in files_in(out):
        assert not name.rpartition("/")[2].startswith("."), name
        assert read(out / name).shape == (96, 120)
    assert not (out / "night.json").exists()


def test_progress_counts_to_the_end(camera, out):
    camera.night()
    calls = []
    reduce_night(camera.folder, out, progress=lambda *call: calls.append(call))
    total = calls[-1][2]
    assert [done for _, done, _ in calls] == list(range(1, total + 1))
    assert all(isinstance(label, str) and label for label, _, _ in calls)


@pytest.mark.quick
def test_many_frames_go_through_temporary_files(camera, out, monkeypatch):
    """The spool keeps little in memory; results are the same, and nothing is left behind."""
    from ccdfx.night.products import spool

    camera.night()
    reduce_night(camera.folder, out)
    monkeypatch.setattr(spool.Spool, "memory", 100_000)
    reduce_night(camera.folder, out.parent / "small")
    for name in ("masters/bias.fits", "masters/flat_V.fits", "combined/field_V.fits"):
        one, two = read(out / name), read(out.parent / "small" / name)
        np.testing.assert_array_equal(one.array, two.array)
        np.testing.assert_array_equal(one.variance, two.variance)
    assert files_in(out) == files_in(out.parent / "small")


def test_the_instrument_names_bad_columns(camera, out, tmp_path):
    text = """
name = "small"
match = { INSTRUME = "small" }
rules = [{ kind = "bias", when = { IMAGETYP = "zero" } }, { kind = "science", when = { IMAGETYP = "object" } }]
detector = { gain = 2.0, readnoise = 6.0, saturation = 60000 }
sections = { overscan = "BIASSEC", data = "TRIMSEC" }
bad_pixels = { columns = [7] }
"""
    (tmp_path / "small.toml").write_text(text)
    camera.biases(3)
    camera.science("s.fits")
    night = reduce_night(camera.folder, out, instrument=tmp_path / "small.toml")
    mask = read(out / "calibrated/s.fits").mask
    assert np.all(mask[:, 7] & np.uint8(Flag.BAD_PIXEL))
    assert not mask[:, 8].any()
    assert night.facts["noise"][0]["source"] == "instrument file"


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


def test_dead_pixels_are_flagged_by_the_flat(camera, out):
    camera.flat[40, 50] = 0.0
    camera.flat[41, 51] = 0.3  # dim, but it sees light
    camera.biases()
    camera.flats()
    camera.science("s.fits")
    reduce_night(camera.folder, out)
    for name in ("masters/flat_V.fits", "calibrated/s.fits"):
        mask = read(out / name).mask
        assert mask[40, 50] & np.uint8(Flag.BAD_PIXEL), name
        assert np.count_nonzero(mask) == 1, name


def test_the_flat_flags_pixels_below_the_response_of_the_recipe_and_no_others(camera, out):
    camera.flat[40, 50] = 0.19
    camera.flat[41, 51] = 0.21
    camera.biases(2)
    camera.flats(2)
    reduce_night(camera.folder, out, recipe={"flat": {"response": 0.2}})
    flat = read(out / "masters/flat_V.fits")
    assert 0.18 < flat.array[40, 50] < 0.2 < flat.array[41, 51] < 0.22
    assert np.argwhere(~flat.good).tolist() == [[40, 50]]
    assert flat.mask[40, 50] == Flag.BAD_PIXEL


def test_cosmic_rays_are_rejected_from_the_combined_frame(camera, out):
    camera.biases()
    camera.flats()
    for i in range(3):
        camera.science(f"s{i}.fits", dx=float(i))
    quiet = reduce_night(camera.folder, out).facts["combined"][0]["rejected"]
    from astropy.io import fits

    with fits.open(camera.folder / "s1.fits", mode="update") as hdus:
        hdus[0].data[30:33, 70] += 5000
    night = reduce_night(camera.folder, out.parent / "hit")
    (fact,) = night.facts["combined"]
    assert quiet + 3 <= fact["rejected"] <= quiet + 27
    clean, hit = read(out / fact["file"]), read(night.output / fact["file"])
    assert np.max(np.abs(clean.array - hit.array)[28:35, 66:74]) < 40.0  # the hit would leave 1700


def struck(camera, name):
    """The exposed pixels of a cosmic ray that is added to a raw frame."""
    from astropy.io import fits

    with fits.open(camera.folder / name, mode="update") as hdus:
        hdus[0].data[30:33, 70] += 3000
    return np.s_[30:33, 70]


def test_cosmic_rays_are_masked_in_frames_of_which_there_are_few(camera, out):
    camera.biases()
    camera.flats()
    for i in range(2):
        camera.science(f"s{i}.fits", dx=float(i))
    rays = struck(camera, "s1.fits")
    night = reduce_night(camera.folder, out)
    assert "calibrated/s1.fits: s1.fits" in str(night.plan) and "mask cosmic rays" in str(night.plan)
    image = read(out / "calibrated/s1.fits")
    assert (image.mask[rays] & np.uint8(Flag.COSMIC_RAY)).all()
    assert any("mask_cosmic_rays" in line for line in image.header.history)
    flags = {fact["source"]: fact["flags"] for fact in night.facts["calibrated"]}
    assert 3 <= flags["s1.fits"]["COSMIC_RAY"] <= 12
    assert "cosmic ray " in (out / "report.html").read_text()


def test_a_recipe_leaves_cosmic_rays_or_sets_their_limits(camera, out):
    camera.biases()
    camera.science("s.fits")
    rays = struck(camera, "s.fits")
    reduce_night(camera.folder, out, recipe={"cosmic_rays": {"use": False}})
    image = read(out / "calibrated/s.fits")
    assert image.mask is None or not image.mask[rays].any()
    reduce_night(camera.folder, out.parent / "high", recipe={"cosmic_rays": {"sigma_limit": 5000.0}})
    image = read(out.parent / "high/calibrated/s.fits")
    assert not image.mask.any() and "sigma_limit=5000.0" in "".join(image.header.history)


def test_without_noise_no_cosmic_rays_are_masked_and_that_is_said(camera, out):
    camera.biases(3, GAIN=None, RDNOISE=None)
    camera.science("s.fits", GAIN=None, RDNOISE=None)
    warnings = reduce_night(camera.folder, out).facts["warnings"]
    assert "gain and read noise are not known, so no cosmic rays are masked: s.fits" in warnings
