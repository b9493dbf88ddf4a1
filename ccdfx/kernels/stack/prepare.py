"""Values and variances of frames as they are combined: decoded, scaled, and infinite where there is none.

Where a stack is looked at several times, this is done once, and not by every kernel again.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.stack.decode import decode
from ccdfx.kernels.stack.gather import FACTOR_SCALE, FRAME_VARIANCE, FRAME_VARIANCE_KIND, gather
from ccdfx.kernels.stack.lanes import copy

_PIECE = 2048  # pixels that stay in the cache between the steps


@kernel
def _less(row, shared):
    """Subtract a variance that all frames have in common, but not below 0; NaN stays NaN."""
    kind = row.dtype.type
    for i in range(row.size):
        rest = np.float64(row[i]) - np.float64(shared[i])
        row[i] = kind(0.0 if rest <= 0.0 else rest)


@kernel
def less_shared(row, shared, out):
    """Store the variances of pixels without that which all frames have in common, but not below 0; NaN stays NaN."""
    copy(row, out)
    _less(out, shared)


@kernel
def prepare(frame, factors, shared, values, variances):
    """Store the scaled values of one frame, +inf where there is none, and their variances, +inf where unknown.

    Parameters
    ----------
    frame, factors : arrays of one row
        The tables of frames and factors of `ccdfx.kernels.stack.gather`.
    shared : array of the pixels, or empty
        The part of the variances that is left out.
    values, variances : arrays of the pixels
        `variances` is empty where the frame has none.
    """
    scale = factors[0, FACTOR_SCALE]
    unit = values.dtype.type(1.0 / (scale * scale))
    for start in range(0, values.size, _PIECE):
        end = min(start + _PIECE, values.size)
        width = end - start
        gather(frame, factors, start, values[start:end].reshape(1, width), width)
        if variances.size:
            row = variances[start:end]
            decode(
                frame[0, FRAME_VARIANCE], frame[0, FRAME_VARIANCE_KIND], start, row.reshape(1, width), 0, width, np.nan
            )  # fmt: skip
            if shared.size:
                _less(row, shared[start:end])
            for i in range(width):
                row[i] *= unit
