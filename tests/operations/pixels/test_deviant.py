"""Pixels and columns that deviate from their surroundings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import median_filter

from ccdfx import Image, find_deviant
from ccdfx.errors import ArgumentError, CcdfxError
from ccdfx.operations.pixels.deviant import block_sigmas, residual_of


def ratio(seed=1, shape=(131, 122)):
    return np.random.default_rng(seed).normal(1.0, 0.01, shape)


@pytest.mark.quick
def test_weak_columns_and_single_pixels_are_found_and_nothing_else():
    array = ratio()
    array[:, 40] += 0.025  # each pixel far below the limit
    array[20:60, 80] -= 0.03
    array[100, 100] = 0.5
    found = find_deviant(array)
    assert found[:, 40].mean() > 0.95  # five at an end are left
    assert found[20:55, 80].all()  # as above: only the five at the end may be left
    assert found[100, 100]
    found[:, 40] = found[15:65, 80] = found[100, 100] = False
    assert not found.any()


def test_noise_alone_has_no_bad_pixels():
    assert sum(find_deviant(ratio(seed)).sum() for seed in range(10)) == 0


def test_flagged_pixels_are_neither_used_nor_found():
    array = ratio()
    array[50:54, 50:54] = np.nan
    array[70, 70] = 9.0
    mask = np.zeros(array.shape, bool)
    mask[70, 70] = True
    assert not find_deviant(Image(array, mask=mask)).any()


def test_a_part_is_searched_as_in_the_whole_where_the_boxes_agree():
    array = ratio(3, (150, 150))
    array[75, 60] = 1.2
    moved = find_deviant(array + 1000.0)
    np.testing.assert_array_equal(moved, find_deviant(array))
    np.testing.assert_array_equal(find_deviant(-array), find_deviant(array))


def test_the_residual_is_against_a_median_that_is_moved_inwards_at_the_edges():
    array = ratio()
    inner = (slice(3, -3), slice(3, -3))
    expected = np.pad(median_filter(array, 7)[inner], 3, mode="edge")
    np.testing.assert_allclose(residual_of(array, np.ones(array.shape, bool)), array - expected, atol=1e-12)


def test_sigma_is_that_of_the_noise_and_of_rounding():
    array = ratio(1, (300, 300))
    array[::3, ::7] = 5.0  # a twentieth of the pixels
    sigma = block_sigmas(array, np.ones(array.shape, bool)).plane()
    assert np.median(sigma) == pytest.approx(0.01, rel=0.05)
    flat = np.full((40, 40), 7, np.uint16)
    assert block_sigmas(flat, np.ones(flat.shape, bool)).values.max() == pytest.approx(12**-0.5)
    assert not find_deviant(flat).any()
    assert not find_deviant(flat.astype(float)).any()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"low": 0}, "low"), ({"high": -1}, "high"), ({"median_box": 4}, "median_box"),
        ({"median_box": 17}, "median_box"), ({"sigma_box": 9}, "sigma_box"), ({"gap": 0}, "gap"),
    ],
)  # fmt: skip
def test_nonsense_is_refused(options, word):
    with pytest.raises(CcdfxError, match=word):
        find_deviant(ratio(), **options)


def test_an_image_smaller_than_the_box_is_refused():
    with pytest.raises(ArgumentError, match="7 x 7"):
        find_deviant(np.ones((5, 30)))
