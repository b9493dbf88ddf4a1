"""Calibrated frames: their noise, history, units, steps of a recipe, bad columns, cosmic rays."""

from __future__ import annotations

import hashlib
import re

import numpy as np
import pytest
from astropy.io import fits

from ccdfx.errors import CcdfxError, FormatError
from ccdfx.io import read
from ccdfx.night.frames.scan import scan
from ccdfx.night.raw.reading import raw_image
from ccdfx.night.run import reduce_night
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.pipelines.pipeline import pipeline, step
from ccdfx.records.flags import Flag


@pytest.mark.quick
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


@pytest.mark.quick
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


def test_electrons_without_a_gain_are_not_pretended(camera, out):
    camera.biases(GAIN=None)
    camera.science("s.fits", GAIN=None)
    facts = reduce_night(camera.folder, out, recipe={"science": {"electrons": True}}).facts
    assert facts["calibrated"][0]["unit"] == "adu"
    assert "the gain is not known, so these frames are in ADU, not in electrons: s.fits" in facts["warnings"]


@pytest.mark.parametrize(
    "sections",
    [
        {"TRIMSEC": "[1:120,5:90]", "BIASSEC": "[121:128,4:95]"},
        {"TRIMSEC": "UNKNOWN", "DATASEC": "[3:119,5:90]", "BIASSEC": "[121:128,5:90]"},
    ],
)
def test_overscan_needs_the_rows_of_the_data_alone(camera, out, sections):
    camera.biases(**sections)
    camera.science("s.fits", **sections)
    facts = reduce_night(camera.folder, out).facts
    assert not any(frame["problem"] for frame in facts["frames"])
    image = read(out / "calibrated/s.fits")
    truth = (
        (camera.scene(0, 0) + 400.0) * camera.flat + 30.0
    ) / 2.0  # the sky, and 30 electrons of dark current
    left = image.array - truth[image.range.slices]
    assert image.shape[0] == 86 and np.median(left) == pytest.approx(0.0, abs=1.0)
    history = "\n".join(image.header.history)
    assert history.index("trim section=[1:128,5:90]") < history.index("subtract_overscan")


@pytest.mark.parametrize("none", ["[0:0,0:0]", "UNKNOWN", "N/A", "", " [0:0, 0:0] "])
def test_a_section_keyword_may_say_that_there_is_none(camera, out, none):
    camera.science("s.fits", BIASSEC=none, TRIMSEC=none)
    camera.biases(BIASSEC=none, TRIMSEC=none)
    frames = {frame.file: frame for frame in scan(camera.folder)}
    assert frames["s.fits"].overscan is None and frames["s.fits"].problem is None
    assert frames["s.fits"].data.to_fits() == "[1:128,1:96]"


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
    monkeypatch.setattr(
        "ccdfx.night.products.calibrated.further_steps", lambda recipe: pipeline(step(broken))
    )
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


def test_the_bias_in_science_frame_and_dark_counts_once(camera, out):
    """Three of each, limited by read noise: counted twice, the noise would be 12 % too large."""
    camera.biases(3)
    camera.darks(3)
    camera.science("s.fits", sky=5.0)
    reduce_night(camera.folder, out)
    image = read(out / "calibrated/s.fits")
    truth = (camera.scene(0, 0) + 5.0) * camera.flat / 2.0
    pull = (image.array - truth) / np.sqrt(image.variance)
    assert np.std(pull[image.good & (truth < 5)]) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("overscan", [True, False])
def test_a_raw_frame_without_data_is_refused_by_that(camera, overscan):
    """With an overscan the error was of its section, without one the frame was used."""
    camera.science("a.fits", **({} if overscan else {"BIASSEC": None, "TRIMSEC": None}))
    camera.science("b.fits")
    with fits.open(camera.folder / "a.fits") as file:
        header = file[0].header
    for name, pixels in (("a.fits", np.nan), ("b.fits", 7.0)):
        array = np.full((96, 128), np.nan, np.float32)
        array[-1, -1] = pixels
        fits.PrimaryHDU(array, header).writeto(camera.folder / name, overwrite=True)
    empty, one = scan(camera.folder)
    with pytest.raises(FormatError, match=r"a\.fits: has no pixel with data"):
        raw_image(empty, NightRecipe())
    assert raw_image(one, NightRecipe()).array[-1, -1] == 7.0
