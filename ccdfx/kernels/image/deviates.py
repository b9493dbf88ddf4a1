"""Normal and Poisson deviates from uniform random bits."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.image.transcendental import _log

_UNIT = np.float32(2.0**-32)
_HALF_STEP = np.float32(2.0**-33)
_QUARTER = np.float32(np.pi * 2.0**-31)  # pi / 2 for 2**30 steps
_EIGHTH = np.float32(np.pi / 4)
_S1, _S2, _S3, _S4 = (np.float32(c) for c in (-1 / 6, 1 / 120, -1 / 5040, 1 / 362880))
_C1, _C2, _C3, _C4 = (np.float32(c) for c in (-1 / 2, 1 / 24, -1 / 720, 1 / 40320))
_MINUS_TWO, _ONE = np.float32(-2.0), np.float32(1.0)


@kernel(fastmath={"contract"})
def normals(bits, others, first, second):
    """Compute two independent deviates from each pair of uint32, by radius and angle (Box & Muller 1958).

    The radius is at most 6.7; the probability of a deviate further out is 1e-11.
    """
    for i in range(bits.size):
        radius = np.sqrt(_MINUS_TWO * _log(np.float32(bits[i]) * _UNIT + _HALF_STEP))
        angle = np.float32(others[i] & np.uint32(0x3FFFFFFF)) * _QUARTER - _EIGHTH
        square = angle * angle
        sine = angle + angle * square * (_S1 + square * (_S2 + square * (_S3 + square * _S4)))
        cosine = _ONE + square * (_C1 + square * (_C2 + square * (_C3 + square * _C4)))
        quadrant = others[i] >> np.uint32(30)
        turned = quadrant & np.uint32(1)
        x = sine if turned else cosine
        y = cosine if turned else sine
        first[i] = -radius * x if quadrant & np.uint32(2) else radius * x
        second[i] = -radius * y if quadrant == np.uint32(1) or quadrant == np.uint32(2) else radius * y


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
