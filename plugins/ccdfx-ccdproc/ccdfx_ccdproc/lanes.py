"""Compiled statistics of many frames pixel by pixel, on blocks that stay in the cache.

A block is a float64 array (frames, pixels), in which a missing value is +infinity.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def fill(block, row, values, gone):
    """Store the values of a frame; those that are masked or not finite are missing. `gone` may be empty."""
    masked = gone.size > 0
    for i in range(values.size):
        value = np.float64(values[i])
        block[row, i] = value if abs(value) < np.inf else np.inf
    if masked:
        for i in range(values.size):
            if gone[i]:
                block[row, i] = np.inf


@_compiled
def multiply_rows(block, factors):
    """Multiply each frame by its factor; missing values stay missing."""
    for k in range(block.shape[0]):
        for i in range(block.shape[1]):
            value = block[k, i]
            block[k, i] = value * factors[k] if value < np.inf else np.inf


@_compiled
def moments(block, count, mean, std):
    """Compute number, mean and standard deviation (divisor n) of the values of each pixel; NaN where there is none."""
    count[:] = 0
    mean[:] = 0
    std[:] = 0
    for k in range(block.shape[0]):
        for i in range(block.shape[1]):
            value = block[k, i]
            there = value < np.inf
            count[i] += 1.0 if there else 0.0
            mean[i] += value if there else 0.0
    for i in range(mean.size):
        mean[i] /= count[i]
    for k in range(block.shape[0]):
        for i in range(block.shape[1]):
            value = block[k, i]
            off = value - mean[i] if value < np.inf else 0.0
            std[i] += off * off
    for i in range(std.size):
        std[i] = np.sqrt(std[i] / count[i])


@_compiled
def weighted_sums(block, weights, sums, total):
    """Sum values times weights, and the weights of the values that are there; one weight a frame, or a value."""
    sums[:] = 0
    total[:] = 0
    single = weights.shape[1] == 1
    for k in range(block.shape[0]):
        for i in range(block.shape[1]):
            value = block[k, i]
            if value < np.inf:
                weight = weights[k, 0] if single else weights[k, i]
                sums[i] += value * weight
                total[i] += weight


@_compiled
def sort_frames(block, network):
    """Sort the values of each pixel by a network of comparators (pairs of rows); missing values come last."""
    for k in range(network.shape[0]):
        low, high = block[network[k, 0]], block[network[k, 1]]
        for i in range(low.size):
            a, b = low[i], high[i]
            low[i] = a if a < b else b
            high[i] = b if a < b else a


@_compiled
def medians(ordered, count, out):
    """Find the medians of sorted values; NaN where there is none."""
    for i in range(out.size):
        n = int(count[i])
        if n == 0:
            out[i] = np.nan
        elif n % 2:
            out[i] = ordered[n // 2, i]
        else:
            out[i] = 0.5 * (ordered[n // 2 - 1, i] + ordered[n // 2, i])


@_compiled
def distances(block, centre, out):
    """Compute the absolute distances of the values from a centre."""
    for k in range(block.shape[0]):
        for i in range(block.shape[1]):
            value = block[k, i]
            out[k, i] = abs(value - centre[i]) if value < np.inf else np.inf


@_compiled
def reject_beyond(block, centre, deviation, low, high, rejected):
    """Make values missing that lie beyond the limits, and record them where `rejected` is not empty."""
    recorded = rejected.size > 0
    for k in range(block.shape[0]):
        for i in range(block.shape[1]):
            value = block[k, i]
            beyond = value < centre[i] - low * deviation[i] or value > centre[i] + high * deviation[i]
            if beyond and value < np.inf:
                block[k, i] = np.inf
                if recorded:
                    rejected[k, i] = True


@_compiled
def reject_ranks(values, lowest, highest, low, high, rejected):
    """Record the `low` lowest and `high` highest values; `lowest`, `highest` are the last ones of these, sorted.

    Of equal values, those of the first frames go.
    """
    for i in range(values.shape[1]):
        below = above = 0
        for k in range(values.shape[0]):
            below += values[k, i] < lowest[i]
            above += values[k, i] > highest[i]
        below, above = low - below, high - above
        for k in range(values.shape[0]):
            value = values[k, i]
            if (low and value < lowest[i]) or (high and value > highest[i]):
                rejected[k, i] = True
            elif low and value == lowest[i] and below > 0:
                rejected[k, i] = True
                below -= 1
            elif high and value == highest[i] and above > 0:
                rejected[k, i] = True
                above -= 1


def network(count: int) -> np.ndarray:
    """Make the comparators that sort `count` rows: the odd-even merge sort of Batcher (1968).

    Examples
    --------
    >>> network(3).tolist()
    [[0, 1], [0, 2], [1, 2]]
    """
    pairs = []
    p = 1
    while p < count:
        k = p
        while k >= 1:
            for j in range(k % p, count - k, 2 * k):
                for i in range(min(k, count - j - k)):
                    if (i + j) // (2 * p) == (i + j + k) // (2 * p):
                        pairs.append((i + j, i + j + k))
            k //= 2
        p *= 2
    return np.array(pairs, np.int64).reshape(-1, 2)
