"""The variance of a median and a rank of normal values against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.estimators.order_statistics import (
    FARTHEST,
    median_efficiency,
    order_efficiency,
    order_moments,
    robust_scatter_factors,
)


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


@pytest.mark.parametrize("count", [3, 5, 8, 20])
@pytest.mark.parametrize("pick", ["middle", "lowest"])
def test_the_variance_of_an_order_statistic_with_and_without_an_outlier(count, pick):
    """The mean estimate is the mean square error of the statistic, by a simulation of another seed."""
    rng = np.random.default_rng([count, 5])
    first, second = robust_scatter_factors(count, pick)
    clean = rng.standard_normal((count, 100_000))
    hit = clean.copy()
    hit[0] = rng.uniform(10, 100, hit.shape[1])
    expected = order_moments(1, count)[0] if pick == "lowest" else 0.0
    efficiency = order_efficiency(1, count) if pick == "lowest" else median_efficiency(count)
    for values in (np.sort(clean, axis=0), np.sort(hit, axis=0)):
        middle = np.median(values, axis=0)
        short, long = np.sort([middle - values[0], values[-1] - middle], axis=0)
        scatter = first * values.var(axis=0, ddof=1)
        found = np.where(long > FARTHEST * short, second * short**2, scatter).mean() * efficiency / count
        error = np.mean(((values[0] if pick == "lowest" else middle) - expected) ** 2)
        assert found == pytest.approx(error, rel=0.04)


@pytest.mark.quick
def test_the_kernel_has_the_same_limit():
    from ccdfx.kernels.stack import averages

    assert averages.FARTHEST == FARTHEST
