"""The weighted mean of all values present, with the variance that follows from those of the frames.

Nothing is rejected here, so nothing is sorted: what a rule rejects before is missing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.stack.averages import (
    AVERAGE_MEAN,
    NO_DATA_FLAG,
    PLAN_AVERAGE,
    PLAN_FACTORS,
    PLAN_ORDER,
    PLAN_REJECTS,
    PLAN_VARIANCES,
    PLAN_WEIGHTS,
    VARIANCE_PROPAGATED,
    WEIGHTS_BY_FRAME,
)
from ccdfx.kernels.stack.gather import FACTOR_WEIGHT, add_reasons, gather
from ccdfx.kernels.stack.lanes import MOST_LANES, aligned, borrowed, fill, keep_alive
from ccdfx.kernels.stack.weighted_sums import read_variances

# Where the sums of a block begin in one vector: so the loop over them and a frame vectorises (see `lanes`).
_N, _W, _WX, _WWV = 0, MOST_LANES, 2 * MOST_LANES, 3 * MOST_LANES


def is_weighted_mean(plan: np.ndarray, itemsize: int) -> bool:
    """Return whether `weighted_mean` does what a plan says: of float32, as sums of float64 need no pivot then."""
    others = [PLAN_REJECTS, PLAN_ORDER, PLAN_FACTORS]
    wanted = {
        PLAN_AVERAGE: AVERAGE_MEAN,
        PLAN_WEIGHTS: WEIGHTS_BY_FRAME,
        PLAN_VARIANCES: VARIANCE_PROPAGATED,
    }
    return itemsize == 4 and not plan[others].any() and all(plan[slot] == one for slot, one in wanted.items())


@kernel
def _add(row, variances, weight, sums):
    """Add the values of a frame, and their variances, to the sums of the lanes; missing values are +inf."""
    square = weight * weight
    for i in range(row.size):
        there = row[i] < np.inf
        sums[_N + i] += 1.0 if there else 0.0
        sums[_W + i] += weight if there else 0.0
        sums[_WX + i] += weight * np.float64(row[i]) if there else 0.0
        sums[_WWV + i] += square * np.float64(variances[i]) if there else 0.0


@kernel
def _count(row, sums):
    """Count the values of a frame without weight."""
    for i in range(row.size):
        sums[_N + i] += 1.0 if row[i] < np.inf else 0.0


@kernel
def _sum_equally(tile, variances, i, sums):
    """Sum the values of a lane with equal weights: those that it has are all without weight."""
    for j in range(tile.shape[0]):
        if tile[j, i] < np.inf:
            sums[_W + i] += 1.0
            sums[_WX + i] += np.float64(tile[j, i])
            sums[_WWV + i] += np.float64(variances[j, i])


@kernel
def _store(sums, value, variance, count, flags):
    """Store the results of a block; return whether a lane has no value."""
    kind = value.dtype.type
    missing = False
    for i in range(value.size):
        n, w = sums[_N + i], sums[_W + i]
        there = n > 0.0
        unit = 1.0 / w if there else 0.0
        spread = sums[_WWV + i] * unit * unit
        value[i] = kind(sums[_WX + i] * unit)
        variance[i] = kind(spread if spread >= 0.0 else np.inf) if there else kind(0)
        flags[i] = np.uint8(0) if there else NO_DATA_FLAG
        missing |= not there
    for i in range(count.size):
        count[i] = np.uint16(sums[_N + i])
    return missing


def _weighted_mean(
    frames, factors, lanes, value, variance, count, rejected_low, rejected_high, flags, codes
):  # fmt: skip
    """Combine a run of pixels; return whether some pixel is left without a value.

    lanes: pixels of a block; codes: empty; the other arguments as in the stack kernel. Where no value has a weight
    above 0, all of them count alike.
    """
    of_values, of_variances = (
        aligned(frames.shape[0], lanes, np.float32),
        aligned(frames.shape[0], lanes, np.float32),
    )
    of_sums = np.empty(4 * MOST_LANES)
    tile, variances, sums = borrowed(of_values), borrowed(of_variances), borrowed(of_sums)
    fill(rejected_low, np.uint16(0))
    fill(rejected_high, np.uint16(0))
    missing = False
    for start in range(0, value.size, lanes):
        width = min(lanes, value.size - start)
        end = start + width
        gather(frames, factors, start, tile, width)
        read_variances(frames, factors, start, width, variances)
        fill(sums, 0.0)
        for j in range(tile.shape[0]):
            weight = factors[j, FACTOR_WEIGHT]
            if weight > 0.0:
                _add(tile[j, :width], variances[j, :width], weight, sums)
            else:
                _count(tile[j, :width], sums)
        for i in range(width):
            if sums[_N + i] > 0.0 and sums[_W + i] == 0.0:
                _sum_equally(tile, variances, i, sums)
        counted = count[start:end] if count.size else count
        if _store(sums, value[start:end], variance[start:end], counted, flags[start:end]):
            missing = True
            add_reasons(frames, start, flags[start:end])
    keep_alive((of_values, of_variances, of_sums))
    return missing


@functools.cache
def weighted_mean() -> Callable[..., bool]:
    """Load from the cache, or compile, the kernel."""
    floats, counts = types.Array(types.float32, 1, "C"), types.Array(types.uint16, 1, "C")
    flags: Any = types.Array(types.uint8, 1, "C")
    signature = types.boolean(
        types.Array(types.int64, 2, "C"), types.Array(types.float64, 2, "C"), types.int64,
        floats, floats, counts, counts, counts, flags, types.Array(types.uint8, 2, "A"),
    )  # fmt: skip
    return kernel(_weighted_mean, signature=signature)
