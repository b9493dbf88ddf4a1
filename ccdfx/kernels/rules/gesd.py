"""The generalised extreme Studentised deviate test (Rosner 1983); `ccdfx.kernels.stack.rule` defines a rule."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.rules.centers import center_of, medians, squares
from ccdfx.kernels.rules.clipping import (
    CENTER_MEAN,
    column,
    least_kept,
    restore,
    value,
)
from ccdfx.kernels.rules.linear_fit import LITTLE, NEAR
from ccdfx.kernels.stack.lanes import MOST_LANES, greatest

# Sums lie MOST_LANES apart in one vector, so that loops vectorise: see `ccdfx.kernels.stack.lanes`. They are about
# the median: the sum of the values left, their squares, the squares of all, whether a comparison
# was near.
_CENTER, _NEAR, _SUM, _SQUARES, _ALL = range(0, 5 * MOST_LANES, MOST_LANES)


@kernel
def _gesd_lane(x, residual, n, parameters):
    low, high = 0, n
    found_low, found_high = 0, n
    for _ in range(np.int64(parameters[0] * n + 1e-9)):
        m = high - low
        if m < 3:
            break
        center = center_of(x, low, high, CENTER_MEAN)
        sigma = np.sqrt(squares(x, low, high, center) / (m - 1))
        if not sigma > 0:
            break
        below, above = center - x[low], x[high - 1] - center
        extreme = max(below, above) / sigma
        if above >= below:
            high -= 1
            residual[high] = extreme
        else:
            residual[low] = extreme
            low += 1
        if extreme > parameters[3 + m]:
            found_low, found_high = low, high
    return restore(residual, found_low, found_high, 0, n, least_kept(parameters, n))


@kernel
def _sum_distances(lanes, counts, sums):
    for i in range(counts.size):
        sums[_SUM + i] = sums[_SQUARES + i] = sums[_NEAR + i] = 0.0
    for r in range(greatest(counts)):
        for i in range(counts.size):
            d = lanes[r, i] - sums[_CENTER + i] if r < counts[i] else 0.0
            sums[_SUM + i] += d
            sums[_SQUARES + i] += d * d
    for i in range(counts.size):
        sums[_ALL + i] = sums[_SQUARES + i]


@kernel
def _set_aside(lanes, counts, parameters, step, sums, first, last, low, high):
    """Take the furthest value of every lane out of the sums; if it is an outlier, only the others survive."""
    for i in range(counts.size):
        n, m = np.float64(counts[i]), np.float64(counts[i] - step)
        taken = (m >= 3.0) & (step < np.int64(parameters[0] * n + 1e-9))
        mean = sums[_SUM + i] / max(m, 1.0)
        square = sums[_SQUARES + i] - mean * sums[_SUM + i]
        lowest = value(lanes, first[i], i) - sums[_CENTER + i]
        highest = value(lanes, max(last[i] - 1, 0), i) - sums[_CENTER + i]
        below, above = mean - lowest, highest - mean
        furthest, limit = max(below, above), parameters[3 + max(counts[i] - step, 0)]
        beyond, within = furthest * furthest * (m - 1.0), limit * limit * square
        near = abs(beyond - within) <= NEAR * within
        near |= abs(above - below) <= NEAR * (above + below)
        near |= not (square > LITTLE * sums[_ALL + i])
        sums[_NEAR + i] = 1.0 if near & taken else sums[_NEAR + i]
        at_top = above >= below
        gone = highest if at_top else lowest
        sums[_SUM + i] -= gone if taken else 0.0
        sums[_SQUARES + i] -= gone * gone if taken else 0.0
        first[i] += np.int32(taken & (not at_top))
        last[i] -= np.int32(taken & at_top)
        outlier = taken & (beyond > within)
        low[i] = first[i] if outlier else low[i]
        high[i] = last[i] if outlier else high[i]


@kernel
def gesd_rule(lanes, frames, counts, noise, parameters, low, high):
    """Reject outliers by the generalised extreme studentised deviate test.

    parameters: greatest fraction of outliers, significance, keep, critical values for m = 0, 1 ... values.
    """
    sums, ends = np.empty(5 * MOST_LANES), np.empty((2, counts.size), np.int32)
    x, residual = np.empty(lanes.shape[0]), np.empty(lanes.shape[0])
    first, last = ends[0], ends[1]
    medians(lanes, counts, sums[_CENTER : _CENTER + MOST_LANES])
    _sum_distances(lanes, counts, sums)
    for i in range(counts.size):
        first[i], last[i] = 0, counts[i]
        low[i], high[i] = 0, counts[i]
    for step in range(np.int64(parameters[0] * greatest(counts) + 1e-9)):
        _set_aside(lanes, counts, parameters, step, sums, first, last, low, high)
    for i in range(counts.size):
        n = np.int64(counts[i])
        if sums[_NEAR + i] > 0 or high[i] - low[i] < least_kept(parameters, n):
            column(lanes, i, n, x)
            low[i], high[i] = _gesd_lane(x, residual, n, parameters)
