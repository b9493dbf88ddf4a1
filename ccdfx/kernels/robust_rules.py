"""Rules with an estimate of sigma of their own: about a line, or by a test of the extremes.

`ccdfx.kernels.rules` says what a rule is.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import MEAN, column, least_kept, restore
from ccdfx.kernels.lane_statistics import center_of, squares
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


@kernel
def gesd_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: greatest fraction of outliers, significance, keep, then the critical value for m = 0, 1 ... values."""
    x, residual = np.empty(lanes.shape[0]), np.empty(lanes.shape[0])
    for i in range(counts.size):
        column(lanes, i, counts[i], x)
        low[i], high[i] = _gesd_lane(x, residual, counts[i], parameters)
