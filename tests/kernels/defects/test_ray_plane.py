"""The plane in which cosmic rays are searched for, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.defects.medians import cut_reflected
from ccdfx.kernels.defects.ray_plane import (
    BAD,
    RAY,
    Relative,
    cut_relative,
    cut_usable,
    find_bad,
    normalise,
    sampled_median,
)


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


@pytest.mark.quick
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("masked", [False, True])
def test_bad_pixels_are_those_without_value_or_variance_or_with_a_harmful_flag(kind, masked):
    rng = np.random.default_rng(1)
    array, variance = rng.normal(size=(2, 1000)).astype(kind)
    array[::7], variance[::11], variance[::13] = np.nan, np.inf, -np.inf
    mask = rng.choice([0, 1, 4, 6, 8], 1000 if masked else 0).astype(np.uint8)
    bad = np.empty(1000, np.uint8)
    harmful = np.uint8(~np.uint8(6))
    count = find_bad(read_only(array), read_only(variance), read_only(mask), harmful, bad)
    expected = ~np.isfinite(array) | ~np.isfinite(variance)
    if masked:
        expected |= (mask & harmful) != 0
    assert np.array_equal(bad, expected) and count == expected.sum()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("part", [0.0, 0.4])
def test_the_median_of_a_sample_is_near_that_of_all_good_values(kind, part):
    rng = np.random.default_rng(2)
    values = rng.normal(500, 20, 200_001).astype(kind)
    bad = (rng.random(values.size) < part).astype(np.uint8)
    values[bad != 0] = np.nan
    found = sampled_median(read_only(values), read_only(bad))
    assert abs(found - np.median(values[bad == 0])) < 5 * 1.25 * 20 / np.sqrt(30_000)


def test_of_few_values_no_sample_is_taken():
    values = read_only(np.zeros(200_000, np.float32))
    assert sampled_median(values[:1000], read_only(np.zeros(1000, np.uint8))) is None
    bad = np.ones(values.size, np.uint8)
    bad[::3] = 0
    assert sampled_median(values, read_only(bad)) is None


@pytest.mark.quick
@pytest.mark.parametrize("shape", [(3, 4), (20, 30)])
def test_a_block_is_cut_as_from_a_plane_that_is_stored(shape):
    rng = np.random.default_rng(4)
    values = rng.normal(500, 20, shape).astype(np.float32)
    values[1, 2], values[0, 0] = np.nan, 3e38
    with np.errstate(over="ignore"):
        stored = np.clip((values - np.float32(500)) * np.float32(4), -1e15, 1e15)
    stored[np.isnan(stored)] = 1e15
    places = np.sort(rng.choice(values.size, 5, replace=False))
    places[0] = shape[1] + 2
    places = np.unique(places)
    replaced = rng.normal(size=places.size).astype(np.float32)
    stored.reshape(-1)[places] = replaced
    starts = np.searchsorted(places, np.arange(shape[0] + 1) * shape[1])
    plane = Relative(read_only(values), np.float32(500), np.float32(4), places % shape[1], starts, replaced)
    state = rng.choice([0, BAD, RAY, BAD | RAY], shape).astype(np.uint8)
    usable = (state & BAD) == 0
    usable[:2], usable[-2:], usable[:, :2], usable[:, -2:] = 0, 0, 0, 0
    for y, x in ((-4, -4), (shape[0] - 5, shape[1] - 5), (-1, 0)):
        block, expected = np.empty((2, 9, 10), np.float32)
        cut_relative(tuple(plane), y, x, block)
        cut_reflected(stored, y, x, expected)
        assert np.array_equal(block, expected)
        marks = np.empty(block.shape, np.uint8)
        cut_usable(state, 2, y, x, marks)
        padded = np.pad(usable, 40)
        assert np.array_equal(marks, padded[40 + y :, 40 + x :][: marks.shape[0], : marks.shape[1]])


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_normalised_values_equal_those_of_numpy(kind):
    rng = np.random.default_rng(3)
    values = (rng.normal(size=500) * 10.0 ** rng.uniform(-20, 30, 500)).astype(kind)
    bad = (rng.random(500) < 0.1).astype(np.uint8)
    out = np.empty(500, np.float32)
    normalise(read_only(values), read_only(bad), 3.5, 0.25, -1.0, out)
    expected = np.clip((values - kind(3.5)) / kind(0.25), -1e15, 1e15).astype(np.float32)
    assert np.array_equal(out, np.where(bad, np.float32(-1), expected))
