"""The plane in which cosmic rays are searched for, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.defects.ray_plane import find_bad, median_of_good, normalise


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
@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.4])
def test_the_median_of_many_good_values_is_exact(kind, extra, part):
    rng = np.random.default_rng(2)
    values = rng.normal(500, 20, 200_000 + extra).astype(kind)
    bad = (rng.random(values.size) < part).astype(np.uint8)
    bad[:2] = 1, extra
    values[bad != 0] = np.nan
    found = median_of_good(read_only(values), read_only(bad), int((bad == 0).sum()))
    assert found == np.median(values[bad == 0].astype(np.float64))


def test_a_median_that_no_sample_brackets_is_left_to_others():
    few = np.zeros(1000, np.float32)
    assert median_of_good(few, np.zeros(1000, np.uint8), 1000) is None
    steps = np.repeat(np.arange(2.0, dtype=np.float32), 100_000)
    bad = np.zeros(steps.size, np.uint8)
    found = median_of_good(read_only(steps), read_only(bad), steps.size)
    assert found in (None, 0.5)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_normalised_values_equal_those_of_numpy(kind):
    rng = np.random.default_rng(3)
    values = (rng.normal(size=500) * 10.0 ** rng.uniform(-20, 30, 500)).astype(kind)
    bad = (rng.random(500) < 0.1).astype(np.uint8)
    out = np.empty(500, np.float32)
    normalise(read_only(values), read_only(bad), 3.5, 0.25, -1.0, out)
    expected = np.clip((values - kind(3.5)) / kind(0.25), -1e15, 1e15).astype(np.float32)
    assert np.array_equal(out, np.where(bad, np.float32(-1), expected))
