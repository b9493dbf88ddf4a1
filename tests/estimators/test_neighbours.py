"""Places near each other, with the trees of scipy as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial import cKDTree

from ccdfx.estimators.neighbours import mutual_neighbours, pairs_within

PLACES = st.integers(0, 30).flatmap(
    lambda n: arrays.arrays("f8", (n, 2), elements=st.integers(-40, 40).map(lambda k: k / 4))
)


@pytest.mark.quick
@settings(max_examples=60, deadline=None)
@given(PLACES, PLACES, st.sampled_from([0.3, 1.0, 2.25, 50.0]))
def test_pairs_are_those_of_a_tree(first, second, reach):
    i, j, gaps = pairs_within(first, second, reach)
    near = cKDTree(second).query_ball_point(first, reach) if len(first) and len(second) else [[]] * len(first)
    assert sorted(zip(i, j, strict=True)) == [(row, k) for row, some in enumerate(near) for k in sorted(some)]
    np.testing.assert_allclose(gaps, np.hypot(*(first[i] - second[j]).T))


@pytest.mark.quick
def test_mutual_neighbours_are_those_of_two_trees():
    rng = np.random.default_rng(5)
    first, second = rng.uniform(0, 300, (2, 400, 2))
    gaps, there = cKDTree(second).query(first)
    _, back = cKDTree(first).query(second)
    mutual = np.flatnonzero((gaps <= 4.0) & (back[there] == np.arange(400)))
    found = mutual_neighbours(first, second, 4.0)
    assert 50 < len(found) < 300
    assert np.array_equal(found, np.column_stack([mutual, there[mutual]]))
    assert mutual_neighbours(first[:0], second, 4.0).shape == (0, 2)
