"""The state of one lane, for rules whose survivors need not be neighbours.

A lane is contiguous and in float64. `kept` records whether each value survives; the state also has its
distance from the centre, its sigma, and, once it is dropped, its residual (in sigma) and the pass that
dropped it.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.rules.clipping import TIE

Lane = namedtuple("Lane", "x frame kept distance sigma residual passed kept_x")


@kernel
def lane_of(rows):
    return Lane(
        np.empty(rows), np.empty(rows, np.int64), np.empty(rows, np.bool_), np.empty(rows), np.empty(rows),
        np.empty(rows), np.empty(rows, np.int64), np.empty(rows),
    )  # fmt: skip


@kernel
def read_lane(lanes, frames, i, n, lane):
    """Copy the values of lane i of a block, and mark all of them as kept."""
    for r in range(n):
        lane.x[r] = lanes[r, i]
        lane.frame[r] = frames[r, i]
        lane.kept[r] = True
        lane.passed[r] = 0


@kernel
def gather_kept(lane, n):
    """Copy the survivors into `kept_x`, next to each other; return how many."""
    m = 0
    for r in range(n):
        if lane.kept[r]:
            lane.kept_x[m] = lane.x[r]
            m += 1
    return m


@kernel
def drop_distant(lane, n, limits, number):
    """Drop the survivors beyond the limits, in pass `number`; return how many are left."""
    m = 0
    for r in range(n):
        if lane.kept[r]:
            d, sigma = lane.distance[r], lane.sigma[r]
            if sigma > 0 and (-d > limits[0] * sigma or d > limits[1] * sigma):
                lane.kept[r] = False
                lane.residual[r] = abs(d) / sigma
                lane.passed[r] = number
            else:
                m += 1
    return m


@kernel
def take_back(lane, since, n, keep):
    """Restore values dropped in pass `since` or later up to `keep`: least residuals first, ties together."""
    count = 0
    for r in range(n):
        count += lane.kept[r]
    while count < keep:
        least = np.inf
        for r in range(n):
            if not lane.kept[r] and lane.passed[r] >= since:
                least = min(least, lane.residual[r])
        for r in range(n):
            if not lane.kept[r] and lane.passed[r] >= since and lane.residual[r] <= least + TIE:
                lane.kept[r] = True
                count += 1
        if least == np.inf:
            break


@kernel
def part_lane(lanes, frames, i, n, lane):
    """Move dropped values below and above the survivors of lane i of a block; return the survivors' ranks."""
    survivors = 0
    first = n
    for r in range(n):
        if lane.kept[r]:
            survivors += 1
            first = min(first, r)
    # A dropped value is low or high, depending on the side of the middle survivor on which it lies.
    seen, middle = 0, first
    for r in range(n):
        if lane.kept[r]:
            if seen == survivors // 2:
                middle = r
            seen += 1
    if survivors == 0:
        middle = n // 2
    below = 0
    for r in range(middle):
        below += not lane.kept[r]
    low, place, above = 0, below, below + survivors
    for r in range(n):
        if lane.kept[r]:
            target = place
            place += 1
        elif r < middle:
            target = low
            low += 1
        else:
            target = above
            above += 1
        lanes[target, i] = lane.x[r]
        frames[target, i] = lane.frame[r]
    return below, below + survivors
