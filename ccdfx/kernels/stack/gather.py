"""Tiles [frame][lane] of the working type, filled from the pixels of many frames.

A frame is a row of integers: the address and kind of its pixels, and the addresses of its mask and variance
(0: none). So one compiled kernel serves any number of frames of any mixture of types, and raw FITS bytes are
decoded in the same pass.
"""

from __future__ import annotations

import numpy as np
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.stack.decode import ITEMSIZES, cover_run, decode

# Columns of the table of frames.
FRAME_DATA, FRAME_KIND, FRAME_MASK, FRAME_VARIANCE, FRAME_VARIANCE_KIND = range(5)
FRAME_COLUMNS = 5
# Columns of the table of factors: x' = (raw * bscale + bzero) / scale - zero; blank is NaN if there is none.
# Only values with lowest <= raw * bscale + bzero <= highest are used.
(
    FACTOR_SCALE,
    FACTOR_ZERO,
    FACTOR_BSCALE,
    FACTOR_BZERO,
    FACTOR_BLANK,
    FACTOR_WEIGHT,
    FACTOR_LOWEST,
    FACTOR_HIGHEST,
) = range(8)
FACTOR_COLUMNS = 8
ROWS_AHEAD = 4  # memory is prefetched so many frames ahead, because its latency limits the speed


@intrinsic
def pointer(typingctx, address):
    """Convert an address to a pointer that `carray` accepts."""

    def codegen(context, builder, signature, args):
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), codegen


@kernel
def advance(frames, pixels):
    """Move the table of frames to the pixels that lie so many further on."""
    for j in range(frames.shape[0]):
        frames[j, FRAME_DATA] += pixels * ITEMSIZES[frames[j, FRAME_KIND]]
        if frames[j, FRAME_MASK] != 0:
            frames[j, FRAME_MASK] += pixels
        if frames[j, FRAME_VARIANCE] != 0:
            frames[j, FRAME_VARIANCE] += pixels * ITEMSIZES[frames[j, FRAME_VARIANCE_KIND]]


@kernel
def _affine(tile, row, width, bscale, bzero, scale, zero):
    """Replace x by (x bscale + bzero) / scale - zero in float64; infinities and overflows become +inf."""
    kind = tile.dtype.type
    inf = kind(np.inf)
    for i in range(width):
        value = kind((tile[row, i] * bscale + bzero) / scale - zero)
        tile[row, i] = value if abs(value) < inf else inf


@kernel
def _limit(tile, row, width, bscale, bzero, lowest, highest):
    """Set pixels to +inf whose values, before the scaling of the frame, are outside the limits."""
    inf = tile.dtype.type(np.inf)
    for i in range(width):
        value = tile[row, i] * bscale + bzero
        tile[row, i] = tile[row, i] if (value >= lowest) & (value <= highest) else inf


@kernel
def gather(frames, factors, start, tile, width):
    """Fill ``tile[frame, :width]``, with +inf for missing values; return whether any may be missing."""
    inf = tile.dtype.type(np.inf)
    holes = False
    for j in range(np.uint64(frames.shape[0])):
        place = frames[j, FRAME_DATA] + start * ITEMSIZES[frames[j, FRAME_KIND]]
        bad = decode(
            frames[j, FRAME_DATA], frames[j, FRAME_KIND], start, tile, j, width, factors[j, FACTOR_BLANK],
            following(frames, j, start, width) - place,
        )  # fmt: skip
        scale, zero, bscale, bzero = (
            factors[j, FACTOR_SCALE],
            factors[j, FACTOR_ZERO],
            factors[j, FACTOR_BSCALE],
            factors[j, FACTOR_BZERO],
        )
        limited = factors[j, FACTOR_LOWEST] > -np.inf or factors[j, FACTOR_HIGHEST] < np.inf
        if limited:
            _limit(tile, j, width, bscale, bzero, factors[j, FACTOR_LOWEST], factors[j, FACTOR_HIGHEST])
        moved = scale != 1.0 or zero != 0.0 or bscale != 1.0 or bzero != 0.0
        if moved:
            _affine(tile, j, width, bscale, bzero, scale, zero)
        if frames[j, FRAME_MASK] != 0:
            bad |= cover_run(frames[j, FRAME_MASK] + start, tile, j, width) != 0
        holes |= moved or limited or bad
        for i in range(width, tile.shape[1]):
            tile[j, i] = inf
    return holes


@kernel
def following(frames, j, start, width):
    """Return the address of the pixels that are decoded `ROWS_AHEAD` frames after frame j."""
    ahead = j + ROWS_AHEAD
    k = ahead % frames.shape[0]
    return (
        frames[k, FRAME_DATA] + (start + ahead // frames.shape[0] * width) * ITEMSIZES[frames[k, FRAME_KIND]]
    )


@kernel
def add_reasons(frames, start, flags):
    """Add the flags of all frames to those of pixels without a value; `start` is the first of the pixels."""
    for i in range(flags.size):
        if flags[i] != 0:
            for j in range(frames.shape[0]):
                if frames[j, FRAME_MASK] != 0:
                    flags[i] |= carray(pointer(frames[j, FRAME_MASK] + start + i), (1,), np.uint8)[0]


@kernel
def scaled(frames, factors, values):
    """Store the scaled values of all frames in ``values[frame, pixel]``; +inf where there is none."""
    gather(frames, factors, 0, values, values.shape[1])
