"""Sigma clipping with level-dependent noise: of scaled frames, or with one sigma for a line of the image.

`ccdfx.kernels.stack.rule` defines a rule. Here the noise rows are (scale, zero, sigma of the line, 0, 0); a sigma
of 0 means that each pixel has its own, a negative number means a sigma of 0.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.rules.centers import center_of, deviations, lane_median, means, medians, trimmed_means
from ccdfx.kernels.rules.clipping import (
    CENTER_MEAN,
    CENTER_TRIMMED,
    P_HIGH,
    P_LOW,
    begin,
    drop_each,
    least_kept,
    list_beyond,
    restore_neighbours,
)
from ccdfx.kernels.rules.survivors import drop_distant, gather_kept, lane_of, part_lane, read_lane, take_back
from ccdfx.kernels.stack.lanes import greatest
from ccdfx.kernels.stack.rule import NOISE_CONSTANT, NOISE_SCALE, NOISE_ZERO


@kernel(inline=True)
def _level(noise, row, center):
    """Return the variance of a frame at the centre, except for a common factor: its raw level, scaled."""
    return max(1.0, (center + noise[row, NOISE_ZERO]) / noise[row, NOISE_SCALE])


@kernel(inline=True)
def _weight(noise, row, center):
    return np.sqrt(_level(noise, row, center))


@kernel
def _alike(noise):
    """Return whether all frames have the same scale and zero."""
    alike = True
    for j in range(noise.shape[0]):
        alike &= (
            noise[j, NOISE_SCALE] == noise[0, NOISE_SCALE] and noise[j, NOISE_ZERO] == noise[0, NOISE_ZERO]
        )
    return alike


@kernel
def _own_sigmas(lanes, frames, i, work, noise, center, sigma):
    """Return whether an end of lane i lies beyond its limit; if so, store the sigma of each survivor."""
    low, high, common = work.low[i], work.high[i], noise[0, NOISE_CONSTANT]
    if low == high or common < 0:
        return False
    if common == 0:
        square = 0.0
        for r in range(low, high):
            square += ((lanes[r, i] - center) / _weight(noise, frames[r, i], center)) ** 2
        common = np.sqrt(square / max(high - low - 1, 1))
    lowest = _weight(noise, frames[low, i], center) * common
    highest = _weight(noise, frames[high - 1, i], center) * common
    below = center - lanes[low, i] > work.parameters[P_LOW] * lowest
    above = lanes[high - 1, i] - center > work.parameters[P_HIGH] * highest
    if not common > 0 or not (below or above):
        return False
    for r in range(low, high):
        sigma[r] = _weight(noise, frames[r, i], center) * common
    return True


@kernel
def _store_bounds(lanes, counts, noise, center, sigma):
    """Store a sigma that that of no value of a lane falls below: about the centre, with the least weight of all frames.

    Where each pixel has its own sigma, the greatest weight of all frames makes that least.
    """
    common, tail = noise[0, NOISE_CONSTANT], np.empty(4)
    tail[0] = tail[2] = np.inf
    tail[1] = tail[3] = -np.inf
    for j in range(noise.shape[0]):
        factor, offset = 1.0 / noise[j, NOISE_SCALE], noise[j, NOISE_ZERO] / noise[j, NOISE_SCALE]
        tail[0], tail[1] = min(tail[0], factor), max(tail[1], factor)
        tail[2], tail[3] = min(tail[2], offset), max(tail[3], offset)
    if common == 0:
        deviations(lanes, counts, center, 1, sigma)
    for i in range(center.size):
        c = center[i]
        least = c * (tail[0] if c > 0 else tail[1]) + tail[2]
        most = c * (tail[1] if c > 0 else tail[0]) + tail[3]
        least, most = least if least > 1.0 else 1.0, most if most > 1.0 else 1.0
        bound = sigma[i] * np.sqrt(least / most) if common == 0 else common * np.sqrt(least)
        sigma[i] = bound * (1.0 - 1e-9)  # above all rounding errors


@kernel
def _list_doubtful(lanes, work, noise, center):
    """List in work.found the lanes that may lose a value; return how many."""
    sigma = np.empty(center.size)
    _store_bounds(lanes, work.counts, noise, center, sigma)
    return list_beyond(lanes, work.counts, work, center, sigma)


@kernel
def scaled_sigma_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the median; parameters: low, high, keep; `noise` has the scale and zero of each frame."""
    work = begin(lanes, counts, parameters, low, high)
    center, own = np.empty(counts.size), np.empty(lanes.shape[0])
    medians(lanes, counts, center)
    for j in range(_list_doubtful(lanes, work, noise, center)):
        i = work.found[j]
        c = center[i]
        while _own_sigmas(lanes, frames, i, work, noise, c, own) and drop_each(lanes, i, work, c, own, 3):
            c = lane_median(lanes, i, low[i], high[i])
    restore_neighbours(work)


