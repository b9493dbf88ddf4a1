"""A separable FIR filter on a plane: resampling by a constant shift, and smoothing.

The plane is continued beyond its edges by reflection at the centres of the outermost pixels
(d c b | a b c d); with this continuation an interpolating spline is exact at the edge.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel

_SUMS = {"contract", "reassoc", "nsz"}


@kernel
def mirrored(index, size):
    """Return the pixel in ``0 .. size - 1`` for `index`, reflected at the outermost pixels."""
    if size == 1:
        return 0
    period = 2 * (size - 1)
    index = index % period
    return period - index if index >= size else index


@kernel(fastmath=_SUMS)
def _accumulate(total, a, b, c, wa, wb, wc):
    # Three rows at once: fewer passes over `total`, and still few enough slices for the alias checks.
    for x in range(total.size):
        total[x] += wa * a[x] + wb * b[x] + wc * c[x]


@kernel(fastmath=_SUMS)
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
