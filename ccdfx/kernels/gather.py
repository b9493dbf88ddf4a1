"""From the pixels of many frames to a tile [frame][lane] of the working type.

A frame is a row of integers: where its pixels are, of which kind they are, where its mask and variance are (0: none).
So one compiled kernel serves any number of frames of any mixture of types, and raw FITS bytes are decoded on the way.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from ccdfx.kernels.cache import kernel

# Columns of the table of frames.
DATA, KIND, MASK, VARIANCE, VARIANCE_KIND = range(5)
FRAME_COLUMNS = 5
# Columns of the table of factors: x' = (raw * bscale + bzero) / scale - zero; blank is NaN where there is none.
# values with LOWEST <= raw * bscale + bzero <= HIGHEST take part.
SCALE, ZERO, BSCALE, BZERO, BLANK, WEIGHT, LOWEST, HIGHEST = range(8)
FACTOR_COLUMNS = 8
# Kinds of pixels; the big-endian ones are what FITS holds.
U1, I2, U2, I4, F4, F8, BIG_I2, BIG_I4, BIG_F4, BIG_F8, BIG_U2 = range(11)
KINDS = {
    "|u1": U1, "<i2": I2, "<u2": U2, "<i4": I4, "<f4": F4, "<f8": F8,
    ">i2": BIG_I2, ">i4": BIG_I4, ">f4": BIG_F4, ">f8": BIG_F8,
}  # fmt: skip
ITEMSIZES = np.array((1, 2, 2, 4, 4, 8, 2, 4, 4, 8, 2))


@intrinsic
def pointer(typingctx, address):
    """The address as a pointer that `carray` takes."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), codegen


@kernel
def swap2(x):
    return np.uint16((x << np.uint16(8)) | (x >> np.uint16(8)))


@kernel
def _swap4(x):
    one, three = np.uint32(8), np.uint32(24)
    high = ((x & np.uint32(0xFF00)) << one) | (x << three)
    return np.uint32(high | ((x >> one) & np.uint32(0xFF00)) | (x >> three))


@kernel
def _swap8(x):
    low = _swap4(np.uint32(x & np.uint64(0xFFFFFFFF)))
    high = _swap4(np.uint32(x >> np.uint64(32)))
    return (np.uint64(low) << np.uint64(32)) | np.uint64(high)


@intrinsic
def _prefetch(typingctx, address):
    """Ask for the cache line at an address; a wrong address does no harm."""

    def codegen(context, builder, signature, args):
        pointer_type, number = cgutils.voidptr_t, ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch",
            (pointer_type,),
            ir.FunctionType(ir.VoidType(), (pointer_type, number, number, number)),
        )
        place = builder.inttoptr(args[0], pointer_type)
        builder.call(function, (place, number(0), number(2), number(1)))  # to read, second cache, data
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@kernel
def come_near(address, size):
    """Bring the bytes that are worked on next near: the runs are too short for the hardware to see."""
    for line in range(0, size, 64):
        _prefetch(address + line)


def _bits_as(kind):
    """The float whose bits an integer of the same size holds."""

    @intrinsic
    def convert(typingctx, bits):
        def codegen(context, builder, signature, args):
            return builder.bitcast(args[0], context.get_value_type(kind))

        return kind(bits), codegen

    return convert


_float4, _float8 = _bits_as(types.float32), _bits_as(types.float64)


