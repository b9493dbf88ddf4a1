"""Sigma clipping with a noise that follows the level: of scaled frames, or with one sigma for a line of the image.

`ccdfx.kernels.rules` says what a rule is. Here the noise rows are (scale, zero, sigma of the line, 0, 0); 0 for the
sigma means that it is that of the pixel, a negative number that it is 0.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import MEAN, MEDIAN, TRIMMED, center_of, column, least_kept, middle, restore
from ccdfx.kernels.noise_rules import CONSTANT, SCALE, ZERO, part_lane, take_back


@kernel
def _noise_weight(noise, row, center):
    """The noise of a frame at the center, but for a factor that all share: the root of its raw level, scaled."""
    return np.sqrt(max(1.0, (center + noise[row, ZERO]) / noise[row, SCALE]))


@kernel
def _scaled_median_lane(x, frame, residual, n, noise, limits, keep):
    low, high = 0, n
    while high - low >= max(3, keep + 1):
        center = middle(x, low, high)
        sigma = noise[0, CONSTANT]
        if sigma == 0:
            for r in range(low, high):
                d = (x[r] - center) / _noise_weight(noise, frame[r], center)
                sigma += d * d
            sigma = np.sqrt(sigma / (high - low - 1))
        if not sigma > 0:
            break
        first, last = low, high
        while first < last:
            d = (center - x[first]) / (sigma * _noise_weight(noise, frame[first], center))
            if not d > limits[0]:
                break
            residual[first] = d
            first += 1
        while last > first:
            d = (x[last - 1] - center) / (sigma * _noise_weight(noise, frame[last - 1], center))
            if not d > limits[1]:
                break
            residual[last - 1] = d
            last -= 1
        if first == low and last == high:
            break
        low, high = first, last
    return restore(residual, low, high, 0, n, keep)


@kernel
def _scaled_mean_lane(x, frame, n, noise, limits, keep, kept, state):
    residual, passed, work = state
    for r in range(n):
        kept[r] = True
        passed[r] = 0
    number, m = 0, n
    while m >= max(3, keep + 1):
        m = 0
        for r in range(n):
            if kept[r]:
                work[m] = x[r]
                m += 1
        center = center_of(work, 0, m, MEAN if number else TRIMMED)
        sigma = noise[0, CONSTANT]
        if sigma == 0:
            for r in range(n):
                if kept[r]:
                    d = (x[r] - center) / _noise_weight(noise, frame[r], center)
                    sigma += d * d
            sigma = np.sqrt(sigma / (m - 1))
        if not sigma > 0:
            break
        number += 1
        before = m
        for r in range(n):
            if kept[r]:
                d = (x[r] - center) / (sigma * _noise_weight(noise, frame[r], center))
                if -d > limits[0] or d > limits[1]:
                    kept[r] = False
                    residual[r] = abs(d)
                    passed[r] = number
                    m -= 1
        if m == before:
            break
    if m < keep:
        take_back(residual, kept, passed, number, n, keep)


@kernel
def _scaled_sigma_clip(lanes, frames, counts, noise, parameters, low, high, kind):
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
            low[i], high[i] = _scaled_median_lane(x, frame, state[0], n, noise, parameters, keep)
            continue
        _scaled_mean_lane(x, frame, n, noise, parameters, keep, kept, state)
        low[i], high[i] = part_lane(lanes, frames, i, n, x, frame, kept)


@kernel
def scaled_sigma_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep; the scale and zero of each frame are in the noise."""
    _scaled_sigma_clip(lanes, frames, counts, noise, parameters, low, high, MEDIAN)


@kernel
def scaled_sigma_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep; the scale and zero of each frame are in the noise."""
    _scaled_sigma_clip(lanes, frames, counts, noise, parameters, low, high, MEAN)


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
            d = (x[r] - center) / _noise_weight(noise, frames[r, i], center)
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
