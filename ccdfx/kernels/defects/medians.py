"""Medians in a sliding window: the middle ranks of shifted slices of rows.

Neighbouring pixels are the lanes of a tile ``[place in the window][lane]``, as in the stack kernel. The
function that sorts its rows is passed as a value (`ccdfx.kernels.stack.sorting`), so that one compiled kernel
serves every window. Windows lie wholly inside the source, which the caller extends at the edges.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import PassedKernel, kernel
from ccdfx.kernels.stack.lanes import aligned, copy, fill
from ccdfx.kernels.stack.sorting import LANE_STEP, sorter

WINDOW_LANES = 5 * LANE_STEP


def window_sorter(kind: np.dtype, count: int) -> PassedKernel:
    """Return the sorter that finds the median of windows of `count` pixels."""
    return sorter(kind.str[1:], count, middle=True)


@kernel
def reflected(index, size):
    """Return the pixel in ``0 .. size - 1`` at `index` of a plane that is mirrored at its outer edges."""
    index = index % (2 * size)
    return 2 * size - 1 - index if index >= size else index


@kernel
def cut_reflected(plane, y_lower, x_lower, out):
    """Copy the part of a plane at (y_lower, x_lower), mirrored beyond the edges.

    The order of pixels is d c b a | a b c d | d c b a.
    """
    ny, nx = plane.shape
    rows, columns = out.shape
    first = min(max(-x_lower, 0), columns)
    last = max(min(nx - x_lower, columns), first)
    for y in range(rows):
        source = plane[reflected(y_lower + y, ny)]
        target = out[y]
        for x in range(first):
            target[x] = source[reflected(x_lower + x, nx)]
        copy(source[x_lower + first : x_lower + last], target[first:last])
        for x in range(last, columns):
            target[x] = source[reflected(x_lower + x, nx)]


@kernel
def gather_window(source, y, x, height, width, tile, lanes):
    """Copy the pixels of adjacent windows to a tile, one row for each place in the window.

    The first pixels of the windows are (y, x), (y, x + 1), ...
    """
    for j in range(height):
        for i in range(width):
            copy(source[y + j, x + i : x + i + lanes], tile[j * width + i])


@kernel
def workspace(size, columns, kind):
    """Allocate a tile of `size` rows for adjacent windows; return it, an empty order, and its lanes in use.

    The order is empty because the values do not come from different frames.
    """
    tile = aligned(size, min(WINDOW_LANES, (columns + LANE_STEP - 1) // LANE_STEP * LANE_STEP), kind)
    for row in range(size):
        fill(tile[row], tile.dtype.type(0))
    return tile, np.empty((0, 0), np.int32), min(tile.shape[1], columns)


@kernel
def window_medians(source, height, width, sort, out):
    """Store in ``out[y, x]`` the median of ``source[y : y + height, x : x + width]``.

    The number of values is odd, and none is NaN. `sort` is a `window_sorter`; source is (rows + height - 1,
    columns + width - 1), out is (rows, columns).
    """
    rows, columns = out.shape
    size = height * width
    tile, order, lanes = workspace(size, columns, out.dtype)
    for y in range(rows):
        for start in range(0, columns, lanes):
            x = min(start, columns - lanes)  # whole tiles only: the last two may overlap
            gather_window(source, y, x, height, width, tile, lanes)
            sort(tile, order)
            copy(tile[size // 2, :lanes], out[y, x : x + lanes])


@kernel
def _balance(tile, sign):
    """Set missing values of each lane to +inf, -inf, +inf ..., so that the median stays in the middle."""
    kind = tile.dtype.type
    inf, one = kind(np.inf), kind(1)
    fill(sign, one)
    for j in range(tile.shape[0]):
        for i in range(tile.shape[1]):
            missing = tile[j, i] == inf
            tile[j, i] = sign[i] * inf if missing else tile[j, i]
            sign[i] = -sign[i] if missing else sign[i]


@kernel
def window_medians_of_good(source, height, width, sort, out):
    """Compute `window_medians` of the values that are not +inf; NaN where there is none.

    The median of an even number of values is the mean of the middle two.
    """
    rows, columns = out.shape
    size = height * width
    tile, order, lanes = workspace(size, columns, out.dtype)
    sign = np.empty(tile.shape[1], out.dtype)
    middle = size // 2
    half, inf = out.dtype.type(0.5), out.dtype.type(np.inf)
    for y in range(rows):
        for start in range(0, columns, lanes):
            x = min(start, columns - lanes)
            gather_window(source, y, x, height, width, tile, lanes)
            _balance(tile, sign)
            sort(tile, order)
            # The sign is -1 where an odd number of values is missing, so that an even number is there.
            for i in range(lanes):
                below, above = tile[max(middle - 1, 0), i], tile[middle, i]
                found = above if sign[i] > 0 else below + half * (above - below)
                out[y, x + i] = found if abs(above) < inf else np.nan


@kernel
def median_rows(plane, height, width, sort, good_only, out, y_lower, y_upper):
    """Compute rows `y_lower` to `y_upper` of the median filter of a plane that is mirrored at its edges."""
    margin_y, margin_x = height // 2, width // 2
    source = np.empty((y_upper - y_lower + 2 * margin_y, plane.shape[1] + 2 * margin_x), plane.dtype)
    cut_reflected(plane, y_lower - margin_y, -margin_x, source)
    if good_only:
        window_medians_of_good(source, height, width, sort, out[y_lower:y_upper])
    else:
        window_medians(source, height, width, sort, out[y_lower:y_upper])
