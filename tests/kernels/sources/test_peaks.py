"""ccdfx.kernels.sources.peaks: the filter that streams, against one that does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from ccdfx.kernels.sources.maxima import local_maxima
from ccdfx.kernels.sources.peaks import filter_row, halve, peaks_above, peaks_near


def gaussian(sigma: float, reach: int) -> np.ndarray:
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return weights / weights.sum()


def filtered_plane(plane: np.ndarray, half: np.ndarray, taps: np.ndarray) -> np.ndarray:
    """Filter all rows of a plane."""
    out, (ny, nx) = np.empty_like(plane), plane.shape
    line, coarse = np.empty(nx + taps.size - 1, plane.dtype), np.empty(nx // 2 + 2, plane.dtype)
    for y in range(ny):
        filter_row(plane, half, taps, y, line, coarse, out[y])
    return out


@pytest.fixture(scope="module")
def field():
    """A plane with stars, one of half the size for the wide filter, and the taps of the narrow one."""
    rng = np.random.default_rng(1)
    plane = rng.normal(0, 1, (300, 261)).astype(np.float32)
    plane[rng.integers(10, 290, 40), rng.integers(10, 250, 40)] += 200
    plane = gaussian_filter(plane, 1.2)
    half = np.empty((150, 130), np.float32)
    halve(plane, half)
    wide = gaussian_filter(half, 0.5 * math.sqrt(9.0 - 11 / 12))
    return plane, wide, gaussian(1.2, 4).astype(np.float32)


def test_halves_are_means(field):
    plane = field[0]
    half = np.empty((150, 130), np.float32)
    halve(plane, half)
    assert half == pytest.approx(plane[:, :260].reshape(150, 2, 130, 2).mean(axis=(1, 3)), abs=1e-5)


def test_the_filter_is_a_difference_of_gaussians(field):
    plane, wide, taps = field
    found = filtered_plane(plane, wide, taps)
    exact = gaussian_filter(plane, 1.2) - gaussian_filter(plane, 3.0)
    inner = np.s_[12:-12, 12:-12]
    assert np.abs(found - exact)[inner].max() < 0.02 * exact.max()
    # The plane that is subtracted is linear between its pixels.
    narrow = gaussian_filter(plane, 1.2, mode="mirror", radius=4)
    between = zoom(wide, 2, order=1, mode="nearest", grid_mode=True)
    assert found[:, :260] == pytest.approx((narrow[:, :260] - between), abs=1e-3)


@pytest.mark.quick
@pytest.mark.parametrize("border", [1, 5])
def test_streaming_finds_the_maxima_of_the_filtered_plane(field, border):
    plane, wide, taps = field
    filtered = filtered_plane(plane, wide, taps)
    limits = np.full((5, 5), 0.3, np.float32)
    limits[2:, 1] = 1.0
    expected = np.empty((5000, 2), np.int64)
    expected = expected[: local_maxima(filtered, 0.3, border, expected)]
    height = filtered[expected[:, 0], expected[:, 1]]
    expected = expected[height > limits[expected[:, 0] // 64, expected[:, 1] // 64]]
    found, heights = np.empty((5000, 2), np.int64), np.empty(5000)
    options = plane, wide, taps, limits, 64, border
    count = peaks_above(*options, 0, plane.shape[0], found, heights)
    assert found[:count].tolist() == expected.tolist()
    assert heights[:count] == pytest.approx(filtered[expected[:, 0], expected[:, 1]])
    few = np.empty((3, 2), np.int64), np.empty(3)
    assert peaks_above(*options, 0, plane.shape[0], *few) == count > 3
    upper = peaks_above(*options, 0, 100, *few), peaks_above(*options, 100, plane.shape[0], *few)
    assert sum(upper) == count and min(upper) > 0


@pytest.mark.parametrize("reach", [0, 3])
def test_peaks_near_places_are_those_of_the_whole_filtered_plane(field, reach):
    plane = field[0]
    taps, wide = gaussian(1.2, 5), gaussian(3.0, 11)
    exact = gaussian_filter(plane, 1.2, radius=5, mode="mirror")
    exact = exact - gaussian_filter(plane, 3.0, radius=11, mode="mirror")
    places = np.array([[20, 30], [0, 0], [299, 260], [150, 100]])
    found, heights = np.empty((4, 2), np.int64), np.empty(4)
    peaks_near(plane, taps, wide, places, reach, found, heights)
    for (y, x), (v, u), height in zip(places, found, heights, strict=True):
        part = exact[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
        assert height == pytest.approx(part.max(), abs=1e-4)
        assert exact[v, u] == pytest.approx(part.max(), abs=1e-4)
