"""The variance of a median, a rank and a trimmed mean of normal values against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.estimators.order_statistics import median_efficiency, order_efficiency, trimmed_efficiency


@pytest.mark.parametrize("count", [3, 4, 5, 20, 21, 22, 40, 41])
def test_efficiency_of_the_median(count):
    rng = np.random.default_rng(count)
    medians = np.median(rng.standard_normal((count, 200_000)), axis=0)
    assert count * medians.var() == pytest.approx(median_efficiency(count), rel=0.015)


@pytest.mark.quick
@pytest.mark.parametrize(("rank", "count"), [(1, 1), (1, 2), (1, 5), (25, 25), (2, 4), (10, 20)])
def test_efficiency_of_a_rank(rank, count):
    rng = np.random.default_rng(count)
    values = np.sort(rng.standard_normal((count, 200_000)), axis=0)[rank - 1]
    assert count * values.var() == pytest.approx(order_efficiency(rank, count), rel=0.015)


@pytest.mark.parametrize("count", [1, 3, 9, 19])
def test_the_middle_rank_has_the_efficiency_of_the_median(count):
    assert order_efficiency((count + 1) // 2, count) == pytest.approx(median_efficiency(count), abs=2e-6)


@pytest.mark.parametrize(("count", "low", "high"), [(5, 1, 1), (10, 1, 1), (10, 0, 3), (20, 3, 3)])
def test_efficiency_of_a_trimmed_mean(count, low, high):
    rng = np.random.default_rng(count)
    values = np.sort(rng.standard_normal((count, 100_000)), axis=0)
    means = values[low : count - high].mean(axis=0)
    assert count * means.var() == pytest.approx(trimmed_efficiency(low / count, high / count), rel=0.04)
