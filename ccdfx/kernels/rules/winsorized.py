"""Clipping with a winsorized sigma: that of the values after far ones have been moved to a limit.

`ccdfx.kernels.stack.rule` defines a rule.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.compile.llvm import lower, upper
from ccdfx.kernels.rules.centers import medians
from ccdfx.kernels.rules.clipping import (
    P_HIGH,
    P_KEEP,
    P_LOW,
    begin,
    clip_pass,
    gather_lanes,
    list_marked,
    restore_neighbours,
    value,
)
from ccdfx.kernels.stack.lanes import MOST_LANES, borrowed, greatest, keep_alive, least

WINSOR_LIMIT, WINSOR_FACTOR, WINSOR_CHANGE = 1.5, 1.134, 0.0005
# Above 1 by more than rounding; below 1 by more than the change at which the iteration stops.
MORE, SHRINKS = 1.000001, 0.999


@kernel(fastmath={"reassoc", "nsz"})
def _deviation_within(d, n, bottom, top):
    """Return the standard deviation (divisor n - 1) of n distances that are limited to bottom ... top."""
    total = square = 0.0
    for r in range(n):
        within = lower(upper(d[r], bottom), top)
        total += within
        square += within * within
    return np.sqrt(max(square - total * total / n, 0.0) / (n - 1))


@kernel
def _winsorized_sigma(d, n):
    """Return the winsorized sigma of n distances from the centre."""
    least = np.inf  # distance other than 0
    for r in range(n):
        least = abs(d[r]) if 0 < abs(d[r]) < least else least
    before, factor, bottom, top = 0.0, 1.0, -np.inf, np.inf
    while True:
        sigma = factor * _deviation_within(d, n, bottom, top)
        if abs(sigma - before) <= WINSOR_CHANGE * before:
            return sigma
        if not sigma > 0 or (sigma < before and top <= least and -bottom <= least):
            return 0.0  # all values off the centre were moved: sigma would shrink for ever
        bottom, top = max(bottom, -WINSOR_LIMIT * sigma), min(top, WINSOR_LIMIT * sigma)
        before, factor = sigma, WINSOR_FACTOR


# Bounds decide whether a lane loses a value, and which; few lanes need the iteration. A step of it from s
# gives f dev(s), with dev(s) the deviation of the values after those beyond 1.5 s were moved to 1.5 s. Moving
# values closer together never increases their deviation, so dev grows with s: if the start and the step from
# s are more than s, so are all later sigmas. If every step from s or more gives less than it starts from, the
# last sigma is below s.

# The state of lane k is in a vector of reals, in entries MOST_LANES apart, so that loops vectorise (see
# `ccdfx.kernels.stack.lanes`): the limit 1.5 s of its distances; the sums of its distances from the centre and of
# their squares, unchanged (later n times the squares about their mean), and moved to that limit; an upper
# bound of the limit; centre and sigma.
_REACH, _TOTAL, _SQUARE, _MOVED_TOTAL, _MOVED_SQUARE, _ABOVE, _CENTER, _SIGMA = range(
    0, 8 * MOST_LANES, MOST_LANES
)
# For the lanes that may lose a value, in a vector of integers: the lane of the block, its number of values,
# and the ranks of those not beyond the limit.
_LANE, _COUNT, _FIRST, _LAST = range(0, 4 * MOST_LANES, MOST_LANES)


@kernel
def _add_distance(reals, k, d):
    within = lower(upper(d, -reals[k]), reals[k])
    reals[_TOTAL + k] += d
    reals[_SQUARE + k] += d * d
    reals[_MOVED_TOTAL + k] += within
    reals[_MOVED_SQUARE + k] += within * within


@kernel
def _sum_distances(x, left, per_low, per_high, reals):
    """Store for every lane the limit at which its further end is just kept, and all sums."""
    rows = greatest(left)
    whole = least(left) == rows
    for k in range(left.size):
        c = reals[_CENTER + k]
        last = x[rows - 1, k] if whole else x[max(left[k] - 1, 0), k]
        reals[k] = max((c - x[0, k]) * per_low, (last - c) * per_high)
        reals[_TOTAL + k] = reals[_SQUARE + k] = reals[_MOVED_TOTAL + k] = reals[_MOVED_SQUARE + k] = 0.0
    by_fours = rows // 4 * 4 if whole else 0
    for r in range(0, by_fours, 4):
        for k in range(left.size):
            c = reals[_CENTER + k]
            p, q, s, t = x[r, k] - c, x[r + 1, k] - c, x[r + 2, k] - c, x[r + 3, k] - c
            _add_distance(reals, k, p)
            _add_distance(reals, k, q)
            _add_distance(reals, k, s)
            _add_distance(reals, k, t)
    for r in range(by_fours, rows):
        for k in range(left.size):
            _add_distance(reals, k, x[r, k] - reals[_CENTER + k] if r < left[k] else 0.0)


@kernel
def _list_doubtful(x, left, work, reals):
    """List in work.found the lanes of a block that may lose a value; return how many.

    The others need no sigma: it is above the value at which the further end lies exactly at its limit.
    """
    doubtful, parameters = work.marked, work.parameters
    _sum_distances(x, left, WINSOR_LIMIT / parameters[P_LOW], WINSOR_LIMIT / parameters[P_HIGH], reals)
    for k in range(left.size):
        s, n = MORE / WINSOR_LIMIT * reals[k], np.float64(left[k])
        start = n * reals[_SQUARE + k] - reals[_TOTAL + k] * reals[_TOTAL + k]
        step = n * reals[_MOVED_SQUARE + k] - reals[_MOVED_TOTAL + k] * reals[_MOVED_TOTAL + k]
        enough = s * s * n * (n - 1.0)
        short = (start < enough) | (WINSOR_FACTOR * WINSOR_FACTOR * step < enough)
        doubtful[k] = (n > 2.0) & (s > 0.0) & short
        reals[_SQUARE + k] = start
    return list_marked(doubtful[: left.size], work.found)


@kernel
def _sum_moved(d, left, reals):
    """Sum the values moved to their limit, and their squares, for every lane."""
    for j in range(left.size):
        reals[_MOVED_TOTAL + j] = reals[_MOVED_SQUARE + j] = 0.0
    for r in range(greatest(left)):
        for j in range(left.size):
            within = lower(upper(d[r, j], -reals[j]), reals[j])
            reals[_MOVED_TOTAL + j] += within
            reals[_MOVED_SQUARE + j] += within * within


@kernel
def _shrinks(most, reach, n):
    """Return whether every step from s or more certainly decreases; most: the bound of `_bound_squares`."""
    least = SHRINKS / WINSOR_LIMIT * reach
    return WINSOR_FACTOR * WINSOR_FACTOR * most < least * least * (n - 1)


@kernel
def _bound_squares(d, left, reals):
    """Bound the sum of squares of the distances of every lane for all steps from s or more, in units of s.

    As sigma grows, each moved value in units of sigma goes to 0; and the sum of squares about any number c is
    no less than that about the mean. The square about c is greatest at one end of this interval; about 0, at
    its start: that is the sum of moved squares, which is enough where it is small for most lanes.
    """
    unclear = 0
    for j in range(left.size):
        reals[_ABOVE + j] = reals[_MOVED_SQUARE + j]
        unclear += not _shrinks(reals[_MOVED_SQUARE + j], reals[j], left[j])
    if unclear * 8 <= left.size:
        return
    for j in range(left.size):
        reals[_MOVED_TOTAL + j], reals[_ABOVE + j] = reals[_MOVED_TOTAL + j] / left[j], 0.0
    for r in range(greatest(left)):
        for j in range(left.size):
            c = reals[_MOVED_TOTAL + j]
            away = lower(upper(d[r, j], -reals[j]), reals[j]) - c
            reals[_ABOVE + j] += upper(away * away, c * c) if r < left[j] else 0.0


@kernel
def _take_furthest(d, parameters, reals, whole, left):
    """Lower s of every lane past its furthest value; store the old limit as upper bound, 0 if uncertain."""
    per_low, per_high = WINSOR_LIMIT / parameters[P_LOW], WINSOR_LIMIT / parameters[P_HIGH]
    _bound_squares(d, left, reals)
    for j in range(left.size):
        reach, first, last = reals[j], whole[_FIRST + j], whole[_LAST + j]
        shrinks = _shrinks(reals[_ABOVE + j], reach, left[j]) & (reach > 0)
        low = np.int32(-d[first, j] * per_low >= reach)
        first, last = first + low, last - 1 + low
        whole[_FIRST + j], whole[_LAST + j] = first, last
        reals[_ABOVE + j] = reach if shrinks else 0.0
        reals[j] = max(-d[first, j] * per_low, d[last - 1, j] * per_high)


@kernel
def _bounded_sigmas(d, work, reals, whole, number):
    """Store for every lane a sigma that rejects the same values as the final one, or 0 if not known.

    d[rank, j]: ascending distances from the median, followed by 0.
    """
    while number > 0:
        left, again = whole[_COUNT : _COUNT + number], 0
        _take_furthest(d, work.parameters, reals, whole, left)
        _sum_moved(d, left, reals)
        for j in range(number):
            reach, above, n = reals[j], reals[_ABOVE + j], np.float64(left[j])
            step = n * reals[_MOVED_SQUARE + j] - reals[_MOVED_TOTAL + j] * reals[_MOVED_TOTAL + j]
            least = MORE / WINSOR_LIMIT * reach
            enough = least * least * n * (n - 1.0)
            stays = min(reals[_SQUARE + j], WINSOR_FACTOR * WINSOR_FACTOR * step) > enough
            known = (above > 0) & (reach > 0)
            reals[_SIGMA + whole[j]] = 0.5 / WINSOR_LIMIT * (reach + above) if known & stays else 0.0
            _move(reals, whole, j, again)
            work.place[again] = j
            again += np.int64(known & (not stays))
        number = again
        gather_lanes(d, work.place, whole[_COUNT : _COUNT + number], d)


@kernel
def _move(reals, whole, k, j):
    """Copy the state of lane k to lane j."""
    for row in (_REACH, _SQUARE, _MOVED_TOTAL, _MOVED_SQUARE):
        reals[row + j] = reals[row + k]
    for row in (_LANE, _COUNT, _FIRST, _LAST):
        whole[row + j] = whole[row + k]


@kernel
def _find_sigmas(x, left, work, d, reals, whole):
    """Store for every lane a sigma that rejects the same values as the final one; infinite where none is."""
    for k in range(left.size):
        reals[_SIGMA + k] = np.inf
        whole[_LANE + k], whole[_COUNT + k], whole[_FIRST + k], whole[_LAST + k] = k, left[k], 0, left[k]
    number = _list_doubtful(x, left, work, reals)
    if number == 0:
        return
    for j in range(number):
        k = work.found[j]
        _move(reals, whole, k, j)
        reals[_ABOVE + j], reals[_SIGMA + k] = reals[_CENTER + k], 0.0
    if work.parameters[P_KEEP] == 0:  # otherwise values are restored by their sigma
        for r in range(greatest(whole[_COUNT : _COUNT + number])):
            for j in range(number):
                there = r < whole[_COUNT + j]
                d[r, j] = value(x, r, work.found[j]) - reals[_ABOVE + j] if there else 0.0
        _bounded_sigmas(d, work, reals, whole, number)
    one = d.reshape(d.size)
    for k in work.found[:number]:
        if reals[_SIGMA + k] == 0:
            for r in range(left[k]):
                one[r] = x[r, k] - reals[_CENTER + k]
            reals[_SIGMA + k] = _winsorized_sigma(one, np.int64(left[k]))


@kernel
def winsorized_clip_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the median by a winsorized sigma; parameters: low, high, keep."""
    work, of_distances = begin(lanes, counts, parameters, low, high), np.empty(lanes.shape)
    of_reals, of_integers = np.empty(_SIGMA + MOST_LANES), np.empty(_LAST + MOST_LANES, np.int32)
    d, reals, whole = borrowed(of_distances), borrowed(of_reals), borrowed(of_integers)
    center, sigma = reals[_CENTER:_SIGMA], reals[_SIGMA:]
    x, left = lanes, counts
    while left.size:
        medians(x, left, center)
        _find_sigmas(x, left, work, d, reals, whole)
        left = clip_pass(x, left, work, center, sigma, 3)
        x = work.block
    restore_neighbours(work)
    keep_alive((of_distances, of_reals, of_integers))
