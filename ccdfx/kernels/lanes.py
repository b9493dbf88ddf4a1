"""Sorting, counting and summing over lanes: the inner loops of the stack kernel.

A tile is ``[frame or rank][lane]``; every loop runs over neighbouring lanes, so that LLVM vectorises it. Missing values
are +inf and sort to the end.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ccdfx.kernels.cache import kernel


def _extreme(name):
    """The LLVM intrinsic `name` for floats that are never NaN: a plain vector minimum or maximum.

    A minimum written as a comparison becomes a masked store in a loop like `sort_lanes`, many times slower.
    """

    @intrinsic
    def extreme(typingctx, a, b):
        def codegen(context, builder, signature, args):
            kind = context.get_value_type(signature.return_type)
            function = builder.module.declare_intrinsic(
                f"llvm.{name}", (kind,), ir.FunctionType(kind, (kind, kind))
            )
            return builder.call(function, args, fastmath=("nnan", "nsz"))

        if isinstance(a, types.Float) and a == b:
            return a(a, b), codegen
        return None

    return extreme


lower = _extreme("minnum")
upper = _extreme("maxnum")


# Whole-array expressions (a[:] = b, a.min()) are loops here: numba takes seconds to compile each of them.


@kernel
def fill(array, value):
    """array[:] = value"""
    for i in range(array.size):
        array[i] = value


@kernel
def copy(source, target):
    """target[:] = source"""
    for i in range(source.size):
        target[i] = source[i]


@kernel
def least(array):
    """The smallest element of a vector of int32."""
    found = array[0]
    for i in range(1, array.size):
        found = min(found, array[i])
    return found


@kernel
def greatest(array):
    """The greatest element of a vector of int32."""
    found = array[0]
    for i in range(1, array.size):
        found = max(found, array[i])
    return found


@kernel
def sort_lanes(tile, network):
    """Compare and exchange the rows of a tile as the network says."""
    for k in range(network.shape[0]):
        first = tile[network[k, 0]]
        second = tile[network[k, 1]]
        for i in range(tile.shape[1]):
            a, b = first[i], second[i]
            first[i] = lower(a, b)
            second[i] = upper(a, b)


@kernel
def sort_lanes_and_frames(tile, frames, network):
    """`sort_lanes`, and the frame that each value comes from goes with it."""
    for j in range(frames.shape[0]):
        fill(frames[j], np.int32(j))
    for k in range(network.shape[0]):
        first, second = tile[network[k, 0]], tile[network[k, 1]]
        p, q = frames[network[k, 0]], frames[network[k, 1]]
        for i in range(tile.shape[1]):
            swap = second[i] < first[i]
            a, b = p[i], q[i]
            p[i] = b if swap else a
            q[i] = a if swap else b
        for i in range(tile.shape[1]):
            a, b = first[i], second[i]
            first[i] = lower(a, b)
            second[i] = upper(a, b)


@kernel
def count_lanes(tile, counts):
    """How many values of each lane are there."""
    inf = tile.dtype.type(np.inf)
    fill(counts, np.int32(0))
    for j in range(tile.shape[0]):
        for i in range(tile.shape[1]):
            counts[i] += np.int32(1) if tile[j, i] < inf else np.int32(0)


@kernel
def balance_lanes(tile, sign):
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
def sum_all(tile, pivot, total, squares):
    """Sums of x - pivot and of its square over the finite values of each lane."""
    inf = tile.dtype.type(np.inf)
    fill(total, 0.0)
    fill(squares, 0.0)
    for j in range(tile.shape[0]):
        for i in range(tile.shape[1]):
            x = tile[j, i]
            d = np.float64(x) - pivot[i] if abs(x) < inf else 0.0
            total[i] += d
            squares[i] += d * d


@kernel
def sum_whole(tile, pivot, total, squares):
    """As `sum_all`, where no value is missing."""
    fill(total, 0.0)
    fill(squares, 0.0)
    for j in range(tile.shape[0]):
        for i in range(tile.shape[1]):
            d = np.float64(tile[j, i]) - pivot[i]
            total[i] += d
            squares[i] += d * d


@kernel
def sum_ranks(tile, low, high, pivot, total, squares):
    """Sums of x - pivot and of its square over the ranks ``low <= rank < high`` of each sorted lane."""
    fill(total, 0.0)
    fill(squares, 0.0)
    first, last = greatest(low), least(high)
    for r in range(least(low), greatest(high)):
        if first <= r < last:
            for i in range(tile.shape[1]):
                d = tile[r, i] - pivot[i]
                total[i] += d
                squares[i] += d * d
        else:
            for i in range(tile.shape[1]):
                d = tile[r, i] - pivot[i] if (r >= low[i]) & (r < high[i]) else 0.0
                total[i] += d
                squares[i] += d * d


@kernel
def winsorize(tile, low, high, counts, pivot, total, squares):
    """Turn sums over the survivors into sums in which each dropped value counts as the nearest survivor."""
    for i in range(tile.shape[1]):
        if low[i] < high[i]:
            below, above = tile[low[i], i] - pivot[i], tile[high[i] - 1, i] - pivot[i]
            under, over = low[i], counts[i] - high[i]
            total[i] += under * below + over * above
            squares[i] += under * below * below + over * above * above
