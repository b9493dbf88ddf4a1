"""The winsorized sigma: where it vanishes, and bounds of it that spare the iteration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.rules import clipping, winsorized
from ccdfx.kernels.stack.lanes import MOST_LANES


@pytest.mark.quick
@pytest.mark.parametrize("values", [(100, 100, 9000), (100, 100, 100, 9000), (0.1, 0.1, 0.1, 0.1, 7, -3)])
def test_winsorized_sigma_of_mostly_equal_values_vanishes(values):
    """The iteration would shrink sigma for ever: it ends, and nothing drops."""
    frames = [np.full((1, 3), v, "f4") for v in values]
    assert ccdfx.stack(frames, reject=ccdfx.winsorized_clip()).count.tolist() == [[len(values)] * 3]


@kernel
def bounded_sigma(d, low, high):
    """What bounds tell of one lane of distances: infinite where nothing drops, 0 where they tell nothing."""
    ranks, counts = np.zeros((2, 1), np.int32), np.full(1, d.size, np.int32)
    lane, parameters = d.copy().reshape(d.size, 1), np.array([low, high, 0.0])
    work = clipping.begin(lane, counts, parameters, ranks[0], ranks[1])
    reals, whole = np.zeros(8 * MOST_LANES), np.zeros(4 * MOST_LANES, np.int32)
    if winsorized._list_doubtful(lane, counts, work, reals) == 0:
        return np.inf
    whole[winsorized._COUNT] = whole[winsorized._LAST] = d.size
    winsorized._bounded_sigmas(lane, work, reals, whole, 1)
    return reals[winsorized._SIGMA]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.integers(-30, 30) | st.floats(-1e4, 1e4), min_size=3, max_size=30),
    st.sampled_from([0.5, 1.0, 1.5, 3.0, 4.0]),
    st.sampled_from([1.0, 2.5, 3.0]),
)
def test_bounds_decide_as_the_winsorized_iteration_would(values, low, high):
    """Where the bounds tell which values drop, the iteration drops the same."""
    d = np.sort(np.array(values, float))
    d -= np.median(d)
    bounded = bounded_sigma(d, low, high)
    if bounded > 0:
        sigma = winsorized._winsorized_sigma(d, len(d)) or np.inf
        dropped = (-d > low * sigma) | (d > high * sigma)
        assert ((-d > low * bounded) | (d > high * bounded)).tolist() == dropped.tolist()
        assert dropped.any() == np.isfinite(bounded)


def test_bounds_decide_about_most_lanes_of_noise_with_hits():
    rng, decided = np.random.default_rng(3), 0
    for hits in ([200.0], [200.0, 300.0]):
        for _ in range(400):
            d = np.sort(np.append(rng.normal(size=12), hits))
            d -= np.median(d)
            decided += 0 < bounded_sigma(d, 3.0, 3.0) < 150
    assert decided > 720
