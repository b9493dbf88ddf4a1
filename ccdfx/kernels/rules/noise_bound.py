"""The noise of values of scaled frames: a bound below that of all frames, and a comparison without a square root.

Where frames are scaled or have zeros, every value has a noise of its own, by its frame. The variance of a scaled value at
the level c is constant / s^2 + linear L / s + quadratic L^2 with L = max(0, c + z). It is not below the same with the least
of each term of all frames. Lanes whose ends lie within the limits times that, which are most, need no look at their
frames; of the others, most need no more than one at the frames of their ends.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.rules.clipping import P_HIGH, P_LOW, list_marked, value
from ccdfx.kernels.stack.lanes import greatest
from ccdfx.kernels.stack.lanes import least as fewest
from ccdfx.kernels.stack.rule import NOISE_CONSTANT, NOISE_LINEAR, NOISE_QUADRATIC, NOISE_SCALE, NOISE_ZERO

_OF_VARIANCE, _OF_SIGMA = 1e-9, 1.0 - 1e-9  # above all rounding errors
_LEAST_VARIANCE, _GREATEST_SQUARE = 1e-200, 1e300  # beyond these, numbers lose their precision


@kernel(inline=True)
def _unscaled_variance(noise, row, center):
    level = max(0.0, noise[row, NOISE_SCALE] * (center + noise[row, NOISE_ZERO]))
    return (
        noise[row, NOISE_CONSTANT]
        + noise[row, NOISE_LINEAR] * level
        + noise[row, NOISE_QUADRATIC] * level * level
    )


@kernel(inline=True)
def detector_sigma(noise, row, center):
    """Return the noise of a scaled value at a level, as a row of the noise table has it."""
    return np.sqrt(_unscaled_variance(noise, row, center)) / noise[row, NOISE_SCALE]


@kernel(inline=True)
def detector_variance(noise, row, center):
    """Return the variance of a scaled value at a level, as a row of the noise table has it."""
    return _unscaled_variance(noise, row, center) / (noise[row, NOISE_SCALE] * noise[row, NOISE_SCALE])


@kernel
def noise_terms(noise):
    """Return (constant / s^2, linear / s, quadratic, zero) of each frame, and in a last row the least of each."""
    rows = noise.shape[0]
    terms = np.empty((rows + 1, 4))
    terms[rows] = np.inf
    for j in range(rows):
        s = noise[j, NOISE_SCALE]
        terms[j, 0], terms[j, 1] = noise[j, NOISE_CONSTANT] / (s * s), noise[j, NOISE_LINEAR] / s
        terms[j, 2], terms[j, 3] = noise[j, NOISE_QUADRATIC], noise[j, NOISE_ZERO]
        for k in range(4):
            terms[rows, k] = min(terms[rows, k], terms[j, k])
    return terms


@kernel(inline=True)
def _variance_by(constant, linear, quadratic, zero, center):
    above = center + zero
    level = above if above > 0.0 else 0.0
    return constant + level * (linear + level * quadratic)


@kernel(inline=True)
def sigma_bound(terms, center):
    """Return a sigma that that of no frame falls below."""
    r = terms.shape[0] - 1
    return _OF_SIGMA * np.sqrt(_variance_by(terms[r, 0], terms[r, 1], terms[r, 2], terms[r, 3], center))


@kernel(inline=True)
def _may_be_beyond(terms, row, d, limit, center):
    """Return whether d may be above limit sigma, where sigma is not 0."""
    r = np.uint64(row)
    v = _variance_by(terms[r, 0], terms[r, 1], terms[r, 2], terms[r, 3], center)
    return (d > 0.0) & ~(d * d < limit * limit * v * (1.0 - _OF_VARIANCE))


@kernel(inline=True)
def is_beyond(terms, noise, row, d, limit, center):
    """Return whether d is above limit sigma, and sigma above 0; sigma itself is only computed where d is close to that."""
    if not d > 0.0:
        return False
    r = np.uint64(row)
    v = _variance_by(terms[r, 0], terms[r, 1], terms[r, 2], terms[r, 3], center)
    square, most = d * d, limit * limit * v
    if v > _LEAST_VARIANCE and square < _GREATEST_SQUARE:
        if square < most * (1.0 - _OF_VARIANCE):
            return False
        if square > most * (1.0 + _OF_VARIANCE):
            return True
    sigma = detector_sigma(noise, row, center)
    return sigma > 0.0 and d > limit * sigma


@kernel
def list_in_doubt(lanes, frames, work, terms, center):
    """List in work.found the lanes with an end that may lie beyond the limit of its own frame; return their number."""
    number = list_beyond_bound(lanes, work.counts, work, terms, center)
    low_limit, high_limit, m = work.parameters[P_LOW], work.parameters[P_HIGH], 0
    for j in range(number):
        i = np.uint64(work.found[j])
        last, c = np.uint64(work.counts[i] - 1), center[i]
        below = _may_be_beyond(terms, frames[0, i], c - value(lanes, 0, i), low_limit, c)
        above = _may_be_beyond(terms, frames[last, i], value(lanes, last, i) - c, high_limit, c)
        work.found[m] = i
        m += np.int64(below | above)
    return m


@kernel(inline=True)
def _is_beyond_bound(lowest, highest, center, sigma, low_limit, high_limit):
    below, above = center - lowest > low_limit * sigma, highest - center > high_limit * sigma
    return (below | above) & (highest > lowest)


@kernel
def list_beyond_bound(x, left, work, terms, center):
    """List in work.found the lanes with an end beyond the limits times the bound of sigma; return their number."""
    beyond, n = work.marked, greatest(left)
    low_limit, high_limit = work.parameters[P_LOW], work.parameters[P_HIGH]
    if n == 0:
        return 0
    if fewest(left) == n:
        for k in range(left.size):
            lowest, highest = np.float64(x[0, k]), np.float64(x[n - 1, k])
            sigma = sigma_bound(terms, center[k])
            beyond[k] = _is_beyond_bound(lowest, highest, center[k], sigma, low_limit, high_limit)
    else:
        for k in range(left.size):
            lowest, highest = np.float64(x[0, k]), np.float64(x[left[k] - 1 if left[k] > 0 else 0, k])
            sigma = sigma_bound(terms, center[k])
            beyond[k] = _is_beyond_bound(lowest, highest, center[k], sigma, low_limit, high_limit)
    return list_marked(beyond[: left.size], work.found)
