"""Combined frames: how they are registered, scaled and weighed, what they reject, what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.io import read
from ccdfx.night.run import reduce_night


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


def test_a_long_exposure_weighs_more_than_a_short_one(camera, out):
    camera.biases(20)
    camera.science("s0.fits", exptime=6.0)
    camera.science("s1.fits", exptime=600.0)
    facts = reduce_night(camera.folder, out, recipe={"combine": {"align": False}}).facts
    (fact,) = facts["combined"]
    (long,) = [f for f in facts["calibrated"] if f["source"] == "s1.fits"]
    assert (fact["reference"], fact["exptime"]) == (long["file"], 600.0)
    assert fact["noise_measured"] == pytest.approx(long["noise_measured"], rel=0.15)


def test_frames_of_another_exposure_and_sky_are_brought_to_the_deepest(camera, out):
    camera.biases()
    camera.darks(exptime=60.0)
    camera.darks(exptime=120.0, prefix="kl")
    camera.flats()
    camera.science("s0.fits", sky=400.0)
    camera.science("s1.fits", sky=800.0, exptime=120.0, dx=2.0)
    (fact,) = reduce_night(camera.folder, out).facts["combined"]
    assert fact["reference"] == "calibrated/s1.fits"
    assert fact["sky"] == pytest.approx(800.0, rel=0.02)
    assert (fact["exptime"], fact["total_exptime"]) == (120.0, 180.0)
    image = read(out / fact["file"])
    truth = camera.scene(2.0, 0) + 800.0
    inner = np.s_[8:-8, 8:-8]
    assert np.sum((image.array - truth)[inner]) == pytest.approx(0.0, abs=0.02 * truth[inner].sum())


def test_cosmic_rays_are_rejected_from_the_combined_frame(camera, out):
    camera.biases()
    camera.flats()
    for i in range(3):
        camera.science(f"s{i}.fits", dx=float(i))
    recipe = {"cosmic_rays": {"single": False}}
    quiet = reduce_night(camera.folder, out, recipe=recipe).facts["combined"][0]["rejected"]
    from astropy.io import fits

    with fits.open(camera.folder / "s1.fits", mode="update") as hdus:
        hdus[0].data[30:33, 70] += 5000
    night = reduce_night(camera.folder, out.parent / "hit", recipe=recipe)
    (fact,) = night.facts["combined"]
    assert quiet + 3 <= fact["rejected"] <= quiet + 27
    clean, hit = read(out / fact["file"]), read(night.output / fact["file"])
    assert np.max(np.abs(clean.array - hit.array)[28:35, 66:74]) < 40.0  # the hit would leave 1700


@pytest.mark.parametrize(("slope", "said"), [(0.0, False), (0.3, True)])
def test_noise_of_skies_that_differ_in_shape_is_said(camera, out, slope, said):
    camera.biases()
    camera.flats()
    x = np.linspace(-1, 1, 120)
    for i, sign in enumerate((1, -1, 0, 1, -1)):
        camera.science(f"s{i}.fits", dx=i, sky=2000.0 * (1 + slope * sign * x))
    facts = reduce_night(camera.folder, out).facts
    assert any("times that predicted" in text for text in facts["warnings"]) is said


@pytest.mark.parametrize("gain", [None, 2.0])
def test_errors_from_the_scatter_are_said_to_lack_those_of_the_masters(camera, out, gain):
    camera.biases(GAIN=gain)
    for name in ("s0.fits", "s1.fits", "s2.fits"):
        camera.science(name, GAIN=gain)
    facts = reduce_night(camera.folder, out, recipe={"combine": {"align": False}}).facts
    file = facts["combined"][0]["file"]
    said = f"{file}: its errors are those of the scatter of its frames, without those of the masters"
    assert (said in facts["warnings"]) == (gain is None)
