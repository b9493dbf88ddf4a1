"""The plain numba twin of the generated plain averages, with the same results: row by row on a tile.

Pixels are gathered, and sorted for a median, by the generated code, so that it is the averages that are compared.
"""

from __future__ import annotations

import numpy as np
from numba import carray
from plain_twins import as_stored, big_u2, calling, integers, prefetch

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.stack.averages import (
    AVERAGE_MEDIAN,
    AVERAGE_TOTAL,
    NO_DATA_FLAG,
    PICK_LOWER,
    PICK_LOWER_OF_TWO,
    picked,
)
from ccdfx.kernels.stack.decode import BIG_U2, U2
from ccdfx.kernels.stack.gather import (
    FRAME_DATA,
    FRAME_KIND,
    FRAME_MASK,
    add_reasons,
    following,
    gather,
    pointer,
)
from ccdfx.kernels.stack.lanes import MOST_LANES, aligned, block_lanes, count_lanes, fill
from ccdfx.kernels.stack.plain import _kind_as_stored
from ccdfx.kernels.stack.sorting import sorter

# Pivots, sums of deviations from them, and sums of squares lie MOST_LANES apart.
_TOTAL, _SQUARES = MOST_LANES, 2 * MOST_LANES


@kernel(inline=True)
def _deviation(value, pivot):
    """Return the deviation from a pivot; 0 for a missing value."""
    difference = np.float64(value) - pivot
    return difference if difference < np.inf else 0.0


@kernel
def _store_pivots(tile, sums):
    """Store the first value present of each lane, or 0."""
    rows, lanes = tile.shape
    unknown = False
    for i in range(lanes):
        sums[i] = tile[0, i]
        unknown |= sums[i] == np.inf
    for r in range(1, rows if unknown else 0):
        for i in range(lanes):
            sums[i] = sums[i] if sums[i] < np.inf else np.float64(tile[r, i])
    for i in range(lanes):
        sums[i] = sums[i] if sums[i] < np.inf else 0.0


@kernel
def _sum_rows(tile, sums):
    rows, lanes = tile.shape
    _store_pivots(tile, sums)
    for i in range(lanes):
        sums[_TOTAL + i] = sums[_SQUARES + i] = 0.0
    for r in range(0, rows - 3, 4):
        for i in range(lanes):
            p = sums[i]
            a, b = _deviation(tile[r, i], p), _deviation(tile[r + 1, i], p)
            c, d = _deviation(tile[r + 2, i], p), _deviation(tile[r + 3, i], p)
            sums[_TOTAL + i] += (a + b) + (c + d)
            sums[_SQUARES + i] += (a * a + b * b) + (c * c + d * d)
    for r in range(rows - rows % 4, rows):
        for i in range(lanes):
            a = _deviation(tile[r, i], sums[i])
            sums[_TOTAL + i] += a
            sums[_SQUARES + i] += a * a


@kernel
def _balance(tile, end):
    """Set missing values to +inf, -inf, +inf ... in turn, so that the median of the others stays central."""
    fill(end, tile.dtype.type(np.inf))
    for r in range(tile.shape[0]):
        for i in range(tile.shape[1]):
            missing = tile[r, i] == np.inf
            tile[r, i] = end[i] if missing else tile[r, i]
            end[i] = -end[i] if missing else end[i]


