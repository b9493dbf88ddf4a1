"""Counts and sums over lanes: the inner loops of the stack kernel.

A tile is ``[frame or rank][lane]``; every loop runs over neighbouring lanes, so that LLVM vectorises it.
Missing values are +inf and are sorted to the end.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ccdfx.kernels.compile.kernel import kernel

TILE_BYTES = 3 * 2**17
MOST_LANES = 7 * 64
"""Sums of a block lie so many lanes apart."""
_LINE = 64  # bytes of a cache line
_LEAST_LINES = 5  # shorter runs of each frame are read slowly


def block_lanes(count: int, itemsize: int, most: int = MOST_LANES) -> int:
    """Return how many neighbouring pixels of `count` frames make a block that fits the caches.

    Results do not depend on it. The number of cache lines is odd: with an even one, the rows of a tile would
    use at most half of the sets of the cache.
    """
    lines = min(TILE_BYTES // (count * _LINE), most * itemsize // _LINE)
    return max((lines - 1) // 2 * 2 + 1, _LEAST_LINES) * _LINE // itemsize


@intrinsic
def borrowed(typingctx, array):
    """Return the same array without its reference count.

    The count is atomic, and updating it would cost as much as the work on a block. The owner of the array
    must outlive it: pass the owner to `keep_alive` when the work is done.
    """

    def codegen(context, builder, signature, args):
        found = context.make_array(signature.return_type)(context, builder, value=args[0])
        found.meminfo = cgutils.get_null_value(found.meminfo.type)
        return found._getvalue()

    return array(array), codegen


@intrinsic
def keep_alive(typingctx, arrays):
    """Keep arrays (a tuple) alive up to this call."""

    def codegen(context, builder, signature, args):
        return context.get_dummy_value()

    return types.void(arrays), codegen


@kernel
def address(array):
    """Return the address of the first element of an array."""
    return np.int64(array.ctypes.data)


@kernel
def aligned(rows, lanes, kind):
    """Allocate an array [row][lane] that begins at a cache line, so that full vectors can be written."""
    whole = np.empty(rows * lanes + 64, kind)
    first = -address(whole) % 64 // whole.itemsize
    return whole[first : first + rows * lanes].reshape(rows, lanes)


# Loops replace whole-array expressions (a[:] = b, a.min()), because numba takes seconds to compile each of
# these. The inner loops of the rules have conditions in place of min and max, for which numba would compile a
# function for each pair of types.


@kernel
def fill(array, value):
    """Set array[:] = value."""
    for i in range(array.size):
        array[i] = value


@kernel
def copy(source, target):
    """Set target[:] = source."""
    for i in range(source.size):
        target[i] = source[i]


@kernel
def least(array):
    """Return the smallest element of a vector of int32."""
    found = array[0]
    for i in range(1, array.size):
        found = array[i] if array[i] < found else found
    return found


@kernel
def greatest(array):
    """Return the greatest element of a vector of int32."""
    found = array[0]
    for i in range(1, array.size):
        found = array[i] if array[i] > found else found
    return found


@kernel
def _is_there(x):
    return np.int32(1) if x < np.inf else np.int32(0)


@kernel
def count_lanes(tile, counts):
    """Count the values of each lane that are not missing."""
    rows, lanes = tile.shape
    fill(counts, np.int32(0))
    for j in range(0, rows - 3, 4):
        for i in range(lanes):
            a, b = _is_there(tile[j, i]), _is_there(tile[j + 1, i])
            c, d = _is_there(tile[j + 2, i]), _is_there(tile[j + 3, i])
            counts[i] += np.int32(np.int32(a + b) + np.int32(c + d))
    for j in range(rows - rows % 4, rows):
        for i in range(lanes):
            counts[i] += _is_there(tile[j, i])


# Rows of the sums of a block: about the pivot, and the same with winsorized ends. They lie MOST_LANES apart
# in one vector: because the compiler knows this distance, a loop over four rows of a tile and the sums
# vectorises.
SUMS_PIVOT, SUMS_X, SUMS_XX, SUMS_WINSOR_X, SUMS_WINSOR_XX = range(5)
SUMS_ROWS = 5
_T, _S = SUMS_X * MOST_LANES, SUMS_XX * MOST_LANES  # the pivots are at 0


@kernel
def _add(sums, i, a, b, c, d):
    sums[_T + i] += (a + b) + (c + d)
    sums[_S + i] += (a * a + b * b) + (c * c + d * d)


@kernel
def _clear(sums, lanes):
    for i in range(lanes):
        sums[_T + i] = 0.0
        sums[_S + i] = 0.0


@kernel
def _inside(tile, r, i, low, high, p):
    return tile[r, i] - p if (r >= low) & (r < high) else 0.0


@kernel
def sum_ranks(tile, low, high, sums):
    """Sum x - pivot and its square over the ranks ``low <= rank < high`` of each sorted lane.

    Ranks are added in fixed groups of four, whatever is rejected, so that the sums of a lane do not depend on
    its neighbours. Ranks after the last whole group are added one by one.
    """
    rows, lanes = tile.shape
    _clear(sums, lanes)
    first, last, most = greatest(low), least(high), greatest(high)
    start = least(low) // 4 * 4
    for r in range(start, min(most, rows - 3), 4):
        if first <= r and r + 4 <= last:
            for i in range(lanes):
                p = sums[i]
                _add(sums, i, tile[r, i] - p, tile[r + 1, i] - p, tile[r + 2, i] - p, tile[r + 3, i] - p)
        else:
            for i in range(lanes):
                p, m, n = sums[i], low[i], high[i]
                a, b = _inside(tile, r, i, m, n, p), _inside(tile, r + 1, i, m, n, p)
                c, d = _inside(tile, r + 2, i, m, n, p), _inside(tile, r + 3, i, m, n, p)
                _add(sums, i, a, b, c, d)
    for r in range(max(start, rows - rows % 4), most):
        for i in range(lanes):
            _add(sums, i, _inside(tile, r, i, low[i], high[i], sums[i]), 0.0, 0.0, 0.0)


@kernel
def winsorize(tile, low, high, counts, sums):
    """Store sums in which each rejected value is replaced by the nearest value kept."""
    for i in range(tile.shape[1]):
        total, squares = sums[_T + i], sums[_S + i]
        if low[i] < high[i]:
            below, above = tile[low[i], i] - sums[i], tile[high[i] - 1, i] - sums[i]
            under, over = low[i], counts[i] - high[i]
            total += under * below + over * above
            squares += under * below * below + over * above * above
        sums[SUMS_WINSOR_X * MOST_LANES + i] = total
        sums[SUMS_WINSOR_XX * MOST_LANES + i] = squares
