"""Clipping about a straight line through the sorted values; `ccdfx.kernels.stack.rule` defines a rule."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.compile.llvm import upper
from ccdfx.kernels.rules.centers import medians
from ccdfx.kernels.rules.clipping import (
    P_HIGH,
    P_KEEP,
    P_LOW,
    begin,
    gather_lanes,
    least_kept,
    value,
)
from ccdfx.kernels.rules.survivors import drop_distant, gather_kept, lane_of, part_lane, read_lane, take_back
from ccdfx.kernels.stack.lanes import MOST_LANES, fill, greatest

ROUNDING = 1e-12  # deviations from a line below this, in units of the range, count as 0
# All lanes are first treated together. Sums from which values were subtracted are not exact: where the two
# sides of a comparison differ by less than NEAR of them, or less than LITTLE of the squares is left, the lane
# is computed again by itself.
NEAR, LITTLE = 1e-7, 1e-4


# Sums lie MOST_LANES apart in one vector, so that loops vectorise: see `ccdfx.kernels.stack.lanes`. They are about the
# median: whether a comparison was near, the sum of the values, that of their products with the rank; the line at rank
# 0, its slope and sigma; the bounds about it, how many values lie within them certainly, and at most.
_CENTER, _NEAR, _SUM, _PRODUCTS, _START, _SLOPE, _SIGMA, _BOTTOM, _TOP, _WITHIN, _MAY_BE = range(
    0, 11 * MOST_LANES, MOST_LANES
)


@kernel
def _fit_line(y, n):
    """Fit a line to y against rank by least squares; return its value at the middle rank and its slope."""
    middle_rank = 0.5 * (n - 1)
    total = product = 0.0
    for i in range(n):
        total += y[i]
        product += (i - middle_rank) * y[i]
    slope = product * 12.0 / (np.float64(n) * (n * np.float64(n) - 1.0))
    return total / n, slope


@kernel
def _line_lane(lane, n, m, parameters):
    """Clip n values of which m survive so far; return how many survive, and how many must."""
    number = 0
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
def _order_ties(lanes, frames, counts, variance):
    """Sort equal values by variance: their residuals differ, and the order of frames must not matter."""
    for r in range(1, greatest(counts)):
        for i in range(counts.size):
            if r < counts[i] and lanes[r - 1, i] == lanes[r, i]:
                frame, q = frames[r, i], r
                while (
                    q > 0
                    and lanes[q - 1, i] == lanes[r, i]
                    and variance[frames[q - 1, i], i] > variance[frame, i]
                ):
                    frames[q, i] = frames[q - 1, i]
                    q -= 1
                frames[q, i] = frame


@kernel
def _fit_lines(x, left, sums):
    """Fit lines as `_fit_line` does, for all lanes: value at rank 0 (less the centre), slope, and sigma."""
    for k in range(left.size):
        sums[_SUM + k] = sums[_PRODUCTS + k] = sums[_SIGMA + k] = 0.0
    for r in range(greatest(left)):
        for k in range(left.size):
            d = x[r, k] - sums[_CENTER + k] if r < left[k] else 0.0
            sums[_SUM + k] += d
            sums[_PRODUCTS + k] += r * d
    for k in range(left.size):
        n = np.float64(max(left[k], 2))
        middle_rank = 0.5 * (n - 1.0)
        slope = (sums[_PRODUCTS + k] - middle_rank * sums[_SUM + k]) * 12.0 / (n * (n * n - 1.0))
        sums[_SLOPE + k], sums[_START + k] = slope, sums[_SUM + k] / n - slope * middle_rank
    for r in range(greatest(left)):
        for k in range(left.size):
            sums[_SIGMA + k] += abs(_above_line(x, r, k, sums) - sums[_START + k]) if r < left[k] else 0.0
    for k in range(left.size):
        sums[_SIGMA + k] /= max(left[k], 1)


@kernel(inline=True)
def _above_line(x, r, k, sums):
    """Return the residual of a value, plus the line at rank 0."""
    return x[r, k] - sums[_CENTER + k] - sums[_SLOPE + k] * r


@kernel
def _count_within(x, left, parameters, sums):
    """Store the bounds of every lane, and how many values lie within them certainly, and at most."""
    rows = greatest(left)
    for k in range(left.size):
        sigma = sums[_SIGMA + k]
        sums[_BOTTOM + k] = sums[_START + k] - parameters[P_LOW] * sigma
        sums[_TOP + k] = sums[_START + k] + parameters[P_HIGH] * sigma
        sums[_NEAR + k] = NEAR * left[k] * sigma  # n sigma, the sum of all residuals: none exceeds half of it
        sums[_WITHIN + k] = sums[_MAY_BE + k] = left[k] - rows
    for r in range(rows):
        for k in range(left.size):
            y = _above_line(x, r, k, sums) if r < left[k] else sums[_START + k]
            beyond, near = upper(sums[_BOTTOM + k] - y, y - sums[_TOP + k]), sums[_NEAR + k]
            sums[_WITHIN + k] += 1.0 if beyond < -near else 0.0
            sums[_MAY_BE + k] += 1.0 if beyond <= near else 0.0


@kernel
def _line_pass(x, left, work, sums):
    """Drop values beyond the limits; gather the rest of the lanes that need another pass.

    Lanes whose sums are not certain, or which lose values between others, are marked.
    """
    _fit_lines(x, left, sums)
    _count_within(x, left, work.parameters, sums)
    again = 0
    for k in range(left.size):
        i, n, within = work.lane[k], np.int64(left[k]), np.int64(sums[_WITHIN + k])
        if n < 3 or within == n:
            continue
        first, last = 0, n
        while first < n and _above_line(x, first, k, sums) < sums[_BOTTOM + k]:
            first += 1
        while last > first and _above_line(x, last - 1, k, sums) > sums[_TOP + k]:
            last -= 1
        extent = value(x, n - 1, k) - value(x, 0, k)
        sure = (sums[_MAY_BE + k] == within) & (sums[_SIGMA + k] > NEAR * extent)
        if within == 0 or last - first != within or not sure:
            work.marked[i] = True
            continue
        work.low[i] += first
        work.high[i] = work.low[i] + within
        work.place[again], work.left[again], work.lane[again] = first * x.shape[1] + k, within, i
        again += np.int64(within >= 3)
    left = work.left[:again]
    gather_lanes(x, work.place, left, work.block)
    return left


@kernel
def linear_fit_clip_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about a line fitted to the sorted values; the rule needs the order.

    parameters: low, high, keep, whether ``noise[frame, lane]`` is the variance of each value.
    """
    if parameters[3] != 0:
        _order_ties(lanes, frames, counts, noise)
    work, lane, sums = (
        begin(lanes, counts, parameters, low, high),
        lane_of(lanes.shape[0]),
        np.empty(11 * MOST_LANES),
    )
    fill(work.marked, parameters[P_KEEP] != 0)  # values are restored by their residuals
    x, left = lanes, counts if parameters[P_KEEP] == 0 else work.left[:0]
    while left.size:
        medians(x, left, sums[_CENTER : _CENTER + MOST_LANES])
        left = _line_pass(x, left, work, sums)
        x = work.block
    for i in range(counts.size):
        if work.marked[i]:
            n = counts[i]
            read_lane(lanes, frames, i, n, lane)
            for r in range(n):
                lane.kept[r] = low[i] <= r < high[i]
            m, keep = _line_lane(lane, n, high[i] - low[i], parameters)
            if m < keep:
                take_back(lane, 1, n, keep)
            low[i], high[i] = part_lane(lanes, frames, i, n, lane)
