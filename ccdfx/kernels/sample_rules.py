"""Sigma clipping with the standard deviation of the sample; `ccdfx.kernels.rules` says what a rule is."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.clipping import (
    MEAN,
    MEDIAN,
    center_of,
    column,
    drop,
    keep_everything,
    least_kept,
    restore,
    restore_ties,
    squares,
)


@kernel
def _sample_lane(x, residual, n, kind, parameters):
    low, high = 0, n
    keep = least_kept(parameters, n)
    divisor, passes = np.int64(parameters[3]), parameters[4]
    while high - low >= max(3, keep + 1) and passes > 0:
        passes -= 1
        center = center_of(x, low, high, kind)
        mean = center if kind == MEAN else center_of(x, low, high, MEAN)
        sigma = np.sqrt(squares(x, low, high, mean) / (high - low - divisor))
        if not sigma > 0:
            break
        before_low, before_high = low, high
        low, high = drop(x, residual, low, high, center, sigma, parameters)
        if low == before_low and high == before_high:
            break
        if high - low < keep and kind != MEDIAN:
            return restore_ties(residual, low, high, before_low, before_high, keep)
    return restore(residual, low, high, 0, n, keep)


@kernel
def _sample_clip(lanes, counts, parameters, low, high, kind):
    x, residual = np.empty(lanes.shape[0]), np.empty(lanes.shape[0])
    keep_everything(counts, low, high)
    for i in range(counts.size):
        column(lanes, i, counts[i], x)
        low[i], high[i] = _sample_lane(x, residual, counts[i], kind, parameters)


@kernel
def sample_clip_median_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep, what is taken from n in the divisor, passes at most."""
    _sample_clip(lanes, counts, parameters, low, high, MEDIAN)


@kernel
def sample_clip_mean_rule(lanes, frames, counts, noise, parameters, low, high):
    """parameters: low, high, keep, what is taken from n in the divisor, passes at most."""
    _sample_clip(lanes, counts, parameters, low, high, MEAN)
