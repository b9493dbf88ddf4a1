"""The kernel that combines a stack by ranks: gather, sort, reject, average, for a run of pixels.

Averages that need no ranks are computed by `ccdfx.kernels.stack.plain`.

The kernel works on blocks of neighbouring pixels, one pixel per lane. Lanes are independent of each other, so
neither the length of a block nor the run of a pixel changes a result. Missing values (masked, blank or not
finite) are never used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.stack.averages import (
    AVERAGE_MEDIAN,
    NO_DATA_FLAG,
    ORDER_FOR_RULE,
    PLAN_AVERAGE,
    PLAN_LANES,
    PLAN_ORDER,
    PLAN_OWN_NOISE,
    PLAN_TRIMS,
    PLAN_VARIANCES,
    PLAN_WEIGHTS,
    VARIANCE_EMPIRICAL,
    VARIANCE_PROPAGATED,
    WEIGHTED_ROWS,
    WEIGHTS_BY_FRAME,
    WEIGHTS_BY_VARIANCE,
    store_values,
    store_variances,
)
from ccdfx.kernels.stack.gather import add_reasons, advance, gather
from ccdfx.kernels.stack.lanes import (
    MOST_LANES,
    SUMS_PIVOT,
    SUMS_ROWS,
    aligned,
    borrowed,
    copy,
    count_lanes,
    fill,
    keep_alive,
    sum_ranks,
    winsorize,
)
from ccdfx.kernels.stack.rule import NOISE_CONSTANT, rule_type
from ccdfx.kernels.stack.sorting import sorter_type
from ccdfx.kernels.stack.weighted_sums import (
    edge_shares,
    is_whole,
    read_variances,
    sum_inverse_variances,
    sum_ordered_inverse_variances,
    sum_ordered_variances,
    sum_ordered_weights,
    sum_variances,
    sum_weights,
)

# Whether a value is rejected: it survives, the rule rejects it as low or high, or it is missing.
KEPT, DROPPED_LOW, DROPPED_HIGH, MISSING = range(4)


@kernel
def _pivots(tile, low, high, pivot):
    """Store a pivot inside the survivors of each lane, so that sums about it lose no digits."""
    for i in range(low.size):
        pivot[i] = tile[(low[i] + high[i]) // 2, i] if low[i] < high[i] else 0.0


@kernel
def _store_counts(low, high, counts, width, count, rejected_low, rejected_high):
    for i in range(width):
        count[i] = high[i] - low[i]
        rejected_low[i] = low[i]
        rejected_high[i] = counts[i] - high[i]


@kernel
def _store_codes(order, low, high, counts, start, width, codes):
    for r in range(order.shape[0]):
        for i in range(width):
            code = KEPT if r < high[i] else DROPPED_HIGH if r < counts[i] else MISSING
            codes[order[r, i], start + i] = DROPPED_LOW if r < low[i] else code


@kernel
def _store_flags(frames, low, high, start, width, flags):
    """Store 0, or NO_DATA and all frames' flags in lanes without survivors; return whether there are any."""
    missing = False
    for i in range(width):
        empty = low[i] >= high[i]
        flags[i] = NO_DATA_FLAG if empty else np.uint8(0)
        missing |= empty
    if missing:
        add_reasons(frames, start, flags)
    return missing


@kernel
def _weigh(plan, tile, raw, order, low, high, counts, factors, pivot, weighted, variances, spread):
    """Compute weighted sums, and the propagated variance, over the survivors.

    They use the frame of each survivor only where the rule does, so that recording rejections changes no sum.
    """
    moments = plan[PLAN_VARIANCES] == VARIANCE_EMPIRICAL
    if plan[PLAN_ORDER] == ORDER_FOR_RULE:
        if plan[PLAN_WEIGHTS] == WEIGHTS_BY_FRAME:
            sum_ordered_weights(tile, order, low, high, factors, pivot, moments, weighted)
        if variances.shape[0]:
            sum_ordered_variances(order, low, high, factors, weighted, variances, spread)
        if plan[PLAN_WEIGHTS] == WEIGHTS_BY_VARIANCE:
            sum_ordered_inverse_variances(tile, order, low, high, pivot, variances, weighted, spread)
        return
    edges, whole = np.empty((4, spread.size)), is_whole(low, high, tile.shape[0])
    if not whole:
        edge_shares(tile, low, high, counts, raw, plan[PLAN_WEIGHTS] == WEIGHTS_BY_FRAME, edges)
    if plan[PLAN_WEIGHTS] == WEIGHTS_BY_FRAME:
        sum_weights(raw, factors, edges, whole, pivot, moments, weighted)
    if variances.shape[0]:
        sum_variances(raw, factors, edges, whole, weighted, variances, spread)
    if plan[PLAN_WEIGHTS] == WEIGHTS_BY_VARIANCE:
        sum_inverse_variances(raw, edges, whole, pivot, variances, weighted, spread)


