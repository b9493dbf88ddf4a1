"""Values of two ranks in each block of an image, found by counting integers that are ordered as the values."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel

_WIDEST = 2.0**52  # of ranges of integers whose parts float64 computes


@kernel
def _load_block(bits, good, y, x, height, width, flip, block):
    """Copy a block; bad pixels are the greatest integer. Return the number of good ones."""
    greatest = block.dtype.type(np.iinfo(block.dtype).max)
    negative = block.dtype.type(8 * block.itemsize - 1)
    count = 0
    for j in range(height):
        start, here = j * width, np.int32(0)
        for i in range(width):
            value = block.dtype.type(bits[y + j, x + i])
            block[start + i] = value ^ ((value >> negative) & flip)
        for i in range(width):
            here += np.int32(good[y + j, x + i])
        count += here
        if here < width:
            for i in range(width):
                if not good[y + j, x + i]:
                    block[start + i] = greatest
    return count


@kernel
def _count_up_to(block, limit):
    count = np.int32(0)
    for i in range(block.size):
        count += np.int32(block[i] <= limit)
    return count


@kernel
def _ranked(block, rank, low, high):
    """Return the value of a rank, which lies from `low` to `high`.

    It is looked for where it would be if values were evenly spread, and each third time half-way.
    """
    below, count, steps = 0, block.size, 0
    while low < high:
        limit = (low & high) + ((low ^ high) >> 1)  # does not overflow
        width = np.float64(high) - np.float64(low)
        if steps % 3 != 2 and width < _WIDEST:
            limit = min(low + np.int64(width * (rank + 0.5 - below) / (count - below)), high - 1)
        here = _count_up_to(block, block.dtype.type(limit))
        if here == rank + 1:
            return _last_to(block, block.dtype.type(limit), block.dtype.type(low))
        if here == rank:
            return _first_above(block, block.dtype.type(limit), block.dtype.type(high))
        if here > rank:
            high, count = limit, here
        else:
            low, below = limit + 1, here
        steps += 1
    return low


@kernel
def _last_to(block, limit, least):
    """Return the greatest value up to a limit, which is at least `least`."""
    last = least
    for i in range(block.size):
        value = block[i] if block[i] <= limit else least
        last = value if value > last else last
    return np.int64(last)


@kernel
def _first_above(block, limit, most):
    """Return the least value above a limit, which is at most `most`."""
    first = most
    for i in range(block.size):
        value = block[i] if block[i] > limit else most
        first = value if value < first else first
    return np.int64(first)


@kernel
def _next(block, value, rank):
    """Return the value of the rank after this one, whose value is given."""
    count, least = np.int32(0), block.dtype.type(np.iinfo(block.dtype).max)
    for i in range(block.size):
        count += np.int32(block[i] <= value)
        above = block[i] if block[i] > value else least
        least = above if above < least else least
    return value if count > rank + 1 else least


@kernel
def rank_blocks(bits, good, height, width, flip, percents, shifts, first, last, lower, upper, counts):
    """Store the values of two ranks of the good pixels of some rows of blocks, and the numbers of these.

    Parameters
    ----------
    bits : int array (ny, nx)
        Integers, or floats seen as integers of their width.
    good : bool array (ny, nx)
    height, width : int
        Of a block.
    flip : int
        0 for integers; for floats the greatest integer of their width, which turns negative ones round.
    percents, shifts : (float, float)
        Of n good pixels the ranks ``floor(percent * n / 100 + shift)``, at least 0.
    first, last : int
        Rows of blocks.
    lower, upper : int array (rows, columns)
        Of the type in which values are compared; filled.
    counts : int array (rows, columns)
    """
    block = np.empty(height * width, lower.dtype)
    for row in range(first, last):
        for column in range(lower.shape[1]):
            count = _load_block(bits, good, row * height, column * width, height, width, flip, block)
            counts[row, column] = count
            least, most = block[0], block[0]
            for i in range(block.size):
                least = block[i] if block[i] < least else least
                most = block[i] if block[i] > most else most
            beyond = block.dtype.type(most - 1)
            if count < block.size and _count_up_to(block, beyond) == count:  # without bad pixels
                most = _last_to(block, beyond, least)
            rank = max(0, int(np.floor(percents[0] * count / 100 + shifts[0])))
            low = _ranked(block, rank, np.int64(least), np.int64(most))
            lower[row, column] = low
            above = max(0, int(np.floor(percents[1] * count / 100 + shifts[1]))) - rank
            if above <= 1:
                upper[row, column] = low if above < 1 else _next(block, lower.dtype.type(low), rank)
            else:
                upper[row, column] = _ranked(block, rank + above, low, np.int64(most))


@kernel
def outside_blocks(values, good, limits, height, width, out):
    """Store which good values are further from 0 than the limit of their block, where that is above 0.

    limits is (rows, columns); pixels beyond the last block have the limit of that block. Arrays are (ny, nx).
    """
    ny, nx = values.shape
    rows, columns = limits.shape
    for y in range(ny):
        row = min(y // height, rows - 1)
        for column in range(columns):
            limit = limits[row, column]
            last = (column + 1) * width if column < columns - 1 else nx
            for x in range(column * width, last):
                out[y, x] = good[y, x] & (abs(values[y, x]) > limit) & (limit > 0.0)


BLOCK_MEDIAN = {"percents": (50.0, 50.0), "shifts": (-0.5, 0.0)}
"""Options of `block_ranks` for the two values whose mean is the median."""


def block_ranks(
    values: np.ndarray,
    good: np.ndarray,
    box: tuple[int, int],
    percents: tuple[float, float],
    shifts: tuple[float, float] = (-0.5, -0.5),
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the values of two ranks in each whole block of an image and the numbers of good pixels, (rows, columns) each.

    Parameters
    ----------
    values : array (ny, nx) of numbers
    good : bool array (ny, nx)
    box : (int, int)
        Height and width of a block.
    percents, shifts : (float, float)
        See `rank_blocks`; the smaller one first. The value of a block without good pixels means nothing.
    """
    if values.dtype.itemsize < 2 or values.dtype == np.uint64 or values.dtype == np.float16:
        values = values.astype(np.float64 if values.dtype.itemsize > 4 else np.float32)
    shape = values.shape[0] // box[0], values.shape[1] // box[1]
    kind = np.dtype(np.int64 if values.dtype.itemsize > 4 or values.dtype == np.uint32 else np.int32)
    floats = values.dtype.kind == "f"
    bits = values.view(kind) if floats else values
    flip = kind.type(np.iinfo(kind).max if floats else 0)
    lower, upper = np.empty(shape, kind), np.empty(shape, kind)
    counts = np.empty(shape, np.int32)
    rank_blocks(bits, good, *box, flip, percents, shifts, 0, shape[0], lower, upper, counts)
    if not floats:
        return lower, upper, counts
    low, high = (np.where(one < 0, one ^ flip, one).view(values.dtype) for one in (lower, upper))
    return low, high, counts
