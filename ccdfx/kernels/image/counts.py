"""Counts of the values between edges, sums over blocks, and the bits of whole numbers, in one pass each."""

from __future__ import annotations

import math

import numpy as np

from ccdfx.kernels.compile.kernel import kernel


@kernel
def count_between(values, edges, counts):
    """Add to counts[i] the number of values with edges[i] <= v < edges[i + 1]; the last bin has both its edges.

    The bin is guessed as if all were equally wide, and then corrected by walking; NaN is in no bin.
    """
    last = edges.size - 2
    low, high = edges[0], edges[last + 1]
    scale = (last + 1) / (high - low)
    for i in range(values.size):
        value = np.float64(values[i])
        if not (low <= value <= high):
            continue
        place = min(int((value - low) * scale), last)
        while value < edges[place]:
            place -= 1
        while place < last and value >= edges[place + 1]:
            place += 1
        counts[place] += 1


@kernel
def sum_blocks(array, good, factor, totals, counts):
    """Sum the good values of blocks of factor x factor pixels, and count them; the last ones may be smaller."""
    ny, nx = array.shape
    sums, numbers = np.empty(nx), np.empty(nx, np.int32)
    for block_y in range(totals.shape[0]):
        sums[:], numbers[:] = 0.0, 0
        for y in range(block_y * factor, min((block_y + 1) * factor, ny)):
            row, known = array[y], good[y]
            for x in range(nx):
                sums[x] += np.float64(row[x]) if known[x] else 0.0
                numbers[x] += np.int32(known[x])
        for block_x in range(totals.shape[1]):
            total, count = 0.0, 0
            for x in range(block_x * factor, min((block_x + 1) * factor, nx)):
                total += sums[x]
                count += numbers[x]
            totals[block_y, block_x], counts[block_y, block_x] = total, count


@kernel
def whole_bits(values):
    """Return the bits that are set in any of the values, whole numbers; 1 where one is no whole number below 2**53."""
    used = np.int64(0)
    for start in range(0, values.size, 1024):
        block = values[start : start + 1024]
        whole = True
        for i in range(block.size):
            value = block[i]
            whole &= (abs(value) < 9007199254740992.0) & (math.floor(value) == value)
            used |= np.int64(value)
        if not whole:
            return np.int64(1)
    return used
