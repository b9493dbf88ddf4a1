"""Rules that clip by a noise known beforehand; `ccdfx.kernels.rules` says what a rule is."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import (
    MEDIAN,
    TIE,
    TRIMMED,
    center_of,
    centers,
    column,
    drop,
    keep_everything,
    least_kept,
    middle,
    outlying,
    restore,
    restore_ties,
)

SCALE, ZERO, CONSTANT, LINEAR, QUADRATIC = range(5)  # columns of the noise


@kernel
def _noise_sigma(noise, row, center):
    scale = noise[row, SCALE]
    level = max(0.0, scale * (center + noise[row, ZERO]))
    variance = noise[row, CONSTANT] + noise[row, LINEAR] * level + noise[row, QUADRATIC] * level * level
    return np.sqrt(variance) / scale


@kernel
def _noise_lane(x, residual, n, kind, noise, limits, keep):
    low, high = 0, n
    while high - low >= max(2, keep + 1):
        center = center_of(x, low, high, kind)
        sigma = _noise_sigma(noise, 0, center)
        if not sigma > 0:
            break
        before_low, before_high = low, high
        low, high = drop(x, residual, low, high, center, sigma, limits)
        if low == before_low and high == before_high:
            break
        if high - low < keep and kind != MEDIAN:
            return restore_ties(residual, low, high, before_low, before_high, keep)
    return restore(residual, low, high, 0, n, keep)


@kernel
def _drop_mixed(x, frame, residual, low, high, center, noise, limits):
    """As `_drop`, where each value has the noise of its frame."""
    first, last = low, high
    while first < last:
        sigma = _noise_sigma(noise, frame[first], center)
        if not (sigma > 0 and center - x[first] > limits[0] * sigma):
            break
        residual[first] = (center - x[first]) / sigma
        first += 1
    while last > first:
        sigma = _noise_sigma(noise, frame[last - 1], center)
        if not (sigma > 0 and x[last - 1] - center > limits[1] * sigma):
            break
        residual[last - 1] = (x[last - 1] - center) / sigma
        last -= 1
    return first, last


@kernel
def _mixed_median_lane(x, frame, residual, n, noise, limits, keep):
    """Both ends move inwards, as IRAF does it: the survivors are neighbours, whatever the noise of each is."""
    low, high = 0, n
    while high - low >= max(2, keep + 1):
        before_low, before_high = low, high
        center = middle(x, low, high)
        low, high = _drop_mixed(x, frame, residual, low, high, center, noise, limits)
        if low == before_low and high == before_high:
            break
    return restore(residual, low, high, 0, n, keep)


@kernel
def take_back(residual, kept, passed, since, n, keep):
    """Mark values that went in this pass or later as kept until there are `keep` of them, ties together."""
    count = 0
    for r in range(n):
        count += kept[r]
    while count < keep:
        least = np.inf
        for r in range(n):
            if not kept[r] and passed[r] >= since:
                least = min(least, residual[r])
        for r in range(n):
            if not kept[r] and passed[r] >= since and residual[r] <= least + TIE:
                kept[r] = True
                count += 1
        if least == np.inf:
            break


@kernel
def _kept_center(x, kept, n, work, kind):
    m = 0
    for r in range(n):
        if kept[r]:
            work[m] = x[r]
            m += 1
    return center_of(work, 0, m, kind)


@kernel
def _every_value_lane(x, frame, n, noise, limits, keep, kept, state, kind):
    """Every value is looked at: the survivors need not be neighbours."""
    residual, passed, work = state
    for r in range(n):
        kept[r] = True
        passed[r] = 0
    number = 0
    m = n
    while m >= max(2, keep + 1):
        center = _kept_center(x, kept, n, work, kind)
        number += 1
        before = m
        for r in range(n):
            if kept[r]:
                sigma = _noise_sigma(noise, frame[r], center)
                limit = limits[0] if x[r] < center else limits[1]
                if sigma > 0 and abs(x[r] - center) > limit * sigma:
                    kept[r] = False
                    residual[r] = abs(x[r] - center) / sigma
                    passed[r] = number
                    m -= 1
        if m == before:
            break
    if m < keep:
        take_back(residual, kept, passed, 1 if kind == MEDIAN else number, n, keep)


@kernel
def part_lane(lanes, frames, i, n, x, frame, kept):
    """Move what was dropped below and above the survivors of a lane; the ranks of the survivors."""
    survivors = 0
    first = n
    for r in range(n):
        if kept[r]:
            survivors += 1
            first = min(first, r)
    # A dropped value counts as low or high by the side of the middle survivor on which it lies.
    seen, middle = 0, first
    for r in range(n):
        if kept[r]:
            if seen == survivors // 2:
                middle = r
            seen += 1
    if survivors == 0:
        middle = n // 2
    below = 0
    for r in range(middle):
        below += not kept[r]
    low, place, above = 0, below, below + survivors
    for r in range(n):
        if kept[r]:
            target = place
            place += 1
        elif r < middle:
            target = low
            low += 1
        else:
            target = above
            above += 1
        lanes[target, i] = x[r]
        frames[target, i] = frame[r]
    return below, below + survivors


@kernel
def _mixed_noise_clip(lanes, frames, counts, noise, parameters, low, high, kind):
    rows = lanes.shape[0]
    x, frame, kept = np.empty(rows), np.empty(rows, np.int64), np.empty(rows, np.bool_)
    state = (np.empty(rows), np.empty(rows, np.int64), np.empty(rows))
    for i in range(counts.size):
        n = counts[i]
        column(lanes, i, n, x)
        for r in range(n):
            frame[r] = frames[r, i]
        keep = least_kept(parameters, n)
        if kind == MEDIAN:
            low[i], high[i] = _mixed_median_lane(x, frame, state[0], n, noise, parameters, keep)
            continue
        _every_value_lane(x, frame, n, noise, parameters, keep, kept, state, kind)
        low[i], high[i] = part_lane(lanes, frames, i, n, x, frame, kept)


@kernel
def _noise_clip(lanes, frames, counts, noise, parameters, low, high, kind):
    if noise.shape[0] > 1:
        _mixed_noise_clip(lanes, frames, counts, noise, parameters, low, high, kind)
        return
    center, sigma, found = np.empty(counts.size), np.empty(counts.size), np.empty(counts.size, np.bool_)
    x, residual = np.empty(lanes.shape[0]), np.empty(lanes.shape[0])
    keep_everything(counts, low, high)
    centers(lanes, counts, kind, center)
    for i in range(counts.size):
        sigma[i] = _noise_sigma(noise, 0, center[i])
    outlying(lanes, counts, center, sigma, parameters, found)
    for i in range(counts.size):
        if found[i]:
            column(lanes, i, counts[i], x)
            keep = least_kept(parameters, counts[i])
            low[i], high[i] = _noise_lane(x, residual, counts[i], kind, noise, parameters, keep)


@kernel
def ccd_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep; one row of noise for all frames, or one each (then `frames` is needed)."""
    _noise_clip(lanes, frames, counts, noise, parameters, low, high, MEDIAN)