@kernel
def _keep_frames(frames, factors, start, width, tile, raw, variances, own):
    """Copy what is needed of each frame before sorting: values, variances, variances for the rule."""
    for j in range(raw.shape[0]):
        copy(tile[j], raw[j])
    if variances.shape[0]:
        read_variances(frames, factors, start, width, variances)
    for j in range(own.shape[0]):
        copy(variances[j], own[j])


@kernel
def _part(array, start, width):
    return array[start : start + width] if array.size else array


@kernel
def _rank(plan, tile, order, counts, noise, parameters, rule, ranks, sums):
    """Apply the rule to the sorted lanes, and sum over the ranks that survive."""
    low, high = ranks
    rule(tile, order, counts, noise, parameters, low, high)
    _pivots(tile, low, high, sums)
    if plan[PLAN_AVERAGE] != AVERAGE_MEDIAN or plan[PLAN_VARIANCES] == VARIANCE_EMPIRICAL:
        sum_ranks(tile, low, high, sums)
    if plan[PLAN_TRIMS] and plan[PLAN_VARIANCES] == VARIANCE_EMPIRICAL:
        winsorize(tile, low, high, counts, sums)


def _stack(
    frames, factors, sorter, plan, parameters, noise, rule, tables, by_frame,
    value, variance, count, rejected_low, rejected_high, flags, codes,
):  # fmt: skip
    """Combine a run of pixels; return whether some pixel is left without a value.

    frames: (n, FRAME_COLUMNS) int64; factors: (n, FACTOR_COLUMNS) float64, as in `gather`.
    sorter: as in `sorting`, of all ranks.
    plan, tables: as in `averages`; parameters, noise, rule: as in `rule`.
    by_frame: None where nothing in the plan depends on the frame of a value, else True. Its type matters:
    code under ``by_frame is not None`` is not compiled for None.
    value, variance, count, rejected_low, rejected_high, flags: (pixels,) outputs; only `value` is required.
    codes: (n, pixels) output of the rejection, or empty; it needs a plan that keeps the order.
    """
    rows, lanes, kind = frames.shape[0], plan[PLAN_LANES], value.dtype
    weighs = plan[PLAN_WEIGHTS] != 0 or plan[PLAN_VARIANCES] == VARIANCE_PROPAGATED
    needs_raw = weighs and plan[PLAN_ORDER] != ORDER_FOR_RULE
    of_values = aligned(rows, lanes, kind), aligned(rows if needs_raw else 0, lanes, kind)
    of_variances = np.zeros((rows if plan[PLAN_VARIANCES] == VARIANCE_PROPAGATED else 0, lanes), kind)
    of_frames = aligned(rows if plan[PLAN_ORDER] else 0, lanes, np.int32)
    of_noise = np.zeros((rows if plan[PLAN_OWN_NOISE] else 0, lanes))
    of_ranks, of_sums = np.empty((3, lanes), np.int32), np.zeros(SUMS_ROWS * MOST_LANES)
    of_weights, of_lanes = np.zeros((WEIGHTED_ROWS, lanes)), np.zeros(lanes)
    tile, raw, variances = borrowed(of_values[0]), borrowed(of_values[1]), borrowed(of_variances)
    order, own, flat = borrowed(of_frames), borrowed(of_noise), borrowed(of_sums)
    weighted, spread = borrowed(of_weights), borrowed(of_lanes)
    counts, low, high = borrowed(of_ranks[0]), borrowed(of_ranks[1]), borrowed(of_ranks[2])
    sums = flat.reshape(SUMS_ROWS, MOST_LANES)
    frames, factors, plan = borrowed(frames), borrowed(factors), borrowed(plan)
    parameters, noise, tables = borrowed(parameters), borrowed(noise), borrowed(tables)
    value, variance, flags, codes = borrowed(value), borrowed(variance), borrowed(flags), borrowed(codes)
    count, rejected_low, rejected_high = borrowed(count), borrowed(rejected_low), borrowed(rejected_high)
    missing = False
    for start in range(0, value.size, lanes):
        width = min(lanes, value.size - start)
        values, errors = _part(value, start, width), _part(variance, start, width)
        holes = gather(frames, factors, start, tile, width) or width < lanes
        fill(counts, np.int32(rows))
        if holes:
            count_lanes(tile, counts)
        fill(low, np.int32(0))
        copy(counts, high)
        if by_frame is not None:
            _keep_frames(frames, factors, start, width, tile, raw, variances, own)
        sorter(tile, order)
        known = own if plan[PLAN_OWN_NOISE] else noise
        _rank(plan, tile, order, counts, known, parameters, rule, (low, high), flat)
        if by_frame is not None and weighs:
            _weigh(
                plan,
                tile,
                raw,
                order,
                low,
                high,
                counts,
                factors,
                sums[SUMS_PIVOT],
                weighted,
                variances,
                spread,
            )
        store_values(plan, tile, low, high, width, sums, weighted, values, by_frame)
        if variance.size:
            store_variances(
                plan, tile, low, high, counts, holes, width, sums, weighted, spread, tables, values, errors, by_frame
            )  # fmt: skip
        missing |= _store_flags(frames, low, high, start, width, _part(flags, start, width))
        if by_frame is not None and codes.size:
            _store_codes(order, low, high, counts, start, width, codes)
        if count.size:
            _store_counts(
                low, high, counts, width, _part(count, start, width),
                _part(rejected_low, start, width), _part(rejected_high, start, width),
            )  # fmt: skip
    keep_alive((of_values, of_variances, of_frames, of_noise, of_ranks, of_sums, of_weights, of_lanes))
    return missing


