"""Rays found by medians at a few places are those found by medians at all pixels of a tile."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.defects.cosmic_rays import windows
from ccdfx.kernels.defects.ray_search import find_rays, find_rays_of_tiles

LIMITS = tuple(map(np.float32, (4.5, 1.35, 5.0)))


def planes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    array = rng.normal(0, 1, (60, 90)).astype(np.float32)
    array[20, 30:36] += 40
    array[rng.integers(0, 60, 30), rng.integers(0, 90, 30)] += 25
    variance = rng.uniform(0.7, 1.3, array.shape).astype(np.float32)
    variance[40:45, 10:30] = 0
    good = (rng.random(array.shape) > 0.02).astype(np.uint8)
    return array, variance, good


@pytest.mark.quick
@pytest.mark.parametrize("square", [True, False])
def test_a_few_places_or_all_pixels_give_the_same_rays(square):
    found, counts = [], []
    for few in (0, 10_000):
        out = np.zeros((60, 90), np.uint8)
        counts.append(find_rays(*planes(), tuple(windows(square)), LIMITS, few, 0, 0, out))
        found.append(out)
    assert np.array_equal(*found) and counts[0] == counts[1] == np.count_nonzero(found[0])
    assert found[0][20, 30:36].sum() >= 5


def test_tiles_are_searched_into_one_plane_and_only_new_rays_are_counted():
    whole, parts = np.zeros((2, 60, 90), np.uint8)
    arguments = (*planes(), tuple(windows(True)), LIMITS)
    count = find_rays(*arguments, 10_000, 0, 0, whole)
    tiles = np.array([(y, x) for y in range(0, 60, 25) for x in range(0, 90, 40)])
    assert find_rays_of_tiles(*arguments, 100, tiles, (25, 40), parts) == count
    assert np.array_equal(whole, parts)
    assert find_rays_of_tiles(*arguments, 100, tiles, (25, 40), parts) == 0
