"""Centres and deviations of sorted values, for all lanes of a block at once or for one contiguous lane.

The values ``lanes[rank, lane]`` are in ascending order; the first ``counts[lane]`` are valid. All sums are in
float64, in the order of the ranks, about a value of the lane.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.rules.clipping import CENTER_MEDIAN, CENTER_TRIMMED, value
from ccdfx.kernels.stack.lanes import fill, greatest, least

MAD_TO_SIGMA = 1.4826


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
    if kind == CENTER_MEDIAN:
        return middle(x, low, high)
    pivot = x[low + n // 2]
    total = 0.0
    for r in range(low, high):
        total += x[r] - pivot
    if kind == CENTER_TRIMMED and n > 2:
        return pivot + (total - (x[low] - pivot) - (x[high - 1] - pivot)) / (n - 2)
    return pivot + total / n


# ---- some ranks of one lane ----


@kernel(inline=True)
def lane_median(lanes, i, low, high):
    n = high - low
    return 0.5 * (value(lanes, low + ((n - 1) >> 1), i) + value(lanes, low + (n >> 1), i))


# ---- all lanes at once ----


@kernel
def medians(lanes, counts, center):
    n = greatest(counts)
    if n > 0 and least(counts) == n:
        lower, upper = (n - 1) // 2, n // 2
        for i in range(counts.size):
            center[i] = 0.5 * (np.float64(lanes[lower, i]) + np.float64(lanes[upper, i]))
    else:
        for i in range(counts.size):
            n = counts[i] if counts[i] > 1 else 1
            center[i] = 0.5 * (np.float64(lanes[(n - 1) // 2, i]) + np.float64(lanes[n // 2, i]))


@kernel
def means(lanes, counts, trimmed, center):
    """Compute the mean of every lane; if `trimmed`, without one minimum and one maximum."""
    pivot = np.empty(counts.size)
    for i in range(counts.size):
        pivot[i] = lanes[max(counts[i], 1) // 2, i] if counts[i] > 1 else lanes[0, i]
        center[i] = 0.0
    for r in range(greatest(counts)):
        for i in range(counts.size):
            center[i] += lanes[r, i] - pivot[i] if r < counts[i] else 0.0
    for i in range(counts.size):
        n = counts[i]
        if n > 2 and trimmed:
            ends = (lanes[0, i] - pivot[i]) + (lanes[n - 1, i] - pivot[i])
            center[i] = pivot[i] + (center[i] - ends) / (n - 2)
        else:
            center[i] = pivot[i] + center[i] / max(n, 1)


@kernel
def trimmed_means(lanes, counts, center):
    """Compute the mean of every lane without one minimum and one maximum, to the last bit as `center_of` does."""
    pivot = np.empty(counts.size)
    for i in range(counts.size):
        pivot[i] = lanes[counts[i] // 2, i]
        center[i] = 0.0
    for r in range(greatest(counts)):
        for i in range(counts.size):
            center[i] += lanes[r, i] - pivot[i] if r < counts[i] else 0.0
    for i in range(counts.size):
        n = counts[i]
        last = n - 1 if n > 0 else 0
        inner = center[i] - (lanes[0, i] - pivot[i]) - (lanes[last, i] - pivot[i])
        center[i] = pivot[i] + (inner / (n - 2) if n > 2 else center[i] / (n if n > 1 else 1))


@kernel
def deviations(lanes, counts, center, divisor, sigma):
    """Compute the standard deviation of every lane about `center`; squares are divided by n - `divisor`."""
    rows = greatest(counts)
    whole = True
    for i in range(counts.size):
        sigma[i] = 0.0
        whole &= counts[i] == rows
    for r in range(rows):
        if whole:
            for i in range(counts.size):
                d = lanes[r, i] - center[i]
                sigma[i] += d * d
        else:
            for i in range(counts.size):
                d = lanes[r, i] - center[i] if r < counts[i] else 0.0
                sigma[i] += d * d
    for i in range(counts.size):
        sigma[i] = np.sqrt(sigma[i] / (counts[i] - divisor if counts[i] > divisor else 1))


@kernel(inline=True)
def lane_mad_sigma(lanes, i, low, high, center, floor):
    """Compute 1.4826 times the median absolute deviation from `center` of ranks of a lane, at least `floor`.

    The half of the values that is nearest to the centre has neighbouring ranks; bisection finds the first of
    them. No branch depends on the values.
    """
    n = high - low
    count = (n + 1) >> 1
    first, length = low, n - count
    while length > 0:
        half = (length + 1) >> 1
        r = first + half
        closer = center - value(lanes, r - 1, i) > value(lanes, r - 1 + count, i) - center
        first += half * np.int64(closer)
        length -= half
    last = first + count
    below, above = center - value(lanes, first, i), value(lanes, last - 1, i) - center
    distance = below if below > above else above
    if n & 1 == 0:  # the next nearest value is next to these ranks
        below = center - value(lanes, first - np.int64(first > low), i)
        above = value(lanes, last - np.int64(last == high), i) - center
        below = below if first > low else np.inf
        above = above if last < high else np.inf
        distance = 0.5 * (distance + (below if below < above else above))
    sigma = MAD_TO_SIGMA * distance
    return floor if sigma < floor else sigma


@kernel
def _nearest_of_full(lanes, width, rows, center, count, distance):
    """Compute the count-th smallest distance from the centre in lanes that are all full.

    It is the least half-width of `count` neighbouring ranks. Only runs about the middle are searched, which
    is enough in all but a few lanes: those get NaN.
    """
    middle, reach = (rows - count) // 2, 1 + np.int64(0.8 * np.sqrt(rows))
    first = middle - reach if middle > reach else 0
    last = middle + reach if middle + reach < rows - count else rows - count
    before, after = first - np.int64(first > 0), last + count - np.int64(last + count == rows)
    end = before + count - np.int64(before + count == rows)
    for i in range(width):
        above = (first > 0) & (center[i] - lanes[before, i] <= lanes[end, i] - center[i])
        below = (last < rows - count) & (center[i] - lanes[last, i] > lanes[after, i] - center[i])
        distance[i] = np.nan if above | below else np.inf
    for r in range(first, last + 1):
        for i in range(width):
            d, e = center[i] - lanes[r, i], lanes[r + count - 1, i] - center[i]
            d = d if d > e else e
            distance[i] = d if d < distance[i] else distance[i]


@kernel
def mad_sigmas(lanes, counts, center, floor, sigma, scratch):
    """Compute 1.4826 times the median absolute deviation from `center` of every lane, at least `floor`."""
    rows, width = np.int64(greatest(counts)), counts.size
    with_count, nearest, further = np.empty(rows + 1), scratch[0], scratch[1]
    fill(with_count, 0.0)
    with_count[rows] = width
    if least(counts) != rows:
        with_count[rows] = 0
        for i in range(width):
            with_count[np.uint64(counts[i])] += 1
    for i in range(width):
        sigma[i] = np.nan
    for n in range(1, rows + 1):
        if with_count[n] * 8 < width:  # so few lanes cost less one by one
            continue
        _nearest_of_full(lanes, width, n, center, (n + 1) >> 1, nearest)
        if n & 1 == 0:
            _nearest_of_full(lanes, width, n, center, (n >> 1) + 1, further)
            for i in range(width):
                nearest[i] = 0.5 * (nearest[i] + further[i])
        for i in range(width):
            found = MAD_TO_SIGMA * nearest[i]
            found = floor if found < floor else found
            sigma[i] = found if counts[i] == n else sigma[i]
    for i in range(width):
        if not sigma[i] >= 0:
            n = np.int64(counts[i])
            sigma[i] = lane_mad_sigma(lanes, i, 0, n, center[i], floor) if n > 0 else 0.0
