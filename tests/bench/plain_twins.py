"""Plain numba twins of generated decoding and sorting, with the same results: what `bench_generated.py` compares.

Decoding is a loop over the pixels of each kind, and sorting reads its network as data. None has instructions of its own
but one: `plain_gather_ahead` prefetches like the generated code.
"""

from __future__ import annotations

import functools
import types as python
from typing import Any

import numpy as np
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from ccdfx.kernels.compile import llvm
from ccdfx.kernels.compile.kernel import PassedKernel, kernel
from ccdfx.kernels.stack import gather as gathering
from ccdfx.kernels.stack.decode import (
    BIG_F4,
    BIG_I2,
    BIG_I4,
    BIG_U2,
    F4,
    F8,
    I2,
    I4,
    ITEMSIZES,
    U1,
    U2,
)
from ccdfx.kernels.stack.gather import pointer
from ccdfx.kernels.stack.sorting import REALS, middle_network, number_rows, sorting_network


def calling(function: Any, name: str, fastmath: Any = False, **twins: Any) -> Any:
    """Return a kernel of the code of another one that calls twins in place of the functions of these names."""
    source = getattr(function, "py_func", function)
    made = python.FunctionType(source.__code__, {**source.__globals__, **twins}, name, source.__defaults__)
    made.__qualname__, made.__module__ = name, source.__module__
    return kernel(made, fastmath=fastmath)


# Decoding.


@kernel
def swapped_2(x):
    """Return 16 bits in the other byte order."""
    return np.uint16((x << 8) | (x >> 8))


@kernel
def swapped_4(x):
    """Return 32 bits in the other byte order."""
    return np.uint32(((x & 0xFF) << 24) | ((x & 0xFF00) << 8) | ((x >> 8) & 0xFF00) | (x >> 24))


@kernel
def swapped_8(x):
    """Return 64 bits in the other byte order."""
    low, high = swapped_4(np.uint32(x & np.uint64(0xFFFFFFFF))), swapped_4(np.uint32(x >> np.uint64(32)))
    return np.uint64(low) << np.uint64(32) | np.uint64(high)


@kernel
def as_stored(x):
    """Return a number of this machine."""
    return x


@kernel
def big_i2(x):
    """Return the integer of 2 big-endian bytes."""
    return np.int16(swapped_2(x))


@kernel
def big_u2(x):
    """Return the integer of 2 big-endian bytes with BZERO = 32768."""
    return np.uint16(swapped_2(x) ^ 0x8000)


@kernel
def big_i4(x):
    """Return the integer of 4 big-endian bytes."""
    return np.int32(swapped_4(x))


@kernel
def big_f4(x):
    """Return the number of 4 big-endian bytes."""
    return np.uint32(swapped_4(x)).view(np.float32)


@kernel
def big_f8(x):
    """Return the number of 8 big-endian bytes."""
    return np.uint64(swapped_8(x)).view(np.float64)


@kernel
def integers(pixels, meaning, tile, row):
    kind = tile.dtype.type
    for i in range(pixels.size):
        tile[row, i] = kind(meaning(pixels[i]))
    return False


@kernel
def _floats(pixels, meaning, tile, row):
    kind, bad = tile.dtype.type, False
    inf = kind(np.inf)
    for i in range(pixels.size):
        value = kind(meaning(pixels[i]))
        there = abs(value) < inf
        tile[row, i] = value if there else inf
        bad |= not there
    return bad


