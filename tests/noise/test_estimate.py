"""Means over blocks and pairs, and their slope with the level."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.errors import ArgumentError
from ccdfx.noise.estimate import combined, fitted_slope


@pytest.mark.quick
def test_the_slope_of_pairs_comes_back_with_its_sign():
    rng = np.random.default_rng(1)
    levels = np.array([1.0, 2.0, 4.0])
    for slope in (0.05, -0.05):
        values = 1.0 + slope * levels[:, None] + rng.normal(0, 0.01, (3, 200))
        found, error = fitted_slope(combined("flats", values, np.ones(3)), levels)
        assert abs(found - slope) < 3 * error < 0.003


def test_one_level_has_no_slope():
    values = np.random.default_rng(1).normal(1, 0.01, (2, 50))
    assert fitted_slope(combined("flats", values, np.ones(2)), np.array([2.0, 2.0])) == (0.0, 0.0)
    assert fitted_slope(combined("flats", values[:1], np.ones(1)), np.array([2.0])) == (0.0, 0.0)


def test_outlying_blocks_are_left_out_and_disagreeing_pairs_have_a_larger_error():
    rng = np.random.default_rng(2)
    values = rng.normal(1.0, 0.1, (2, 400))
    values[:, :5] = 50.0
    alike = combined("flats", values, np.ones(2))
    assert abs(alike.value - 1.0) < 4 * alike.error and alike.blocks <= 395
    apart = combined("flats", values + np.array([[0.0], [0.2]]), np.ones(2))
    assert apart.error > 5 * alike.error
    with pytest.raises(ArgumentError, match="at least 8 blocks"):
        combined("flats", values[:, :7], np.ones(2))
