"""Rejection rules on sorted lanes.

A rule is a compiled function of one fixed signature::

    rule(lanes, frames, counts, noise, parameters, low, high) -> None

- ``lanes[rank, lane]``: the values of each lane, ascending; only the first ``counts[lane]`` are valid, +inf follows;
- ``frames[rank, lane]``: the frame that each value comes from, or an array without rows where the order was not kept;
- ``noise[frame]``: (scale, zero, constant, linear, quadratic) of each frame, or one row when all frames are alike:
  the variance of a value at level c is (constant + linear L + quadratic L^2) / scale^2, L = max(0, scale (c + zero));
  for a rule that has asked for the variances, ``noise[frame, lane]`` is that of each value (scaled as the value is);
- ``parameters``: the numbers of the rule;
- ``low[lane]``, ``high[lane]``: to be filled with the ranks that survive, ``low <= rank < high``. Where the survivors
  are not neighbours, the rule moves the dropped values (and their `frames`) below and above them; it may do that only
  when it has asked for the order.

The stack kernel takes a rule as a value of the function type below, so one compiled kernel serves every rule.
"""

from __future__ import annotations

import numpy as np
from numba import types

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import (
    MAD_TO_SIGMA,
    MEAN,
    MEDIAN,
    TRIMMED,
    center_of,
    centers,
    column,
    deviations,
    drop,
    keep_everything,
    least_kept,
    mad,
    mads,
    middle,
    outlying,
    restore,
    restore_ties,
    squares,
)


def rule_type(real: types.Float) -> types.FunctionType:
    """The type of a rule for lanes of this float type."""
    return types.FunctionType(
        types.void(
            types.Array(real, 2, "C"),
            types.Array(types.int32, 2, "C"),
            types.Array(types.int32, 1, "C"),
            types.Array(types.float64, 2, "C"),
            types.Array(types.float64, 1, "C"),
            types.Array(types.int32, 1, "C"),
            types.Array(types.int32, 1, "C"),
        )
    )


@kernel
def minmax_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: the fractions to drop at the low and at the high end."""
    for i in range(counts.size):
        n = counts[i]
        low[i] = np.int32(parameters[0] * n + 0.001)
        high[i] = n - np.int32(parameters[1] * n + 0.001)


# ---- sigma clipping ----


@kernel
def _sigma_lane(x, residual, n, kind, limits, keep):
    low, high = 0, n
    first = MEDIAN if kind == MEDIAN else TRIMMED
    while high - low >= max(3, keep + 1):
        center = center_of(x, low, high, first)
        first = kind
        sigma = np.sqrt(squares(x, low, high, center) / (high - low - 1))
        if not sigma > 0:
            break
        before_low, before_high = low, high
        low, high = drop(x, residual, low, high, center, sigma, limits)
        if low == before_low and high == before_high:
            break
        if high - low < keep and kind != MEDIAN:
            return restore_ties(residual, low, high, before_low, before_high, keep)
    return restore(residual, low, high, 0, n, keep)


@kernel
def _sigma_clip(lanes, counts, parameters, low, high, kind):
    center, sigma, found = np.empty(counts.size), np.empty(counts.size), np.empty(counts.size, np.bool_)
    x, residual = np.empty(lanes.shape[0]), np.empty(lanes.shape[0])
    keep_everything(counts, low, high)
    centers(lanes, counts, MEDIAN if kind == MEDIAN else TRIMMED, center)
    deviations(lanes, counts, center, sigma)
    outlying(lanes, counts, center, sigma, parameters, found)
    for i in range(counts.size):
        if found[i]:
            column(lanes, i, counts[i], x)
            keep = least_kept(parameters, counts[i])
            low[i], high[i] = _sigma_lane(x, residual, counts[i], kind, parameters, keep)


@kernel
def sigma_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep."""
    _sigma_clip(lanes, counts, parameters, low, high, MEDIAN)


@kernel
def sigma_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep."""
    _sigma_clip(lanes, counts, parameters, low, high, MEAN)


# ---- clipping by the median absolute deviation ----


@kernel
def _mad_lane(x, residual, n, parameters):
    low, high = 0, n
    keep = least_kept(parameters, n)
    while high - low >= max(3, keep + 1):
        center = middle(x, low, high)
        sigma = max(MAD_TO_SIGMA * mad(x, low, high, center), parameters[3])
        if not sigma > 0:
            break
        before_low, before_high = low, high
        low, high = drop(x, residual, low, high, center, sigma, parameters)
        if low == before_low and high == before_high:
            break
    return restore(residual, low, high, 0, n, keep)


@kernel
def mad_clip_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep, least sigma."""
    center, sigma, found = np.empty(counts.size), np.empty(counts.size), np.empty(counts.size, np.bool_)
    x, residual = np.empty(lanes.shape[0]), np.empty(lanes.shape[0])
    keep_everything(counts, low, high)
    centers(lanes, counts, MEDIAN, center)
    mads(lanes, counts, center, sigma, x)
    for i in range(counts.size):
        sigma[i] = max(MAD_TO_SIGMA * sigma[i], parameters[3])
    outlying(lanes, counts, center, sigma, parameters, found)
    for i in range(counts.size):
        if found[i]:
            column(lanes, i, counts[i], x)
            low[i], high[i] = _mad_lane(x, residual, counts[i], parameters)
