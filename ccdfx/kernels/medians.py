"""Medians of a sliding window: the middle ranks of shifted slices of rows.

Neighbouring pixels are the lanes of a tile ``[place in the window][lane]``, as in the stack kernel; what sorts its rows
is a value (`ccdfx.kernels.sorters`), so that one compiled kernel serves every window. Windows lie wholly inside the source,
which its owner extends.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.lanes import aligned, copy, fill
from ccdfx.kernels.passing import PassedKernel
from ccdfx.kernels.sorters import LANE_STEP, sorter

LANES = 5 * LANE_STEP


def window_sorter(kind: np.dtype, count: int) -> PassedKernel:
    """What finds the median of windows of `count` pixels."""
    return sorter(kind.str[1:], count, middle=True)


@kernel
def reflected(index, size):
    """The pixel in ``0 .. size - 1`` that a mirror on the outer edges of the plane shows at `index`."""
    index = index % (2 * size)
    return 2 * size - 1 - index if index >= size else index


@kernel
def cut_reflected(plane, y_lower, x_lower, out):
    """Copy the part of a plane at (y_lower, x_lower), which may lie beyond the edges: d c b a | a b c d | d c b a."""
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
    """The pixels of the windows whose first pixels are (y, x), (y, x + 1), ..., one place a row of the tile."""
    for j in range(height):
        for i in range(width):
            copy(source[y + j, x + i : x + i + lanes], tile[j * width + i])


@kernel
def workspace(size, columns, kind):
    """A tile of `size` rows for windows side by side, the frames that its values do not come from, and its lanes in use."""
    tile = aligned(size, min(LANES, (columns + LANE_STEP - 1) // LANE_STEP * LANE_STEP), kind)
    for row in range(size):
        fill(tile[row], tile.dtype.type(0))
    return tile, np.empty((0, 0), np.int32), min(tile.shape[1], columns)


@kernel
def window_medians(source, height, width, sort, out):
    """``out[y, x]``: the median of ``source[y : y + height, x : x + width]``, an odd number of values without NaN.

    `sort` is a `window_sorter`; source is (rows + height - 1, columns + width - 1), out is (rows, columns).
    """
    rows, columns = out.shape
    size = height * width
    tile, order, lanes = workspace(size, columns, out.dtype)
    for y in range(rows):
        for start in range(0, columns, lanes):
            x = min(start, columns - lanes)  # whole tiles only: the last two may share lanes
            gather_window(source, y, x, height, width, tile, lanes)
            sort(tile, order)
            copy(tile[size // 2, :lanes], out[y, x : x + lanes])


@kernel
def _balance(tile, sign):
    """Make the missing values of each lane +inf, -inf, +inf ... in turn, so that the median stays in the middle."""
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
    """As `window_medians` of the values that are not +inf; the mean of the middle two of an even number, else NaN."""
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
            # _balance leaves -1 behind where an odd number is missing, so that an even number is there.
            for i in range(lanes):
                below, above = tile[max(middle - 1, 0), i], tile[middle, i]
                found = above if sign[i] > 0 else below + half * (above - below)
                out[y, x + i] = found if abs(above) < inf else np.nan


@kernel
def median_rows(plane, height, width, sort, good_only, out, y_lower, y_upper):
    """Rows `y_lower` to `y_upper` of the median filter of a plane that is reflected at its edges."""
    margin_y, margin_x = height // 2, width // 2
    source = np.empty((y_upper - y_lower + 2 * margin_y, plane.shape[1] + 2 * margin_x), plane.dtype)
    cut_reflected(plane, y_lower - margin_y, -margin_x, source)
    if good_only:
        window_medians_of_good(source, height, width, sort, out[y_lower:y_upper])
    else:
        window_medians(source, height, width, sort, out[y_lower:y_upper])
