"""Sigma clipping with the standard deviation of the sample; `ccdfx.kernels.rules` defines a rule."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import begin, clip_pass, restore_last, restore_neighbours
from ccdfx.kernels.lane_statistics import deviations, means, medians


@kernel
def sample_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the median; parameters: low, high, keep, ddof of the deviation, maximum passes."""
    work = begin(lanes, counts, parameters, low, high)
    center, mean, sigma = np.empty(counts.size), np.empty(counts.size), np.empty(counts.size)
    x, left, passes = lanes, counts, parameters[4]
    while left.size and passes > 0:
        passes -= 1
        medians(x, left, center)
        means(x, left, False, mean)
        deviations(x, left, mean, np.int64(parameters[3]), sigma)
        left = clip_pass(x, left, work, center, sigma, 3)
        x = work.block
    restore_neighbours(work)


@kernel
def sample_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip about the mean; parameters: low, high, keep, ddof of the deviation, maximum passes."""
    work = begin(lanes, counts, parameters, low, high)
    mean, sigma = np.empty(counts.size), np.empty(counts.size)
    x, left, passes = lanes, counts, parameters[4]
    while left.size and passes > 0:
        passes -= 1
        means(x, left, False, mean)
        deviations(x, left, mean, np.int64(parameters[3]), sigma)
        left = clip_pass(x, left, work, mean, sigma, 3)
        x = work.block
    restore_last(work)
