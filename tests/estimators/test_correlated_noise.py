"""CORRFACT: the noise of sums of pixels after resampling, in apertures and after combining."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx.estimators.correlated_noise import averaged, correlation_factor

SIZE, SIGMA = 260, 3.0
STEPS = [(0.0, 0.0), (0.5, 0.5), (0.2, 0.7), (0.4, 0.1), (-0.3, 0.25)]


def noise(rng):
    array = rng.normal(0, SIGMA, (SIZE, SIZE)).astype("f4")
    return ccdfx.Image(array, variance=np.full(array.shape, SIGMA**2, "f4"))


def shifted(rng, kernel="spline", step=(0.5, 0.5)):
    return ccdfx.shift(noise(rng), dx=step[0], dy=step[1], kernel=kernel)


def warped(rng, kernel="spline"):
    return ccdfx.warp(noise(rng), transform=ccdfx.similarity(rotation=1.0), kernel=kernel)


def mean_of_shifted(rng, **options):
    return ccdfx.combine([shifted(rng, step=step) for step in STEPS], reject=None, **options)


def placed(rng):
    offsets = ccdfx.placed(STEPS, kernel="spline")
    return ccdfx.combine([noise(rng) for _ in STEPS], reject=None, offsets=offsets)


def reported_over_true(make, radius, seed, frames):
    """Of sums over apertures; without the factor it is 0.76 to 0.9 for these."""
    rng, fluxes, variances = np.random.default_rng(seed), [], []
    grid = np.arange(15, SIZE - 15, 2 * radius + 4)
    places = np.array([(x, y) for x in grid for y in grid])
    for _ in range(frames):
        table = ccdfx.aperture_photometry(make(rng), places, radius=radius)
        fluxes.append(table["flux"])
        variances.append(table["variance"])
    return np.sqrt(np.mean(variances) / np.var(fluxes))


@pytest.mark.quick
@pytest.mark.parametrize("kernel", ["spline", "lanczos"])
@pytest.mark.parametrize("step", [(0.5, 0.0), (0.5, 0.5), (0.3, 0.7)])
def test_apertures_of_21_pixels_of_a_shifted_frame_have_true_errors(kernel, step):
    found = reported_over_true(lambda rng: shifted(rng, kernel, step), 2.585, 41, 14)
    assert found == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize(
    "make",
    [
        warped,
        mean_of_shifted,
        placed,
        lambda rng: mean_of_shifted(rng, average=ccdfx.median()),
        lambda rng: mean_of_shifted(rng, average=ccdfx.inverse_variance_mean()),
    ],
    ids=["warped", "mean of shifted", "placed", "median", "inverse variance"],
)
def test_apertures_of_other_resampled_images_too(make):
    # The median of frames of unequal noise has a variance of its own, 3 % off in sigma.
    assert reported_over_true(make, 3.0, 42, 16) == pytest.approx(1.0, abs=0.04)


def test_a_large_sum_has_the_factor_itself():
    rng = np.random.default_rng(43)
    sums = []
    for _ in range(60):
        image = shifted(rng)
        inside = image.array[10:250, 10:250].astype(float).reshape(6, 40, 6, 40).sum(axis=(1, 3))
        sums.append(inside.ravel())
    one = shifted(rng)
    own = float(one.variance[100, 100]) * 1600
    assert np.var(sums) / own == pytest.approx(one.header["CORRFACT"], rel=0.06)


@pytest.mark.quick
def test_the_card_is_multiplied_averaged_and_absent_where_pixels_are_independent():
    rng = np.random.default_rng(44)
    once = shifted(rng)
    twice = ccdfx.shift(once, dx=0.5, dy=0.5)
    assert twice.header["CORRFACT"] == pytest.approx(once.header["CORRFACT"] ** 2, rel=1e-5)
    assert "CORRFACT" not in ccdfx.shift(noise(rng), dx=3, dy=-2).header
    turned = ccdfx.warp(noise(rng), transform=ccdfx.similarity(rotation=90, offset=(SIZE - 1, 0)))
    assert "CORRFACT" not in turned.header
    assert ccdfx.shift(once, dx=2, dy=0).header["CORRFACT"] == once.header["CORRFACT"]
    assert correlation_factor(ccdfx.combine([noise(rng), once], reject=None).header) == pytest.approx(
        2 / (1 + 1 / once.header["CORRFACT"]), rel=1e-5
    )
    assert averaged([1.0, 2.0], [3.0, 1.0]) == pytest.approx(4 / 3.5)
    assert averaged([1.0, 2.0], by_variance=True) == pytest.approx(5 / 3)
