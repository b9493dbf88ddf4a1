"""Resampling of a plane: by a separable FIR filter, or under an affine transform.

The filter continues the plane beyond its edges by reflection at the centres of the outermost pixels
(d c b | a b c d); with this continuation an interpolating spline is exact at the edge.

Under an affine transform, row p of the table of weights is for positions p / (rows - 1) of a pixel beyond a pixel
centre; between two rows the weights are interpolated. One table serves both axes.
"""

from __future__ import annotations

import math

import numpy as np
from numba import uint64

from ccdfx.kernels.compile.kernel import REORDERED_SUMS, kernel


@kernel
def mirrored(index, size):
    """Return the pixel in ``0 .. size - 1`` for `index`, reflected at the outermost pixels."""
    if size == 1:
        return 0
    period = 2 * (size - 1)
    index = index % period
    return period - index if index >= size else index


@kernel(fastmath=REORDERED_SUMS)
def _accumulate(total, a, b, c, wa, wb, wc):
    # Three rows at once: fewer passes over `total`, and still few enough slices for the alias checks.
    for x in range(total.size):
        total[x] += wa * a[x] + wb * b[x] + wc * c[x]


@kernel(fastmath=REORDERED_SUMS)
def separable(source, taps_y, first_y, taps_x, first_x, out, y_lower, y_upper):
    """Filter rows `y_lower` to `y_upper` of `source` into `out`.

    ``out[y, x] = sum_j sum_i taps_y[j] taps_x[i] source[y + first_y + j, x + first_x + i]``. The tap arrays
    have the dtype of `source` and a length that is a multiple of three (append zeros).
    """
    ny, nx = source.shape
    width = nx + taps_x.size - 1
    line = np.zeros(width, source.dtype)
    column = np.empty(nx, source.dtype)
    left = -first_x if first_x < 0 else 0
    for y in range(y_lower, y_upper):
        column[:] = 0
        for j in range(0, taps_y.size, 3):
            _accumulate(
                column,
                source[mirrored(y + first_y + j, ny)],
                source[mirrored(y + first_y + j + 1, ny)],
                source[mirrored(y + first_y + j + 2, ny)],
                taps_y[j],
                taps_y[j + 1],
                taps_y[j + 2],
            )
        # line[k] is the filtered column at x = k + first_x.
        lower = min(left, width)
        upper = max(min(nx - first_x, width), lower)
        for k in range(lower):
            line[k] = column[mirrored(k + first_x, nx)]
        for k in range(lower, upper):
            line[k] = column[k + first_x]
        for k in range(upper, width):
            line[k] = column[mirrored(k + first_x, nx)]
        row = out[y]
        row[:] = 0
        for i in range(0, taps_x.size, 3):
            _accumulate(
                row,
                line[i : i + nx],
                line[i + 1 : i + 1 + nx],
                line[i + 2 : i + 2 + nx],
                taps_x[i],
                taps_x[i + 1],
                taps_x[i + 2],
            )


@kernel(fastmath=REORDERED_SUMS)
def _places(slope, start, first, index, fraction):
    """Split the positions ``slope * x + start`` of x from `first` on, above -1, into pixel index and fraction."""
    for x in range(index.size):
        place = slope * (x + first) + start + 1
        index[x] = np.int32(place) - 1
        fraction[x] = place - np.int32(place)


@kernel
def _span(slope, start, size, lower, upper):
    """Limit ``lower <= x < upper`` to the part with ``-0.5 <= slope * x + start <= size - 0.5``."""
    if slope == 0:
        return (lower, upper) if -0.5 <= start <= size - 0.5 else (lower, lower)
    first, last = (-0.5 - start) / slope, (size - 0.5 - start) / slope
    if first > last:
        first, last = last, first
    lower = math.ceil(min(max(first, lower), upper))
    return lower, max(math.floor(max(min(last, upper - 1.0), lower - 1.0)) + 1, lower)


