"""What clipping rules share: centers, deviations, and the ranks that move inwards.

All sums are in float64. A first pass over all lanes at once finds the lanes in which something must go; only those
are worked on one by one, in a contiguous copy.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel

MAD_TO_SIGMA = 1.4826
TIE = 0.001  # residuals (in sigma) that are equal for `keep`
MEDIAN, MEAN, TRIMMED = 0, 1, 2


# ---- one lane, contiguous and in float64 ----


@kernel(fastmath={"reassoc", "nsz"})
def squares(x, low, high, center):
    total = 0.0
    for r in range(low, high):
        d = x[r] - center
        total += d * d
    return total


@kernel
def middle(x, low, high):
    n = high - low
    return 0.5 * (x[low + (n - 1) // 2] + x[low + n // 2])


@kernel
def center_of(x, low, high, kind):
    n = high - low
    if kind == MEDIAN:
        return middle(x, low, high)
    pivot = x[low + n // 2]
    total = 0.0
    for r in range(low, high):
        total += x[r] - pivot
    if kind == TRIMMED and n > 2:
        return pivot + (total - (x[low] - pivot) - (x[high - 1] - pivot)) / (n - 2)
    return pivot + total / n


@kernel
def nearest(x, low, high, center, count):
    """The count-th smallest distance from the center: the least half-width of `count` neighbouring ranks."""
    best = np.inf
    for r in range(low, high - count + 1):
        width = max(center - x[r], x[r + count - 1] - center)
        best = min(best, width)
    return best


@kernel
def mad(x, low, high, center):
    n = high - low
    half = nearest(x, low, high, center, (n + 1) // 2)
    if n % 2 == 0:
        half = 0.5 * (half + nearest(x, low, high, center, n // 2 + 1))
    return half


@kernel
def drop(x, residual, low, high, center, sigma, limits):
    """The ranks within the limits, and the residual in sigma of those that go."""
    first, last = low, high
    while first < last and center - x[first] > limits[0] * sigma:
        residual[first] = (center - x[first]) / sigma
        first += 1
    while last > first and x[last - 1] - center > limits[1] * sigma:
        residual[last - 1] = (x[last - 1] - center) / sigma
        last -= 1
    return first, last


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


@kernel
def least_kept(parameters, n):
    """How many of n values must survive; a negative number is that many fewer than there are."""
    keep = np.int64(parameters[2])
    return min(keep, n) if keep >= 0 else max(n + keep, 0)


@kernel
def column(lanes, lane, count, x):
    for r in range(count):
        x[r] = lanes[r, lane]


# ---- all lanes at once ----


@kernel
def centers(lanes, counts, kind, center):
    """Median, mean, or mean without one minimum and one maximum, of the valid values of every lane."""
    if kind == MEDIAN:
        for i in range(center.size):
            n = max(counts[i], 1)
            center[i] = 0.5 * (np.float64(lanes[(n - 1) // 2, i]) + np.float64(lanes[n // 2, i]))
        return
    pivot = np.empty(center.size)
    for i in range(center.size):
        pivot[i] = lanes[max(counts[i], 1) // 2, i] if counts[i] > 1 else lanes[0, i]
        center[i] = 0.0
    for r in range(lanes.shape[0]):
        for i in range(center.size):
            center[i] += lanes[r, i] - pivot[i] if r < counts[i] else 0.0
    for i in range(center.size):
        n = counts[i]
        if n > 2 and kind == TRIMMED:
            ends = (lanes[0, i] - pivot[i]) + (lanes[n - 1, i] - pivot[i])
            center[i] = pivot[i] + (center[i] - ends) / (n - 2)
        else:
            center[i] = pivot[i] + center[i] / max(n, 1)


@kernel
def deviations(lanes, counts, center, sigma):
    """Standard deviation (divisor n - 1) about the center of every lane."""
    for i in range(sigma.size):
        sigma[i] = 0.0
    whole = True
    for i in range(sigma.size):
        whole &= counts[i] == lanes.shape[0]
    for r in range(lanes.shape[0]):
        if whole:
            for i in range(sigma.size):
                d = lanes[r, i] - center[i]
                sigma[i] += d * d
        else:
            for i in range(sigma.size):
                d = lanes[r, i] - center[i] if r < counts[i] else 0.0
                sigma[i] += d * d
    for i in range(sigma.size):
        sigma[i] = np.sqrt(sigma[i] / max(counts[i] - 1, 1))


@kernel
def outlying(lanes, counts, center, sigma, limits, found):
    """Mark the lanes with an end beyond a limit, with a margin for rounding: these are then looked at."""
    low, high = 0.999999 * limits[0], 0.999999 * limits[1]
    for i in range(found.size):
        n = counts[i]
        top = np.float64(lanes[max(n - 1, 0), i])
        bottom = np.float64(lanes[0, i])
        beyond = (center[i] - bottom > low * sigma[i]) | (top - center[i] > high * sigma[i])
        found[i] = beyond & (n > 0)


@kernel
def keep_everything(counts, low, high):
    for i in range(counts.size):
        low[i] = 0
        high[i] = counts[i]


@kernel
def mads(lanes, counts, center, sigma, x):
    """Median absolute deviation of every lane; all full lanes at once."""
    rows = lanes.shape[0]
    half = (rows + 1) // 2
    other = rows // 2 + 1
    next_width = np.empty(sigma.size)
    for i in range(sigma.size):
        sigma[i] = np.inf
        next_width[i] = np.inf
    for r in range(rows - half + 1):
        for i in range(sigma.size):
            width = max(center[i] - lanes[r, i], lanes[r + half - 1, i] - center[i])
            sigma[i] = width if width < sigma[i] else sigma[i]
    if rows % 2 == 0:
        for r in range(rows - other + 1):
            for i in range(sigma.size):
                width = max(center[i] - lanes[r, i], lanes[r + other - 1, i] - center[i])
                next_width[i] = width if width < next_width[i] else next_width[i]
        for i in range(sigma.size):
            sigma[i] = 0.5 * (sigma[i] + next_width[i])
    for i in range(sigma.size):
        n = counts[i]
        if n < rows:
            column(lanes, i, n, x)
            sigma[i] = mad(x, 0, n, center[i]) if n > 0 else 0.0
