"""Rejection rules on sorted lanes.

A rule is a compiled function of one fixed signature::

    rule(lanes, frames, counts, noise, parameters, low, high) -> None

- ``lanes[rank, lane]``: the values of each lane, ascending; only the first ``counts[lane]`` are valid, the
  rest are +inf; there are at most `ccdfx.kernels.lanes.MOST_LANES` lanes;
- ``frames[rank, lane]``: the frame that each value comes from, or an array without rows where the order was
  not kept;
- ``noise[frame]``: (scale, zero, constant, linear, quadratic) of each frame, or one row when all frames are
  alike: the variance of a value at level c is (constant + linear L + quadratic L^2) / scale^2,
  L = max(0, scale (c + zero)); for a rule that has asked for the variances, ``noise[frame, lane]`` is that of
  each value (scaled as the value is);
- ``parameters``: the numbers of the rule;
- ``low[lane]``, ``high[lane]``: outputs, the ranks that survive, ``low <= rank < high``. Where the survivors
  are not neighbours, the rule moves the dropped values (and their `frames`) below and above them; it may do
  that only when it has asked for the order.

The stack kernel takes a rule as an argument of the function type below, so one kernel serves all rules.
"""

from __future__ import annotations

import numpy as np
from numba import types

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import begin, clip_pass, restore_last, restore_neighbours
from ccdfx.kernels.lane_statistics import deviations, mad_sigmas, means, medians
from ccdfx.kernels.lanes import borrowed, hold


def rule_type(real: types.Float) -> types.FunctionType:
    """Return the type of a rule for lanes of this float type."""
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
    """Drop fractions of the values at the low and at the high end, which are the parameters."""
    for i in range(counts.size):
        n = counts[i]
        low[i] = np.int32(parameters[0] * n + 0.001)
        high[i] = n - np.int32(parameters[1] * n + 0.001)


@kernel
def sigma_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip by the standard deviation about the median; parameters: low, high, keep."""
    work = begin(lanes, counts, parameters, low, high)
    sums = np.empty((2, counts.size))
    center, sigma = borrowed(sums[0]), borrowed(sums[1])
    x, left = lanes, counts
    while left.size:
        medians(x, left, center)
        deviations(x, left, center, 1, sigma)
        left = clip_pass(x, left, work, center, sigma, 3)
        x = work.block
    restore_neighbours(work)
    hold((sums,))


@kernel
def sigma_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip by the standard deviation about the mean; parameters: low, high, keep."""
    work = begin(lanes, counts, parameters, low, high)
    sums = np.empty((2, counts.size))
    center, sigma = borrowed(sums[0]), borrowed(sums[1])
    x, left, first = lanes, counts, True
    while left.size:
        means(x, left, first, center)
        deviations(x, left, center, 1, sigma)
        left = clip_pass(x, left, work, center, sigma, 3)
        x, first = work.block, False
    restore_last(work)
    hold((sums,))


@kernel
def mad_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip by the MAD about the median; parameters: low, high, keep, least sigma, maximum passes."""
    work = begin(lanes, counts, parameters, low, high)
    sums = np.empty((4, counts.size))
    center, sigma, scratch = borrowed(sums[0]), borrowed(sums[1]), borrowed(sums[2:])
    x, left, passes = lanes, counts, parameters[4]
    while left.size and passes > 0:
        passes -= 1
        medians(x, left, center)
        mad_sigmas(x, left, center, parameters[3], sigma, scratch)
        left = clip_pass(x, left, work, center, sigma, 3)
        x = work.block
    restore_neighbours(work)
    hold((sums,))


@kernel
def mad_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip by the MAD (from the median) about the mean.

    parameters: low, high, keep, least sigma, maximum passes.
    """
    work = begin(lanes, counts, parameters, low, high)
    sums = np.empty((5, counts.size))
    median, center, sigma, scratch = (
        borrowed(sums[0]),
        borrowed(sums[1]),
        borrowed(sums[2]),
        borrowed(sums[3:]),
    )
    x, left, passes = lanes, counts, parameters[4]
    while left.size and passes > 0:
        passes -= 1
        medians(x, left, median)
        mad_sigmas(x, left, median, parameters[3], sigma, scratch)
        means(x, left, False, center)
        left = clip_pass(x, left, work, center, sigma, 3)
        x = work.block
    restore_last(work)
    hold((sums,))
