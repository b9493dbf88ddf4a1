"""The noise of frames without overscan: photons are what lies above the bias, and nothing is guessed."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.io import read
from ccdfx.night.run import reduce_night

BARE = {"BIASSEC": None, "TRIMSEC": "[1:120,1:96]"}
READ = 9.0 + 1 / 12  # ADU^2 of a frame: (6 e- / (2 e-/ADU))^2, and the rounding to whole ADU


def warned(night, words):
    return [text for text in night.facts["warnings"] if words in text]


@pytest.fixture(scope="module")
def bare(make_camera, tmp_path_factory):
    """A night without overscan, whose bias drifts by 20 ADU, with a cosmic ray in one bias frame."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "raw").mkdir()
    camera = make_camera(folder / "raw", seed=5)
    for i in range(9):
        camera.write(f"b{i}.fits", "zero", level=1000.0 + 5.0 * (i - 4), **BARE)
    from astropy.io import fits

    with fits.open(camera.folder / "b3.fits", mode="update") as hdus:
        hdus[0].data[50, 60] += 90  # 30 sigma
    camera.darks(5, **BARE)
    camera.flats(5, **BARE)
    for i, (dx, dy) in enumerate([(0, 0), (4, 3), (8, -3)]):
        camera.science(f"s{i}.fits", dx=dx, dy=dy, **BARE)
    return camera, reduce_night(camera.folder, folder / "out"), folder / "out"


@pytest.mark.quick
def test_a_bias_frame_has_read_noise_only(bare):
    camera, night, out = bare
    bias = read(out / "masters/bias.fits")
    assert np.median(bias.variance) == pytest.approx(1.0, rel=0.02)  # not 1000 / 2 / 9 more
    error = bias.array - camera.structure - 1000.0
    assert np.std(error) == pytest.approx(np.sqrt(READ / 9), rel=0.04)
    assert abs(np.mean(error)) < 0.3
    assert abs(error[50, 60]) < 5  # the ray is rejected
    (fact,) = [one for one in night.facts["masters"] if one["kind"] == "bias"]
    assert fact["rejected"] < 50  # and nobody is for the drift of the level


def test_every_product_has_the_noise_that_it_says(bare):
    camera, night, out = bare
    dark = read(out / "masters/dark_60s.fits")
    assert np.var(dark.array) == pytest.approx(np.mean(dark.variance), rel=0.06)
    flat = read(out / "masters/flat_V.fits")
    assert np.std((flat.array / camera.flat - 1) / np.sqrt(flat.variance)) == pytest.approx(1.0, abs=0.05)
    for fact in night.facts["calibrated"]:
        assert fact["excess"] == pytest.approx(1.0, abs=0.06)
    assert not warned(night, "level without light")
    assert warned(night, "the level drifts by 12.9 ADU")  # 5 ADU times the scatter of -4 to 4


def test_without_bias_and_overscan_a_dark_of_the_exposure_tells_the_level(camera, out):
    camera.darks(**BARE)
    camera.darks(3, exptime=2.0, prefix="kf", **BARE)
    camera.flats(**BARE)
    for i in range(2):
        camera.science(f"s{i}.fits", dx=3.0 * i, **BARE)
    night = reduce_night(camera.folder, out, recipe={"dark": {"reject": "none"}})
    assert not warned(night, "level without light")
    dark = read(out / "masters/dark_60s.fits")  # from the scatter of the frames
    assert np.mean(dark.variance) == pytest.approx((READ + 15 / 2) / 4, rel=0.05)
    calibrated = read(out / "calibrated/s0.fits")  # 400 e- of sky and 30 e- of dark current
    assert np.median(calibrated.array) == pytest.approx(200.0, rel=0.03)
    assert np.median(calibrated.variance) == pytest.approx(READ + 107.5 + np.mean(dark.variance), rel=0.03)
    assert 0.95 < night.facts["calibrated"][0]["excess"] < 1.05


@pytest.fixture
def unlevelled(camera):
    """A night whose level without light neither an overscan nor a bias nor a dark tells."""
    camera.flats(**BARE)
    for i in range(2):
        camera.science(f"s{i}.fits", dx=3.0 * i, **BARE)
    return camera


def test_without_anything_that_tells_the_level_nothing_is_divided(unlevelled, out):
    night = reduce_night(unlevelled.folder, out)
    assert not night.facts["calibrated"] and not night.facts["masters"]
    reasons = {frame["file"]: frame["left_out"] for frame in night.facts["frames"]}
    assert len(reasons) == 6 and len({*reasons.values()}) == 1
    reason = reasons["s0.fits"]
    assert "tells its level without light, which a flat would divide too" in reason
    assert "level = 300 in [bias] of the recipe" in reason


def test_a_level_that_the_recipe_states_is_subtracted(unlevelled, out):
    night = reduce_night(unlevelled.folder, out, recipe={"bias": {"level": 1000}})
    calibrated = read(out / "calibrated/s0.fits")
    assert np.median(calibrated.array) == pytest.approx(215.0, rel=0.02)  # of sky and dark current
    flat = read(out / "masters/flat_V.fits").array / unlevelled.flat
    assert np.std(flat / np.median(flat)) < 0.01  # it would be 7 % of the vignetting with the level in it
    assert any("level 1000" in card.value for card in calibrated.header.cards if card.keyword == "HISTORY")
    assert not any(frame["left_out"] for frame in night.facts["frames"])


def test_with_an_unknown_gain_no_errors_of_masters_alone_are_written(camera, out):
    unknown = {"GAIN": None, "RDNOISE": None}
    camera.biases(**unknown)
    camera.flats(1, **unknown)
    camera.science("s.fits", **unknown)
    night = reduce_night(camera.folder, out, recipe={"bias": {"reject": "none"}})
    assert warned(night, "no variance, and no noise is predicted")
    assert read(out / "calibrated/s.fits").variance is None
    assert night.facts["calibrated"][0]["excess"] is None
    assert read(out / "masters/flat_V.fits").variance is None  # one frame has no scatter
    bias = read(out / "masters/bias.fits")
    assert np.mean(bias.variance) == pytest.approx(READ * (1 + 1 / 8) / 5, rel=0.15)


def test_a_bias_that_could_not_be_made_leaves_no_guess_either(camera, out, monkeypatch):
    monkeypatch.setattr(
        "ccdfx.night.products.master_inputs._calibrated_inputs", lambda plan, context: iter(())
    )
    camera.biases(2, **BARE)
    camera.science("s.fits", **BARE)
    night = reduce_night(camera.folder, out)
    assert warned(night, "s.fits is calibrated without masters/bias.fits, which could not be made: the level")
    assert read(out / "calibrated/s.fits").variance is None
