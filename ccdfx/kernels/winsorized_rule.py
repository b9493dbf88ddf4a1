"""Clipping with a winsorized sigma: that of the values after those far out have been moved nearer.

`ccdfx.kernels.rules` says what a rule is.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import HIGH, KEEP, LOW, begin, clip_pass, gather, list_marked, restore_neighbours
from ccdfx.kernels.lane_statistics import medians
from ccdfx.kernels.lanes import MOST_LANES, borrowed, greatest, hold, least, lower, upper

WINSOR_LIMIT, WINSOR_FACTOR, WINSOR_CHANGE = 1.5, 1.134, 0.0005
# Above 1 by more than rounding; below 1 by more than the change at which the iteration stops.
MORE, SHRINKS = 1.000001, 0.999


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


# Sums lie MOST_LANES apart in one vector, so that loops vectorise: see `ccdfx.kernels.lanes`.
_TOTAL, _SQUARE, _MOVED_TOTAL, _MOVED_SQUARE = (k * MOST_LANES for k in range(1, 5))


@kernel
def _add_distance(sums, k, d):
    """sums[k]: as far as a value of lane k may lie."""
    within = lower(upper(d, -sums[k]), sums[k])
    sums[_TOTAL + k] += d
    sums[_SQUARE + k] += d * d
    sums[_MOVED_TOTAL + k] += within
    sums[_MOVED_SQUARE + k] += within * within


@kernel
def _list_doubtful(x, left, work, center, sums):
    """List the lanes of a block that may lose a value in work.found; how many.

    The others need no sigma: it stays above that at which the further end lies just at its limit.
    """
    rows, doubtful = greatest(left), work.marked[: left.size]
    per_low, per_high = WINSOR_LIMIT / work.parameters[LOW], WINSOR_LIMIT / work.parameters[HIGH]
    for k in range(left.size):
        sums[k] = max((center[k] - x[0, k]) * per_low, (x[max(left[k] - 1, 0), k] - center[k]) * per_high)
        sums[_TOTAL + k] = sums[_SQUARE + k] = sums[_MOVED_TOTAL + k] = sums[_MOVED_SQUARE + k] = 0.0
    if least(left) == rows:
        for r in range(rows):
            for k in range(left.size):
                _add_distance(sums, k, x[r, k] - center[k])
    else:
        for r in range(rows):
            for k in range(left.size):
                _add_distance(sums, k, x[r, k] - center[k] if r < left[k] else 0.0)
    for k in range(left.size):
        s, n = MORE / WINSOR_LIMIT * sums[k], np.float64(left[k])
        start = sums[_SQUARE + k] - sums[_TOTAL + k] * sums[_TOTAL + k] / n
        step = sums[_MOVED_SQUARE + k] - sums[_MOVED_TOTAL + k] * sums[_MOVED_TOTAL + k] / n
        enough = s * s * (n - 1.0)
        short = (start < enough) | (WINSOR_FACTOR * WINSOR_FACTOR * step < enough)
        doubtful[k] = (n > 2.0) & (s > 0.0) & short
    return list_marked(doubtful, work.found)


@kernel
def _sums_within(d, left, s, total, square):
    """Of every lane the sums of its distances and their squares, where those beyond 1.5 s count as that far."""
    for j in range(left.size):
        total[j] = square[j] = 0.0
    for r in range(greatest(left)):
        for j in range(left.size):
            reach = WINSOR_LIMIT * s[j]
            within = lower(upper(d[r, j], -reach), reach)
            total[j] += within
            square[j] += within * within


@kernel
def _most_squares(d, left, s, mean, most):
    """Of every lane a bound of the sum of squares of its distances as a step from s moves them, in units of s, for all s.

    As sigma grows, each moved value in units of it goes to 0; and the sum of squares about any number c is no less than
    that about the mean. A square about c is greatest at either end of that way; about 0, at its start.
    """
    for j in range(left.size):
        most[j] = 0.0
    for r in range(greatest(left)):
        for j in range(left.size):
            reach, c = WINSOR_LIMIT * s[j], mean[j]
            away = lower(upper(d[r, j], -reach), reach) - c
            most[j] += upper(away * away, c * c) if r < left[j] else 0.0


@kernel
def _bounded_sigmas(d, left, parameters, sigma, scratch):
    """As `_decided`, for all lanes at once: of every lane that loses just its furthest value, as most do; 0 of others.

    d[rank, j]: left[j] ascending distances from the median, 0 follows.
    """
    per_low, per_high = 1.0 / parameters[LOW], 1.0 / parameters[HIGH]
    total, square, most, start, s = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    width, unclear = left.size, 0
    for j in range(width):
        s[j] = np.inf
    _sums_within(d, left, s, total, square)
    for j in range(width):
        start[j] = square[j] - total[j] * total[j] / left[j]
        s[j] = max(-d[0, j] * per_low, d[left[j] - 1, j] * per_high)
    _sums_within(d, left, s, total, square)
    for j in range(width):
        most[j], total[j] = square[j], total[j] / left[j]
        unclear += WINSOR_FACTOR * WINSOR_FACTOR * square[j] >= SHRINKS * SHRINKS * s[j] * s[j] * (
            left[j] - 1
        )
    if unclear * 8 > width:
        _most_squares(d, left, s, total, most)
    for j in range(width):
        shrinks = WINSOR_FACTOR * WINSOR_FACTOR * most[j] < SHRINKS * SHRINKS * s[j] * s[j] * (left[j] - 1)
        first = np.int64(-d[0, j] * per_low >= s[j])
        sigma[j] = s[j] if shrinks and s[j] > 0 else 0.0
        s[j] = max(-d[first, j] * per_low, d[left[j] - 2 + first, j] * per_high)
    _sums_within(d, left, s, total, square)
    for j in range(width):
        step = WINSOR_FACTOR * WINSOR_FACTOR * (square[j] - total[j] * total[j] / left[j])
        stays = min(start[j], step) > MORE * MORE * s[j] * s[j] * (left[j] - 1) and s[j] > 0
        sigma[j] = 0.5 * (s[j] + sigma[j]) if stays and sigma[j] > 0 else 0.0


@kernel
def _find_sigmas(x, left, work, center, sigma, scratch):
    """Of every lane of a block a sigma that drops what the final one does: infinite where nothing drops."""
    d, reals, counts = scratch
    for k in range(left.size):
        sigma[k] = np.inf
    number = _list_doubtful(x, left, work, center, reals.reshape(reals.size))
    if number == 0:
        return
    one, some, counts = np.empty(x.shape[0]), reals[5], counts[:number]
    for j in range(number):
        k = work.found[j]
        work.place[j], counts[j], some[j] = k, left[k], center[k]
    gather(x, work.place, counts, d)
    for r in range(greatest(counts)):
        for j in range(number):
            d[r, j] = d[r, j] - some[j] if r < counts[j] else 0.0
    for j in range(number):
        some[j] = 0.0
    if work.parameters[KEEP] == 0:  # else values come back by their sigma
        _bounded_sigmas(d, counts, work.parameters, some, reals)
    for j in range(number):
        if some[j] == 0:
            n = np.int64(counts[j])
            for r in range(n):
                one[r] = d[r, j]
            if work.parameters[KEEP] == 0:
                start = np.sqrt(max(reals[3, j], 0.0) / (n - 1))
                some[j] = _decided(one, n, start, work.parameters)
            if some[j] == 0:
                some[j] = _winsorized_sigma(one, n)
        sigma[work.found[j]] = some[j]


@kernel
def winsorized_clip_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep."""
    work, of_distances = begin(lanes, counts, parameters, low, high), np.empty(lanes.shape)
    of_reals, of_counts = np.empty((8, MOST_LANES)), np.empty(MOST_LANES, np.int32)
    d, reals, some = borrowed(of_distances), borrowed(of_reals), borrowed(of_counts)
    center, sigma = reals[6], reals[7]
    x, left = lanes, counts
    while left.size:
        medians(x, left, center)
        _find_sigmas(x, left, work, center, sigma, (d, reals, some))
        left = clip_pass(x, left, work, center, sigma, 3)
        x = work.block
    restore_neighbours(work)
    hold((of_distances, of_reals, of_counts))
