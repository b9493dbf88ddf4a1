"""Which pixels of a stack are within the noise in all frames, by a bound that is cheap to compute.

Nearly all pixels of a sky are. The bound of a block is the least variance of each frame in it; what is beyond is looked at
pixel by pixel, so that no decision depends on blocks.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.rules.noise_bound import detector_variance
from ccdfx.kernels.stack.rule import NOISE_LINEAR, NOISE_QUADRATIC, NOISE_SCALE

_LESS = 1.0 - 1e-5  # above all rounding errors
_GREATEST_INVERSE = 1e30  # beyond it, squares lose their precision
_LEAST_INVERSE = 1e-30  # so that infinities stay infinite


@kernel
def _least(row):
    found = np.inf
    for i in range(row.size):
        v = np.float64(row[i])
        found = v if v < found else found
    return found if found >= 0 else 0.0


@kernel
def least_variances(noise, center, own, least):
    """Store for each frame a variance that that of none of its values in a block falls below; 0 if not known.

    `own` are the variances [frame][pixel] of the values, or have no rows: then `noise` tells, at the estimates `center`.
    """
    lowest = _least(center)
    for j in range(least.size):
        if own.shape[0] > 0:
            least[j] = _least(own[j, : center.size])
            continue
        row = j if noise.shape[0] > 1 else 0
        rises = (
            (noise[row, NOISE_LINEAR] >= 0)
            & (noise[row, NOISE_QUADRATIC] >= 0)
            & (noise[row, NOISE_SCALE] > 0)
        )
        known = rises & (lowest < np.inf)
        least[j] = detector_variance(noise, row, lowest) if known else 0.0


@kernel
def spread_bound(least):
    """Return a variance that that of the estimate of no pixel falls below, pi / 2 / n of the least of all values."""
    return 0.5 * np.pi / least.size * _least(least)


@kernel
def mark_allowed(center, change, amplitude, level, per_limit, expected, spread, variance, doubts):
    """Mark the pixels where profiles of stars may allow more than the noise, of at least these variances; clear others.

    Those of which the estimate is not known are marked too.
    """
    most = (variance + spread) * _LESS
    for i in range(center.size):
        above, step = np.float64(center[i]) - level, np.float64(change[i])
        from_level, from_change = above * above - spread, step * step - expected * spread
        allowed = amplitude * amplitude * (from_level if from_level > 0 else 0.0)
        allowed += per_limit * (from_change if from_change > 0 else 0.0)
        # NaN is not less than anything.
        doubts[i] = 0.0 if (allowed <= most) & (above == above) else 1.0


@kernel
def mark_beyond(row, center, limit, doubts):
    """Mark the values of a frame that are missing or whose distance from the estimate, squared, is above a limit."""
    kind = row.dtype.type
    inverse = 1.0 / (limit * _LESS)
    if not inverse < _GREATEST_INVERSE:
        inverse = np.inf
    factor = kind(inverse if inverse > _LEAST_INVERSE else _LEAST_INVERSE)
    for i in range(center.size):
        d = row[i] - center[i]
        doubts[i] += kind(0) if d * d * factor <= kind(1) else kind(1)


@kernel
def is_clear(doubts):
    """Return whether no pixel is marked."""
    total = doubts.dtype.type(0)
    for i in range(doubts.size):
        total += doubts[i]
    return total == 0
