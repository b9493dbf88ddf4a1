"""Rules with an estimate of sigma of their own: winsorized, about a line, or by a test of the extremes.

`ccdfx.kernels.rules` says what a rule is.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import (
    MEAN,
    center_of,
    column,
    drop,
    keep_everything,
    least_kept,
    middle,
    restore,
    squares,
)
from ccdfx.kernels.noise_rules import part_lane, take_back

WINSOR_LIMIT, WINSOR_FACTOR, WINSOR_CHANGE = 1.5, 1.134, 0.0005
ROUNDING = 1e-12  # deviations from a line below this, in units of the range, are none


# ---- winsorized sigma ----


@kernel
def _deviation_within(x, low, high, center, bottom, top):
    """Standard deviation (divisor n - 1), where distances from the center beyond bottom and top count as these."""
    total = square = 0.0
    for r in range(low, high):
        d = min(max(x[r] - center, bottom), top)
        total += d
        square += d * d
    n = high - low
    return np.sqrt(max(square - total * total / n, 0.0) / (n - 1))


@kernel
def _winsorized_sigma(x, low, high, center):
    least = np.inf  # distance from the center other than 0
    for r in range(low, high):
        d = abs(x[r] - center)
        least = d if 0 < d < least else least
    sigma = _deviation_within(x, low, high, center, -np.inf, np.inf)
    bottom, top = -np.inf, np.inf
    while sigma > 0:
        bottom, top = max(bottom, -WINSOR_LIMIT * sigma), min(top, WINSOR_LIMIT * sigma)
        before = sigma
        sigma = WINSOR_FACTOR * _deviation_within(x, low, high, center, bottom, top)
        if abs(sigma - before) <= WINSOR_CHANGE * before:
            return sigma
        if sigma < before and top <= least and -bottom <= least:
            return 0.0  # all that differs from the center was moved: sigma shrinks by this factor for ever
    return 0.0


@kernel
def _winsorized_lane(x, residual, n, parameters):
    low, high = 0, n
    keep = least_kept(parameters, n)
    while high - low >= max(3, keep + 1):
        center = middle(x, low, high)
        sigma = _winsorized_sigma(x, low, high, center)
        if not sigma > 0:
            break
        before_low, before_high = low, high
        low, high = drop(x, residual, low, high, center, sigma, parameters)
        if low == before_low and high == before_high:
            break
    return restore(residual, low, high, 0, n, keep)


@kernel
def winsorized_clip_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep."""
    x, residual = np.empty(lanes.shape[0]), np.empty(lanes.shape[0])
    keep_everything(counts, low, high)
    for i in range(counts.size):
        column(lanes, i, counts[i], x)
        low[i], high[i] = _winsorized_lane(x, residual, counts[i], parameters)


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
def _line_lane(x, n, parameters, kept, state):
    """Mark what survives; a value that goes has its residual and the pass in the state."""
    residual, passed, y, rank = state
    m, number = n, 0
    for r in range(n):
        kept[r] = True
        passed[r] = 0
    keep = least_kept(parameters, n)
    while m >= max(3, keep + 1):
        m = 0
        for r in range(n):
            if kept[r]:
                y[m], rank[m] = x[r], r
                m += 1
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
        number += 1
        before = m
        for i in range(before):
            d = y[i] - level - slope * (i - 0.5 * (before - 1))
            if -d > parameters[0] * sigma or d > parameters[1] * sigma:
                kept[rank[i]] = False
                residual[rank[i]] = abs(d) / sigma
                passed[rank[i]] = number
                m -= 1
        if m == before:
            break
    return m, keep


@kernel
def linear_fit_clip_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep; it needs the order."""
    rows = lanes.shape[0]
    x, frame, kept = np.empty(rows), np.empty(rows, np.int64), np.empty(rows, np.bool_)
    state = (np.empty(rows), np.empty(rows, np.int64), np.empty(rows), np.empty(rows, np.int64))
    for i in range(counts.size):
        n = counts[i]
        column(lanes, i, n, x)
        for r in range(n):
            frame[r] = frames[r, i]
        m, keep = _line_lane(x, n, parameters, kept, state)
        if m < keep:
            take_back(state[0], kept, state[1], 1, n, keep)
        low[i], high[i] = part_lane(lanes, frames, i, n, x, frame, kept)


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
