"""What follows from rejection codes, against plain sums over the frames."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.stack.ranked import DROPPED_HIGH, DROPPED_LOW, KEPT, MISSING
from ccdfx.kernels.stack.summaries import join_flags, summarise


@pytest.mark.quick
def test_maps_are_those_of_sums_over_the_frames() -> None:
    rng = np.random.default_rng(3)
    n, rows, first, height, nx = 5, 6, 2, 3, 37
    own = rng.choice([KEPT, DROPPED_LOW, DROPPED_HIGH, MISSING], (n, rows, nx), p=[0.7, 0.1, 0.1, 0.1])
    own = own.astype(np.uint8)
    codes = np.where(rng.random(own.shape) < 0.1, DROPPED_HIGH, own).astype(np.uint8)
    times = np.array([10.0, 0.0, 30.1, 40.2, 50.3])
    factors = np.vstack([rng.integers(1, 3, n + 1), rng.uniform(1, 2, (2, n + 1))])
    count, low, high = np.empty((3, height, nx), np.uint16)
    exposure = np.empty((height, nx), np.float32)
    before = rng.uniform(1, 9, (height, nx)).astype(np.float32)
    variance = before.copy()
    summarise(codes, own, first, times, factors, count, low, high, exposure, variance)
    part, mine = codes[:, first : first + height], own[:, first : first + height]
    for found, code in ((count, KEPT), (low, DROPPED_LOW), (high, DROPPED_HIGH)):
        assert np.array_equal(found, (part == code).sum(axis=0))
    assert exposure == pytest.approx(((part == KEPT) * times[:, None, None]).sum(axis=0), rel=1e-6)
    rejected = ((mine == DROPPED_LOW) | (mine == DROPPED_HIGH)).sum(axis=0)
    row = factors[0].astype(int)[count + rejected]
    assert np.array_equal(variance, (before * factors[row, rejected]).astype(np.float32))


@pytest.mark.quick
def test_flags_of_a_defect_pass_by_their_own_rule() -> None:
    own = np.array([[0, 4, 5, 20, 2]], np.uint8)
    own.flags.writeable = False
    flags = np.array([[8, 0, 0, 1, 0]], np.uint8)
    join_flags(own, np.uint8(6), np.uint8(2), np.uint8(17), flags)
    assert flags.tolist() == [[8, 4, 0, 1, 2]]
