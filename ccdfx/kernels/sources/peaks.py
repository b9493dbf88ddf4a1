"""Peaks of a plane filtered with a difference of two Gaussians, without keeping the filtered plane.

The narrow Gaussian is that of `taps`, an odd number. What is subtracted is a plane of half the size, which has
been filtered with a wide Gaussian, linear between its pixels: a wide filter need not look at every pixel.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import REORDERED_SUMS, kernel
from ccdfx.kernels.image.resample import mirrored


@kernel(fastmath=REORDERED_SUMS)
def _add_pair(total, a, b, weight):
    for x in range(total.size):
        total[x] += weight * (a[x] + b[x])


@kernel(fastmath=REORDERED_SUMS)
def _add_two(total, a, b, c, d, one, two):
    for x in range(total.size):
        total[x] += one * (a[x] + b[x]) + two * (c[x] + d[x])


@kernel(fastmath=REORDERED_SUMS)
def _scale(total, a, weight):
    for x in range(total.size):
        total[x] = weight * a[x]


@kernel(fastmath=REORDERED_SUMS)
def _blend(total, a, b, part):
    for x in range(total.size):
        total[x] = a[x] + part * (b[x] - a[x])


@kernel
def filter_row(plane, half, taps, y, line, coarse, out):
    """Filter row y of a plane into `out` (nx,); `line` (nx + taps - 1) and `coarse` (nx // 2 + 2) are scratch."""
    ny, nx = plane.shape
    reach = taps.size // 2
    inner = line[reach : reach + nx]
    _scale(inner, plane[y], taps[reach])
    for j in range(1, reach, 2):
        _add_two(
            inner,
            plane[mirrored(y - j, ny)],
            plane[mirrored(y + j, ny)],
            plane[mirrored(y - j - 1, ny)],
            plane[mirrored(y + j + 1, ny)],
            taps[reach + j],
            taps[reach + j + 1],
        )
    if reach % 2:
        _add_pair(inner, plane[mirrored(y - reach, ny)], plane[mirrored(y + reach, ny)], taps[-1])
    for k in range(reach):
        line[k] = inner[mirrored(k - reach, nx)]
        line[reach + nx + k] = inner[mirrored(nx + k, nx)]
    _scale(out, inner, taps[reach])
    for i in range(1, reach, 2):
        a, b = reach - i, reach + i
        _add_two(
            out,
            line[a : a + nx],
            line[b : b + nx],
            line[a - 1 : a - 1 + nx],
            line[b + 1 : b + 1 + nx],
            taps[b],
            taps[b + 1],
        )
    if reach % 2:
        _add_pair(out, line[:nx], line[2 * reach : 2 * reach + nx], taps[-1])
    rows, columns = half.shape
    first = min(max((y + 1) // 2 - 1, 0), rows - 1)
    _blend(
        coarse[1 : columns + 1],
        half[first],
        half[min((y + 1) // 2, rows - 1)],
        plane.dtype.type(0.75 if y % 2 == 0 else 0.25),
    )
    coarse[0], coarse[columns + 1] = coarse[1], coarse[columns]
    _subtract(out, coarse, columns)
    if nx % 2:
        out[nx - 1] -= coarse[columns]


@kernel
def _subtract(out, coarse, columns):
    """Subtract values that lie half-way between pairs of pixels, linear between them."""
    near, far = out.dtype.type(0.75), out.dtype.type(0.25)
    for k in range(columns):
        out[2 * k] -= near * coarse[k + 1] + far * coarse[k]
        out[2 * k + 1] -= near * coarse[k + 1] + far * coarse[k + 2]


@kernel
def _mark_above(row, limit, out):
    for x in range(row.size):
        out[x] = row[x] > limit[x]


@kernel
def peaks_above(plane, half, taps, limits, block, border, first, last, found, heights):
    """Find pixels of rows `first` to `last` of the filtered plane above their eight neighbours and the limit of their block.

    `limits[y // block, x // block]` are those of blocks. Stores (y, x) in `found` and the values in `heights`, and
    returns the count, which may exceed their length. Of equal neighbours the first in row order is taken.
    """
    ny, nx = plane.shape
    border = max(border, 1)
    line = np.empty(nx + taps.size - 1, plane.dtype)
    coarse = np.empty(nx // 2 + 2, plane.dtype)
    rows = np.empty((3, nx), plane.dtype)
    limit = np.empty(nx, plane.dtype)
    high = np.zeros((nx + 7) // 8 * 8, np.uint8)
    groups = high.view(np.uint64)
    count = 0
    if ny <= 2 * border or nx <= 2 * border:
        return count
    first, last = max(first, border), min(last, ny - border)
    for y in range(first - 1, last + 1):
        filter_row(plane, half, taps, y, line, coarse, rows[y % 3])
        if y < first + 1:
            continue
        # The row in the middle is complete.
        above, row, below = rows[(y - 2) % 3], rows[(y - 1) % 3], rows[y % 3]
        at = (y - 1) // block
        for k in range(limits.shape[1]):
            limit[k * block : (k + 1) * block] = limits[at, k]
        inner = slice(border, nx - border)
        _mark_above(row[inner], limit[inner], high[inner])
        for group in range(groups.size):
            if groups[group] == 0:
                continue
            for x in range(max(8 * group, border), min(8 * group + 8, nx - border)):
                value = row[x]
                if (
                    high[x]
                    and value > above[x]
                    and value >= below[x]
                    and value > row[x - 1]
                    and value >= row[x + 1]
                    and value > above[x - 1]
                    and value > above[x + 1]
                    and value >= below[x - 1]
                    and value >= below[x + 1]
                ):
                    if count < heights.size:
                        found[count, 0], found[count, 1], heights[count] = y - 1, x, value
                    count += 1
    return count


@kernel(fastmath=REORDERED_SUMS)
def _add(total, row, weight):
    for x in range(total.size):
        total[x] += weight * row[x]


@kernel(fastmath=REORDERED_SUMS)
def _product(a, b):
    total = 0.0
    for x in range(a.size):
        total += a[x] * b[x]
    return total


@kernel
def sampled_difference(plane, narrow, wide, rows, stride, out):
    """Compute every `stride`-th pixel of some rows of a plane filtered with one Gaussian less the same with another.

    The taps of both, odd numbers of them, have the type of the plane; `out` is (rows, columns).
    """
    ny, nx = plane.shape
    line = np.empty(nx, plane.dtype)
    for k in range(rows.size):
        out[k] = 0
        for one, sign in ((narrow, 1.0), (wide, -1.0)):
            reach = one.size // 2
            line[:] = 0
            for j in range(one.size):
                _add(line, plane[mirrored(rows[k] + j - reach, ny)], one[j])
            for column in range(out.shape[1]):
                x = column * stride
                total = 0.0
                if reach <= x < nx - reach:
                    total = _product(one, line[x - reach : x + reach + 1])
                else:
                    for i in range(one.size):
                        total += one[i] * line[mirrored(x + i - reach, nx)]
                out[k, column] += sign * total


@kernel
def peaks_near(plane, taps, wide, places, reach, found, heights):
    """Find the highest pixel, within `reach` of each place (y, x), of a plane less the same with a wide Gaussian.

    Both filters have odd numbers of taps, `wide` at least as many, and are computed around the places alone.
    """
    ny, nx = plane.shape
    side, margin = 2 * reach + 1, wide.size // 2
    part, line = np.empty((side + 2 * margin, side + 2 * margin)), np.empty(side + 2 * margin)
    for k in range(places.shape[0]):
        y0, x0 = places[k, 0] - reach, places[k, 1] - reach
        best = -np.inf
        patch = np.zeros((side, side))
        inside = x0 >= margin and x0 + side + margin <= nx
        for j in range(part.shape[0]):
            row = plane[mirrored(y0 + j - margin, ny)]
            if inside:
                near = row[x0 - margin : x0 + side + margin]
                for i in range(part.shape[1]):
                    part[j, i] = near[i]
            else:
                for i in range(part.shape[1]):
                    part[j, i] = row[mirrored(x0 + i - margin, nx)]
        for one, sign in ((taps, 1.0), (wide, -1.0)):
            far = one.size // 2
            for j in range(side):
                line[:] = 0
                for m in range(one.size):
                    _add(line, part[j + m + margin - far], one[m])
                for i in range(side):
                    at = i + margin - far
                    patch[j, i] += sign * _product(one, line[at : at + one.size])
        for j in range(side):
            for i in range(side):
                if 0 <= y0 + j < ny and 0 <= x0 + i < nx and patch[j, i] > best:
                    best = patch[j, i]
                    found[k, 0], found[k, 1] = y0 + j, x0 + i
        heights[k] = best


@kernel
def halve(array, out):
    """Average squares of 2 x 2 pixels; an odd last row or column is left out."""
    quarter = array.dtype.type(0.25)
    for y in range(out.shape[0]):
        one, two, row = array[2 * y], array[2 * y + 1], out[y]
        for x in range(row.size):
            row[x] = quarter * ((one[2 * x] + two[2 * x]) + (one[2 * x + 1] + two[2 * x + 1]))
