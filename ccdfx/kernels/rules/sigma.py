"""Clipping about a centre by a standard deviation or the absolute deviations of the values.

`ccdfx.kernels.stack.rule` defines a rule.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.rules.centers import deviations, mad_sigmas, means, medians
from ccdfx.kernels.rules.clipping import begin, clip_pass, restore_last, restore_neighbours
from ccdfx.kernels.stack.lanes import borrowed, keep_alive


@kernel
def sigma_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip by the standard deviation about the median; parameters: low, high, keep."""
    work = begin(lanes, counts, parameters, low, high)
    sums = np.empty((2, counts.size))
    center, sigma = borrowed(sums[0]), borrowed(sums[1])
    x, left = lanes, counts
    while left.size:
        medians(x, left, center)
        deviations(x, left, center, 1, sigma)
        left = clip_pass(x, left, work, center, sigma, 3)
        x = work.block
    restore_neighbours(work)
    keep_alive((sums,))


@kernel
def sigma_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip by the standard deviation about the mean; parameters: low, high, keep."""
    work = begin(lanes, counts, parameters, low, high)
    sums = np.empty((2, counts.size))
    center, sigma = borrowed(sums[0]), borrowed(sums[1])
    x, left, first = lanes, counts, True
    while left.size:
        means(x, left, first, center)
        deviations(x, left, center, 1, sigma)
        left = clip_pass(x, left, work, center, sigma, 3)
        x, first = work.block, False
    restore_last(work)
    keep_alive((sums,))


@kernel
def mad_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip by the MAD about the median; parameters: low, high, keep, least sigma, maximum passes."""
    work = begin(lanes, counts, parameters, low, high)
    sums = np.empty((4, counts.size))
    center, sigma, scratch = borrowed(sums[0]), borrowed(sums[1]), borrowed(sums[2:])
    x, left, passes = lanes, counts, parameters[4]
    while left.size and passes > 0:
        passes -= 1
        medians(x, left, center)
        mad_sigmas(x, left, center, parameters[3], sigma, scratch)
        left = clip_pass(x, left, work, center, sigma, 3)
        x = work.block
    restore_neighbours(work)
    keep_alive((sums,))


@kernel
def mad_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """Clip by the MAD (from the median) about the mean.

    parameters: low, high, keep, least sigma, maximum passes.
    """
    work = begin(lanes, counts, parameters, low, high)
    sums = np.empty((5, counts.size))
    median, center, sigma, scratch = (
        borrowed(sums[0]),
        borrowed(sums[1]),
        borrowed(sums[2]),
        borrowed(sums[3:]),
    )
    x, left, passes = lanes, counts, parameters[4]
    while left.size and passes > 0:
        passes -= 1
        medians(x, left, median)
        mad_sigmas(x, left, median, parameters[3], sigma, scratch)
        means(x, left, False, center)
        left = clip_pass(x, left, work, center, sigma, 3)
        x = work.block
    restore_last(work)
    keep_alive((sums,))


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
