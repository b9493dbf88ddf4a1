"""Medians of unsigned 16-bit integers as they are: twice the lanes of float32, sums without rounding.

It does what the stack kernel does where nothing is missing, moved, rejected or weighted, to the last bit. It is a kernel
of its own, so that nothing else need be compiled for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from ccdfx.kernels.averages import (
    AVERAGE,
    LOWEST,
    MEDIAN,
    ORDERED,
    PICK,
    PROPAGATED,
    REJECTS,
    VARIANCES,
    WEIGHTED,
    picked,
)
from ccdfx.kernels.cache import kernel
from ccdfx.kernels.decode import BIG_U2, U2, decode_run
from ccdfx.kernels.gather import (
    BLANK,
    BSCALE,
    BZERO,
    DATA,
    HIGHEST,
    KIND,
    MASK,
    SCALE,
    ZERO,
    following,
)
from ccdfx.kernels.gather import LOWEST as LEAST
from ccdfx.kernels.lanes import MOST_LANES, aligned, block_lanes, borrowed, fill, hold
from ccdfx.kernels.sorters import sorter, sorter_type
from ccdfx.kernels.stack import stack_kernel

MOST_FRAMES = 2**15  # a sum of 16-bit differences fits 32 bits
# Rows of the sums: of the differences from the first frame, and of the low and the high halves of their squares.
_LOW, _HIGH = MOST_LANES, 2 * MOST_LANES


# To 32 bits after each step: numba makes whole numbers 64 bits wide, and half as many fit a vector then.


@kernel
def _difference(x, pivot):
    return np.uint32(np.uint32(x) - np.uint32(pivot))


@kernel
def _plus(a, b, c, d, e):
    return np.uint32(np.uint32(a + np.uint32(b + c)) + np.uint32(d + e))


@kernel
def _low(square):
    return np.uint32(square & np.uint32(0xFFFF))


@kernel
def _high(square):
    return np.uint32(square >> np.uint32(16))


@kernel
def _add(sums, i, a, b, c, d):
    p, q, r, s = np.uint32(a * a), np.uint32(b * b), np.uint32(c * c), np.uint32(d * d)
    sums[i] = _plus(sums[i], a, b, c, d)
    sums[_LOW + i] = _plus(sums[_LOW + i], _low(p), _low(q), _low(r), _low(s))
    sums[_HIGH + i] = _plus(sums[_HIGH + i], _high(p), _high(q), _high(r), _high(s))


@kernel
def _sum(tile, sums):
    """Sums of the differences from the first row and of their squares, whole numbers modulo 2^32."""
    rows, lanes = tile.shape
    none = np.uint32(0)
    fill(sums, none)
    for j in range(1, rows - 3, 4):
        for i in range(lanes):
            p = tile[0, i]
            a, b = _difference(tile[j, i], p), _difference(tile[j + 1, i], p)
            c, d = _difference(tile[j + 2, i], p), _difference(tile[j + 3, i], p)
            _add(sums, i, a, b, c, d)
    for j in range(rows - (rows - 1) % 4, rows):
        for i in range(lanes):
            _add(sums, i, _difference(tile[j, i], tile[0, i]), none, none, none)


@kernel
def _store_variance(sums, n, factor, variance):
    share, scale = 1.0 / n, 1.0 / (n * (n - 1.0))
    for i in range(variance.size):
        total = np.float64(np.int32(sums[i]))
        squares = np.float64(sums[_HIGH + i]) * 65536.0 + np.float64(sums[_LOW + i])
        residual = squares - total * total * share
        variance[i] = max(residual, 0.0) * scale * factor


@kernel
def _store(first, last, value, flags):
    half = np.float32(0.5)
    for i in range(value.size):
        value[i] = half * (np.float32(first[i]) + np.float32(last[i]))
        flags[i] = 0


def _integer_medians(
    frames, sort, picks, lanes, factor, value, variance, count, rejected_low, rejected_high, flags
):
    """`picks`: the two ranks of which a median is the mean; `factor`: n Var(median) / sigma^2; the rest as in `_stack`."""
    rows, n = frames.shape[0], np.float64(frames.shape[0])
    of_values, of_sums = aligned(rows, lanes, np.uint16), np.zeros(3 * MOST_LANES, np.uint32)
    of_frames = np.empty((0, 0), np.int32)
    tile, sums, order = borrowed(of_values), borrowed(of_sums), borrowed(of_frames)
    frames = borrowed(frames)
    value, variance, flags = borrowed(value), borrowed(variance), borrowed(flags)
    for start in range(0, value.size, lanes):
        end = min(start + lanes, value.size)
        width = end - start
        for j in range(rows):
            place, ahead = frames[j, DATA] + 2 * start, following(frames, j, start, width)
            if frames[j, KIND] == BIG_U2:
                decode_run(BIG_U2, place, tile, j, width, ahead - place)
            else:
                decode_run(U2, place, tile, j, width, ahead - place)
        if variance.size:
            _sum(tile, sums)
            _store_variance(sums, n, factor, variance[start:end])
        sort(tile, order)
        _store(tile[picks[0]], tile[picks[1]], value[start:end], flags[start:end])
    fill(count, np.uint16(rows))
    fill(rejected_low, np.uint16(0))
    fill(rejected_high, np.uint16(0))
    hold((of_values, of_sums, of_frames))


@functools.cache
def _compiled() -> Callable[..., None]:
    floats, counts = types.Array(types.float32, 1, "C"), types.Array(types.uint16, 1, "C")
    signature = types.void(
        types.Array(types.int64, 2, "C"), sorter_type("u2"), types.UniTuple(types.int64, 2), types.int64, types.float64,
        floats, floats, counts, counts, counts, types.Array(types.uint8, 1, "C"),
    )  # fmt: skip
    return kernel(_integer_medians, signature=signature)


def can_be_integers(plan: np.ndarray, factors: np.ndarray) -> bool:
    """Whether a plan is that of a median of values as they are, so that integers need not become floats."""
    moved = (factors[:, [SCALE, BSCALE]] != 1).any() or (factors[:, [ZERO, BZERO]] != 0).any()
    limited = (factors[:, LEAST] > -np.inf).any() or (factors[:, HIGHEST] < np.inf).any()
    blank = not np.isnan(factors[:, BLANK]).all()
    plain = plan[AVERAGE] == MEDIAN and plan[PICK] < LOWEST and plan[VARIANCES] != PROPAGATED
    more = plan[[REJECTS, WEIGHTED, ORDERED]].any()
    return bool(plain and not (more or moved or limited or blank)) and len(factors) <= MOST_FRAMES


def integer_medians(count: int) -> Callable[..., bool]:
    """A stand-in for the stack kernel where `can_be_integers`; loaded from the cache or compiled at the first call.

    Tiles that hold something else after all, or masks, go to the stack kernel.
    """
    _compiled()
    sorter("u2", count, middle=True)
    return _medians


def _medians(frames: np.ndarray, *arguments: Any) -> bool:
    factors, _, plan, _, _, _, tables, _, *outputs = arguments
    count = len(frames)
    if frames[:, MASK].any() or not np.isin(frames[:, KIND], (U2, BIG_U2)).all():
        return stack_kernel("f4", False)(frames, factors, sorter("f4", count, middle=True), *arguments[2:])
    lanes = block_lanes(count, 2)
    picks = picked.py_func(int(plan[PICK]), count)
    sort = sorter("u2", count, middle=True)
    _compiled()(frames, sort, picks, lanes, tables[0, count], *outputs[:-1])
    return False
