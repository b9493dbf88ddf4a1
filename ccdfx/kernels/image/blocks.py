"""Level and scatter of small blocks of an image."""

from __future__ import annotations

import math

import numpy as np

from ccdfx.kernels.compile.kernel import REORDERED_SUMS, kernel
from ccdfx.kernels.compile.llvm import lower, upper

_LOOK = 6  # steps between looks at the values that are left: of whole numbers there are few


@kernel
def ranked(values, rank):
    """Return the value of a rank, from 0, by narrowing the range that holds it: counting is faster than ordering."""
    low, high = _range(values)
    below = _number_to(values, low)
    if below > rank:
        return low
    limit, _ = _narrowed(values, low, high, below, rank + 1)
    return _around(values, limit, limit, low, high)[0]


@kernel
def middle(values):
    """Compute the median of finite values, by narrowing the range that holds it: counting is faster than ordering."""
    rank = (values.size + 1) // 2
    low, high = _range(values)
    limit, count = low, _number_to(values, low)
    if count < rank:
        limit, count = _narrowed(values, low, high, count, rank)
    found, following = _around(values, limit, limit, low, high)
    if values.size % 2 or count > rank:
        return np.float64(found)
    return found / 2 + following / 2


@kernel
def _narrowed(values, low, high, below, number):
    """Find a limit up to which there are `number` values, or more that are equal; return it and how many there are.

    Up to `low` there are `below`, which are fewer, and all up to `high`. The limit is looked for where it would be if
    values were evenly spread, and each third time half-way, which ends soon whatever they are.
    """
    half, one = values.dtype.type(0.5), values.dtype.type(1)
    count, steps = np.int32(values.size), 0
    while count != number:
        part = half if steps % 3 == 2 else values.dtype.type((number - below) / (count - below))
        limit = (one - part) * low + part * high
        if not low < limit < high:
            limit = half * low + half * high
            if not low < limit < high:
                break
        here = _number_to(values, limit)
        if here >= number:
            high, count = limit, here
        else:
            low, below = limit, here
        steps += 1
        if steps % _LOOK == 0:
            high, following = _around(values, high, low, low, high)
            if following == high:
                break
    return high, count


@kernel(fastmath=REORDERED_SUMS)
def _range(values):
    low, high = values[0], values[0]
    for k in range(values.size):
        low, high = lower(low, values[k]), upper(high, values[k])
    return low, high


@kernel
def _number_to(values, limit):
    count = np.int32(0)
    for k in range(values.size):
        count += np.int32(values[k] <= limit)
    return count


@kernel(fastmath=REORDERED_SUMS)
def _around(values, up_to, above, least, most):
    """Return the greatest value up to one limit, at least `least`, and the least above another, at most `most`.

    With infinities in their place, LLVM simplifies the comparisons to some that it does not vectorise.
    """
    last, first = least, most
    for k in range(values.size):
        value = values[k]
        last = upper(last, value if value <= up_to else least)
        first = lower(first, value if value > above else most)
    return last, first