@kernel
def decode(address, kind, start, tile, row, width, blank):
    """Put `width` pixels into ``tile[row]``; what is not finite, or blank, becomes +inf. True where there was such.

    `blank` is the raw integer that means "no value", or NaN.
    """
    real = tile.dtype.type
    inf = real(np.inf)
    none, one = np.int32(0), np.int32(1)
    bad = none
    if kind == U2:
        words = carray(pointer(address + start * 2), (width,), np.uint16)
        for i in range(width):
            tile[row, i] = words[i]
    elif kind == F4:
        singles = carray(pointer(address + start * 4), (width,), np.float32)
        for i in range(width):
            there = abs(singles[i]) < np.float32(np.inf)
            tile[row, i] = real(singles[i]) if there else inf
            bad |= none if there else one
    elif kind == BIG_U2:
        words = carray(pointer(address + start * 2), (width,), np.uint16)
        for i in range(width):
            # Byte order and BZERO = 32768 at once: the sign bit is turned over.
            tile[row, i] = np.uint16(swap2(words[i]) ^ np.uint16(0x8000))
    elif kind == BIG_I2:
        words = carray(pointer(address + start * 2), (width,), np.uint16)
        for i in range(width):
            tile[row, i] = np.int16(swap2(words[i]))
    elif kind == BIG_F4:
        longs = carray(pointer(address + start * 4), (width,), np.uint32)
        for i in range(width):
            single = _float4(_swap4(longs[i]))
            there = abs(single) < np.float32(np.inf)
            tile[row, i] = real(single) if there else inf
            bad |= none if there else one
    elif kind == F8:
        doubles = carray(pointer(address + start * 8), (width,), np.float64)
        for i in range(width):
            there = abs(real(doubles[i])) < inf
            tile[row, i] = real(doubles[i]) if there else inf
            bad |= none if there else one
    elif kind == I2:
        shorts = carray(pointer(address + start * 2), (width,), np.int16)
        for i in range(width):
            tile[row, i] = shorts[i]
    elif kind == U1:
        octets = carray(pointer(address + start), (width,), np.uint8)
        for i in range(width):
            tile[row, i] = octets[i]
    elif kind == I4:
        integers = carray(pointer(address + start * 4), (width,), np.int32)
        for i in range(width):
            tile[row, i] = integers[i]
    elif kind == BIG_I4:
        longs = carray(pointer(address + start * 4), (width,), np.uint32)
        for i in range(width):
            tile[row, i] = np.int32(_swap4(longs[i]))
    else:
        quads = carray(pointer(address + start * 8), (width,), np.uint64)
        for i in range(width):
            double = real(_float8(_swap8(quads[i])))
            there = abs(double) < inf
            tile[row, i] = double if there else inf
            bad |= none if there else one
    if blank == blank:
        value = real(blank)
        for i in range(width):
            there = tile[row, i] != value
            tile[row, i] = tile[row, i] if there else inf
            bad |= none if there else one
    return bad != 0


@kernel
def _affine(tile, row, width, bscale, bzero, scale, zero):
    """(x bscale + bzero) / scale - zero in float64; infinities and overflows become +inf."""
    kind = tile.dtype.type
    inf = kind(np.inf)
    for i in range(width):
        value = kind((tile[row, i] * bscale + bzero) / scale - zero)
        tile[row, i] = value if abs(value) < inf else inf


@kernel
def _limit(tile, row, width, bscale, bzero, lowest, highest):
    """What lies outside the limits, as a value of the frame before it is scaled, becomes +inf."""
    inf = tile.dtype.type(np.inf)
    for i in range(width):
        value = tile[row, i] * bscale + bzero
        tile[row, i] = tile[row, i] if (value >= lowest) & (value <= highest) else inf


@kernel
def gather(frames, factors, start, tile, width):
    """Fill ``tile[frame, :width]``; True where a value may be missing (it is +inf then)."""
    inf = tile.dtype.type(np.inf)
    holes = False
    for j in range(np.uint64(frames.shape[0])):
        kind = frames[j, KIND]
        bad = decode(frames[j, DATA], kind, start, tile, j, width, factors[j, BLANK])
        come_near(frames[j, DATA] + (start + width) * ITEMSIZES[kind], width * ITEMSIZES[kind])
        scale, zero, bscale, bzero = (
            factors[j, SCALE],
            factors[j, ZERO],
            factors[j, BSCALE],
            factors[j, BZERO],
        )
        limited = factors[j, LOWEST] > -np.inf or factors[j, HIGHEST] < np.inf
        if limited:
            _limit(tile, j, width, bscale, bzero, factors[j, LOWEST], factors[j, HIGHEST])
        moved = scale != 1.0 or zero != 0.0 or bscale != 1.0 or bzero != 0.0
        if moved:
            _affine(tile, j, width, bscale, bzero, scale, zero)
        if frames[j, MASK] != 0:
            mask = carray(pointer(frames[j, MASK] + start), (width,), np.uint8)
            for i in range(width):
                tile[j, i] = inf if mask[i] != 0 else tile[j, i]
            come_near(frames[j, MASK] + start + width, width)
        holes |= frames[j, MASK] != 0 or moved or limited or bad
        for i in range(width, tile.shape[1]):
            tile[j, i] = inf
    return holes


@kernel
def scaled(frames, factors, values):
    """Put the values of all frames as they are combined into ``values[frame, pixel]``; +inf where there is none."""
    gather(frames, factors, 0, values, values.shape[1])
