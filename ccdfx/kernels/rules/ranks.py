"""Rejection by rank, or by a unit that is taken from the sorted values.

`ccdfx.kernels.stack.rule` defines a rule.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.rules.centers import medians
from ccdfx.kernels.rules.clipping import (
    P_HIGH,
    P_LOW,
    begin,
    clip_pass,
    least_kept,
    list_marked,
    restore_neighbours,
)
from ccdfx.kernels.stack.lanes import greatest, least


@kernel
def minmax_rule(lanes, frames, counts, noise, parameters, low, high):
    """Drop fractions of the values at the low and at the high end, which are the parameters."""
    for i in range(counts.size):
        n = counts[i]
        low[i] = np.int32(parameters[0] * n + 0.001)
        high[i] = n - np.int32(parameters[1] * n + 0.001)


@kernel(inline=True)
def _rank_away(n, steps):
    """Return the rank that is `steps` above that of the median of n values, or below where negative."""
    half = n // 2  # rank of the upper middle value
    return max(0, half - (n % 2 == 0) + steps) if steps < 0 else min(n - 1, half + steps)


@kernel
def _list_touched(lanes, work, center, sigma):
    """List lanes as `list_beyond` does, but a value exactly at its limit counts as beyond it."""
    low_limit, high_limit, counts = work.parameters[P_LOW], work.parameters[P_HIGH], work.counts
    beyond = work.marked
    for i in range(counts.size):
        below = center[i] - lanes[0, i] >= low_limit * sigma[i]
        above = lanes[max(counts[i] - 1, 0), i] - center[i] >= high_limit * sigma[i]
        beyond[i] = (below | above) & (sigma[i] > 0)
    return list_marked(beyond, work.found)


@kernel(inline=True)
def _clip_touched(lanes, i, work, center, sigma):
    low_limit, high_limit = work.parameters[P_LOW] * sigma, work.parameters[P_HIGH] * sigma
    n = np.int64(work.counts[i])
    if n < max(3, least_kept(work.parameters, n) + 1):
        return
    low, high = 0, n
    while low < n and center - lanes[low, i] > 0 and center - lanes[low, i] >= low_limit:
        low += 1
    while high > low and lanes[high - 1, i] - center > 0 and lanes[high - 1, i] - center >= high_limit:
        high -= 1
    if work.residual.size:
        for r in range(low):
            work.residual[i, r] = (center - lanes[r, i]) / sigma
        for r in range(high, n):
            work.residual[i, r] = (lanes[r, i] - center) / sigma
    work.low[i], work.high[i] = low, high


@kernel
def percentile_clip_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the median in units of the distance of the value `steps` ranks away.

    parameters: low, high, keep, steps.
    """
    work = begin(lanes, counts, parameters, low, high)
    center, sigma, steps = np.empty(counts.size), np.empty(counts.size), np.int64(parameters[3])
    medians(lanes, counts, center)
    n = np.int64(greatest(counts))
    if n > 0 and least(counts) == n:
        rank = _rank_away(n, steps)
        for i in range(counts.size):
            sigma[i] = abs(lanes[rank, i] - center[i])
    else:
        for i in range(counts.size):
            rank = _rank_away(max(np.int64(counts[i]), 1), steps)
            sigma[i] = abs(lanes[rank, i] - center[i]) if counts[i] > 0 else 0.0
    for j in range(_list_touched(lanes, work, center, sigma)):
        i = work.found[j]
        _clip_touched(lanes, i, work, center[i], sigma[i])
    restore_neighbours(work)


@kernel
def relative_clip_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the median in units of its absolute value; parameters: low, high, keep."""
    work = begin(lanes, counts, parameters, low, high)
    center, sigma = np.empty(counts.size), np.empty(counts.size)
    medians(lanes, counts, center)
    for i in range(counts.size):
        sigma[i] = abs(center[i])
    clip_pass(lanes, counts, work, center, sigma, 3)
    restore_neighbours(work)
