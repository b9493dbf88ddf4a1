"""Gain and read noise from flats and biases: against simulated cameras, and of the Nickel camera."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ccdfx.errors import ArgumentError, ArgumentTypeError, MismatchError
from ccdfx.noise import add_noise, ccd_noise, fit_noise, gaussian_noise
from ccdfx.records.image import Image


def camera(
    seed: int, *, gain=1.8, readnoise=9.0, levels=(20000.0, 30000.0), biases=3, shape=(256, 320), column=0.3
):
    """Flats and biases of a camera with uneven pixels, vignetting and moving gradients, in whole ADU."""
    rng = np.random.default_rng(seed)
    ny, nx = shape
    y, x = np.mgrid[:ny, :nx] / max(shape)
    pixels = rng.normal(1.0, 0.03, shape) * (1 - 0.4 * ((x - 0.5) ** 2 + (y - 0.4) ** 2))
    pixels[:, nx // 3] *= column
    model = ccd_noise(gain, readnoise)

    def expose(light: np.ndarray, offset: float) -> Image:
        return Image(np.rint(add_noise(light + offset, model=gaussian_noise(0.0), rng=rng).array))

    flats = []
    for number, level in enumerate(levels):
        light = level * pixels * (1 + 0.03 * number * x)
        light[40 + 9 * number : 46 + 9 * number, 50:56] += 8000.0  # a star that drifts
        noisy = add_noise(light, model=model, rng=rng).array
        flats.append(Image(np.rint(noisy)))
    structure = rng.normal(0, 3, (1, nx))
    zeros = [
        Image(np.rint(add_noise(np.zeros(shape), model=model, rng=rng).array + structure))
        for _ in range(biases)
    ]
    return flats, zeros


def camera_of_gains(gains: tuple[float, ...]) -> tuple[list[Image], list[Image]]:
    """Flats of even pixels, the next brighter than the one before, of which each has a gain, and two biases."""
    rng, shape = np.random.default_rng(5), (192, 192)
    flats = [
        add_noise(np.full(shape, 10000.0 + 1000.0 * number), model=ccd_noise(gain, 9.0), rng=rng)
        for number, gain in enumerate(gains)
    ]
    return flats, [add_noise(np.zeros(shape), model=ccd_noise(gains[0], 9.0), rng=rng) for _ in range(2)]


@pytest.mark.parametrize("levels", [(20000.0, 30000.0), (2000.0, 2000.0), (400.0, 700.0, 500.0, 900.0)])
def test_gain_and_read_noise_of_a_simulated_camera_come_back(levels: tuple[float, ...]) -> None:
    fit = fit_noise(*camera(1, levels=levels))
    assert abs(fit.gain - 1.8) < 3 * fit.gain_error < 0.15
    true_adu = math.hypot(9.0 / 1.8, 1 / math.sqrt(12))
    assert abs(fit.readnoise_adu - true_adu) < 3 * fit.readnoise_adu_error < 0.3
    assert fit.readnoise == pytest.approx(fit.readnoise_adu * fit.gain)
    assert fit.pairs == len(levels) - 1 == len(fit.pair_gains)
    assert abs(fit.sensitivity - 0.03) < 3 * fit.sensitivity_error < 0.001
    assert fit.model == ccd_noise(fit.gain, fit.readnoise, fit.sensitivity)


@pytest.mark.parametrize("levels", [(15000.0,) * 2, (15000.0,) * 4, (12000.0, 15000.0, 20000.0, 25000.0)])
def test_the_errors_are_honest(levels: tuple[float, ...]) -> None:
    pulls = []
    for seed in range(40):
        fit = fit_noise(*camera(100 + seed, levels=levels, shape=(128, 128), biases=len(levels), column=1.0))
        read = math.hypot(9.0 / 1.8, 1 / math.sqrt(12)) * 1.8
        pulls.append([
            (fit.gain - 1.8) / fit.gain_error, (fit.readnoise - read) / fit.readnoise_error,
            (fit.sensitivity - 0.03) / fit.sensitivity_error,
        ])  # fmt: skip
    mean, std = np.mean(pulls, axis=0), np.std(pulls, axis=0)
    assert (np.abs(mean) < 0.55).all(), mean
    assert ((std > 0.65) & (std < 1.4)).all(), std


def test_noise_in_proportion_to_the_signal_that_is_new_in_every_frame() -> None:
    """The model's own sensitivity noise, drawn anew, with flats of levels that tell it from photon noise."""
    model, pulls = ccd_noise(1.8, 9.0, 0.01), []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        flats = [
            add_noise(np.full((192, 192), level), model=model, rng=rng)
            for level in (500.0, 600.0, 5000.0, 20000.0)
        ]
        fit = fit_noise(flats, [add_noise(np.zeros((192, 192)), model=model, rng=rng) for _ in range(3)])
        pulls.append([(fit.gain - 1.8) / fit.gain_error, (fit.sensitivity - 0.01) / fit.sensitivity_error])
    assert (np.abs(np.mean(pulls, axis=0)) < 0.65).all(), np.mean(pulls, axis=0)
    assert ((np.std(pulls, axis=0) > 0.6) & (np.std(pulls, axis=0) < 1.5)).all(), np.std(pulls, axis=0)
    assert fit.gain_error < 0.1 and fit.sensitivity_error < 3e-4


