"""The median filter as an operation on images."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

import ccdfx
from ccdfx import Flag, Image, median_filter


@pytest.mark.parametrize("size", [3, 5, 7, 9, 15])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_without_bad_pixels_it_is_scipys(size: int, dtype: type) -> None:
    array = np.random.default_rng(size).integers(0, 5000, (300, 70)).astype(dtype)
    with ccdfx.engine(threads=2):
        found = median_filter(array, size=size)
    assert found.dtype == (np.float64 if dtype is np.float64 else np.float32)
    assert np.array_equal(found.array, ndimage.median_filter(array, size))
    assert found.mask is None and found.variance is None


@pytest.mark.quick
def test_bad_pixels_are_in_no_median_and_keep_their_flags() -> None:
    array = np.full((20, 20), 7.0, np.float32)
    mask = np.zeros(array.shape, np.uint8)
    array[5, 5:9], mask[5, 5:9] = 1e6, Flag.COSMIC_RAY
    array[12, 12] = np.nan
    found = median_filter(Image(array, mask=mask), size=3)
    assert (found.array == 7).all()
    assert found.mask[12, 12] == Flag.NO_DATA
    mask[12, 12] = Flag.NO_DATA
    assert np.array_equal(found.mask, mask)


def test_a_window_without_good_pixels_is_no_data() -> None:
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    found = median_filter(Image(np.ones((9, 9)), mask=mask, variance=np.ones((9, 9))), size=3)
    inner = np.s_[3:6, 3:6]
    assert np.isnan(found.array[inner]).all() and np.isnan(found.variance[inner]).all()
    assert (found.mask[inner] == Flag.NO_DATA | Flag.BAD_PIXEL).all()
    assert np.isfinite(found.array).sum() == 81 - 9


@pytest.mark.parametrize("size", [3, 7])
def test_the_variance_is_the_scatter_of_medians_of_noise(size: int) -> None:
    rng = np.random.default_rng(1)
    sigma = np.linspace(1, 3, 400)
    image = Image(rng.normal(0, sigma, (400, 400)), variance=np.broadcast_to(sigma**2, (400, 400)))
    found = median_filter(image, size=size)
    pull = found.array[::size, ::size] / np.sqrt(found.variance[::size, ::size])
    assert pull.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * pull.size))


@pytest.mark.parametrize("size", [0, 1, 2, 4, 17, -3, 3.0, None, True, "3"])
def test_other_sizes_are_refused(size: object) -> None:
    with pytest.raises((ccdfx.ArgumentError, ccdfx.ArgumentTypeError), match="size"):
        median_filter(np.ones((3, 3)), size=size)


def test_the_header_and_window_stay() -> None:
    image = Image(np.ones((4, 5)), {"OBJECT": "M 13"}, range=(3, 8, 2, 6))
    found = median_filter(image, size=3)
    assert found.header == image.header and found.range == image.range
