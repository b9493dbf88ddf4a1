"""Rules that clip by a noise known beforehand; `ccdfx.kernels.rules` says what a rule is."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import (
    HIGH,
    LOW,
    MEDIAN,
    TRIMMED,
    begin,
    clip_pass,
    least_kept,
    restore_last,
    restore_neighbours,
)
from ccdfx.kernels.lane_statistics import center_of, means, medians
from ccdfx.kernels.survivors import drop_distant, gather_kept, lane_of, part_lane, read_lane, take_back

SCALE, ZERO, CONSTANT, LINEAR, QUADRATIC = range(5)  # columns of the noise


@kernel
def _detector_sigma(noise, row, center):
    scale = noise[row, SCALE]
    level = max(0.0, scale * (center + noise[row, ZERO]))
    variance = noise[row, CONSTANT] + noise[row, LINEAR] * level + noise[row, QUADRATIC] * level * level
    return np.sqrt(variance) / scale


@kernel
def _own_sigmas(x, left, work, frames, noise, center, sigma):
    """Mark the lanes with an end beyond its limit, and find sigma of each of their values.

    A value whose sigma is 0 stays, which an infinite one brings about.
    """
    for k in range(left.size):
        i, floor, n = work.lane[k], work.low[work.lane[k]], left[k]
        work.found[k] = False
        if n > 0:
            lowest = _detector_sigma(noise, frames[floor, i], center[k])
            highest = _detector_sigma(noise, frames[floor + n - 1, i], center[k])
            below = lowest > 0 and center[k] - x[0, k] > work.parameters[LOW] * lowest
            above = highest > 0 and x[n - 1, k] - center[k] > work.parameters[HIGH] * highest
            work.found[k] = below or above
        if work.found[k]:
            for r in range(n):
                found = _detector_sigma(noise, frames[floor + r, i], center[k])
                sigma[r, k] = found if found > 0 else np.inf


@kernel
def _by_frame(lanes, frames, counts, noise, parameters, low, high):
    """About the median, where frames differ: both ends move inwards, as IRAF does it."""
    work = begin(lanes, counts, parameters, low, high)
    center, sigma = np.empty(counts.size), np.empty(lanes.shape)
    x, left = lanes, counts
    while left.size:
        medians(x, left, center)
        _own_sigmas(x, left, work, frames, noise, center, sigma)
        left = clip_pass(x, left, work, center, sigma, 2)
        x = work.block
    restore_neighbours(work)


@kernel
def ccd_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep; one row of noise for all frames, or one each (then `frames` is needed)."""
    if noise.shape[0] > 1:
        _by_frame(lanes, frames, counts, noise, parameters, low, high)
        return
    work = begin(lanes, counts, parameters, low, high)
    center, sigma = np.empty(counts.size), np.empty((1, counts.size))
    x, left = lanes, counts
    while left.size:
        medians(x, left, center)
        for k in range(left.size):
            sigma[0, k] = _detector_sigma(noise, 0, center[k])
        left = clip_pass(x, left, work, center, sigma, 2)
        x = work.block
    restore_neighbours(work)


@kernel
def ccd_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep; one row of noise for all frames, or one each (then `frames` is needed)."""
    if noise.shape[0] > 1:
        _each_clip(lanes, frames, counts, noise, parameters, low, high, (TRIMMED, False))
        return
    work = begin(lanes, counts, parameters, low, high)
    center, sigma = np.empty(counts.size), np.empty((1, counts.size))
    x, left = lanes, counts
    while left.size:
        means(x, left, True, center)
        for k in range(left.size):
            sigma[0, k] = _detector_sigma(noise, 0, center[k])
        left = clip_pass(x, left, work, center, sigma, 2)
        x = work.block
    restore_last(work)


@kernel
def _each_clip(lanes, frames, counts, noise, parameters, low, high, kinds):
    """Every value by its own noise; kinds: the center, and whether the noise is the variance of each value."""
    kind, measured = kinds
    lane = lane_of(lanes.shape[0])
    for i in range(counts.size):
        n = m = counts[i]
        read_lane(lanes, frames, i, n, lane)
        keep = least_kept(parameters, n)
        number = 0
        while m >= max(2, keep + 1):
            center = center_of(lane.kept_x, 0, gather_kept(lane, n), kind)
            for r in range(n):
                lane.distance[r] = lane.x[r] - center
                frame = lane.frame[r]
                lane.sigma[r] = (
                    np.sqrt(noise[frame, i]) if measured else _detector_sigma(noise, frame, center)
                )
            number += 1
            before, m = m, drop_distant(lane, n, parameters, number)
            if m == before:
                break
        if m < keep:
            take_back(lane, 1 if kind == MEDIAN else number, n, keep)
        low[i], high[i] = part_lane(lanes, frames, i, n, lane)


@kernel
def variance_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep; ``noise[frame, lane]`` is the variance of each value."""
    _each_clip(lanes, frames, counts, noise, parameters, low, high, (MEDIAN, True))


@kernel
def variance_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep; ``noise[frame, lane]`` is the variance of each value."""
    _each_clip(lanes, frames, counts, noise, parameters, low, high, (TRIMMED, True))
