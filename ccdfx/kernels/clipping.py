"""What clipping rules share: a block of sorted lanes shrinks from both ends, pass by pass.

A rule finds center and sigma of all lanes at once and calls `clip_pass`; that drops the values beyond the limits and
moves the lanes that need another look to the front of a smaller block, their survivors first::

    work = begin(lanes, counts, parameters, low, high)
    x, left = lanes, counts
    while left.size:
        medians(x, left, center)
        ...                                              # sigma[0, k] of each lane
        left = clip_pass(x, left, work, center, sigma, 3)
        x = work.block
    restore_neighbours(work)

So the first pass costs little where nothing goes, and each later one only what is left.
`ccdfx.kernels.lane_statistics` has the centers and deviations.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from ccdfx.kernels.cache import kernel

TIE = 0.001  # residuals (in sigma) that are equal for `keep`
MEDIAN, MEAN, TRIMMED = 0, 1, 2  # centers
LOW, HIGH, KEEP = 0, 1, 2  # the first three parameters of a clipping rule

# Of each lane of the tile: `counts`; the ranks of the survivors `low`, `high`, and those before the last pass that
# dropped something, `floor`, `ceiling`; `residual` in sigma of what was dropped, [lane][rank]. Of each lane of the
# block: how many are `left`, from which `lane` of the tile they are.
Work = namedtuple("Work", "counts parameters low high floor ceiling residual block left lane found")


@kernel
def least_kept(parameters, n):
    """How many of n values must survive; a negative number is that many fewer than there are."""
    keep = np.int64(parameters[KEEP])
    return min(keep, n) if keep >= 0 else max(n + keep, 0)


@kernel
def column(lanes, lane, count, x):
    for r in range(count):
        x[r] = lanes[r, lane]


@kernel
def begin(lanes, counts, parameters, low, high):
    """All values survive, and every lane is to be looked at."""
    rows, width = lanes.shape
    floor, ceiling = np.empty(width, np.int32), np.empty(width, np.int32)
    left, lane = np.empty(width, np.int32), np.empty(width, np.int32)
    for i in range(width):
        low[i] = floor[i] = 0
        high[i] = ceiling[i] = counts[i]
        lane[i] = i
    residual, block, found = np.empty((width, rows)), np.empty_like(lanes), np.empty(width, np.bool_)
    return Work(counts, parameters, low, high, floor, ceiling, residual, block, left, lane, found)


@kernel
def clip_pass(x, left, work, center, sigma, least):
    """Drop what lies beyond the limits; the numbers of values left in the lanes that need another pass.

    x[rank, k]: the survivors of lane work.lane[k], left[k] of them. sigma[0, k] is that of lane k; or sigma[rank, k]
    that of each value, and the lanes to look at are already marked. A pass needs at least so many values.
    """
    low_limit, high_limit = work.parameters[LOW], work.parameters[HIGH]
    own = np.int64(sigma.shape[0] > 1)
    if not own:
        for k in range(left.size):
            below = center[k] - x[0, k] > low_limit * sigma[0, k]
            above = x[max(left[k] - 1, 0), k] - center[k] > high_limit * sigma[0, k]
            work.found[k] = (below | above) & (sigma[0, k] > 0)
    again = 0
    for k in range(left.size):
        if not work.found[k]:
            continue
        i, n = work.lane[k], np.int64(left[k])
        keep = least_kept(work.parameters, work.counts[i])
        if n < max(least, keep + 1):
            continue
        residual, floor, first, last = work.residual, work.low[i], 0, n
        while first < last and center[k] - x[first, k] > low_limit * sigma[own * first, k]:
            residual[i, floor + first] = (center[k] - x[first, k]) / sigma[own * first, k]
            first += 1
        while last > first and x[last - 1, k] - center[k] > high_limit * sigma[own * (last - 1), k]:
            last -= 1
            residual[i, floor + last] = (x[last, k] - center[k]) / sigma[own * last, k]
        if last - first < n:
            work.floor[i], work.ceiling[i] = floor, work.high[i]
            work.low[i], work.high[i] = floor + first, floor + last
            if last - first >= max(least, keep + 1):
                for r in range(last - first):
                    work.block[r, again] = x[first + r, k]
                work.left[again], work.lane[again] = last - first, i
                again += 1
    return work.left[:again]


@kernel
def restore_neighbours(work):
    """About a median: where fewer are left than must survive, take dropped values back."""
    if work.parameters[KEEP] == 0:
        return
    for i in range(work.low.size):
        n = work.counts[i]
        keep = least_kept(work.parameters, n)
        work.low[i], work.high[i] = restore(work.residual[i], work.low[i], work.high[i], 0, n, keep)


@kernel
def restore_last(work):
    """About a mean: where fewer are left than must survive, take values of the last pass back."""
    if work.parameters[KEEP] == 0:
        return
    for i in range(work.low.size):
        keep = least_kept(work.parameters, work.counts[i])
        floor, ceiling = work.floor[i], work.ceiling[i]
        work.low[i], work.high[i] = restore_ties(
            work.residual[i], work.low[i], work.high[i], floor, ceiling, keep
        )


@kernel
def restore(residual, low, high, floor, ceiling, keep):
    """About a median: take neighbours of the survivors back until there are `keep` of them.

    Where both sides have lost values, the end with the smaller residual goes first, and with it the other end and
    the next value of its own side where these are equal within TIE; else one by one. This is what imcombine does.
    """
    while high - low < keep:
        if low == floor:
            high += 1
        elif high == ceiling:
            low -= 1
        elif residual[low - 1] < residual[high]:
            below, above = residual[low - 1] + TIE, residual[high]
            low -= 1
            high += above <= below
            low -= low > floor and residual[low - 1] <= below
        else:
            below, above = residual[low - 1], residual[high] + TIE
            high += 1
            low -= below <= above
            high += high < ceiling and residual[high] <= above
    return low, high


@kernel
def restore_ties(residual, low, high, floor, ceiling, keep):
    """About a mean: take values of the last pass back, the smallest residual first and all within TIE of it with it."""
    while high - low < keep:
        below = residual[low - 1] if low > floor else np.inf
        above = residual[high] if high < ceiling else np.inf
        limit = min(below, above) + TIE
        while low > floor and residual[low - 1] <= limit:
            low -= 1
        while high < ceiling and residual[high] <= limit:
            high += 1
    return low, high
