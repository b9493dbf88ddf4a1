"""Spikes against a plain twin, and sums over several circles against those of one each."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.sources.apertures import aperture_sums, growth_sums
from ccdfx.kernels.sources.spikes import find_spikes

STEP, LOW, SHARE = 16, 5.0, 0.25


def field() -> tuple[np.ndarray, np.ndarray]:
    """Return an image with sharp and wide stars, steep wings, spikes and holes, and its noise in blocks."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:90, :101]
    array = rng.normal(100, 2, y.shape)
    for fwhm in (1.2, 1.6, 2.5, 4.0) * 4:
        cy, cx = rng.uniform(4, 86, 2)
        array += 10 ** rng.uniform(2, 5) * np.exp(-2.77 * ((y - cy) ** 2 + (x - cx) ** 2) / fwhm**2)
    places = rng.integers(0, array.size, 60)
    array.reshape(-1)[places] += rng.choice([-300, -40, 12, 40, 300, 5000], 60)
    return array.astype(np.float32), rng.uniform(1.8, 2.2, (6, 7)).astype(np.float32)


def plain_spikes(array: np.ndarray, noise: np.ndarray, bad: np.ndarray) -> None:
    """Replace spikes by the rule itself."""
    before = array.copy()
    ring = [(j, i) for j in range(-2, 3) for i in range(-2, 3) if max(abs(j), abs(i)) == 2]
    for y in range(2, array.shape[0] - 2):
        for x in range(2, array.shape[1] - 2):
            level = np.median([before[y + j, x + i] for j, i in ring])
            near = np.float32(0.25) * (
                before[y, x - 1] + before[y, x + 1] + before[y + 1, x] + before[y - 1, x]
            )
            height, sigma = before[y, x] - level, noise[y // STEP, x // STEP]
            sharp = (near - level) * np.sign(height) < SHARE * abs(height) - 0.5 * sigma
            if abs(height) > LOW * sigma and sharp and not bad[y, x]:
                array[y, x], bad[y, x] = near, True


@pytest.mark.quick
def test_spikes_equal_their_twin() -> None:
    array, noise = field()
    bad = np.random.default_rng(4).random(array.shape) < 0.01
    twin, twin_bad = array.copy(), bad.copy()
    places, means, count = np.empty(200, np.int64), np.empty(200, np.float32), 0
    for rows in ((0, 33), (33, 90)):  # in the parts of threads
        rest = places[count:], means[count:]
        count += find_spikes(array, noise, STEP, LOW, SHARE, bad, *rows, *rest)
    array.reshape(-1)[places[:count]], bad.reshape(-1)[places[:count]] = means[:count], True
    plain_spikes(twin, noise, twin_bad)
    assert np.count_nonzero(bad) > np.count_nonzero(np.random.default_rng(4).random(array.shape) < 0.01) + 20
    assert np.array_equal(bad, twin_bad)
    assert np.array_equal(array, twin)


def test_sums_of_several_circles_are_those_of_each() -> None:
    array, _ = field()
    mask = np.zeros(array.shape, np.uint8)
    mask[30:33, 40:60] = 4
    variance, usual = array + np.float32(10), np.array([100, 110], np.float32)
    for plane in (array, variance, mask):
        plane.flags.writeable = False  # as those of images, for which the kernels are compiled
    places = np.random.default_rng(5).uniform(-1, 95, (40, 2))
    radii, ring = np.array([1.3, 4.0, 7.7]), (8.0, 12.0)
    sums, rings, one = np.empty((40, 3, 5)), np.empty((40, 3)), np.empty((40, 8))
    growth_sums(array, variance, mask, places, radii, *ring, usual, sums, rings)
    for k, radius in enumerate(radii):
        aperture_sums(array, variance, mask, places, radius, *ring, usual, one)
        assert np.array_equal(sums[:, k], one[:, :5])
    assert np.array_equal(rings, one[:, 5:])