@kernel
def plain_decode(address, kind, start, tile, row, width, blank, ahead):
    """Decode like `decode` of the stack, without prefetching."""
    place, size = pointer(address + start * ITEMSIZES[kind]), (width,)
    if kind == U2:
        missing = integers(carray(place, size, np.uint16), as_stored, tile, row)
    elif kind == F4:
        missing = _floats(carray(place, size, np.float32), as_stored, tile, row)
    elif kind == BIG_U2:
        missing = integers(carray(place, size, np.uint16), big_u2, tile, row)
    elif kind == BIG_I2:
        missing = integers(carray(place, size, np.uint16), big_i2, tile, row)
    elif kind == BIG_F4:
        missing = _floats(carray(place, size, np.uint32), big_f4, tile, row)
    elif kind == F8:
        missing = _floats(carray(place, size, np.float64), as_stored, tile, row)
    elif kind == I2:
        missing = integers(carray(place, size, np.int16), as_stored, tile, row)
    elif kind == U1:
        missing = integers(carray(place, size, np.uint8), as_stored, tile, row)
    elif kind == I4:
        missing = integers(carray(place, size, np.int32), as_stored, tile, row)
    elif kind == BIG_I4:
        missing = integers(carray(place, size, np.uint32), big_i4, tile, row)
    else:
        missing = _floats(carray(place, size, np.uint64), big_f8, tile, row)
    if blank == blank:
        value, inf = tile.dtype.type(blank), tile.dtype.type(np.inf)
        for i in range(width):
            there = tile[row, i] != value
            tile[row, i] = tile[row, i] if there else inf
            missing |= not there
    return missing


@intrinsic
def prefetch(typingctx, address):
    def codegen(context, builder, signature, args):
        llvm.prefetch(builder, builder.inttoptr(args[0], cgutils.voidptr_t))
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@kernel
def _decode_ahead(address, kind, start, tile, row, width, blank, ahead):
    first = address + start * ITEMSIZES[kind] + ahead
    for line in range(first, first + width * ITEMSIZES[kind], 64):
        prefetch(line)
    return plain_decode(address, kind, start, tile, row, width, blank, ahead)


@kernel
def plain_cover(mask, tile, row, width):
    """Set ``tile[row, :width]`` to +inf where the mask bytes at an address are not 0; return 0 if none is."""
    hidden, line = carray(pointer(mask), (width,), np.uint8), tile[row]
    bad, inf = np.uint8(0), tile.dtype.type(np.inf)
    for i in range(width):
        bad = np.uint8(bad | hidden[i])
        line[i] = line[i] if hidden[i] == 0 else inf
    return np.int64(bad)


plain_gather = calling(gathering.gather, "plain_gather", decode=plain_decode, cover_run=plain_cover)
plain_gather_ahead = calling(
    gathering.gather, "plain_gather_ahead", decode=_decode_ahead, cover_run=plain_cover
)


# Sorting.


@kernel
def smaller(a, b):
    """Return the smaller of two values."""
    return a if a < b else b


@kernel
def greater(a, b):
    """Return the greater of two values."""
    return a if a > b else b


@kernel
def _exchange(a, b):
    for i in range(a.size):
        x, y = a[i], b[i]
        a[i] = smaller(x, y)
        b[i] = greater(x, y)


@kernel
def _exchange_ordered(a, b, m, n):
    for i in range(a.size):
        x, y, s, t = a[i], b[i], m[i], n[i]
        swap = y < x
        a[i] = y if swap else x
        b[i] = x if swap else y
        m[i] = t if swap else s
        n[i] = s if swap else t


@functools.cache
def plain_sorter(kind: str, count: int, ordered: bool = False, middle: bool = False) -> PassedKernel:
    """Return the twin of `sorter`, which reads the comparators of its network."""
    network = middle_network(count) if middle else sorting_network(count)
    pairs = np.array(network, np.int64).reshape(-1, 2)

    def sort(tile, order):
        number_rows(order)
        for k in range(pairs.shape[0]):
            first, second = pairs[k, 0], pairs[k, 1]
            if ordered:
                _exchange_ordered(tile[first], tile[second], order[first], order[second])
            else:
                _exchange(tile[first], tile[second])

    signature = types.void(types.Array(REALS[kind], 2, "C"), types.Array(types.int32, 2, "C"))
    return PassedKernel(sort, signature)
