"""Errors of fitted transforms against their true ones, with few stars and with many."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.operations.registration.fits import grown, simplest, started
from ccdfx.operations.registration.refinement import least_squares_step
from ccdfx.operations.registration.star_list import StarList

NONE = np.empty((0, 2), int)


def listed(places: np.ndarray, snr: np.ndarray, fwhm: float = 3.0) -> StarList:
    count = len(places)
    return StarList(places, snr, np.full(count, fwhm), np.ones(count), np.arange(count))


def pair_of_lists(rng: np.random.Generator, count: int, worse: float) -> tuple[StarList, StarList]:
    """One field twice, with errors of centroids that are `worse` than the ratio of signal to noise says."""
    places, snr = rng.uniform(0, 300, (count, 2)), rng.uniform(8, 200, count)
    noise = worse * (3.0 / snr[:, None]) / np.sqrt(2)
    return tuple(listed(places + rng.normal(0, 1, (count, 2)) * noise, snr) for _ in range(2))  # type: ignore[return-value]


@pytest.mark.quick
@pytest.mark.parametrize("count", [3, 4, 6, 10, 40])
@pytest.mark.parametrize("worse", [1.0, 3.0])
def test_the_errors_of_shifts_are_those_stated(count: int, worse: float) -> None:
    rng = np.random.default_rng([54, count])
    pulls = []
    for _ in range(250):
        reference, image = pair_of_lists(rng, count, worse)
        start = started(np.eye(2), np.zeros(2), np.column_stack([np.arange(count)] * 2), 0.0)
        fit = simplest(reference, image, grown(reference, image, start, 8.0, "shift"), ())
        pulls.append(fit.offset / fit.error)
    assert 0.65 < np.sqrt(np.mean(np.square(pulls))) < 1.3
    assert np.abs(pulls).max() < (8 if count < 5 else 5)


def test_stars_that_agree_by_chance_or_exactly_leave_an_error() -> None:
    places = np.array([(10.0, 20.0), (200.0, 40.0), (90.0, 250.0)])
    for fwhm, least in ((3.0, 0.002), (1.5, 0.01)):
        stars = listed(places, np.full(3, 1e6), fwhm)
        start = started(np.eye(2), np.zeros(2), np.column_stack([np.arange(3)] * 2), 0.0)
        fit = grown(stars, stars, start, 1.5, "shift")
        assert fit.rms == 0 and fit.error > least


def test_the_simplest_model_that_agrees_is_taken() -> None:
    rng = np.random.default_rng(55)
    places = rng.uniform(0, 500, (60, 2))
    for matrix, model in (
        (np.eye(2), "shift"),
        (np.array([[1.0, -0.002], [0.002, 1.0]]), "similarity"),
        (np.array([[1.002, 0.0], [0.0, 1.0]]), "affine"),
    ):
        image = listed(places, np.full(60, 100.0))
        there = places @ matrix.T + rng.normal(0, 0.02, places.shape)
        reference = listed(there, np.full(60, 100.0))
        start = started(matrix, np.zeros(2), np.column_stack([np.arange(60)] * 2), 0.0)
        fit = simplest(
            reference, image, grown(reference, image, start, 1.5, "affine"), ("shift", "similarity")
        )
        (xx, xy), (yx, yy) = fit.matrix
        similar = np.isclose(xx, yy, atol=1e-12) and np.isclose(xy, -yx, atol=1e-12)
        assert fit.is_shift is (model == "shift") and similar is np.bool_(model != "affine")
        assert np.hypot(*(fit.moved(places) - places @ matrix.T).T).max() < 0.05


def test_a_pair_that_does_not_belong_is_left_out() -> None:
    rng = np.random.default_rng(56)
    places = rng.uniform(0, 500, (12, 2))
    there = places + rng.normal(0, 0.02, places.shape)
    there[5] += 1.2
    lists = listed(there, np.full(12, 100.0)), listed(places, np.full(12, 100.0))
    start = started(np.eye(2), np.zeros(2), np.column_stack([np.arange(12)] * 2), 0.0)
    fit = grown(*lists, start, 2.0, "shift")
    assert len(fit.pairs) == 11 and np.hypot(*fit.offset) < 0.03


@pytest.mark.quick
@pytest.mark.parametrize("count", [2, 3, 12])
def test_the_errors_of_correlated_steps_are_those_stated(count: int) -> None:
    """One bright star and fainter ones: few windows hold the structure, whatever their number is."""
    rng = np.random.default_rng([57, count])
    y, x = np.mgrid[:140, :140]
    pulls = []
    for _ in range(60):
        places, flux = rng.uniform(20, 120, (count, 2)), np.exp(rng.uniform(np.log(20), np.log(200), count))
        sky = sum(
            f * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 8) for (a, b), f in zip(places, flux, strict=True)
        )
        found = least_squares_step(*(rng.normal(sky, 2 + 0.05 * sky) for _ in range(2)))
        assert found is not None
        pulls.append(found.step / found.error)
    assert 0.3 < np.sqrt(np.mean(np.square(pulls))) < 1.25
    assert np.mean(np.abs(pulls) > 3) < 0.03
