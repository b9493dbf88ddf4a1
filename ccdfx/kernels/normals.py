"""Standard normal deviates from random bits."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.transcendental import _log

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
