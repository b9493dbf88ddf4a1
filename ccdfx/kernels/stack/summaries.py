"""What follows from the rejection codes of a tile, and from the flags of its frames: counts, exposure times, factors."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.stack.ranked import DROPPED_HIGH, DROPPED_LOW, KEPT


@kernel
def _count(codes, kept, low, high):
    for x in range(codes.size):
        kept[x] += np.uint16(codes[x] == KEPT)
        low[x] += np.uint16(codes[x] == DROPPED_LOW)
        high[x] += np.uint16(codes[x] == DROPPED_HIGH)


@kernel
def _count_rejected(codes, number):
    for x in range(codes.size):
        number[x] += np.uint16((codes[x] == DROPPED_LOW) | (codes[x] == DROPPED_HIGH))


@kernel
def _add_time(codes, time, total):
    for x in range(codes.size):
        total[x] += time if codes[x] == KEPT else 0.0


@kernel
def _apply_factors(factors, kept, rejected, variance):
    """Multiply variances by the factors of ``kept + rejected`` values, `rejected` of which the rule rejected."""
    for x in range(variance.size):
        row = np.int64(factors[0, np.int64(kept[x]) + np.int64(rejected[x])])
        variance[x] = np.float64(variance[x]) * factors[row, rejected[x]]


@kernel
def summarise(codes, own, first, times, factors, count, rejected_low, rejected_high, exposure, variance):
    """Store counts and exposure times of a tile, and multiply its variances; what is empty is left out.

    Parameters
    ----------
    codes : (n, rows, nx) uint8
        Whether values are kept, as in `ccdfx.kernels.stack.ranked`, in the row `first` and as many as there are results.
    own : (n, rows, nx) uint8
        By the rule itself; what it rejects around that counts as missing for the factors.
    times : (n,) float64
        Exposure times, 0 for frames without weight.
    factors : (sizes, n + 1) float64
        By number of values rejected; row 0 says for each number of values which row holds theirs.
    count, rejected_low, rejected_high : (results, nx) uint16
    exposure : (results, nx) float32
    variance : (results, nx) float32 or float64
    """
    frames, _, nx = codes.shape
    kept, low, high, hit = (
        np.empty(nx, np.uint16),
        np.empty(nx, np.uint16),
        np.empty(nx, np.uint16),
        np.empty(nx, np.uint16),
    )
    total = np.empty(nx)
    for y in range(max(count.shape[0], exposure.shape[0], variance.shape[0])):
        kept[:] = low[:] = high[:] = hit[:] = 0
        total[:] = 0.0
        for j in range(frames):
            _count(codes[j, first + y], kept, low, high)
            if exposure.size:
                _add_time(codes[j, first + y], times[j], total)
            if variance.size:
                _count_rejected(own[j, first + y], hit)
        if count.size:
            count[y], rejected_low[y], rejected_high[y] = kept, low, high
        if exposure.size:
            for x in range(nx):
                exposure[y, x] = total[x]
        if variance.size:
            _apply_factors(factors, kept, hit, variance[y])


@kernel
def join_flags(own, passing, beside, defect, flags):
    """Add those flags (rows, nx) of a frame that are `passing`, and where it has any of `defect` those of `beside`."""
    for y in range(flags.shape[0]):
        found, out = own[y], flags[y]
        for x in range(out.size):
            bits = found[x]
            out[x] |= bits & (beside if bits & defect else passing)
