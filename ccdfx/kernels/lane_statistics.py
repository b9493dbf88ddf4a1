"""Centers and deviations of sorted values: of all lanes of a block at once, or of one contiguous lane.

``lanes[rank, lane]``, ascending; the first ``counts[lane]`` are valid. All sums are in float64, in the order of the
ranks, about a value of the lane.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import MEDIAN, TRIMMED
from ccdfx.kernels.lanes import greatest

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
    if kind == MEDIAN:
        return middle(x, low, high)
    pivot = x[low + n // 2]
    total = 0.0
    for r in range(low, high):
        total += x[r] - pivot
    if kind == TRIMMED and n > 2:
        return pivot + (total - (x[low] - pivot) - (x[high - 1] - pivot)) / (n - 2)
    return pivot + total / n


# ---- all lanes at once ----


@kernel
def medians(lanes, counts, center):
    for i in range(counts.size):
        n = max(counts[i], 1)
        center[i] = 0.5 * (np.float64(lanes[(n - 1) // 2, i]) + np.float64(lanes[n // 2, i]))


@kernel
def means(lanes, counts, trimmed, center):
    """The mean of every lane; trimmed: that without one minimum and one maximum."""
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
def deviations(lanes, counts, center, divisor, sigma):
    """Standard deviation about the center of every lane; the sum of squares is divided by n less `divisor`."""
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
        sigma[i] = np.sqrt(sigma[i] / max(counts[i] - divisor, 1))


@kernel
def _nearest(lanes, lane, n, center, count):
    """The count-th smallest distance from the center: the half-width of the nearest `count` neighbouring ranks."""
    first, last = 0, n - count
    while first < last:
        r = (first + last) // 2
        if center - lanes[r, lane] > lanes[r + count, lane] - center:
            first = r + 1
        else:
            last = r
    return max(center - lanes[first, lane], lanes[first + count - 1, lane] - center)


@kernel
def _nearest_of_all(lanes, width, rows, center, count, distance):
    """As `_nearest`, of lanes that are all full: the least half-width of `count` neighbouring ranks."""
    for i in range(width):
        distance[i] = np.inf
    for r in range(rows - count + 1):
        for i in range(width):
            d = max(center[i] - lanes[r, i], lanes[r + count - 1, i] - center[i])
            distance[i] = d if d < distance[i] else distance[i]


@kernel
def mad_sigmas(lanes, counts, center, floor, sigma):
    """1.4826 times the median absolute deviation from the center of every lane, but at least the floor."""
    rows, width = greatest(counts), counts.size
    _nearest_of_all(lanes, width, rows, center, (rows + 1) // 2, sigma)
    if rows % 2 == 0:
        further = np.empty(width)
        _nearest_of_all(lanes, width, rows, center, rows // 2 + 1, further)
        for i in range(width):
            sigma[i] = 0.5 * (sigma[i] + further[i])
    for i in range(width):
        n = counts[i]
        if n < rows:
            sigma[i] = _nearest(lanes, i, n, center[i], (n + 1) // 2) if n > 0 else 0.0
            if n % 2 == 0 and n > 0:
                sigma[i] = 0.5 * (sigma[i] + _nearest(lanes, i, n, center[i], n // 2 + 1))
    for i in range(width):
        sigma[i] = max(MAD_TO_SIGMA * sigma[i], floor)
