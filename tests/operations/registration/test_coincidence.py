"""Pairs of stars at one place, against a search of all pairs; and the odds of chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from ccdfx.operations.registration.coincidence import mutual_pairs, poisson_tail


@pytest.mark.quick
@pytest.mark.parametrize(("first", "second"), [(40, 55), (1, 30), (0, 5)])
def test_pairs_are_mutual_nearest_neighbours(first: int, second: int) -> None:
    rng = np.random.default_rng(51)
    reference, image = rng.uniform(0, 50, (first, 2)), rng.uniform(0, 50, (second, 2))
    step = np.array([3.0, -1.0])
    gaps = np.hypot(*(reference[:, None] - image[None] - step).transpose(2, 0, 1))
    expected = [
        (i, j)
        for i in range(first)
        for j in range(second)
        if gaps[i, j] <= 2 and gaps[i, j] == gaps[i].min() == gaps[:, j].min()
    ]
    assert mutual_pairs(reference, image, step, 2.0).tolist() == [list(pair) for pair in expected]


@pytest.mark.parametrize(("count", "mean"), [(3, 0.01), (5, 2.0), (40, 20.0)])
def test_the_tail_is_that_of_the_poisson_distribution(count: int, mean: float) -> None:
    assert poisson_tail(count, mean) == pytest.approx(poisson.sf(count - 1, mean), rel=1e-6)