def stack_signature(kind: str, by_frame: bool) -> Any:
    """Return the signature of the stack kernel for a working type, 'f4' or 'f8'."""
    real = {"f4": types.float32, "f8": types.float64}[kind]
    floats, counts = types.Array(real, 1, "C"), types.Array(types.uint16, 1, "C")
    table, vector = types.Array(types.float64, 2, "C"), types.Array(types.float64, 1, "C")
    return types.boolean(
        types.Array(types.int64, 2, "C"), table, sorter_type(kind), types.Array(types.int64, 1, "C"),
        vector, table, rule_type(real), table, types.boolean if by_frame else types.none,
        floats, floats, counts, counts, counts, types.Array(types.uint8, 1, "C"), types.Array(types.uint8, 2, "A"),
    )  # fmt: skip


@functools.cache
def stack_kernel(kind: str, by_frame: bool) -> Callable[..., bool]:
    """Load from the cache, or compile at the first call, the kernel for a working type, 'f4' or 'f8'.

    With `by_frame` the kernel supports weights, variances of the frames and the order of the values.
    """
    return kernel(_stack, signature=stack_signature(kind, by_frame))


@kernel
def _line_of(array, line, width):
    return array[line * width : (line + 1) * width] if array.size else array


def _stack_lines(
    stack, constants, frames, factors, sorter, plan, parameters, noise, rule, tables, by_frame,
    value, variance, count, rejected_low, rejected_high, flags, codes,
):  # fmt: skip
    """Combine as many whole lines of pixels as there are constants, each with its own constant of the noise.

    stack: the stack kernel; the other parameters are its own. The table of frames and the noise are modified.
    """
    width = value.size // constants.size
    for line in range(constants.size):
        for j in range(noise.shape[0]):
            noise[j, NOISE_CONSTANT] = constants[line]
        stack(
            frames, factors, sorter, plan, parameters, noise, rule, tables, by_frame,
            _line_of(value, line, width), _line_of(variance, line, width), _line_of(count, line, width),
            _line_of(rejected_low, line, width), _line_of(rejected_high, line, width),
            _line_of(flags, line, width), codes[:, line * width : (line + 1) * width],
        )  # fmt: skip
        advance(frames, width)


@functools.cache
def lines_kernel(kind: str, by_frame: bool) -> Callable[..., None]:
    """Return the compiled kernel that corresponds to `stack_kernel` with the same arguments."""
    stack = stack_signature(kind, by_frame)
    constants = types.Array(types.float64, 1, "C")
    return kernel(_stack_lines, signature=types.void(types.FunctionType(stack), constants, *stack.args))


def grown(codes: np.ndarray, radius: float) -> np.ndarray:
    """Grow the rejection mask (n, rows, nx): reject pixels within the radius of one that the rule rejected.

    Only pixels of the same frame are rejected, as low or high like that pixel. Where no value would be left,
    nothing is added.
    """
    out = codes.copy()
    steps = np.arange(-int(radius), int(radius) + 1)
    disc = np.argwhere(steps[:, None] ** 2 + steps**2 <= radius * radius) - int(radius)
    _spread(codes, disc, out)
    _spare(codes, out)
    return out


@kernel
def _spread(codes, disc, out):
    count, ny, nx = codes.shape
    for j in range(count):
        for y in range(ny):
            for x in range(nx):
                code = codes[j, y, x]
                if code != DROPPED_LOW and code != DROPPED_HIGH:
                    continue
                for k in range(disc.shape[0]):
                    v, u = y + disc[k, 0], x + disc[k, 1]
                    if 0 <= v < ny and 0 <= u < nx and out[j, v, u] == KEPT:
                        out[j, v, u] = code


@kernel
def _spare(codes, out):
    """Undo the growth where it leaves no value."""
    count, ny, nx = codes.shape
    for y in range(ny):
        for x in range(nx):
            left = False
            for j in range(count):
                left |= out[j, y, x] == KEPT
            if not left:
                for j in range(count):
                    out[j, y, x] = codes[j, y, x]
