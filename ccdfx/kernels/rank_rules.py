"""Rules that take their unit from the sorted values of a lane; `ccdfx.kernels.rules` says what a rule is."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import begin, clip_pass, column, least_kept, restore, restore_neighbours
from ccdfx.kernels.lane_statistics import medians, middle


@kernel
def _percentile_lane(x, residual, n, parameters):
    keep = least_kept(parameters, n)
    if n < max(3, keep + 1):
        return 0, n
    center = middle(x, 0, n)
    steps = np.int64(parameters[3])
    half = n // 2  # rank, from 0, of the upper of the middle values
    rank = max(0, half - (n % 2 == 0) + steps) if steps < 0 else min(n - 1, half + steps)
    sigma = abs(x[rank] - center)
    if not sigma > 0:
        return 0, n
    low, high = 0, n
    while low < n and center - x[low] > 0 and center - x[low] >= parameters[0] * sigma:
        residual[low] = (center - x[low]) / sigma
        low += 1
    while high > low and x[high - 1] - center > 0 and x[high - 1] - center >= parameters[1] * sigma:
        residual[high - 1] = (x[high - 1] - center) / sigma
        high -= 1
    return restore(residual, low, high, 0, n, keep)


@kernel
def percentile_clip_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep, ranks from the median to the value whose distance is the unit."""
    x, residual = np.empty(lanes.shape[0]), np.empty(lanes.shape[0])
    for i in range(counts.size):
        column(lanes, i, counts[i], x)
        low[i], high[i] = _percentile_lane(x, residual, counts[i], parameters)


@kernel
def relative_clip_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep."""
    work = begin(lanes, counts, parameters, low, high)
    center, sigma = np.empty(counts.size), np.empty((1, counts.size))
    medians(lanes, counts, center)
    for i in range(counts.size):
        sigma[0, i] = abs(center[i])
    clip_pass(lanes, counts, work, center, sigma, 3)
    restore_neighbours(work)
