"""Plain averages of a stack: of all values present, with equal weights and without rejection.

Few frames are averaged directly from their pixels. With more frames, or where values are scaled or limited,
blocks of pixels are gathered first: that many frames at once do not fit into the caches.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types
from numba.core.compiler_lock import global_compiler_lock

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.stack.decode import BIG_U2, F4, U2, decode_run
from ccdfx.kernels.stack.gather import (
    FACTOR_BLANK,
    FACTOR_BSCALE,
    FACTOR_BZERO,
    FACTOR_HIGHEST,
    FACTOR_LOWEST,
    FACTOR_SCALE,
    FACTOR_ZERO,
    FRAME_COLUMNS,
    FRAME_DATA,
    FRAME_KIND,
    FRAME_MASK,
    add_reasons,
    following,
    gather,
)
from ccdfx.kernels.stack.lanes import MOST_LANES, address, aligned, block_lanes, keep_alive
from ccdfx.kernels.stack.sorting import LANE_STEP
from ccdfx.kernels.stack.strip_rows import MOST_INTEGERS, Strips
from ccdfx.kernels.stack.strips import combining, strips_type

MOST_IN_PLACE = 40
MOST_INTEGER_LANES = 2 * MOST_LANES


@kernel
def _rows_of(tile):
    """Return the table of frames whose pixels are the rows of a tile."""
    table = np.zeros((tile.shape[0], FRAME_COLUMNS), np.int64)
    for j in range(tile.shape[0]):
        table[j, FRAME_DATA] = address(tile) + j * tile.shape[1] * tile.itemsize
    return table


@kernel
def _parts(value, variance, numbers, flags, start, width):
    """Return the outputs of a block; outputs that are not wanted are empty."""
    end = start + width
    return value[start:end], variance[start:end], numbers[start:end], flags[start:end]


def _average_gathered(frames, factors, average, tables, lanes, pixels, value, variance, numbers, flags):
    """Average blocks of values, scaled and limited; the last block may repeat pixels of the one before.

    `average` comes from `combining`. There are `pixels` pixels, but outputs have at least `lanes` elements.
    """
    tile = aligned(frames.shape[0], lanes, np.float32)
    rows, width = _rows_of(tile), min(lanes, pixels)
    empty = 0
    for block in range(0, pixels, lanes):
        start = min(block, pixels - width)
        gather(frames, factors, start, tile, width)
        empty |= average(rows, tables, *_parts(value, variance, numbers, flags, start, lanes))
    keep_alive((tile,))
    return empty


def _average_integers(frames, factors, average, tables, lanes, pixels, value, variance, numbers, flags):
    """Average blocks of unsigned 16-bit integers without scaling, otherwise as `_average_gathered`."""
    tile = aligned(frames.shape[0], lanes, np.uint16)
    rows, width = _rows_of(tile), min(lanes, pixels)
    for j in range(tile.shape[0]):
        tile[j, width:] = 0
    for block in range(0, pixels, lanes):
        start = min(block, pixels - width)
        for j in range(frames.shape[0]):
            place, ahead = frames[j, FRAME_DATA] + 2 * start, following(frames, j, start, width)
            if frames[j, FRAME_KIND] == BIG_U2:
                decode_run(BIG_U2, place, tile, j, width, ahead - place)
            else:
                decode_run(U2, place, tile, j, width, ahead - place)
        average(rows, tables, *_parts(value, variance, numbers, flags, start, lanes))
    keep_alive((tile,))
    return 0


@functools.cache
def _blocks_kernel(function: Callable[..., int]) -> Callable[..., int]:
    floats, table = types.Array(types.float32, 1, "C"), types.Array(types.float64, 2, "C")
    signature = types.int64(
        types.Array(types.int64, 2, "C"), table, strips_type(), table, types.int64, types.int64,
        floats, floats, types.Array(types.uint16, 1, "C"), types.Array(types.uint8, 1, "C"),
    )  # fmt: skip
    return kernel(function, signature=signature)


def plain_average(
    frames, factors, tables, average, pick, value, variance, count, rejected_low, rejected_high, flags, codes
):  # fmt: skip
    """Combine like the stack kernel, where the plan needs no ranks and values are float32.

    average, pick: those of the plan; codes: empty; the other arguments as in the stack kernel.
    """
    rejected_low.fill(0)
    rejected_high.fill(0)
    kind, masked = _kind_as_stored(frames, factors), bool(frames[:, FRAME_MASK].any())
    strips = Strips(len(frames), F4, average, pick)
    outputs = value, variance, count, flags
    if kind is not None and len(frames) <= MOST_IN_PLACE and value.size >= LANE_STEP:
        empty = _average_in_place(frames, strips._replace(kind=kind, masked=masked), tables, outputs)
    else:
        stays = kind in (U2, BIG_U2) and not masked and len(frames) <= MOST_INTEGERS
        strips = strips._replace(kind=U2 if stays else F4, gathered=True)
        empty = _average_by_blocks(frames, factors, strips, tables, outputs)
    if empty:
        add_reasons(frames, 0, flags)
    return empty


def _average_in_place(
    frames: np.ndarray, strips: Strips, tables: np.ndarray, outputs: tuple[np.ndarray, ...]
) -> bool:
    if strips.masked:
        blank = np.zeros(outputs[0].size, np.uint8)
        frames = frames.copy()
        frames[frames[:, FRAME_MASK] == 0, FRAME_MASK] = blank.ctypes.data
    return bool(_compiled(combining, strips)(frames, tables, *outputs))


def _average_by_blocks(
    frames: np.ndarray,
    factors: np.ndarray,
    strips: Strips,
    tables: np.ndarray,
    outputs: tuple[np.ndarray, ...],
) -> bool:
    lanes = block_lanes(strips.count, *((2, MOST_INTEGER_LANES) if strips.integers else (4, MOST_LANES)))
    work = _compiled(_blocks_kernel, _average_integers if strips.integers else _average_gathered)
    whole = [  # of a whole block at least
        array if array.size >= lanes else np.empty(min(array.size, 1) * lanes, array.dtype)
        for array in outputs
    ]
    empty = work(frames, factors, _compiled(combining, strips), tables, lanes, outputs[0].size, *whole)
    for array, found in zip(outputs, whole, strict=True):
        if found is not array:
            array[:] = found[: array.size]
    return bool(empty)


def _compiled(make: Callable[[Any], Any], what: Any) -> Any:
    """Compile or load by `make`: one thread does it, the others wait."""
    with global_compiler_lock:
        return make(what)


def _kind_as_stored(frames: np.ndarray, factors: np.ndarray) -> int | None:
    """Return the kind of the pixels if all frames have one kind and are averaged as stored, else None."""
    moved = (factors[:, [FACTOR_SCALE, FACTOR_BSCALE]] != 1).any() or (
        factors[:, [FACTOR_ZERO, FACTOR_BZERO]] != 0
    ).any()
    limited = (factors[:, FACTOR_LOWEST] > -np.inf).any() or (factors[:, FACTOR_HIGHEST] < np.inf).any()
    blank = not np.isnan(factors[:, FACTOR_BLANK]).all()
    if moved or limited or blank or (frames[:, FRAME_KIND] != frames[0, FRAME_KIND]).any():
        return None
    return int(frames[0, FRAME_KIND])
