"""Rules that clip by a noise known beforehand; `ccdfx.kernels.stack.rule` defines a rule."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.rules.centers import center_of, lane_median, means, medians
from ccdfx.kernels.rules.clipping import (
    CENTER_MEDIAN,
    CENTER_TRIMMED,
    P_HIGH,
    P_LOW,
    begin,
    clip_pass,
    drop_each,
    least_kept,
    list_beyond,
    restore_last,
    restore_neighbours,
)
from ccdfx.kernels.rules.survivors import drop_distant, gather_kept, lane_of, part_lane, read_lane, take_back
from ccdfx.kernels.stack.rule import NOISE_CONSTANT, NOISE_LINEAR, NOISE_QUADRATIC, NOISE_SCALE, NOISE_ZERO


@kernel(inline=True)
def _unscaled_variance(noise, row, center):
    level = max(0.0, noise[row, NOISE_SCALE] * (center + noise[row, NOISE_ZERO]))
    return (
        noise[row, NOISE_CONSTANT]
        + noise[row, NOISE_LINEAR] * level
        + noise[row, NOISE_QUADRATIC] * level * level
    )


@kernel(inline=True)
def _detector_sigma(noise, row, center):
    return np.sqrt(_unscaled_variance(noise, row, center)) / noise[row, NOISE_SCALE]


@kernel(inline=True)
def detector_variance(noise, row, center):
    """Return the variance of a scaled value at a level, as a row of the noise table has it."""
    return _unscaled_variance(noise, row, center) / (noise[row, NOISE_SCALE] * noise[row, NOISE_SCALE])


@kernel
def _own_sigmas(lanes, frames, i, work, noise, center, sigma):
    """Return whether an end of lane i lies beyond its limit; if so, store the sigma of each survivor.

    A sigma of 0 is replaced by infinity, so that the value is kept.
    """
    low, high = work.low[i], work.high[i]
    if low == high:
        return False
    lowest = _detector_sigma(noise, frames[low, i], center)
    highest = _detector_sigma(noise, frames[high - 1, i], center)
    below = lowest > 0 and center - lanes[low, i] > work.parameters[P_LOW] * lowest
    above = highest > 0 and lanes[high - 1, i] - center > work.parameters[P_HIGH] * highest
    if below or above:
        for r in range(low, high):
            found = _detector_sigma(noise, frames[r, i], center)
            sigma[r] = found if found > 0 else np.inf
    return below or above


@kernel
def ccd_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the median by the CCD noise; parameters: low, high, keep.

    `noise` has one row for all frames, or one for each (then `frames` is needed).
    """
    work = begin(lanes, counts, parameters, low, high)
    center, sigma = np.empty(counts.size), np.empty(counts.size)
    medians(lanes, counts, center)
    if noise.shape[0] > 1:
        own = np.empty(lanes.shape[0])
        for i in range(counts.size):
            c = center[i]
            while _own_sigmas(lanes, frames, i, work, noise, c, own) and drop_each(lanes, i, work, c, own, 2):
                c = lane_median(lanes, i, low[i], high[i])
    else:
        for i in range(counts.size):
            sigma[i] = _detector_sigma(noise, 0, center[i])
        x, left = lanes, counts
        while left.size:
            medians(x, left, center)
            for k in range(left.size):
                sigma[k] = _detector_sigma(noise, 0, center[k])
            left = clip_pass(x, left, work, center, sigma, 2)
            x = work.block
    restore_neighbours(work)


@kernel
def ccd_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the mean by the CCD noise, as `ccd_clip_median_rule` does about the median."""
    work = begin(lanes, counts, parameters, low, high)
    if noise.shape[0] > 1:
        for i in range(counts.size):
            work.found[i] = i
        _each_clip(lanes, frames, work, counts.size, noise, (CENTER_TRIMMED, False))
        return
    center, sigma = np.empty(counts.size), np.empty(counts.size)
    x, left = lanes, counts
    while left.size:
        means(x, left, True, center)
        for k in range(left.size):
            sigma[k] = _detector_sigma(noise, 0, center[k])
        left = clip_pass(x, left, work, center, sigma, 2)
        x = work.block
    restore_last(work)


@kernel
def _each_clip(lanes, frames, work, number, noise, kinds):
    """Clip the first `number` lanes listed in work.found, every value by its own noise.

    kinds: the kind of centre, and whether the noise is the variance of each value.
    """
    kind, measured = kinds
    lane, parameters = lane_of(lanes.shape[0]), work.parameters
    for i in work.found[:number]:
        n = m = np.int64(work.counts[i])
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
            take_back(lane, 1 if kind == CENTER_MEDIAN else number, n, keep)
        work.low[i], work.high[i] = part_lane(lanes, frames, i, n, lane)


@kernel
def _least_sigmas(noise, sigma):
    """Store the least sigma other than 0 of each lane; noise[frame, lane] is the variance of each value."""
    for i in range(sigma.size):
        sigma[i] = np.inf
    for j in range(noise.shape[0]):
        for i in range(sigma.size):
            v = noise[j, i]
            sigma[i] = v if (v > 0) & (v < sigma[i]) else sigma[i]
    for i in range(sigma.size):
        sigma[i] = np.sqrt(sigma[i])


@kernel
def variance_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the median; parameters: low, high, keep; ``noise[frame, lane]``: variance of each value."""
    work = begin(lanes, counts, parameters, low, high)
    center, sigma = np.empty(counts.size), np.empty(counts.size)
    medians(lanes, counts, center)
    _least_sigmas(noise, sigma)
    _each_clip(
        lanes, frames, work, list_beyond(lanes, counts, work, center, sigma), noise, (CENTER_MEDIAN, True)
    )


@kernel
def variance_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the mean; parameters: low, high, keep; ``noise[frame, lane]``: variance of each value."""
    work = begin(lanes, counts, parameters, low, high)
    center, sigma = np.empty(counts.size), np.empty(counts.size)
    means(lanes, counts, True, center)
    _least_sigmas(noise, sigma)
    _each_clip(
        lanes, frames, work, list_beyond(lanes, counts, work, center, sigma), noise, (CENTER_TRIMMED, True)
    )
