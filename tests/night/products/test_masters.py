"""Master frames: against the simulated camera, and which frames they are made of."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.io import read
from ccdfx.night.products.masters import normalised
from ccdfx.night.run import reduce_night
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image


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
    warnings = reduce_night(camera.folder, out).facts["warnings"]
    assert any("masters/bias.fits is made of one frame, b0.fits" in text for text in warnings), warnings


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
    assert "unflagged (got '0%, saturated 100%')" in problems["fVx.fits"] and "level" in problems["fVy.fits"]


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


def test_dead_pixels_are_flagged_by_the_flat(camera, out):
    camera.flat[40, 50] = 0.0
    camera.flat[41, 51] = 0.3  # dim, but it sees light: no matter of the flat, but of the map of bad pixels
    camera.biases()
    camera.flats()
    camera.science("s.fits")
    reduce_night(camera.folder, out)
    for name, low in (("masters/flat_V.fits", False), ("calibrated/s.fits", True)):
        mask = read(out / name).mask
        assert mask[40, 50] & np.uint8(Flag.BAD_PIXEL), name
        assert bool(mask[41, 51]) == low and np.count_nonzero(mask) == 1 + low, name


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


def test_a_flat_is_divided_by_its_level_and_its_variance_by_the_square() -> None:
    level = np.full((4, 5), 200.0)
    level[1, 2] = 30.0
    flat = normalised(Image(level, variance=np.full((4, 5), 800.0)), 0.2)
    assert flat.array[0, 0] == 1.0 and flat.array[1, 2] == pytest.approx(0.15)
    assert flat.variance == pytest.approx(np.full((4, 5), 0.02))
    assert np.argwhere(flat.mask == Flag.BAD_PIXEL).tolist() == [[1, 2]]


@pytest.mark.quick
@pytest.mark.parametrize("dark_rows", [30, 60, 90])
def test_a_flat_behind_a_slit_has_the_level_of_what_sees_light(dark_rows, camera, out):
    """Of 96 rows; one decision: the level is that of the pixels that are not flagged, and of no others."""
    camera.flat[:dark_rows] *= 0.002
    camera.biases(3)
    for i in range(3):
        camera.write(f"f{i}.fits", "flat", 30000.0 * (1 + 0.1 * i) * camera.flat, exptime=2.0, filter="V")
    camera.science("s.fits")
    night = reduce_night(camera.folder, out, recipe={"combine": {"use": False}})
    flat, done = read(out / "masters/flat_V.fits"), read(out / "calibrated/s.fits")
    assert np.array_equal(flat.good, np.broadcast_to(np.arange(96)[:, None] >= dark_rows, flat.shape))
    assert np.median(flat.array[flat.good]) == pytest.approx(1.0, abs=1e-6)
    levels = next(fact["levels"] for fact in night.facts["masters"] if fact["kind"] == "flat")
    lit = np.median(camera.flat[dark_rows:])
    assert levels == pytest.approx([15000 * lit * (1 + 0.1 * i) + 0.5 for i in range(3)], rel=0.003)
    # The flat is divided by no second level of its own.
    sky = done.array[done.good] - camera.scene(0, 0)[done.good] / (2 * lit)
    assert np.median(sky) == pytest.approx((400.0 * lit + 30.0) / 2, rel=0.01)


@pytest.mark.parametrize("count", [2, 3])
def test_of_few_darks_the_rays_are_rejected_and_not_the_good_value(count, camera, out):
    """All but one have a ray at the same pixels: their median is a ray, or between ray and good value."""
    camera.biases()
    rays = np.zeros((96, 120))
    rays[5::10, 5::10] = 4000.0
    for number in range(count):
        camera.write(f"k{number}.fits", "dark", rays * number, exptime=60.0)
    camera.science("s.fits")
    reduce_night(camera.folder, out, recipe={"combine": {"use": False}})
    dark = read(out / "masters/dark_60s.fits")
    hit = dark.array[rays > 0]
    assert dark.good.all()
    assert np.median(hit) == pytest.approx(15.0, abs=1.5)  # 2 e-/ADU
    assert hit.max() < 45.0  # a ray is 2000 ADU and more


def test_a_bias_that_holds_light_is_left_out_of_master_and_read_noise(camera, out):
    bare = {"BIASSEC": None, "TRIMSEC": "[1:120,1:96]", "RDNOISE": None}
    camera.biases(4, **bare)
    camera.write("b9.fits", "zero", 8000.0 * camera.flat, **bare)
    camera.science("s.fits", **bare)
    facts = reduce_night(camera.folder, out).facts
    (problem,) = (frame["problem"] for frame in facts["frames"] if frame["file"] == "b9.fits")
    for words in ("level of the others of masters/bias.fits, 1000 ADU", "got 49", "holds light"):
        assert words in problem
    assert facts["masters"][0]["level"] == pytest.approx(1000, abs=1)
    assert facts["noise"][0]["readnoise"] == pytest.approx(6.0, rel=0.1)


def test_a_sky_below_zero_is_said(camera, out):
    bare = {"BIASSEC": None, "TRIMSEC": "[1:120,1:96]", "RDNOISE": None}
    for i in range(3):
        camera.write(f"b{i}.fits", "zero", 8000.0 * camera.flat, **bare)
    camera.science("s.fits", **bare)
    (said,) = (text for text in reduce_night(camera.folder, out).facts["warnings"] if "below zero" in text)
    assert "calibrated/s.fits" in said and "3 times its noise" in said
