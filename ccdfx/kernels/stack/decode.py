"""Decoding of stored pixels into rows of a tile of the working type.

Raw FITS bytes are among the kinds of pixels: byte order and the offset of unsigned integers are converted in
the same pass.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.compile.llvm import call_vector, load_vector, prefetch, splat, store_vector, vector_bytes

# Kinds of pixels; FITS files hold the big-endian ones.
U1, I2, U2, I4, F4, F8, BIG_I2, BIG_I4, BIG_F4, BIG_F8, BIG_U2 = range(11)
KINDS = {
    "|u1": U1, "<i2": I2, "<u2": U2, "<i4": I4, "<f4": F4, "<f8": F8,
    ">i2": BIG_I2, ">i4": BIG_I4, ">f4": BIG_F4, ">f8": BIG_F8,
}  # fmt: skip
ITEMSIZES = np.array((1, 2, 2, 4, 4, 8, 2, 4, 4, 8, 2))
_BIG = (BIG_I2, BIG_I4, BIG_F4, BIG_F8, BIG_U2)
_UNSIGNED = (U1, U2, BIG_U2)
FLOATS = {F4: ir.FloatType(), BIG_F4: ir.FloatType(), F8: ir.DoubleType(), BIG_F8: ir.DoubleType()}


@intrinsic(prefer_literal=True)
def decode_run(typingctx, kind, address, tile, row, width, ahead):
    """Decode `width` pixels of a kind into ``tile[row, :width]``, with +inf where a pixel is not finite.

    Returns 0 if all pixels are finite. Memory is prefetched `ahead` bytes beyond each pixel.
    """
    if not isinstance(kind, types.Literal):
        return None

    def codegen(context, builder, signature, args):
        _, start, _, _, _, distance = args

        def work(index, lanes):
            offset = builder.mul(index, index.type(int(ITEMSIZES[kind.literal_value])))
            place = builder.add(start, offset)
            for step in range(0, lanes * int(ITEMSIZES[kind.literal_value]), 64):
                line = builder.add(builder.add(place, distance), place.type(step))
                prefetch(builder, builder.inttoptr(line, cgutils.voidptr_t))
            return decoded(builder, kind.literal_value, place, target.vector(lanes))

        target = _Target(context, builder, signature.args[2], args[2:5])
        return target.fill(work)

    return types.int64(kind, address, tile, row, width, ahead), codegen


@intrinsic
def cover_run(typingctx, mask, tile, row, width):
    """Set ``tile[row, :width]`` to +inf where the mask bytes at an address are not 0; return 0 if none is."""

    def codegen(context, builder, signature, args):
        def work(index, lanes):
            values = load_vector(builder, target.pointer(index), target.vector(lanes), target.size)
            return covered(builder, values, builder.add(args[0], index))

        target = _Target(context, builder, signature.args[1], args[1:4])
        return target.fill(work)

    return types.int64(mask, tile, row, width), codegen


class _Target:
    """The first pixels of a row of a tile, written vector by vector and, at the end, one by one."""

    def __init__(self, context: Any, builder: Any, kind: Any, args: Any) -> None:
        tile, row, self.width = args
        found = context.make_array(kind)(context, builder, value=tile)
        lanes = cgutils.unpack_tuple(builder, found.shape)[1]
        self.builder, self.item = builder, context.get_value_type(kind.dtype)
        self.size = kind.dtype.bitwidth // 8
        self.first = builder.gep(found.data, [builder.mul(row, lanes)])

    def vector(self, lanes: int) -> ir.VectorType:
        return ir.VectorType(self.item, lanes)

    def pointer(self, index: Any) -> Any:
        return self.builder.gep(self.first, [index])

    def fill(self, work: Any) -> Any:
        """Store the values of ``work(index, lanes)``; return 0 if its second result is never true."""
        builder, count = self.builder, self.width.type
        bad = cgutils.alloca_once_value(builder, count(0))
        lanes = vector_bytes() // self.size
        whole = builder.and_(self.width, count(-lanes))
        for start, stop, step in ((count(0), whole, lanes), (whole, self.width, 1)):
            with cgutils.for_range_slice(builder, start, stop, count(step), count) as (index, _):
                values, missing = work(index, step)
                store_vector(builder, values, self.pointer(index), self.size)
                if missing is not None:
                    bits = builder.bitcast(missing, ir.IntType(step))
                    found = builder.zext(bits, count) if step < count.width else bits
                    builder.store(builder.or_(builder.load(bad), found), bad)
        return builder.load(bad)


def covered(builder: Any, values: Any, mask: Any) -> tuple[Any, Any]:
    """Set values to +inf where the mask bytes at an address are not 0; return them and these places."""
    flags = ir.VectorType(ir.IntType(8), values.type.count)
    found = load_vector(builder, builder.inttoptr(mask, cgutils.voidptr_t), flags, 1)
    hidden = builder.icmp_unsigned("!=", found, splat(flags, 0))
    return builder.select(hidden, splat(values.type, np.inf), values), hidden


def decoded(builder: Any, kind: int, address: Any, target: ir.VectorType) -> tuple[Any, Any]:
    """Return the values of the pixels at an address, and which are missing (None if none can be)."""
    size, lanes = int(ITEMSIZES[kind]), target.count
    stored = ir.VectorType(ir.IntType(8 * size), lanes)
    bits = load_vector(builder, builder.inttoptr(address, cgutils.voidptr_t), stored, 1)
    if kind in _BIG:
        bits = call_vector(builder, "bswap", bits)
    if kind == BIG_U2:  # BZERO = 32768: invert the sign bit
        bits = builder.xor(bits, splat(stored, 0x8000))
    if kind not in FLOATS:
        if target == stored:
            return bits, None
        return (builder.uitofp if kind in _UNSIGNED else builder.sitofp)(bits, target), None
    values = builder.bitcast(bits, ir.VectorType(FLOATS[kind], lanes))
    if values.type != target:
        values = (builder.fptrunc if size == 8 else builder.fpext)(values, target)
    infinity = splat(target, np.inf)
    missing = builder.fcmp_unordered(">=", call_vector(builder, "fabs", values), infinity)
    return builder.select(missing, infinity, values), missing


@kernel
def decode(address, kind, start, tile, row, width, blank, ahead=0):
    """Decode `width` pixels into ``tile[row]``, with +inf where not finite or blank; return whether any was.

    `address` is that of pixel 0; `start` is the first pixel to decode; `blank` is the raw integer that means
    "no value", or NaN; `ahead` is that of `decode_run`.
    """
    place = address + start * ITEMSIZES[kind]
    if kind == U2:
        bad = decode_run(U2, place, tile, row, width, ahead)
    elif kind == F4:
        bad = decode_run(F4, place, tile, row, width, ahead)
    elif kind == BIG_U2:
        bad = decode_run(BIG_U2, place, tile, row, width, ahead)
    elif kind == BIG_I2:
        bad = decode_run(BIG_I2, place, tile, row, width, ahead)
    elif kind == BIG_F4:
        bad = decode_run(BIG_F4, place, tile, row, width, ahead)
    elif kind == F8:
        bad = decode_run(F8, place, tile, row, width, ahead)
    elif kind == I2:
        bad = decode_run(I2, place, tile, row, width, ahead)
    elif kind == U1:
        bad = decode_run(U1, place, tile, row, width, ahead)
    elif kind == I4:
        bad = decode_run(I4, place, tile, row, width, ahead)
    elif kind == BIG_I4:
        bad = decode_run(BIG_I4, place, tile, row, width, ahead)
    else:
        bad = decode_run(BIG_F8, place, tile, row, width, ahead)
    missing = bad != 0
    if blank == blank:
        value, inf = tile.dtype.type(blank), tile.dtype.type(np.inf)
        for i in range(width):
            there = tile[row, i] != value
            tile[row, i] = tile[row, i] if there else inf
            missing |= not there
    return missing
