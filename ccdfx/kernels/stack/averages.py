"""Averages of lanes and their variances, from sums over the values kept by rejection.

Sums are taken about a pivot within the range of the values kept, so that no precision is lost where the
values are large compared with their scatter.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.stack.lanes import SUMS_PIVOT, SUMS_WINSOR_X, SUMS_WINSOR_XX, SUMS_X, SUMS_XX

NO_DATA_FLAG = np.uint8(16)  # as in the records, which kernels do not import (a test compares them)
# Indices into the plan, a vector of int64.
(
    PLAN_AVERAGE,
    PLAN_REJECTS,
    PLAN_VARIANCES,
    PLAN_TRIMS,
    PLAN_WEIGHTS,
    PLAN_ORDER,
    PLAN_LANES,
    PLAN_PICK,
    PLAN_OWN_NOISE,
    PLAN_FACTORS,
) = range(10)
PLAN_SLOTS = 10
AVERAGE_MEAN, AVERAGE_MEDIAN, AVERAGE_TOTAL = 0, 1, 2  # a minimum and a maximum are medians with another rank
# Which of the sorted values a median takes: the mean of the middle two, the lower of them, the lower one only
# if there are two values in all, the lowest, the highest.
PICK_MIDDLE, PICK_LOWER, PICK_LOWER_OF_TWO, PICK_LOWEST, PICK_HIGHEST = range(5)
VARIANCE_NONE, VARIANCE_EMPIRICAL, VARIANCE_PROPAGATED = 0, 1, 2
WEIGHTS_BY_FRAME, WEIGHTS_BY_VARIANCE = 1, 2  # kinds of weights of a mean; 0 without weights
ORDER_FOR_RULE, ORDER_FOR_CODES = 1, 2  # why the order of the frames is kept; 0 if it is not
# Rows of the weighted sums: of w, w^2, w^3, w x, w^2 x, w^2 x^2.
WEIGHTED_W, WEIGHTED_W2, WEIGHTED_W3, WEIGHTED_WX, WEIGHTED_W2X, WEIGHTED_W2XX = range(6)
WEIGHTED_ROWS = 6
# Rows of the tables of `store_variances`.
TABLE_SCATTER, TABLE_HALF, TABLE_ROW, TABLE_FIRST = range(4)
FARTHEST = 5.0  # as in the estimators of order statistics, which kernels do not import (a test compares them)


def knows_frames(plan: np.ndarray) -> bool:
    """Return whether anything in a plan depends on which frame a value comes from."""
    return (
        bool(plan[[PLAN_WEIGHTS, PLAN_ORDER, PLAN_OWN_NOISE]].any())
        or int(plan[PLAN_VARIANCES]) == VARIANCE_PROPAGATED
    )


def needs_ranks(plan: np.ndarray, itemsize: int) -> bool:
    """Return whether all values of a lane must be sorted.

    Sums of float64 go by rank, so that they do not depend on the order of the frames.
    """
    return bool(knows_frames(plan) or plan[PLAN_REJECTS] or plan[PLAN_PICK] >= PICK_LOWEST or itemsize == 8)


@kernel
def picked(pick, n):
    """Return the two ranks, out of n, whose values are averaged to give the median."""
    first, last = (n - 1) // 2, n // 2
    if pick == PICK_LOWER or (pick == PICK_LOWER_OF_TWO and n == 2):
        last = first
    elif pick == PICK_LOWEST:
        first = last = 0
    elif pick == PICK_HIGHEST:
        first = last = n - 1
    return first, last


@kernel
def store_values(plan, tile, low, high, width, sums, weighted, value, by_frame):
    """Store the average of each lane; 0 where no value is kept."""
    kind = value.dtype.type
    if plan[PLAN_AVERAGE] == AVERAGE_MEDIAN:
        half = np.float64(0.5)
        for i in range(width):
            first, last = picked(plan[PLAN_PICK], max(high[i] - low[i], 1))
            a, b = tile[low[i] + first, i], tile[low[i] + last, i]
            value[i] = kind(half * a + half * b) if low[i] < high[i] else kind(0)
    elif plan[PLAN_AVERAGE] == AVERAGE_TOTAL:
        for i in range(width):
            value[i] = kind(sums[SUMS_PIVOT, i] * (high[i] - low[i]) + sums[SUMS_X, i])
    elif value.itemsize == 4:
        # Sums of float32 are exact in float64 except for extreme ranges: the order of frames has no effect.
        for i in range(width):
            n = np.float64(high[i] - low[i])
            mean = (sums[SUMS_PIVOT, i] * n + sums[SUMS_X, i]) * (1.0 / n)
            value[i] = kind(mean) if n > 0.0 else kind(0)
    else:
        for i in range(width):
            n = np.float64(high[i] - low[i])
            mean = sums[SUMS_PIVOT, i] + sums[SUMS_X, i] / n
            value[i] = kind(mean) if n > 0.0 else kind(0)
    if by_frame is not None and plan[PLAN_WEIGHTS]:
        for i in range(width):
            if weighted[WEIGHTED_W, i] > 0.0:
                value[i] = kind(sums[SUMS_PIVOT, i] + weighted[WEIGHTED_WX, i] / weighted[WEIGHTED_W, i])


@kernel
def _scatter(sums, low, high, width, spread):
    """Compute the empirical variance sum (x - mean)^2 / (m (m - 1)); infinite (unknown) for one value."""
    for i in range(width):
        m = np.float64(high[i] - low[i])
        residual = sums[SUMS_XX, i] - sums[SUMS_X, i] * sums[SUMS_X, i] * (1.0 / m)
        v = max(residual, 0.0) * (1.0 / (m * (m - 1.0)))
        spread[i] = v if m > 1.0 else np.inf


@kernel
def _trimmed_scatter(sums, low, high, counts, width, spread):
    """Compute the empirical variance of a trimmed mean (Yuen 1974, Biometrika 61, 165).

    It is the winsorized sum of squares / (h (h - 1)) with h values kept.
    """
    for i in range(width):
        m = np.float64(high[i] - low[i])
        residual = sums[SUMS_WINSOR_XX, i] - sums[SUMS_WINSOR_X, i] * sums[SUMS_WINSOR_X, i] / counts[i]
        v = max(residual, 0.0) / (m * (m - 1.0))
        spread[i] = v if m > 1.0 else np.inf


@kernel
def _weighted_scatter(weighted, low, high, width, spread):
    """Compute the empirical variance of a weighted mean, with the share u = w / sum w of each value.

    It is sum u^2 (x - mean)^2 / (1 - 2 sum u^3 / q + q), q = sum u^2: exact for values of one noise, and for equal
    weights; where the noise differs, each value counts with its own deviation (White 1980, Econometrica 48, 817).
    """
    for i in range(width):
        s = weighted[WEIGHTED_W, i]
        if s > 0.0:
            mean = weighted[WEIGHTED_WX, i] / s
            squares = weighted[WEIGHTED_W2XX, i] + mean * (
                mean * weighted[WEIGHTED_W2, i] - 2.0 * weighted[WEIGHTED_W2X, i]
            )
            q, cubes = weighted[WEIGHTED_W2, i] / (s * s), weighted[WEIGHTED_W3, i] / (s * s * s)
            free = q - 2.0 * cubes + q * q
            known = high[i] - low[i] > 1 and free > 1e-9 * q
            spread[i] = max(squares, 0.0) / (s * s) * q / free if known else np.inf


@kernel
def _weigh_trimmed_scatter(weighted, low, high, width, spread):
    """Multiply the variance of a trimmed mean by n sum w^2 / (sum w)^2, where the values kept have weights."""
    for i in range(width):
        s = weighted[WEIGHTED_W, i]
        if s > 0.0:
            spread[i] *= (high[i] - low[i]) * weighted[WEIGHTED_W2, i] / (s * s)


@kernel
def _robust_scatter(plan, tile, low, high, width, tables, value, spread):
    """Multiply by the factor for the scatter, or take the shorter half of the range where the other is much longer."""
    scatter, half, last = tables[TABLE_SCATTER], tables[TABLE_HALF], tile.shape[0] - 1
    median = plan[PLAN_PICK] == PICK_MIDDLE
    for i in range(width):
        n = high[i] - low[i]
        middle = np.float64(value[i])
        if not median:
            first = min(low[i] + max(n - 1, 0) // 2, last)
            middle = 0.5 * np.float64(tile[first, i]) + 0.5 * np.float64(tile[min(low[i] + n // 2, last), i])
        below = middle - np.float64(tile[min(low[i], last), i])
        above = np.float64(tile[max(high[i] - 1, 0), i]) - middle
        short, long = min(below, above), max(below, above)
        spread[i] = short * short * half[n] if long > FARTHEST * short else spread[i] * scatter[n]


@kernel
def _apply_factors(tables, low, high, counts, holes, width, spread):
    """Multiply by the factors for the numbers of values present and rejected."""
    rows = tables[TABLE_ROW]
    if holes:
        for i in range(width):
            spread[i] *= tables[np.int64(rows[counts[i]]), counts[i] - (high[i] - low[i])]
        return
    factors, present = tables[np.int64(rows[counts[0]])], counts[0]
    for i in range(width):
        spread[i] *= factors[present - (high[i] - low[i])]


@kernel
def store_variances(
    plan, tile, low, high, counts, holes, width, sums, weighted, spread, tables, value, variance, by_frame
):  # fmt: skip
    """Store the variance of the average of each lane; 0 where no value is kept.

    `value`: the averages; `holes`: whether any lane of the block has a value missing. `tables`: as functions of the number of values kept, what the scatter of an order statistic, or its propagated
    variance, is multiplied by, and what the square of the shorter half of the range is. Where the plan has factors,
    the row of `TABLE_ROW` says which row from `TABLE_FIRST` on holds those for a lane with so many values, by number
    of values rejected (`ccdfx.operations.combining.variance_factors`).
    """
    if plan[PLAN_VARIANCES] == VARIANCE_EMPIRICAL:
        if plan[PLAN_TRIMS]:
            _trimmed_scatter(sums, low, high, counts, width, spread)
        else:
            _scatter(sums, low, high, width, spread)
        if by_frame is not None and plan[PLAN_WEIGHTS]:
            if plan[PLAN_TRIMS]:
                _weigh_trimmed_scatter(weighted, low, high, width, spread)
            else:
                _weighted_scatter(weighted, low, high, width, spread)
    if plan[PLAN_AVERAGE] == AVERAGE_MEDIAN:
        if plan[PLAN_VARIANCES] == VARIANCE_EMPIRICAL and plan[PLAN_PICK] != PICK_HIGHEST:
            _robust_scatter(plan, tile, low, high, width, tables, value, spread)
        else:
            for i in range(width):
                spread[i] *= tables[TABLE_SCATTER, high[i] - low[i]]
    if plan[PLAN_FACTORS]:
        _apply_factors(tables, low, high, counts, holes, width, spread)
    if plan[PLAN_AVERAGE] == AVERAGE_TOTAL:
        for i in range(width):
            spread[i] *= np.float64(high[i] - low[i]) * (high[i] - low[i])
    kind = variance.dtype.type
    for i in range(width):
        v = spread[i] if spread[i] >= 0.0 else np.inf  # unknown: NaN from the difference of two infinite sums
        variance[i] = kind(v) if low[i] < high[i] else kind(0)
