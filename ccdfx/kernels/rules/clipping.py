"""Functions shared by the clipping rules, which clip a block of sorted lanes from both ends, iteratively.

A rule computes centre and sigma of all lanes at once and calls `clip_pass`. This drops the values beyond the
limits and moves the values kept in lanes that need another pass to the front of a smaller block::

    work = begin(lanes, counts, parameters, low, high)
    x, left = lanes, counts
    while left.size:
        medians(x, left, center)
        ...                                              # sigma[k] of each lane
        left = clip_pass(x, left, work, center, sigma, 3)
        x = work.block
    restore_neighbours(work)

So the first pass is cheap where nothing is dropped, and each later one only works on the lanes that are left.
`ccdfx.kernels.rules.centers` computes the centres and deviations.
"""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.stack.lanes import borrowed, greatest
from ccdfx.kernels.stack.lanes import least as fewest

TIE = 0.001  # residuals (in sigma) that differ by less are equal for `keep`
CENTER_MEDIAN, CENTER_MEAN, CENTER_TRIMMED = 0, 1, 2  # kinds of centre
P_LOW, P_HIGH, P_KEEP = 0, 1, 2  # the first three parameters of a clipping rule

# For each lane of the tile: `counts`; the limits `low`, `high` of the ranks kept, and `floor`, `ceiling`,
# those before the last pass that dropped a value; `residual` of the dropped values in sigma, [lane][rank],
# where values may have to be restored. For each lane of the block: how many values are `left`, and its `lane`
# in the tile. `found`: the lanes of a block that may lose a value; `place`: where their values kept begin;
# `marked`: scratch. The arrays are borrowed from the `owners`, which live as long as the work is used.
Work = namedtuple(
    "Work", "counts parameters low high floor ceiling residual block left lane found place marked owners"
)


@kernel
def least_kept(parameters, n):
    """Return how many of n values must be kept; a negative parameter means that many fewer than n."""
    keep = np.int64(parameters[P_KEEP])
    found = keep if keep >= 0 else n + keep
    return 0 if found < 0 else n if found > n else found


@kernel
def column(lanes, lane, count, x):
    for r in range(count):
        x[r] = lanes[r, lane]


@kernel
def begin(lanes, counts, parameters, low, high):
    """Return the state before the first pass: all values are kept, and every lane is to be examined."""
    rows, width = lanes.shape
    integers, block = np.empty((7, width), np.int32), np.empty(lanes.shape, lanes.dtype)
    residual = np.empty((width if parameters[P_KEEP] != 0 else 0, rows))
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
    """Drop the values beyond the limits; return the numbers of values left in lanes that need another pass.

    x[rank, k] are the left[k] values kept in lane work.lane[k]; center[k] and sigma[k] are theirs. A pass
    needs at least `least` values.
    """
    number = list_beyond(x, left, work, center, sigma)
    left = _drop(x, left, work, number, center, sigma, least)
    gather_lanes(x, work.place, left, work.block)
    return left


@kernel
def list_beyond(x, left, work, center, sigma):
    """List in work.found the lanes of a block with an end beyond its limit; return their number."""
    low_limit, high_limit = work.parameters[P_LOW], work.parameters[P_HIGH]
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
    """List in `found` the places where a vector of bool is true; return their number."""
    m = 0
    for k in range(marked.size):
        found[m] = k
        m += marked[k]
    return m


@kernel(inline=True)
def value(lanes, r, i):
    """Return the value of a rank of a lane; unsigned indices need no check for negative values."""
    return np.float64(lanes[np.uint64(r), np.uint64(i)])


@kernel
def _drop(x, left, work, number, center, sigma, least):
    """Drop the values beyond the limits from the listed lanes; return as `clip_pass` does.

    Few branches depend on the values, because a wrong branch prediction costs more than the work on a lane.
    """
    low_limit, high_limit, keeps = (
        work.parameters[P_LOW],
        work.parameters[P_HIGH],
        work.parameters[P_KEEP] != 0,
    )
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
def gather_lanes(x, place, left, block):
    """Copy left[k] values from place[k] on of each lane to the front of a block, another one or the same."""
    width, flat, most = x.shape[1], x.reshape(x.size), x.size - 1
    if left.size > 0:
        for r in range(greatest(left)):
            for k in range(left.size):
                p = place[k] + r * width
                block[np.uint64(r), np.uint64(k)] = flat[np.uint64(p if p < most else most)]


@kernel
def drop_each(lanes, i, work, center, sigma, least):
    """Clip lane i with a separate sigma for each rank; return whether another pass is needed.

    Both ends move inwards, as in IRAF.
    """
    low_limit, high_limit = work.parameters[P_LOW], work.parameters[P_HIGH]
    floor, ceiling = np.int64(work.low[i]), np.int64(work.high[i])
    if work.parameters[P_KEEP] != 0:
        least = max(least, least_kept(work.parameters, work.counts[i]) + 1)
    if ceiling - floor < least:
        return False
    first, last = floor, ceiling
    while first < last and center - lanes[first, i] > low_limit * sigma[first]:
        first += 1
    while last > first and lanes[last - 1, i] - center > high_limit * sigma[last - 1]:
        last -= 1
    if work.parameters[P_KEEP] != 0:
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
    """Restore dropped values (about a median) where fewer values are left than must be kept."""
    if work.parameters[P_KEEP] == 0:
        return
    for i in range(work.low.size):
        n = work.counts[i]
        keep = least_kept(work.parameters, n)
        work.low[i], work.high[i] = restore(work.residual[i], work.low[i], work.high[i], 0, n, keep)


@kernel
def restore_last(work):
    """Restore values dropped in the last pass (about a mean) where fewer are left than must be kept."""
    if work.parameters[P_KEEP] == 0:
        return
    for i in range(work.low.size):
        keep = least_kept(work.parameters, work.counts[i])
        floor, ceiling = work.floor[i], work.ceiling[i]
        work.low[i], work.high[i] = restore_ties(
            work.residual[i], work.low[i], work.high[i], floor, ceiling, keep
        )


@kernel
def restore(residual, low, high, floor, ceiling, keep):
    """Restore neighbours of the values kept (about a median) until there are `keep` of them.

    Where both sides have lost values, the end with the smaller residual is restored first, together with the
    other end and the next value of its own side where these are equal within TIE; otherwise values are
    restored one by one. IRAF imcombine does the same.
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
    """Restore values of the last pass (about a mean), smallest residual first, all within TIE at once."""
    while high - low < keep:
        below = residual[low - 1] if low > floor else np.inf
        above = residual[high] if high < ceiling else np.inf
        limit = min(below, above) + TIE
        while low > floor and residual[low - 1] <= limit:
            low -= 1
        while high < ceiling and residual[high] <= limit:
            high += 1
    return low, high
