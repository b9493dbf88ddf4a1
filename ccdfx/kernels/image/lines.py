"""Lines of overscan pixels: their medians and clipped means, and the columns that lie beside the others.

Medians are found by halving a range, so that no line is sorted, and each line is done while it is in the nearest cache.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import REORDERED_SUMS, kernel
from ccdfx.kernels.image.blocks import middle, ranked

_LARGEST = np.finfo(np.float64).max  # for squares that overflow: ranks are found among finite values


@kernel
def gather_lines(samples, dropped, values, counts, medians):
    """Move the finite samples of each line together, and compute their median; return whether all are whole numbers.

    Parameters
    ----------
    samples : (lines, pixels) float64
    dropped : (pixels,) uint8
        Columns that are left out, 1.
    values : (lines, pixels) float64
        Filled: the samples of a line in their order, and NaN behind them.
    counts, medians : (lines,) int64 and float64
        Filled; the median of no sample is NaN.
    """
    whole = True
    for y in range(samples.shape[0]):
        line, count = values[y], 0
        for x in range(samples.shape[1]):
            value = samples[y, x]
            good = (abs(value) < np.inf) & (dropped[x] == 0)
            whole &= (value == np.floor(value)) | (not good)
            line[count] = value
            count += 1 if good else 0
        for x in range(count, line.size):
            line[x] = np.nan
        counts[y] = count
        medians[y] = middle(line[:count]) if count else np.nan
    return whole


@kernel(fastmath=REORDERED_SUMS)
def clip_lines(values, counts, centres, limit, means, numbers, squares):
    """Compute the mean of each line within a limit of its centre; where nothing is within it, of all values.

    Parameters
    ----------
    values : (lines, pixels) float64
        The first `counts` of each line are used, one or more.
    counts, centres : (lines,) int64 and float64
    limit : float
        Infinite to leave out nothing.
    means, numbers, squares : (lines,) float64
        Filled: the mean, the number of values in it, and the sum of the squares of their distances from it.
    """
    for y in range(counts.size):
        line, centre = values[y, : counts[y]], centres[y]
        kept, total, within = 0.0, 0.0, limit
        for x in range(line.size):
            distance = line[x] - centre
            inside = abs(distance) <= limit
            kept += 1.0 if inside else 0.0
            total += distance if inside else 0.0
        if kept == 0.0:
            within = np.inf
            for x in range(line.size):
                kept += 1.0
                total += line[x] - centre
        mean, square = centre + total / kept, 0.0
        for x in range(line.size):
            distance = line[x] - mean
            square += distance * distance if abs(line[x] - centre) <= within else 0.0
        means[y], numbers[y], squares[y] = mean, kept, square


@kernel
def least_mean(values, number):
    """Return the mean of the `number` least of finite values."""
    last = ranked(values, number - 1)
    total, count = 0.0, 0
    for x in range(values.size):
        below = values[x] < last
        total += values[x] if below else 0.0
        count += 1 if below else 0
    return (total + (number - count) * last) / number


@kernel
def least_squares_of_lines(values, counts, centres, step, part):
    """Return the mean of the least `part` of the squared distances from the centres of every `step`-th line.

    Each is multiplied by n / (n - 1) for the n values of its line; lines of one value have no part in it. The result is
    NaN without others.
    """
    squares, size = np.empty(((counts.size + step - 1) // step) * values.shape[1]), 0
    for y in range(0, counts.size, step):
        if counts[y] > 1:
            free = counts[y] / (counts[y] - 1.0)
            for x in range(counts[y]):
                distance = values[y, x] - centres[y]
                squares[size] = min(free * distance * distance, _LARGEST)
                size += 1
    return least_mean(squares[:size], max(1, int(np.ceil(part * size)))) if size else np.nan


@kernel
def column_spreads(samples, part, middles, spreads):
    """Compute the median distance of each column from the medians of the lines, and its scatter.

    Parameters
    ----------
    samples : (lines, pixels) float64
        With a finite value in each line and column.
    part : float
        Of the squares of the distances of a column, the least of which make its scatter.
    middles, spreads : (pixels,) float64
        Filled; the scatter is the mean of the least squares of the distances about their median.
    """
    lines, pixels = samples.shape
    beside, line = np.empty((pixels, lines)), np.empty(max(lines, pixels))
    filled = np.zeros(pixels, np.int64)
    for y in range(lines):
        count = 0
        for x in range(pixels):
            line[count] = samples[y, x]
            count += 1 if abs(samples[y, x]) < np.inf else 0
        median = middle(line[:count])
        for x in range(pixels):
            beside[x, filled[x]] = samples[y, x] - median
            filled[x] += 1 if abs(samples[y, x]) < np.inf else 0
    for x in range(pixels):
        column = beside[x, : filled[x]]
        middles[x] = middle(column)
        for y in range(column.size):
            line[y] = min((column[y] - middles[x]) ** 2, _LARGEST)
        spreads[x] = least_mean(line[: column.size], max(1, int(np.ceil(part * column.size))))
