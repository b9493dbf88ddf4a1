"""Rules with an estimate of sigma of their own: about a line, or by a test of the extremes.

`ccdfx.kernels.rules` says what a rule is.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import MEAN, column, least_kept, restore, value
from ccdfx.kernels.lane_statistics import center_of, medians, squares
from ccdfx.kernels.lanes import MOST_LANES, greatest
from ccdfx.kernels.survivors import drop_distant, gather_kept, lane_of, part_lane, read_lane, take_back

ROUNDING = 1e-12  # deviations from a line below this, in units of the range, are none


# ---- about a line through the sorted values ----


@kernel
def _fit_line(y, n):
    """Least squares of y on the rank: the value at the middle rank, and the slope."""
    middle_rank = 0.5 * (n - 1)
    total = product = 0.0
    for i in range(n):
        total += y[i]
        product += (i - middle_rank) * y[i]
    slope = product * 12.0 / (np.float64(n) * (n * np.float64(n) - 1.0))
    return total / n, slope


@kernel
def _line_lane(lane, n, parameters):
    """Mark what survives; how many values, and how many must."""
    m, number = n, 0
    keep = least_kept(parameters, n)
    y = lane.kept_x
    while m >= max(3, keep + 1):
        gather_kept(lane, n)
        pivot = y[m // 2]
        for i in range(m):
            y[i] -= pivot
        level, slope = _fit_line(y, m)
        sigma = 0.0
        for i in range(m):
            sigma += abs(y[i] - level - slope * (i - 0.5 * (m - 1)))
        sigma /= m
        if not sigma > ROUNDING * (y[m - 1] - y[0]):
            break
        i = 0
        for r in range(n):
            if lane.kept[r]:
                lane.distance[r] = y[i] - level - slope * (i - 0.5 * (m - 1))
                lane.sigma[r] = sigma
                i += 1
        number += 1
        before, m = m, drop_distant(lane, n, parameters, number)
        if m == before:
            break
    return m, keep


@kernel
def _order_ties(lane, n, variance):
    """Sort equal values by their variance: each rank has a residual of its own, and no order of frames decides."""
    for r in range(1, n):
        frame, q = lane.frame[r], r
        while q > 0 and lane.x[q - 1] == lane.x[r] and variance[lane.frame[q - 1]] > variance[frame]:
            lane.frame[q] = lane.frame[q - 1]
            q -= 1
        lane.frame[q] = frame


@kernel
def linear_fit_clip_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep, whether ``noise[frame, lane]`` is the variance of each value; it needs the order."""
    lane = lane_of(lanes.shape[0])
    for i in range(counts.size):
        n = counts[i]
        read_lane(lanes, frames, i, n, lane)
        if parameters[3] != 0:
            _order_ties(lane, n, noise[:, i])
        m, keep = _line_lane(lane, n, parameters)
        if m < keep:
            take_back(lane, 1, n, keep)
        low[i], high[i] = part_lane(lanes, frames, i, n, lane)


# ---- generalised extreme studentised deviate ----

# Sums from which values were taken are not exact: where a comparison comes out closer than this in units of its sides, or
# less than this part of the squares is left, the lane is done again with sums of its own.
NEAR, LITTLE = 1e-7, 1e-4


@kernel
def _gesd_lane(x, residual, n, parameters):
    low, high = 0, n
    found_low, found_high = 0, n
    for _ in range(np.int64(parameters[0] * n + 1e-9)):
        m = high - low
        if m < 3:
            break
        center = center_of(x, low, high, MEAN)
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


# Sums lie MOST_LANES apart in one vector, so that loops vectorise: see `ccdfx.kernels.lanes`. They are about the median:
# sum and squares of what is left, squares of all, and whether a comparison was near.
_SUM, _SQUARES, _ALL, _NEAR = range(0, 4 * MOST_LANES, MOST_LANES)


@kernel
def _sum_distances(lanes, counts, center, sums):
    for i in range(counts.size):
        sums[_SUM + i] = sums[_SQUARES + i] = sums[_NEAR + i] = 0.0
    for r in range(greatest(counts)):
        for i in range(counts.size):
            d = lanes[r, i] - center[i] if r < counts[i] else 0.0
            sums[_SUM + i] += d
            sums[_SQUARES + i] += d * d
    for i in range(counts.size):
        sums[_ALL + i] = sums[_SQUARES + i]


@kernel
def _set_aside(lanes, counts, parameters, step, center, sums, first, last, low, high):
    """Take the furthest value out of the sums of every lane; where it is an outlier, the survivors are what is left."""
    for i in range(counts.size):
        n, m = np.float64(counts[i]), np.float64(counts[i] - step)
        taken = (m >= 3.0) & (step < np.int64(parameters[0] * n + 1e-9))
        mean = sums[_SUM + i] / max(m, 1.0)
        square = sums[_SQUARES + i] - mean * sums[_SUM + i]
        lowest = value(lanes, first[i], i) - center[i]
        highest = value(lanes, max(last[i] - 1, 0), i) - center[i]
        below, above = mean - lowest, highest - mean
        furthest, limit = max(below, above), parameters[3 + max(counts[i] - step, 0)]
        beyond, within = furthest * furthest * (m - 1.0), limit * limit * square
        near = abs(beyond - within) <= NEAR * within
        near |= abs(above - below) <= NEAR * (above + below)
        near |= not (square > LITTLE * sums[_ALL + i])
        sums[_NEAR + i] = 1.0 if near & taken else sums[_NEAR + i]
        upper = above >= below
        gone = highest if upper else lowest
        sums[_SUM + i] -= gone if taken else 0.0
        sums[_SQUARES + i] -= gone * gone if taken else 0.0
        first[i] += np.int32(taken & (not upper))
        last[i] -= np.int32(taken & upper)
        outlier = taken & (beyond > within)
        low[i] = first[i] if outlier else low[i]
        high[i] = last[i] if outlier else high[i]


@kernel
def gesd_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: greatest fraction of outliers, significance, keep, then the critical value for m = 0, 1 ... values."""
    sums, center, ends = np.empty(4 * MOST_LANES), np.empty(counts.size), np.empty((2, counts.size), np.int32)
    x, residual = np.empty(lanes.shape[0]), np.empty(lanes.shape[0])
    first, last = ends[0], ends[1]
    medians(lanes, counts, center)
    _sum_distances(lanes, counts, center, sums)
    for i in range(counts.size):
        first[i], last[i] = 0, counts[i]
        low[i], high[i] = 0, counts[i]
    for step in range(np.int64(parameters[0] * greatest(counts) + 1e-9)):
        _set_aside(lanes, counts, parameters, step, center, sums, first, last, low, high)
    for i in range(counts.size):
        n = np.int64(counts[i])
        if sums[_NEAR + i] > 0 or high[i] - low[i] < least_kept(parameters, n):
            column(lanes, i, n, x)
            low[i], high[i] = _gesd_lane(x, residual, n, parameters)
