"""For rules whose survivors need not be neighbours: every value of a lane is looked at by itself.

One lane at a time, contiguous and in float64. Of each value, `kept` says whether it survives, and the state has its
distance from the center, its sigma, and, once it was dropped, its residual (in sigma) and the pass that dropped it.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import TIE

Lane = namedtuple("Lane", "x frame kept distance sigma residual passed kept_x")


@kernel
def lane_of(rows):
    return Lane(
        np.empty(rows), np.empty(rows, np.int64), np.empty(rows, np.bool_), np.empty(rows), np.empty(rows),
        np.empty(rows), np.empty(rows, np.int64), np.empty(rows),
    )  # fmt: skip


@kernel
def read_lane(lanes, frames, i, n, lane):
    """The values of lane i of a block, all of which survive for now."""
    for r in range(n):
        lane.x[r] = lanes[r, i]
        lane.frame[r] = frames[r, i]
        lane.kept[r] = True
        lane.passed[r] = 0


@kernel
def gather_kept(lane, n):
    """The survivors, next to each other in `kept_x`; how many."""
    m = 0
    for r in range(n):
        if lane.kept[r]:
            lane.kept_x[m] = lane.x[r]
            m += 1
    return m


@kernel
def drop_distant(lane, n, limits, number):
    """Drop the survivors that lie beyond the limits, in pass `number`; how many stay."""
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
    """Keep values that went in this pass or later until there are `keep`: the least residual first, ties together."""
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
    """Move what was dropped below and above the survivors of lane i of a block; the ranks of the survivors."""
    survivors = 0
    first = n
    for r in range(n):
        if lane.kept[r]:
            survivors += 1
            first = min(first, r)
    # A dropped value counts as low or high by the side of the middle survivor on which it lies.
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
