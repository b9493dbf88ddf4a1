"""Pixels of one readout: crosstalk and linearity, and their place on the detector, in electrons, flagged, in one pass.

Rows are done one by one, while they are in the nearest cache. A loop that writes one array is vectorised, so values,
flags and variance have loops of their own; a readout that runs against the detector is turned round afterwards.
"""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel

# Flag bits as the records define them (a test compares them).
_NONLINEAR, _SATURATED, _NO_DATA, _NONE = np.uint8(2), np.uint8(4), np.uint8(16), np.uint8(0)
_BLOCK = 4096  # pixels that stay in the nearest cache


@kernel
def _turn_round(row):
    last = row.size - 1
    for x in range(row.size // 2):
        row[x], row[last - x] = row[last - x], row[x]


@kernel
def place_readout(raw, mask, levels, level_variances, numbers, place, out, out_mask, out_variance):
    """Write ``gain * (raw - level)`` of one readout, its flags and its variance to their place.

    The variance is that of the read noise and of the level, ``noise + gain**2 * level_variance``, in electrons.

    Parameters
    ----------
    raw : (ny, columns) of uint16, int16, float32 or float64
        Rows of the stored image.
    mask : (ny, columns) uint8, or of shape (0, 0)
    levels, level_variances : (ny, 1) or (1, nx), of the type of `out`
        For each row, or for each column.
    numbers : (3,) float64
        Gain, saturation of the raw values (NaN for none), and variance of the read noise.
    place : (6,) int64
        The first column in `raw`, the number of columns, the first column and row in `out`, the step of the rows there
        (1 or -1), and whether the columns are turned round.
    out, out_mask, out_variance : (rows, width) of float32 or float64, uint8, and like `out` or of shape (0, 0)
    """
    kind = out.dtype.type
    gain, limit, noise = kind(numbers[0]), kind(numbers[1]), kind(numbers[2])
    square, inf = kind(numbers[0] ** 2), kind(np.inf)
    by_rows = levels.shape[1] == 1
    start, size, x_lower, y, step, turned = place
    for i in range(raw.shape[0]):
        values, target = raw[i, start : start + size], out[y, x_lower : x_lower + size]
        flags = out_mask[y, x_lower : x_lower + size]
        if by_rows:
            level = levels[i, 0]
            for x in range(size):
                target[x] = gain * (kind(values[x]) - level)
        else:
            for x in range(size):
                target[x] = gain * (kind(values[x]) - levels[0, x])
        for x in range(size):
            value = kind(values[x])
            flags[x] = (_SATURATED if value >= limit else _NONE) | (_NONE if abs(value) < inf else _NO_DATA)
        if mask.size:
            known = mask[i, start : start + size]
            for x in range(size):
                flags[x] |= known[x]
        if out_variance.size:
            spread = out_variance[y, x_lower : x_lower + size]
            if by_rows:
                spread[:] = noise + square * level_variances[i, 0]
            else:
                for x in range(size):
                    spread[x] = noise + square * level_variances[0, x]
        if turned:
            _turn_round(target)
            _turn_round(flags)
            if out_variance.size and not by_rows:
                _turn_round(out_variance[y, x_lower : x_lower + size])
        y += step


@kernel
def straighten(signal, mask, variance, coefficients, limit):
    """Replace a signal x by ``c1 x + c2 x**2 + ...``, and its variance by that times the square of the derivative.

    Parameters
    ----------
    signal, variance : (n,) of float32 or float64, in place; variance may be of length 0
    mask : (n,) uint8, in place
        Pixels above the limit, where the law goes on along its tangent, are flagged NONLINEAR.
    coefficients : (m,) of the type of `signal`
    limit : of the type of `signal`
        Infinite for none.
    """
    kind = signal.dtype.type
    count = coefficients.size
    true, slope = np.empty(_BLOCK, signal.dtype), np.empty(_BLOCK, signal.dtype)
    for start in range(0, signal.size, _BLOCK):
        part = signal[start : start + _BLOCK]
        flags, size = mask[start : start + _BLOCK], part.size
        for i in range(size):
            true[i] = kind(0)
            slope[i] = kind(0)
        for power in range(count, 0, -1):
            factor, derived = coefficients[power - 1], kind(power) * coefficients[power - 1]
            for i in range(size):
                x = min(part[i], limit)
                true[i] = (true[i] + factor) * x
            for i in range(size):
                x = min(part[i], limit)
                slope[i] = slope[i] * x + derived
        for i in range(size):
            flags[i] |= _NONLINEAR if part[i] > limit else _NONE
        if variance.size:
            spread = variance[start : start + _BLOCK]
            for i in range(size):
                spread[i] *= slope[i] * slope[i]
        for i in range(size):
            x = part[i]
            part[i] = true[i] + (slope[i] * (x - limit) if x > limit else kind(0))


@kernel
def subtract_part(signal, mask, variance, source, source_mask, source_variance, part):
    """Subtract a part of another readout from a signal, in place; NONLINEAR where that one is saturated or not finite.

    Parameters
    ----------
    signal, mask, variance : (n,) of float32 or float64, uint8, and like `signal` or of length 0; in place
    source, source_mask, source_variance : (n,) of the same types; mask and variance may be of length 0
    part : of the type of `signal`
    """
    kind = signal.dtype.type
    zero, inf = kind(0), kind(np.inf)
    for start in range(0, signal.size, _BLOCK):
        values, others = signal[start : start + _BLOCK], source[start : start + _BLOCK]
        flags = mask[start : start + _BLOCK]
        for i in range(values.size):
            values[i] -= part * others[i] if abs(others[i]) < inf else zero
        for i in range(values.size):
            flags[i] |= _NONE if abs(others[i]) < inf else _NONLINEAR
        if source_mask.size:
            known = source_mask[start : start + _BLOCK]
            for i in range(values.size):
                flags[i] |= _NONLINEAR if known[i] & _SATURATED else _NONE
        if variance.size and source_variance.size:
            spread, own = variance[start : start + _BLOCK], source_variance[start : start + _BLOCK]
            for i in range(values.size):
                spread[i] += part * part * own[i]
