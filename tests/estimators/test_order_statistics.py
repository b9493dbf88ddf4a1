"""The variance of a median and a rank of normal values against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.estimators.order_statistics import median_efficiency, order_efficiency


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
