"""Runs of pixels along lines of an image whose sum deviates, as IRAF's ccdmask finds them in columns."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel

STEPWISE = 10
"""Lengths of runs are tried one by one up to this, then doubled."""

LINES = 64
"""Lines that are searched side by side: the lanes of a strip."""
_SURELY = 1.0 - 1e-9  # of a limit: sums beyond are compared once more, with roots as for one line
_ALMOST = np.float32(1.0 - 1e-3)  # of a limit: lines of float32 with sums beyond are searched in float64
_AHEAD = 12  # rows


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


@kernel
def _load_strip(residual, unit, sigma, good, columns, lines, low, high, scale, strip, bad):
    """Copy lines, times `scale`, to a strip [pixel][residuals of the lines, then variances], 0 where not used.

    Pixels that deviate by themselves are flagged in `bad` [line][pixel], and not used either.
    """
    number, n, width = lines.size, strip.shape[0], strip.shape[1] // 2
    strip[:], bad[:] = 0.0, False
    # Along the rows of the image, in which neighbours lie.
    for a in range(n if columns else number):
        if columns and a + _AHEAD < n:
            # Every row is in other pages, and is read late. Stored where it is written over, so that it is not left out.
            strip[a + _AHEAD, 0] = _look_ahead(residual, sigma, good, a + _AHEAD, lines)
            strip[a + _AHEAD, 0] = 0.0
        for b in range(number if columns else n):
            i, j = (b, a) if columns else (a, b)
            y, x = (j, lines[i]) if columns else (lines[i], j)
            spread = np.float64(sigma[y, x])
            if good[y, x] and spread > 0.0:
                value = np.float64(residual[y, x]) * unit
                if value < -low * spread or value > high * spread:
                    bad[i, j] = True
                else:
                    strip[j, i] = scale * value
                    strip[j, width + i] = (scale * spread) ** 2


@kernel
def _look_ahead(residual, sigma, good, y, columns):
    first, last = columns[0], columns[-1]
    total = np.float64(residual[y, first]) + np.float64(residual[y, last])
    return total + np.float64(sigma[y, first]) + np.float64(sigma[y, last]) + np.float64(good[y, first])


@kernel
def _renew(sums, strip, j, length, square):
    """Add pixel j to the sums and take off the one `length` before; count lines beyond the squared limit."""
    width = sums.size // 2  # not a constant: short loops of a fixed length are unrolled and not vectorised
    if j >= length:
        for k in range(2 * width):
            sums[k] -= strip[j - length, k]
    for k in range(2 * width):
        sums[k] += strip[j, k]
    count = np.int64(0)
    for i in range(width):
        count += np.int64(sums[i] * sums[i] > square * sums[width + i])
    return count


@kernel
def _scale_of(sigma, columns, lines):
    """Return the inverse of a sigma of some lines: squares of small units are no float32."""
    for a in range(sigma.shape[0] if columns else lines.size):
        for b in range(lines.size if columns else sigma.shape[1]):
            y, x = (a, lines[b]) if columns else (lines[a], b)
            if sigma[y, x] > 0:
                return 1.0 / sigma[y, x]
    return 1.0


@kernel
def _next_length(length, n):
    """Return the length that is tried after this one, 0 after the last."""
    return 0 if length >= n else length + 1 if length < STEPWISE else min(2 * length, n)


@kernel
def _find_suspects(strip, low, high):
    """Return the lines of a strip of float32 of which any sum may deviate, and clear these."""
    width = strip.shape[1] // 2
    sums, suspects = np.zeros(2 * width, np.float32), np.zeros(width, np.bool_)
    square = np.float32((min(low, high) * _ALMOST) ** 2)
    n = strip.shape[0]
    length = 2 if n >= 2 else 0
    while length > 0:
        for k in range(sums.size):
            sums[k] = 0.0
        for j in range(n):
            if _renew(sums, strip, j, length, square) == 0 or j < length - 1:
                continue
            for i in range(width):
                if sums[i] * sums[i] > square * sums[width + i]:
                    suspects[i] = True
                    sums[i] = sums[width + i] = 0.0
                    strip[:, i], strip[:, width + i] = 0.0, 0.0
        length = _next_length(length, n)
    return np.flatnonzero(suspects)


@kernel
def _end_runs(strip, length, low, high, ends):
    """Mark in `ends` [line][pixel] where runs of this length end whose sum deviates; return their number."""
    width = strip.shape[1] // 2
    sums = np.zeros(2 * width)
    square = (min(low, high) * _SURELY) ** 2
    count = 0
    for j in range(strip.shape[0]):
        if _renew(sums, strip, j, length, square) == 0 or j < length - 1:
            continue
        for i in range(width):
            if sums[width + i] > 0.0:
                spread = np.sqrt(sums[width + i])
                if sums[i] < -low * spread or sums[i] > high * spread:
                    ends[i, j] = True
                    count += 1
    return count


@kernel
def _take_runs(ends, length, strip, bad):
    """Flag the runs of this length that end at marks, take them out of the sums, and clear the marks."""
    width = strip.shape[1] // 2
    for i in range(width):
        left = 0
        for j in range(strip.shape[0] - 1, -1, -1):
            if ends[i, j]:
                ends[i, j] = False
                left = length
            if left > 0:
                left -= 1
                bad[i, j] = True
                strip[j, i] = 0.0
                strip[j, width + i] = 0.0


@kernel
def _flag_exactly(residual, unit, sigma, good, columns, lines, low, high):
    """Return the flags [line][pixel] of some lines, of pixels and of runs."""
    n = residual.shape[0] if columns else residual.shape[1]
    strip = np.empty((n, 2 * lines.size))
    bad, ends = np.empty((lines.size, n), np.bool_), np.zeros((lines.size, n), np.bool_)
    _load_strip(residual, unit, sigma, good, columns, lines, low, high, 1.0, strip, bad)
    length = 2
    while length > 0:
        if _end_runs(strip, length, low, high, ends):
            _take_runs(ends, length, strip, bad)
        length = _next_length(length, n)
    return bad


@kernel
def flag_lines(residual, unit, sigma, good, columns, low, high, gap, first, last, out):
    """Flag the pixels and runs of some lines that deviate, as `flag_sums` and `close_gaps` do.

    Parameters
    ----------
    residual : array (ny, nx)
        Its values times `unit` are compared with sigma.
    sigma : array (ny, nx)
        Pixels are not used where it is 0.
    good : bool array (ny, nx)
        Which pixels are used and flagged.
    columns : bool
        Whether the lines are columns, or rows.
    low, high : float
        Limits in sigma.
    gap : int
    first, last : int
        The lines; `first` is that of a strip.
    out : bool array (ny, nx)
        Filled in these lines; False before.
    """
    number, n = residual.shape if not columns else residual.shape[::-1]
    strip, bad = np.empty((n, 2 * LINES), np.float32), np.empty((LINES, n), np.bool_)
    for start in range(first, last, LINES):
        lines = np.arange(start, min(start + LINES, number))
        scale = _scale_of(sigma, columns, lines)
        _load_strip(residual, unit, sigma, good, columns, lines, low, high, scale, strip, bad)
        suspects = _find_suspects(strip, low, high)
        if suspects.size:
            exact = _flag_exactly(residual, unit, sigma, good, columns, start + suspects, low, high)
            for k in range(suspects.size):
                bad[suspects[k]] = exact[k]
        close_gaps(bad, gap)
        for i in range(min(LINES, last - start)):
            for j in range(n):
                if bad[i, j]:
                    y, x = (j, start + i) if columns else (start + i, j)
                    out[y, x] = good[y, x]
