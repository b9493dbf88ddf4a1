"""Statistics of many values in one pass: moments, histogram, and counts for exact ranks.

The kernels take flat, contiguous arrays of float32 or float64, so each is compiled at most twice.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import REORDERED_SUMS, kernel
from ccdfx.kernels.compile.llvm import lower, upper

_LANES = 256


@kernel(fastmath=REORDERED_SUMS)
def moments(values, pivot):
    """Return count, sum of (v - pivot), sum of squares of that, minimum and maximum of the finite values."""
    infinity = values.dtype.type(np.inf)
    count = 0
    total = 0.0
    squares = 0.0
    low = infinity
    high = -infinity
    for i in range(values.size):
        value = values[i]
        finite = abs(value) < infinity
        difference = np.float64(value) - pivot if finite else 0.0
        count += 1 if finite else 0
        total += difference
        squares += difference * difference
        low = lower(low, value if finite else infinity)
        high = upper(high, value if finite else -infinity)
    return count, total, squares, low, high


@kernel(fastmath=REORDERED_SUMS)
def moments_between(values, low, high, pivot):
    """Return the count below `low`, and count, sum and sum of squares (about pivot) of low <= v <= high."""
    below = 0
    count = 0
    total = 0.0
    squares = 0.0
    for i in range(values.size):
        value = np.float64(values[i])
        inside = (value >= low) & (value <= high)
        difference = value - pivot if inside else 0.0
        below += 1 if value < low else 0
        count += 1 if inside else 0
        total += difference
        squares += difference * difference
    return below, count, total, squares


@kernel
def collect(values, folded, centre, low, high, out):
    """Count d < low and d == low, copy low < d < high to `out` and count it, count d == high.

    d is the value, or |value - centre| in float64 when `folded`. The comparison vectorises into a row of
    bytes; only groups of eight with a hit are searched.
    """
    inside = np.zeros(_LANES, np.uint8)
    groups = inside.view(np.uint64)
    row = np.empty(_LANES, np.float64)
    below = 0
    at_low = 0
    at_high = 0
    found = 0
    for start in range(0, values.size, _LANES):
        block = values[start : start + _LANES]
        size = block.size
        if folded:
            for i in range(size):
                row[i] = abs(np.float64(block[i]) - centre)
        else:
            for i in range(size):
                row[i] = block[i]
        for i in range(size):
            value = row[i]
            below += 1 if value < low else 0
            at_low += 1 if value == low else 0
            at_high += 1 if value == high else 0
            inside[i] = np.uint8((value > low) & (value < high))
        for i in range(size, _LANES):
            inside[i] = 0
        for group in range((size + 7) // 8):
            if groups[group] != 0:
                for i in range(8 * group, min(8 * group + 8, size)):
                    if inside[i] != 0:
                        out[found] = row[i]
                        found += 1
    return below, at_low, found, at_high


@kernel
def stratified(values, out):
    """Sample one value from each of out.size equal sections, at a place from a fixed random generator.

    A regular stride would sample the same columns of an image in every row.
    """
    n = values.size
    m = out.size
    state = np.uint64(0x9E3779B97F4A7C15)
    for i in range(m):
        first = i * n // m
        length = (i + 1) * n // m - first
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        out[i] = values[first + np.int64((state >> np.uint64(33)) % np.uint64(length))]


@kernel
def gather_good(values, mask, out):
    """Copy the finite values whose mask is 0 to `out`, one element longer than they are; return how many."""
    found = 0
    for i in range(values.size):
        out[found] = values[i]
        found += 1 if (mask[i] == 0) & np.isfinite(values[i]) else 0
    return found


@kernel
def histogram(values, counts):
    """Add uint16 values to counts[4, 65536]; with four counters, equal neighbours do not delay each other."""
    whole = values.size // 4 * 4
    for i in range(0, whole, 4):
        counts[0, values[i]] += 1
        counts[1, values[i + 1]] += 1
        counts[2, values[i + 2]] += 1
        counts[3, values[i + 3]] += 1
    for i in range(whole, values.size):
        counts[0, values[i]] += 1
