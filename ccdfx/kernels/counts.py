"""Poisson counts from normal and uniform deviates."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel

FEW = 16.0
"""Below this rate counts are found from a uniform deviate, above it from a normal one."""

_MOST = 200  # far above any count of a rate below `FEW`
_INVERSE = 1.0 / np.arange(1, _MOST + 1)  # a multiplication is several times faster than a division


@kernel(fastmath={"contract"})
def photons(rates, normals, uniforms, out):
    """Compute Poisson counts for given rates; a negative rate stays as it is.

    `uniforms` has one value for each rate in 0 ... `FEW`. Above `FEW` the count is the Poisson quantile of
    the normal deviate, from the first terms of its expansion in 1 / sqrt(rate) (M. B. Giles 2016, ACM Trans.
    Math. Softw. 42, 7): probabilities are right to 2e-5, the variance to 1e-4 at 16 and to 3e-6 at 100.
    Below, the distribution function is summed up to the uniform deviate.
    """
    for i in range(rates.size):
        rate = max(np.float64(rates[i]), FEW)
        w = np.float64(normals[i])
        root = np.sqrt(rate)
        square = w * w
        first = (1.0 + 0.5 * square) / 3.0
        second = -w * (1.0 / 36.0 + square / 72.0)
        third = -8.0 / 405.0 + square * (7.0 / 810.0 + square / 270.0)
        count = np.floor(rate + root * w + first + (second + third / root) / root)
        out[i] = max(count, 0.0)
    used = 0
    for i in range(rates.size):
        if rates[i] < FEW:
            out[i] = rates[i]
            if rates[i] > 0:
                out[i] = _few(np.float64(rates[i]), uniforms[used])
                used += 1


@kernel
def _few(rate, uniform):
    count = 0
    part = np.exp(-rate)
    total = part
    while uniform >= total and count < _MOST:
        part *= rate * _INVERSE[count]
        count += 1
        total += part
    return np.float64(count)
