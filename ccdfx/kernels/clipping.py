"""What clipping rules share: a block of sorted lanes shrinks from both ends, pass by pass.

A rule finds center and sigma of all lanes at once and calls `clip_pass`; that drops the values beyond the limits and
moves the lanes that need another look to the front of a smaller block, their survivors first::

    work = begin(lanes, counts, parameters, low, high)
    x, left = lanes, counts
    while left.size:
        medians(x, left, center)
        ...                                              # sigma[k] of each lane
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
from ccdfx.kernels.lanes import borrowed, greatest
from ccdfx.kernels.lanes import least as fewest

TIE = 0.001  # residuals (in sigma) that are equal for `keep`
MEDIAN, MEAN, TRIMMED = 0, 1, 2  # centers
LOW, HIGH, KEEP = 0, 1, 2  # the first three parameters of a clipping rule

# Of each lane of the tile: `counts`; the ranks of the survivors `low`, `high`, and those before the last pass that
# dropped something, `floor`, `ceiling`; `residual` in sigma of what was dropped, [lane][rank], where values may have to
# come back. Of each lane of the block: how many are `left`, from which `lane` of the tile they are. `found`: the lanes of
# a block that may lose a value; `place`: where their survivors begin; `marked` is scratch. The arrays are borrowed from
# the `owners`, which live as long as the work is used.
Work = namedtuple(
    "Work", "counts parameters low high floor ceiling residual block left lane found place marked owners"
)


@kernel
def least_kept(parameters, n):
    """How many of n values must survive; a negative number is that many fewer than there are."""
    keep = np.int64(parameters[KEEP])
    found = keep if keep >= 0 else n + keep
    return 0 if found < 0 else n if found > n else found


@kernel
def column(lanes, lane, count, x):
    for r in range(count):
        x[r] = lanes[r, lane]


@kernel
def begin(lanes, counts, parameters, low, high):
    """All values survive, and every lane is to be looked at."""
    rows, width = lanes.shape
    integers, block = np.empty((7, width), np.int32), np.empty(lanes.shape, lanes.dtype)
    residual = np.empty((width if parameters[KEEP] != 0 else 0, rows))
    floor, ceiling, left = borrowed(integers[0]), borrowed(integers[1]), borrowed(integers[2])
    lane, found, place = borrowed(integers[3]), borrowed(integers[4]), borrowed(integers[5])
    for i in range(width):
        low[i] = floor[i] = 0
        high[i] = ceiling[i] = counts[i]
        lane[i] = i
    return Work(
        borrowed(counts), borrowed(parameters), borrowed(low), borrowed(high), floor, ceiling,
        borrowed(residual), borrowed(block), left, lane, found, place, borrowed(integers[6]),
        (integers, block, residual),
    )  # fmt: skip


@kernel
def clip_pass(x, left, work, center, sigma, least):
    """Drop what lies beyond the limits; the numbers of values left in the lanes that need another pass.

    x[rank, k]: the survivors of lane work.lane[k], left[k] of them; center[k], sigma[k]: theirs. A pass needs at least
    so many values.
    """
    number = list_beyond(x, left, work, center, sigma)
    left = _drop(x, left, work, number, center, sigma, least)
    gather(x, work.place, left, work.block)
    return left


@kernel
def list_beyond(x, left, work, center, sigma):
    """List the lanes of a block with an end beyond its limit in work.found; how many."""
    low_limit, high_limit = work.parameters[LOW], work.parameters[HIGH]
    beyond, n = work.marked[: left.size], greatest(left)
    if fewest(left) == n:
        for k in range(left.size if n > 0 else 0):
            below = center[k] - x[0, k] > low_limit * sigma[k]
            above = x[n - 1, k] - center[k] > high_limit * sigma[k]
            beyond[k] = (below | above) & (sigma[k] > 0)
    else:
        for k in range(left.size):
            below = center[k] - x[0, k] > low_limit * sigma[k]
            above = x[left[k] - 1 if left[k] > 0 else 0, k] - center[k] > high_limit * sigma[k]
            beyond[k] = (below | above) & (sigma[k] > 0)
    return list_marked(beyond, work.found) if n > 0 else 0


@kernel
def list_marked(marked, found):
    """Where a vector of bool is true; how many places."""
    m = 0
    for k in range(marked.size):
        found[m] = k
        m += marked[k]
    return m


@kernel(inline=True)
def value(lanes, r, i):
    """The value of a rank of a lane; an index without a sign is not looked at for being negative."""
    return np.float64(lanes[np.uint64(r), np.uint64(i)])


@kernel
def _drop(x, left, work, number, center, sigma, least):
    """Drop from the listed lanes what lies beyond the limits; what is left in those that need another pass.

    Few branches depend on the values: to guess one of them wrong costs more than the work on a lane.
    """
    low_limit, high_limit, keeps = work.parameters[LOW], work.parameters[HIGH], work.parameters[KEEP] != 0
    again, needed = 0, np.int64(least)
    for j in range(number):
        k = np.uint64(work.found[j])
        c, s, n, i = center[k], sigma[k], np.int64(left[k]), np.uint64(work.lane[k])
        if keeps:
            keep = least_kept(work.parameters, work.counts[i])
            needed = keep + 1 if keep >= least else np.int64(least)
        if n < needed:
            continue
        below, above = low_limit * s, high_limit * s
        lowest, highest = c - value(x, 0, k) > below, value(x, n - 1, k) - c > above
        first = np.int64(lowest) + np.int64(lowest & (c - value(x, 1, k) > below))
        last = n - np.int64(highest) - np.int64(highest & (value(x, n - 2, k) - c > above))
        while first < last and c - value(x, first, k) > below:
            first += 1
        while last > first and value(x, last - 1, k) - c > above:
            last -= 1
        floor = np.int64(work.low[i])
        if keeps:
            for r in range(first):
                work.residual[i, floor + r] = (c - x[r, k]) / s
            for r in range(last, n):
                work.residual[i, floor + r] = (x[r, k] - c) / s
        work.floor[i], work.ceiling[i] = floor, floor + n
        work.low[i], work.high[i] = floor + first, floor + last
        place, to = np.int64(first * x.shape[1] + np.int64(k)), np.uint64(again)
        work.place[to], work.left[to], work.lane[to] = place, last - first, i
        again += np.int64(last - first >= needed)
    return work.left[:again]


@kernel
def gather(x, place, left, block):
    """To the front of a block, values of lanes of another block or the same, as many as left[k] from place[k] on."""
    width, flat, most = x.shape[1], x.reshape(x.size), x.size - 1
    if left.size > 0:
        for r in range(greatest(left)):
            for k in range(left.size):
                p = place[k] + r * width
                block[np.uint64(r), np.uint64(k)] = flat[np.uint64(p if p < most else most)]


@kernel
def drop_each(lanes, i, work, center, sigma, least):
    """As `drop`, of lane i, where the value of each rank has a sigma of its own: both ends move inwards, as IRAF does it.

    Whether another pass is needed.
    """
    low_limit, high_limit = work.parameters[LOW], work.parameters[HIGH]
    floor, ceiling = np.int64(work.low[i]), np.int64(work.high[i])
    if work.parameters[KEEP] != 0:
        least = max(least, least_kept(work.parameters, work.counts[i]) + 1)
    if ceiling - floor < least:
        return False
    first, last = floor, ceiling
    while first < last and center - lanes[first, i] > low_limit * sigma[first]:
        first += 1
    while last > first and lanes[last - 1, i] - center > high_limit * sigma[last - 1]:
        last -= 1
    if work.parameters[KEEP] != 0:
        for r in range(floor, first):
            work.residual[i, r] = (center - lanes[r, i]) / sigma[r]
        for r in range(last, ceiling):
            work.residual[i, r] = (lanes[r, i] - center) / sigma[r]
    if last - first == ceiling - floor:
        return False
    work.low[i], work.high[i], work.floor[i], work.ceiling[i] = first, last, floor, ceiling
    return last - first >= least


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
