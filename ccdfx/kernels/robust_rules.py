"""Rules with an estimate of sigma of their own: winsorized, about a line, or by a test of the extremes.

`ccdfx.kernels.rules` says what a rule is.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import (
    HIGH,
    KEEP,
    LOW,
    MEAN,
    begin,
    clip_pass,
    column,
    least_kept,
    restore,
    restore_neighbours,
)
from ccdfx.kernels.lane_statistics import center_of, medians, squares
from ccdfx.kernels.lanes import borrowed, fill, greatest, hold, lower, upper
from ccdfx.kernels.survivors import drop_distant, gather_kept, lane_of, part_lane, read_lane, take_back

WINSOR_LIMIT, WINSOR_FACTOR, WINSOR_CHANGE = 1.5, 1.134, 0.0005
# Above 1 by more than rounding; below 1 by more than the change at which the iteration stops.
MORE, SHRINKS = 1.000001, 0.999
ROUNDING = 1e-12  # deviations from a line below this, in units of the range, are none


# ---- winsorized sigma ----


@kernel(fastmath={"reassoc", "nsz"})
def _deviation_within(d, n, bottom, top):
    """Standard deviation (divisor n - 1) of n distances, where those beyond bottom and top count as these."""
    total = square = 0.0
    for r in range(n):
        within = lower(upper(d[r], bottom), top)
        total += within
        square += within * within
    return np.sqrt(max(square - total * total / n, 0.0) / (n - 1))


@kernel
def _winsorized_sigma(d, n):
    """Of n distances from the center."""
    least = np.inf  # distance other than 0
    for r in range(n):
        least = abs(d[r]) if 0 < abs(d[r]) < least else least
    before, factor, bottom, top = 0.0, 1.0, -np.inf, np.inf
    while True:
        sigma = factor * _deviation_within(d, n, bottom, top)
        if abs(sigma - before) <= WINSOR_CHANGE * before:
            return sigma
        if not sigma > 0 or (sigma < before and top <= least and -bottom <= least):
            return 0.0  # all that differs from the center was moved: sigma shrinks by this factor for ever
        bottom, top = max(bottom, -WINSOR_LIMIT * sigma), min(top, WINSOR_LIMIT * sigma)
        before, factor = sigma, WINSOR_FACTOR


# Whether a lane loses a value, and which, follows from bounds, and few lanes need the iteration. A step of it from s gives
# f dev(s), the deviation of the values where those beyond 1.5 s count as that far. Moving values closer together never
# widens their spread, so dev grows with s: if the start and the step from s are more than s, so are all later sigmas.


@kernel
def _doubtful(x, left, center, parameters, sums, doubtful):
    """List the lanes that may lose a value, and the variances from which they start; how many.

    The others need no sigma: it stays above that at which the further end lies just at its limit.
    """
    needed, total, square, moved_total, moved_square = sums
    per_low, per_high = 1.0 / parameters[LOW], 1.0 / parameters[HIGH]
    for k in range(left.size):
        below, above = center[k] - x[0, k], x[max(left[k] - 1, 0), k] - center[k]
        needed[k] = max(below * per_low, above * per_high)
        total[k] = square[k] = moved_total[k] = moved_square[k] = 0.0
    for r in range(greatest(left)):
        for k in range(left.size):
            d = x[r, k] - center[k] if r < left[k] else 0.0
            reach = WINSOR_LIMIT * needed[k]
            within = lower(upper(d, -reach), reach)
            total[k] += d
            square[k] += d * d
            moved_total[k] += within
            moved_square[k] += within * within
    for k in range(left.size):
        n = np.float64(left[k])
        square[k] = (square[k] - total[k] * total[k] / n) / (n - 1)
        moved = (
            WINSOR_FACTOR * WINSOR_FACTOR * (moved_square[k] - moved_total[k] * moved_total[k] / n) / (n - 1)
        )
        needed[k] = MORE * MORE * needed[k] * needed[k] if left[k] > 2 else 0.0
        moved_square[k] = moved if moved < square[k] else square[k]
    m = 0
    for k in range(left.size):
        doubtful[m], total[m] = k, square[k]
        m += (needed[k] > 0) & (moved_square[k] < needed[k])
    return m


@kernel(fastmath={"reassoc", "nsz"})
def _shrinks(d, n, s):
    """Whether every step of the iteration from s or more certainly gives less than it starts from.

    As sigma grows, each moved value in units of it goes to 0; and the sum of squares about any number c is no less than
    that about the mean. A square about c is greatest at either end of that way; about 0, at its start.
    """
    reach, enough = WINSOR_LIMIT * s, (SHRINKS * s / WINSOR_FACTOR) ** 2 * (n - 1)
    total = square = most = 0.0
    for r in range(n):
        within = lower(upper(d[r], -reach), reach)
        total += within
        square += within * within
    if square < enough:
        return True
    c = total / n
    for r in range(n):
        away = lower(upper(d[r], -reach), reach) - c
        most += upper(away * away, c * c)
    return most < enough


@kernel
def _decided(d, n, start, parameters):
    """A sigma that parts the n distances as the final one does, or 0 where the bounds do not tell.

    The further end may lie beyond its limit; start: the sigma before the first step.
    """
    first, last = 0, n
    s = max(-d[0] / parameters[LOW], d[n - 1] / parameters[HIGH])
    while s > 0 and _shrinks(d, n, s):
        if -d[first] / parameters[LOW] >= s:
            first += 1
        else:
            last -= 1
        above, s = s, max(-d[first] / parameters[LOW], d[last - 1] / parameters[HIGH])
        reach = WINSOR_LIMIT * s
        if s > 0 and min(start, WINSOR_FACTOR * _deviation_within(d, n, -reach, reach)) > MORE * s:
            return 0.5 * (s + above)
    return 0.0


@kernel
def winsorized_clip_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep."""
    work = begin(lanes, counts, parameters, low, high)
    center, sigma, distances = np.empty(counts.size), np.empty((1, counts.size)), np.empty(lanes.shape[0])
    d, parameters = borrowed(distances), borrowed(parameters)
    sums, doubtful = np.empty((5, counts.size)), np.empty(counts.size, np.int32)
    x, left = lanes, counts
    while left.size:
        medians(x, left, center)
        m = _doubtful(x, left, center, parameters, (sums[0], sums[1], sums[2], sums[3], sums[4]), doubtful)
        fill(sigma[0], np.inf)
        for j in range(m):
            k, n = doubtful[j], left[doubtful[j]]
            for r in range(n):
                d[r] = x[r, k] - center[k]
            found = 0.0
            if parameters[KEEP] == 0:  # else values come back by their sigma
                found = _decided(d, n, np.sqrt(max(sums[1, j], 0.0)), parameters)
            sigma[0, k] = found if found > 0 else _winsorized_sigma(d, n)
        left = clip_pass(x, left, work, center, sigma, 3)
        x = work.block
    restore_neighbours(work)
    hold((distances,))


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
