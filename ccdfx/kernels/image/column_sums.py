"""Runs of pixels along lines of an image whose sum deviates, as IRAF's ccdmask finds them in columns."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel

STEPWISE = 10
"""Lengths of runs are tried one by one up to this, then doubled."""


@kernel
def _flag_runs(residual, variance, length, low, high, before, found):
    """Flag all runs of this length of one line whose sum is too far from 0, without pixels bad before."""
    n = residual.size
    total, spread, flagged = 0.0, 0.0, 0
    for j in range(n):
        if not before[j]:
            total += residual[j]
            spread += variance[j]
        first = j - length + 1
        if first < 0:
            continue
        if spread > 0.0:
            sigma = np.sqrt(spread)
            if total < -low * sigma or total > high * sigma:
                for k in range(max(first, flagged), j + 1):
                    found[k] = True
                flagged = j + 1
        if not before[first]:
            total -= residual[first]
            spread -= variance[first]


@kernel
def flag_sums(residual, variance, low, high, bad):
    """Flag, in `bad`, the runs of each row whose sum of residuals is too far from 0.

    residual and variance are (lines, pixels) float64; bad (bool) is updated. Runs of two pixels come first, and
    pixels flagged in shorter runs are left out of the sums of longer ones. A sum deviates below ``-low`` or
    above ``high`` times the root of the sum of the variances.
    """
    lines, n = residual.shape
    before = np.empty(n, np.bool_)
    for line in range(lines):
        length = 2
        while length <= n:
            for j in range(n):
                before[j] = bad[line, j]
            _flag_runs(residual[line], variance[line], length, low, high, before, bad[line])
            if length == n:
                break
            length = length + 1 if length < STEPWISE else min(2 * length, n)


@kernel
def close_gaps(bad, gap):
    """Flag the runs of fewer than `gap` good pixels between bad ones, or between one and the end of the row."""
    lines, n = bad.shape
    for line in range(lines):
        start = 0  # of a run of good pixels
        for j in range(n + 1):
            if j < n and not bad[line, j]:
                continue
            if 0 < j - start < gap:
                for k in range(start, j):
                    bad[line, k] = True
            start = j + 1