@kernel(fastmath=REORDERED_SUMS)
def resample(source, corner, size, inverse, origin, table, steps, gain, place, out):
    """Fill a window of the result with `gain` times the source at ``inverse @ (x, y) + origin``; 0 outside of it.

    Parameters
    ----------
    source : array
        Pixels of the source from (y, x) = `corner` on, reflected beyond its edges.
    corner, size, place : arrays of 2
        `size` is the shape of the source without reflections; ``out[0, 0]`` is the pixel (y, x) = `place` of the result.
    steps : tuple of int
        Offsets of the neighbours to which the columns of `table` belong, in ascending order; a tuple so that the
        compiler knows its length.
    """
    width, taps = source.shape[1], len(steps)
    number = source.dtype.type
    phases = table.shape[0] - 1
    x_first = place[1]
    # Flat views and unsigned indices: for a signed index numba first checks whether it is negative.
    pixels, weights = source.reshape(-1), table.reshape(-1)
    i, j = np.empty(out.shape[1], np.int32), np.empty(out.shape[1], np.int32)
    u, v = np.empty(out.shape[1], source.dtype), np.empty(out.shape[1], source.dtype)
    for row in range(out.shape[0]):
        y = row + place[0]
        across, down = inverse[0, 1] * y + origin[0], inverse[1, 1] * y + origin[1]
        _places(inverse[0, 0], across, x_first, i, u)
        _places(inverse[1, 0], down, x_first, j, v)
        lower, upper = _span(inverse[0, 0], across, size[1], x_first, x_first + out.shape[1])
        lower, upper = _span(inverse[1, 0], down, size[0], lower, upper)
        lower, upper = lower - x_first, upper - x_first
        out[row, :lower] = 0
        out[row, upper:] = 0
        for x in range(lower, upper):
            a, b = u[x] * phases, v[x] * phases
            p, q = min(int(a), phases - 1), min(int(b), phases - 1)
            a, b = number(a - p), number(b - q)
            first = uint64((j[x] - corner[0] + steps[0]) * width + i[x] - corner[1] + steps[0])
            p_taps, q_taps = uint64(p * taps), uint64(q * taps)
            total = number(0)
            for m in range(taps):
                line = number(0)
                for n in range(taps):
                    low, high = weights[p_taps + uint64(n)], weights[p_taps + uint64(n + taps)]
                    line += (low + a * (high - low)) * pixels[first + uint64(m * width + n)]
                low, high = weights[q_taps + uint64(m)], weights[q_taps + uint64(m + taps)]
                total += (low + b * (high - low)) * line
            out[row, x] = gain * total


@kernel
def _folded(table, phases, fraction, first, steps, size, weights):
    """Store the weights along one axis; those of the same pixel, reflected at an edge, are added up in the first."""
    taps = len(steps)
    a = fraction * phases
    p = min(int(a), phases - 1)
    a -= p
    for n in range(taps):
        weights[n] = table[p, n] + a * (table[p + 1, n] - table[p, n])
    for n in range(1, taps):
        for m in range(n):
            if mirrored(first + m, size) == mirrored(first + n, size):
                weights[m] += weights[n]
                weights[n] = 0.0
                break


@kernel
def resample_variance_at_edges(source, corner, size, inverse, origin, table, steps, gain, place, out):
    """Store the variances of the pixels of which some of the neighbours are beyond the edges; leave others as they are.

    The arguments are those of `resample`, with the weights of values in `table`. A pixel and its reflections have one
    error, so that their weights are added up before they are squared.
    """
    taps, phases = len(steps), table.shape[0] - 1
    across, down = np.empty(taps), np.empty(taps)
    for row in range(out.shape[0]):
        y = row + place[0]
        for column in range(out.shape[1]):
            x = column + place[1]
            u = inverse[0, 0] * x + inverse[0, 1] * y + origin[0]
            v = inverse[1, 0] * x + inverse[1, 1] * y + origin[1]
            if not (-0.5 <= u <= size[1] - 0.5 and -0.5 <= v <= size[0] - 0.5):
                continue
            i, j = math.floor(u) + steps[0], math.floor(v) + steps[0]
            if i >= 0 and i + taps <= size[1] and j >= 0 and j + taps <= size[0]:
                continue
            _folded(table, phases, u - math.floor(u), i, steps, size[1], across)
            _folded(table, phases, v - math.floor(v), j, steps, size[0], down)
            total = 0.0
            for m in range(taps):
                for n in range(taps):
                    weight = down[m] * across[n]
                    total += weight * weight * source[j - corner[0] + m, i - corner[1] + n]
            out[row, column] = gain * total


@kernel
def gather_flags(flags, near, corner, size, inverse, origin, table, notable, place, outside, out):
    """OR into a window of the result the flags of the 4 x 4 neighbours with a weight of at least `notable`.

    The geometry is that of `resample`; `flags` has `outside` in pixels beyond the edges, and so has the result more
    than four pixels beyond them. ``near[j, i]`` is the OR of the flags of the 16 neighbours of a position in the pixel
    interval that begins at (i + 1, j + 1) of `flags`; `table` has four columns.
    """
    phases = table.shape[0] - 1
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            y, x = row + place[0], column + place[1]
            u = inverse[0, 0] * x + inverse[0, 1] * y + origin[0]
            v = inverse[1, 0] * x + inverse[1, 1] * y + origin[1]
            if not (u >= -4 and u < size[1] + 3 and v >= -4 and v < size[0] + 3):
                out[row, column] |= outside
                continue
            i, j = math.floor(u), math.floor(v)
            left, below = i - corner[1], j - corner[0]
            if near[below - 1, left - 1] == 0:
                continue
            p, q = int((u - i) * phases + 0.5), int((v - j) * phases + 0.5)
            for m in range(4):
                for n in range(4):
                    if abs(table[q, m] * table[p, n]) >= notable:
                        out[row, column] |= flags[below + m - 1, left + n - 1]
