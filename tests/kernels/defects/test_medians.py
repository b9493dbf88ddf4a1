"""Median filters against scipy's, and the curvature of quartered pixels against a frame that is really cut up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from ccdfx.kernels.defects import cosmic_rays
from ccdfx.kernels.defects.medians import cut_reflected, median_rows, window_sorter


def filtered(array: np.ndarray, height: int, width: int) -> np.ndarray:
    out = np.empty_like(array)
    sort = window_sorter(array.dtype, height * width)
    middle = array.shape[0] // 2
    for rows in ((0, middle), (middle, array.shape[0])):
        median_rows(array, height, width, sort, False, out, *rows)
    return out


def filtered_good(array: np.ndarray, size: int) -> np.ndarray:
    out = np.empty_like(array)
    median_rows(array, size, size, window_sorter(array.dtype, size * size), True, out, 0, array.shape[0])
    return out


@pytest.mark.quick
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("window", [(3, 3), (5, 5), (7, 7), (1, 9), (7, 1), (11, 11)])
@pytest.mark.parametrize("shape", [(40, 300), (20, 7), (3, 2), (1, 1), (1, 40), (40, 1)])
def test_medians_are_those_of_scipy(dtype: type, window: tuple[int, int], shape: tuple[int, int]) -> None:
    array = np.random.default_rng(1).normal(1000, 30, shape).astype(dtype)
    assert np.array_equal(filtered(array, *window), ndimage.median_filter(array, window, mode="reflect"))


def twin_good(array: np.ndarray, size: int) -> np.ndarray:
    """The median of the finite values of each window, one by one."""
    half = size // 2
    padded = np.pad(np.where(np.isinf(array), np.nan, array), half, mode="symmetric")
    out = np.full_like(array, np.nan)
    for y, x in np.ndindex(array.shape):
        box = padded[y : y + size, x : x + size]
        if np.isfinite(box).any():
            out[y, x] = np.median(box[np.isfinite(box)].astype(np.float64))
    return out


@given(
    st.integers(1, 12),
    st.integers(1, 24),
    st.sampled_from([3, 5, 7]),
    st.floats(0, 1),
    st.integers(0, 2**32 - 1),
)
def test_missing_values_are_in_no_median(ny: int, nx: int, size: int, fraction: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    array = rng.integers(0, 1000, (ny, nx)).astype(np.float32)
    array[rng.random(array.shape) < fraction] = np.inf
    assert np.array_equal(filtered_good(array, size), twin_good(array, size), equal_nan=True)


@pytest.mark.parametrize("corner", [(-3, -4), (0, 0), (2, 5), (-9, 3), (4, -20)])
def test_a_block_is_cut_out_of_the_mirrored_plane(corner: tuple[int, int]) -> None:
    plane = np.arange(35.0).reshape(5, 7)
    out = np.empty((6, 9))
    cut_reflected(plane, *corner, out)
    whole = np.pad(plane, 40, mode="symmetric")
    assert np.array_equal(out, whole[40 + corner[0] :, 40 + corner[1] :][:6, :9])


@pytest.mark.quick
def test_the_curvature_is_that_of_quartered_pixels() -> None:
    frame = np.random.default_rng(2).normal(0, 1, (30, 40))
    quarters = np.kron(np.pad(frame, 1, mode="symmetric"), np.ones((2, 2)))
    laplacian = ndimage.convolve(quarters, np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]]))[2:-2, 2:-2]
    expected = np.maximum(laplacian, 0).reshape(30, 2, 40, 2).mean(axis=(1, 3))
    padded = np.pad(frame, 1, mode="symmetric")
    found = np.empty_like(frame)
    for y in range(30):
        cosmic_rays._clipped_curvature(padded[y], padded[y + 1], padded[y + 2], found[y])
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("square", [True, False])
@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_medians_at_places_are_those_of_the_whole(square: bool, count: int) -> None:
    rng = np.random.default_rng(count)
    source = rng.normal(0, 1, (40, 50)).astype(np.float32)
    windows = cosmic_rays.windows(square)
    size, sort = windows.coarse, windows.find_coarse
    whole = np.empty((40 - size + 1, 50 - size + 1), np.float32)
    cosmic_rays._medians(source, size, square, sort, whole)
    places = np.stack([rng.integers(0, n, count) for n in whole.shape], axis=1)
    found = np.empty(count, np.float32)
    cosmic_rays.medians_at(source, places, size, square, sort, found)
    assert np.array_equal(found, whole[tuple(places.T)])