@kernel(fastmath=REORDERED_SUMS)
def _normal_scatter(deviations, scratch):
    """Estimate the standard deviation of the normal core of deviations about 0.

    `scratch` has the same length and is overwritten. The first estimate is from the median absolute value;
    then the root mean square of the deviations within 3 sigma is computed iteratively and divided by 0.98658,
    its value for unit normal deviates after that cut. Unlike a median, it is not quantised where
    the data are.
    """
    size = deviations.size
    mean = 0.0
    for i in range(size):
        scratch[i] = abs(deviations[i])
        mean += scratch[i]
    sigma = 1.4826022 * ranked(scratch, size // 2)
    if sigma == 0.0:
        sigma = 1.2533141 * mean / size
    for _ in range(20):
        limit = 3.0 * sigma
        kept = 0.0
        squares = 0.0
        for i in range(size):
            inside = abs(deviations[i]) <= limit
            kept += 1.0 if inside else 0.0
            squares += deviations[i] * deviations[i] if inside else 0.0
        renewed = np.sqrt(squares / kept) / 0.98657847
        done = abs(renewed - sigma) <= 1e-4 * sigma
        sigma = renewed
        if done:
            break
    return sigma


@kernel
def _pixels(array, bad, out):
    """Copy the good pixels of a block and return their number."""
    count = 0
    for y in range(array.shape[0]):
        for x in range(array.shape[1]):
            out[count] = array[y, x]
            count += 1 if bad[y, x] == 0 else 0
    return count


@kernel
def _differences(array, bad, out):
    """Store v[y, x] - v[y, x+s] - v[y+s, x] + v[y+s, x+s] where all four are good; return their number.

    s is 1, 2 or 3 in turn from row to row: electronic interference has a wavelength of a few pixels, and a
    single separation could double or cancel it.
    """
    count = 0
    for y in range(array.shape[0]):
        s = 1 + y % 3
        if y + s >= array.shape[0]:
            continue
        for x in range(array.shape[1] - s):
            out[count] = (np.float64(array[y, x]) - np.float64(array[y, x + s])) - (
                np.float64(array[y + s, x]) - np.float64(array[y + s, x + s])
            )
            count += 1 if (bad[y, x] | bad[y, x + s] | bad[y + s, x] | bad[y + s, x + s]) == 0 else 0
    return count


@kernel(fastmath=REORDERED_SUMS)
def _core(deviations, limit):
    """Compute mean and standard deviation of the deviations within the limit, and the fraction above it."""
    kept = 0.0
    above = 0.0
    total = 0.0
    squares = 0.0
    for i in range(deviations.size):
        value = deviations[i]
        inside = abs(value) <= limit
        kept += 1.0 if inside else 0.0
        above += 1.0 if value > limit else 0.0
        total += value if inside else 0.0
        squares += value * value if inside else 0.0
    mean = total / kept
    return mean, np.sqrt(max(0.0, squares / kept - mean * mean)), above / deviations.size


@kernel
def block_table(array, bad, size, blocks, table):
    """Compute level and scatter of the listed blocks of size x size pixels (numbered row by row) of an array.

    table[i] = number of good pixels, level (mean within 3 sigma of the median), standard deviation of the
    pixels within 3 sigma, fraction of pixels above them, number of differences, scatter of one pixel from the
    differences d = v[y, x] - v[y, x+s] - v[y+s, x] + v[y+s, x+s], whose variance is four times that of a
    pixel. Offsets of rows or columns and any plane cancel in d.
    """
    across = array.shape[1] // size
    values = np.empty(size * size + 1, np.float64)
    scratch = np.empty(size * size, np.float64)
    table[:] = np.nan
    for i in range(blocks.size):
        y = blocks[i] // across * size
        x = blocks[i] % across * size
        part = array[y : y + size, x : x + size]
        flags = bad[y : y + size, x : x + size]
        count = _pixels(part, flags, values)
        table[i, 0] = count
        table[i, 4] = 0
        if count == 0:
            continue
        deviations = values[:count]
        median = ranked(deviations, count // 2)
        for j in range(count):
            deviations[j] -= median
        mean, spread, above = _core(deviations, 3.0 * _normal_scatter(deviations, scratch[:count]))
        table[i, 1] = median + mean
        table[i, 2] = spread
        table[i, 3] = above
        count = _differences(part, flags, values)
        table[i, 4] = count
        if count:
            table[i, 5] = 0.5 * _normal_scatter(values[:count], scratch[:count])


def block_size(shape: tuple[int, int]) -> int:
    """Return the side of a block: 32 pixels, less in arrays below 256 pixels, but at least 8."""
    return min(32, max(8, min(shape) // 8))


def spread_blocks(shape: tuple[int, int], size: int, most: int = 2048) -> np.ndarray:
    """Return the numbers of at most `most` blocks of an array, spread evenly but not at regular distances."""
    total = (shape[0] // size) * (shape[1] // size)
    if total <= most:
        return np.arange(total)
    stride = round(0.6180339887 * total)
    while math.gcd(stride, total) > 1:
        stride += 1
    return np.sort(np.arange(most) * stride % total)
