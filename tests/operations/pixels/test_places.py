"""What is computed at a few pixels equals what is computed everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from ccdfx import median_filter
from ccdfx.kernels.image.bad_pixels import flagged_places, mark_around
from ccdfx.operations.pixels.places import medians_around, touching_groups


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (5, 8), (33, 47)])
@pytest.mark.parametrize("part", [0.0, 0.1, 0.6, 1.0])
def test_groups_are_the_labels_of_the_frame(shape, part):
    there = np.random.default_rng(1).random(shape) < part
    places = np.flatnonzero(there)
    groups = touching_groups(places, shape[1]) if places.size else np.zeros(0, int)
    labels, count = ndimage.label(there, structure=np.ones((3, 3)))
    own = labels.reshape(-1)[places]
    assert len(set(zip(groups.tolist(), own.tolist(), strict=True))) == count == len(set(groups.tolist()))


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (20, 30)])
def test_medians_around_places_are_those_of_the_filter(size, shape):
    rng = np.random.default_rng(2)
    array = rng.normal(size=shape)
    y, x = rng.integers(0, shape[0], 40), rng.integers(0, shape[1], 40)
    found = medians_around(lambda j, i: array[j, i], shape, y, x, size)
    assert np.array_equal(found, median_filter(array, size=size).array[y, x])
    assert medians_around(lambda j, i: array[j, i], shape, y[:0], x[:0], size).size == 0


@pytest.mark.parametrize("size", [1, 7, 8, 511, 512, 513, 5000])
@pytest.mark.parametrize("bits", [1, 12, 255])
def test_flagged_places_are_all_in_order(size, bits):
    rng = np.random.default_rng(size)
    mask = np.where(rng.random(size) < 0.05, rng.integers(0, 256, size), 0).astype(np.uint8)
    assert np.array_equal(flagged_places(mask, bits), np.flatnonzero(mask & bits))
    assert np.array_equal(flagged_places(mask != 0, 1), np.flatnonzero(mask))
    assert mask.flags.writeable


def test_mark_around_equals_its_twin():
    rng = np.random.default_rng(3)
    plane, steps_y, steps_x = np.full((20, 30), 2, np.uint8), np.array([0, -2, 3]), np.array([1, 0, -4])
    expected = plane.copy()
    places = rng.integers(0, plane.size, 25)
    mark_around(plane, places, steps_y, steps_x, np.uint8(1))
    for y, x in zip(*np.divmod(places, 30), strict=True):
        for dy, dx in zip(steps_y, steps_x, strict=True):
            if 0 <= y + dy < 20 and 0 <= x + dx < 30:
                expected[y + dy, x + dx] = 3
    assert np.array_equal(plane, expected)