@kernel
def ccd_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep; one row of noise for all frames, or one each (then `frames` is needed)."""
    _noise_clip(lanes, frames, counts, noise, parameters, low, high, TRIMMED)


@kernel
def _variance_clip(lanes, frames, counts, noise, parameters, low, high, kind):
    rows = lanes.shape[0]
    x, frame, kept = np.empty(rows), np.empty(rows, np.int64), np.empty(rows, np.bool_)
    rank = np.arange(rows)
    state = (np.empty(rows), np.empty(rows, np.int64), np.empty(rows))
    own = np.zeros((rows, QUADRATIC + 1))  # the noise of each value of a lane
    for r in range(rows):
        own[r, SCALE] = 1.0
    for i in range(counts.size):
        n = counts[i]
        column(lanes, i, n, x)
        for r in range(n):
            frame[r] = frames[r, i]
            own[r, CONSTANT] = noise[frame[r], i]
        keep = least_kept(parameters, n)
        _every_value_lane(x, rank, n, own, parameters, keep, kept, state, kind)
        low[i], high[i] = part_lane(lanes, frames, i, n, x, frame, kept)


@kernel
def variance_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep; ``noise[frame, lane]`` is the variance of each value."""
    _variance_clip(lanes, frames, counts, noise, parameters, low, high, MEDIAN)


@kernel
def variance_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep; ``noise[frame, lane]`` is the variance of each value."""
    _variance_clip(lanes, frames, counts, noise, parameters, low, high, TRIMMED)