@kernel
def scaled_sigma_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the mean; parameters: low, high, keep; `noise` has the scale and zero of each frame."""
    work, lane = begin(lanes, counts, parameters, low, high), lane_of(lanes.shape[0])
    centers = np.empty(counts.size)
    trimmed_means(lanes, counts, centers)
    for j in range(_list_doubtful(lanes, work, noise, centers)):
        i = work.found[j]
        n = m = np.int64(counts[i])
        read_lane(lanes, frames, i, n, lane)
        keep = least_kept(parameters, n)
        number = 0
        while m >= max(3, keep + 1):
            center = center_of(
                lane.kept_x, 0, gather_kept(lane, n), CENTER_MEAN if number else CENTER_TRIMMED
            )
            sigma = noise[0, NOISE_CONSTANT]
            for r in range(n):
                # in units of the weight, so that all values have one sigma
                lane.distance[r] = (lane.x[r] - center) / _weight(noise, lane.frame[r], center)
            if sigma == 0:
                for r in range(n):
                    sigma += lane.distance[r] ** 2 if lane.kept[r] else 0.0
                sigma = np.sqrt(sigma / (m - 1))
            for r in range(n):
                lane.sigma[r] = sigma
            number += 1
            before, m = m, drop_distant(lane, n, parameters, number)
            if m == before:
                break
        if m < keep:
            take_back(lane, number, n, keep)
        low[i], high[i] = part_lane(lanes, frames, i, n, lane)


# ---- the scatter of a line ----


@kernel
def _scatter(lanes, frames, counts, noise, center, low, high):
    square, most = np.empty(counts.size), greatest(counts)
    for i in range(counts.size):
        square[i] = 0.0
        low[i], high[i] = 0, counts[i] if counts[i] >= 3 else 0
    alike = _alike(noise)
    for r in range(most):
        for i in range(counts.size):
            d = lanes[r, i] - center[i] if r < counts[i] else 0.0
            square[i] += d * d if alike else d * d / _level(noise, frames[r, i], center[i])
    for i in range(counts.size):
        lanes[0, i] = min(square[i] / _level(noise, 0, center[i]) if alike else square[i], 1e38)


@kernel
def median_scatter_rule(lanes, frames, counts, noise, parameters, low, high):
    """Replace the lowest value of a lane by its sum of squared deviations from the median, in noise units.

    No value survives in lanes of fewer than 3.
    """
    center = np.empty(counts.size)
    medians(lanes, counts, center)
    _scatter(lanes, frames, counts, noise, center, low, high)


@kernel
def mean_scatter_rule(lanes, frames, counts, noise, parameters, low, high):
    """Do the same as `median_scatter_rule` about the mean without one minimum and one maximum."""
    center = np.empty(counts.size)
    means(lanes, counts, True, center)
    _scatter(lanes, frames, counts, noise, center, low, high)
