"""Sigma clipping with a noise that follows the level: of scaled frames, or with one sigma for a line of the image.

`ccdfx.kernels.rules` says what a rule is. Here the noise rows are (scale, zero, sigma of the line, 0, 0); 0 for the
sigma means that it is that of the pixel, a negative number that it is 0.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import (
    HIGH,
    LOW,
    MEAN,
    MEDIAN,
    TRIMMED,
    begin,
    clip_pass,
    column,
    least_kept,
    restore_neighbours,
)
from ccdfx.kernels.lane_statistics import center_of, medians
from ccdfx.kernels.noise_rules import CONSTANT, SCALE, ZERO
from ccdfx.kernels.survivors import drop_distant, gather_kept, lane_of, part_lane, read_lane, take_back


@kernel
def _weight(noise, row, center):
    """The noise of a frame at the center, but for a factor that all share: the root of its raw level, scaled."""
    return np.sqrt(max(1.0, (center + noise[row, ZERO]) / noise[row, SCALE]))


@kernel
def _own_sigmas(x, left, work, frames, noise, center, sigma):
    """Mark the lanes with an end beyond its limit; sigma of each value."""
    for k in range(left.size):
        i, floor, n = work.lane[k], work.low[work.lane[k]], left[k]
        square = 0.0
        for r in range(n):
            sigma[r, k] = _weight(noise, frames[floor + r, i], center[k])
            square += ((x[r, k] - center[k]) / sigma[r, k]) ** 2
        common = noise[0, CONSTANT] if noise[0, CONSTANT] != 0 else np.sqrt(square / max(n - 1, 1))
        for r in range(n):
            sigma[r, k] *= common
        work.found[k] = common > 0 and n > 0
        if work.found[k]:
            below = center[k] - x[0, k] > work.parameters[LOW] * sigma[0, k]
            work.found[k] = below or x[n - 1, k] - center[k] > work.parameters[HIGH] * sigma[n - 1, k]


@kernel
def scaled_sigma_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep; the scale and zero of each frame are in the noise."""
    work = begin(lanes, counts, parameters, low, high)
    center, sigma = np.empty(counts.size), np.empty(lanes.shape)
    x, left = lanes, counts
    while left.size:
        medians(x, left, center)
        _own_sigmas(x, left, work, frames, noise, center, sigma)
        left = clip_pass(x, left, work, center, sigma, 3)
        x = work.block
    restore_neighbours(work)


@kernel
def scaled_sigma_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep; the scale and zero of each frame are in the noise."""
    lane = lane_of(lanes.shape[0])
    for i in range(counts.size):
        n = m = counts[i]
        read_lane(lanes, frames, i, n, lane)
        keep = least_kept(parameters, n)
        number = 0
        while m >= max(3, keep + 1):
            center = center_of(lane.kept_x, 0, gather_kept(lane, n), MEAN if number else TRIMMED)
            sigma = noise[0, CONSTANT]
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
def _scatter(lanes, frames, counts, noise, low, high, kind):
    x = np.empty(lanes.shape[0])
    for i in range(counts.size):
        n = counts[i]
        low[i] = high[i] = 0
        if n < 3:
            continue
        column(lanes, i, n, x)
        center = center_of(x, 0, n, kind)
        square = 0.0
        for r in range(n):
            d = (x[r] - center) / _weight(noise, frames[r, i], center)
            square += d * d
        for r in range(n):
            lanes[r, i] = min(square, 1e38)
        high[i] = n


@kernel
def median_scatter_rule(lanes, frames, counts, noise, parameters, low, high):
    """Turns every value of a lane into the lane's sum of squared deviations, in units of the noise; none below 3."""
    _scatter(lanes, frames, counts, noise, low, high, MEDIAN)


@kernel
def mean_scatter_rule(lanes, frames, counts, noise, parameters, low, high):
    """As `median_scatter_rule`, about the mean without one minimum and one maximum."""
    _scatter(lanes, frames, counts, noise, low, high, TRIMMED)