@kernel
def _store_medians(tile, counts, pick, value):
    rows, half, kind = np.int32(tile.shape[0]), np.float64(0.5), value.dtype.type
    one, lower, two = np.int32(1), pick == PICK_LOWER, pick == PICK_LOWER_OF_TWO
    under, below, above = tile[max(rows - 2, 0) // 2], tile[(rows - 1) // 2], tile[rows // 2]
    for i in range(value.size):
        odd = ((counts[i] ^ rows) & one) != 0
        a = under[i] if odd else below[i]
        b = below[i] if odd else above[i]
        b = a if lower | (two & (counts[i] == 2)) else b
        x = kind(half * a + half * b)
        value[i] = x if counts[i] > 0 else kind(0)


@kernel
def _store_means(sums, counts, total, value):
    kind = value.dtype.type
    for i in range(value.size):
        n = np.float64(counts[i])
        x = sums[i] * n + sums[_TOTAL + i]
        y = kind(x if total else x * (1.0 / n))
        value[i] = y if counts[i] > 0 else kind(0)


@kernel
def _store_variances(sums, counts, average, efficiency, variance):
    kind = variance.dtype.type
    for i in range(variance.size):
        n = np.float64(counts[i])
        residual = sums[_SQUARES + i] - sums[_TOTAL + i] * sums[_TOTAL + i] * (1.0 / n)
        spread = (residual if residual > 0.0 else 0.0) * (1.0 / (n * (n - 1.0)))
        sums[_SQUARES + i] = spread if n > 1.0 else np.inf
    if average == AVERAGE_MEDIAN:
        for i in range(variance.size):
            sums[_SQUARES + i] *= efficiency[counts[i]]
    elif average == AVERAGE_TOTAL:
        for i in range(variance.size):
            sums[_SQUARES + i] *= np.float64(counts[i]) * np.float64(counts[i])
    for i in range(variance.size):
        spread = kind(sums[_SQUARES + i])
        variance[i] = spread if counts[i] > 0 else kind(0)


@kernel
def _store_complete(tile, sums, average, pick, efficiency, value, variance):
    """Store the averages and variances of lanes without missing values: no division for each lane."""
    rows, half = tile.shape[0], np.float64(0.5)
    n = np.float64(rows)
    share, pairs = 1.0 / n, n * (n - 1.0)
    scale = 1.0 / pairs if pairs > 0.0 else np.inf
    factor = efficiency if average == AVERAGE_MEDIAN else n * n if average == AVERAGE_TOTAL else 1.0
    if average == AVERAGE_MEDIAN:
        first, last = picked(pick, rows)
        for i in range(value.size):
            value[i] = half * tile[first, i] + half * tile[last, i]
    elif average == AVERAGE_TOTAL:
        for i in range(value.size):
            value[i] = sums[i] * n + sums[_TOTAL + i]
    else:
        for i in range(value.size):
            value[i] = (sums[i] * n + sums[_TOTAL + i]) * share
    for i in range(variance.size):
        residual = sums[_SQUARES + i] - sums[_TOTAL + i] * sums[_TOTAL + i] * share
        variance[i] = (residual if residual > 0.0 else 0.0) * scale * factor


@kernel
def _store_counts(counts, count, flags):
    for i in range(count.size):
        count[i] = counts[i]
    empty = False
    for i in range(flags.size):
        flags[i] = NO_DATA_FLAG if counts[i] == 0 else np.uint8(0)
        empty |= counts[i] == 0
    return empty


@kernel
def _gather_integers(frames, factors, start, tile, width):
    for j in range(frames.shape[0]):
        ahead = following(frames, j, start, width)
        for line in range(ahead, ahead + 2 * width, 64):
            prefetch(line)
        pixels = carray(pointer(frames[j, FRAME_DATA] + 2 * start), (width,), np.uint16)
        if frames[j, FRAME_KIND] == BIG_U2:
            integers(pixels, big_u2, tile, j)
        else:
            integers(pixels, as_stored, tile, j)
    return False


def _average(frames, factors, tables, average, pick, sort, tile, order, value, variance, count, flags):
    lanes, empty = tile.shape[1], False
    sums, counts, end = np.empty(3 * MOST_LANES), np.empty(lanes, np.int32), np.empty(lanes, tile.dtype)
    for start in range(0, value.size, lanes):
        width = min(lanes, value.size - start)
        stop = start + width
        holes = gather(frames, factors, start, tile, width)
        fill(counts, np.int32(tile.shape[0]))
        if holes:
            count_lanes(tile, counts)
        _sum_rows(tile, sums)
        if average == AVERAGE_MEDIAN:
            if holes:
                _balance(tile, end)
            sort(tile, order)
        values, spreads = value[start:stop], variance[start : min(stop, variance.size)]
        if not holes:
            _store_complete(tile, sums, average, pick, tables[0, tile.shape[0]], values, spreads)
        else:
            if average == AVERAGE_MEDIAN:
                _store_medians(tile, counts, pick, values)
            else:
                _store_means(sums, counts, average == AVERAGE_TOTAL, values)
            _store_variances(sums, counts, average, tables[0], spreads)
        empty |= _store_counts(counts, count[start : min(stop, count.size)], flags[start:stop])
    if empty:
        add_reasons(frames, 0, flags)
    return empty


_average_floats = kernel(_average)
_average_integers = calling(_average, "average_integers_twin", gather=_gather_integers)


def twin_average(
    frames, factors, tables, average, pick, value, variance, count, rejected_low, rejected_high, flags, codes
):  # fmt: skip
    """Combine like `plain_average`, on tiles, and sort as the generated code does."""
    rejected_low.fill(0)
    rejected_high.fill(0)
    rows = len(frames)
    whole = _kind_as_stored(frames, factors) in (U2, BIG_U2) and not frames[:, FRAME_MASK].any()
    dtype, kind, work = (np.uint16, "u2", _average_integers) if whole else (np.float32, "f4", _average_floats)
    sort = sorter(kind, rows, middle=True) if average == AVERAGE_MEDIAN else sorter(kind, 1)
    lanes = block_lanes(rows, np.dtype(dtype).itemsize)
    tile, order = aligned(rows, lanes, dtype), np.empty((0, 0), np.int32)
    return work(frames, factors, tables, average, pick, sort, tile, order, value, variance, count, flags)
