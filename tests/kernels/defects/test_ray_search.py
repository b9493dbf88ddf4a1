"""Rays found by medians at a few places are those found by medians at all pixels of a tile."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.defects.cosmic_rays import windows
from ccdfx.kernels.defects.ray_plane import BAD, RAY, Relative
from ccdfx.kernels.defects.ray_search import find_rays_of_tiles

LIMITS = tuple(map(np.float32, (4.5, 1.35, 5.0)))
WHOLE = np.zeros((1, 2), np.int64)  # one tile of all pixels


def planes() -> tuple[tuple, tuple, np.ndarray]:
    rng = np.random.default_rng(1)
    array = rng.normal(0, 1, (60, 90)).astype(np.float32)
    array[20, 30:36] += 40
    array[rng.integers(0, 60, 30), rng.integers(0, 90, 30)] += 25
    variance = rng.uniform(0.7, 1.3, array.shape).astype(np.float32)
    variance[40:45, 10:30] = 0
    state = np.where(rng.random(array.shape) > 0.02, 0, BAD).astype(np.uint8)
    nothing = np.empty(0, np.int64), np.zeros(61, np.int64), np.empty(0, np.float32)
    for plane in (array, variance):
        plane.flags.writeable = False
    one, zero = np.float32(1), np.float32(0)
    return tuple(Relative(array, zero, one, *nothing)), tuple(Relative(variance, zero, one, *nothing)), state


@pytest.mark.quick
@pytest.mark.parametrize("square", [True, False])
def test_a_few_places_or_all_pixels_give_the_same_rays(square):
    found, counts = [], []
    for few in (0, 10_000):
        *arguments, state = planes()
        options = (tuple(windows(square)), LIMITS, few)
        counts.append(find_rays_of_tiles(*arguments, state, *options, WHOLE, state.shape))
        found.append(state & RAY)
    assert np.array_equal(*found) and counts[0] == counts[1] == np.count_nonzero(found[0])
    assert np.count_nonzero(found[0][20, 30:36]) >= 5


def test_tiles_are_searched_into_one_plane_and_only_new_rays_are_counted():
    *arguments, state = planes()
    whole, parts = state.copy(), state.copy()
    options = (tuple(windows(True)), LIMITS)
    count = find_rays_of_tiles(*arguments, whole, *options, 10_000, WHOLE, whole.shape)
    tiles = np.array([(y, x) for y in range(0, 60, 25) for x in range(0, 90, 40)])
    assert find_rays_of_tiles(*arguments, parts, *options, 100, tiles, (25, 40)) == count
    assert np.array_equal(whole, parts)
    assert find_rays_of_tiles(*arguments, parts, *options, 100, tiles, (25, 40)) == 0