def test_a_camera_of_equal_pixels_has_no_sensitivity_noise() -> None:
    found = []
    for seed in range(20):
        rng, model = np.random.default_rng(seed), ccd_noise(1.8, 9.0)
        flats = [add_noise(np.full((128, 128), 2e4), model=model, rng=rng) for _ in range(2)]
        fit = fit_noise(flats, [add_noise(np.zeros((128, 128)), model=model, rng=rng) for _ in range(2)])
        assert fit.sensitivity < 0.0015 and 1e-4 < fit.sensitivity_error < 0.0015
        found.append(fit.sensitivity)
    assert 4 < np.count_nonzero(found) < 16  # half of the estimates of a square that is zero are negative


def test_where_pairs_of_flats_disagree_the_error_of_the_gain_grows_to_their_scatter() -> None:
    """As where the gain changed between exposures: to the scatter of the pairs over the root of their number."""
    alike, apart = (
        fit_noise(*camera_of_gains(gains)) for gains in ((1.8, 1.8, 1.8, 1.8), (1.5, 1.5, 2.5, 2.5))
    )
    own = alike.gain_error * apart.gain / alike.gain  # the error if pairs agreed
    assert np.ptp(alike.pair_gains) < 6 * alike.gain_error
    scatter = np.std(apart.pair_gains, ddof=1) / math.sqrt(apart.pairs)
    assert scatter > 5 * own
    assert apart.gain_error == pytest.approx(scatter, rel=0.3)


def test_flags_keep_spoilt_pixels_out() -> None:
    flats, biases = camera(2)
    mask = np.zeros(flats[0].shape, bool)
    mask[:100, :100] = True
    spoilt = flats[0].array.copy()
    spoilt[mask] = np.random.default_rng(1).normal(1000, 500, int(mask.sum()))
    clean = fit_noise([f.replace(mask=mask) for f in flats], biases)
    assert clean.blocks < fit_noise(flats, biases).blocks
    assert fit_noise([flats[0].replace(array=spoilt, mask=mask), flats[1]], biases).gain == clean.gain
    spoilt[mask] = np.nan
    assert fit_noise([flats[0].replace(array=spoilt), flats[1]], biases).gain == clean.gain


@pytest.mark.quick
def test_fit_noise_says_what_is_missing() -> None:
    flats, biases = camera(3, shape=(128, 128))
    with pytest.raises(ArgumentError, match="flats: must be at least two frames"):
        fit_noise(flats[:1], biases)
    with pytest.raises(ArgumentTypeError, match="biases: must be several images"):
        fit_noise(flats, biases[0])
    with pytest.raises(ArgumentError, match="at least two frames"):
        fit_noise([], [])
    with pytest.raises(MismatchError, match="shape"):
        fit_noise([flats[0], Image(np.ones((64, 64)))], biases)
    with pytest.raises(MismatchError, match="biases"):
        fit_noise(flats, [Image(np.ones((64, 64)))] * 2)
    with pytest.raises(ArgumentError, match="positive level"):
        fit_noise([Image(np.zeros((128, 128)) - 5.0)] * 2, biases)
    with pytest.raises(ArgumentError, match="different"):
        fit_noise([flats[0], flats[0]], biases)
    with pytest.raises(ArgumentError, match="photon noise"):
        fit_noise([b.replace(array=b.array + 1.0) for b in biases[:2]], biases)
    with pytest.raises(ArgumentError, match="blocks of good pixels"):
        fit_noise([np.full((16, 16), 99.0)] * 2, [np.zeros((16, 16))] * 2)
    with pytest.raises(ArgumentError, match="biases"):
        fit_noise(flats, [b.replace(mask=np.ones(b.shape, bool)) for b in biases])
    with pytest.raises(ArgumentError, match="flats"):
        fit_noise([f.replace(mask=np.ones(f.shape, bool)) for f in flats], biases)
    with pytest.raises(ArgumentTypeError):
        fit_noise(["a.fits", "b.fits"], biases)


def nickel(shared, numbers) -> list[np.ndarray]:
    from astropy.io import fits

    frames = []
    for number in numbers:
        with fits.open(shared / f"data/nickel/d{number}.fits") as hdus:
            raw = hdus[0].data.astype(np.float32)
        frames.append(raw[:, :1024] - np.median(raw[:, 1026:]))
    return frames


def test_the_nickel_camera(shared) -> None:
    """A crude pair gives 1.8 e-/ADU and 5 ADU; pairs, quarters and levels agree within their errors."""
    biases = nickel(shared, range(1001, 1011))
    level = np.median(biases, axis=0)
    flats = [flat - level for flat in nickel(shared, (1035, 1036, 1037))]
    fit = fit_noise(flats, biases)
    assert fit.gain == pytest.approx(1.79, abs=0.02) and 0.001 < fit.gain_error < 0.01
    assert fit.readnoise_adu == pytest.approx(5.12, abs=0.1) and fit.readnoise_adu_error < 0.05
    assert fit.pairs == 2
    for corner in (np.s_[:512, :512], np.s_[:512, 512:], np.s_[512:, :512], np.s_[512:, 512:]):
        part = fit_noise([flat[corner] for flat in flats], [bias[corner] for bias in biases])
        assert abs(part.gain - fit.gain) < 3.5 * part.gain_error


def test_pixels_that_see_no_light_are_left_out() -> None:
    flats, biases = camera(3, shape=(128, 128), levels=(20000.0, 22000.0, 24000.0, 26000.0), column=1.0)
    dark = np.rint(np.random.default_rng(4).normal(0, 5, (128, 128)))
    columns = np.minimum(np.arange(128), np.arange(128)[::-1]) < 8  # overscans that stay in the image
    fit = fit_noise([flat.replace(array=np.where(columns, dark, flat.array)) for flat in flats], biases)
    assert fit.gain == pytest.approx(1.8, abs=0.08)  # with them 2.1
