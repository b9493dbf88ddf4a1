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
    count, most = coefficients.size, min(_BLOCK, signal.size)
    inside, true, slope = (
        np.empty(most, signal.dtype),
        np.empty(most, signal.dtype),
        np.empty(most, signal.dtype),
    )
    last, steepest = coefficients[count - 1], kind(count) * coefficients[count - 1]
    for start in range(0, signal.size, _BLOCK):
        part = signal[start : start + _BLOCK]
        size = part.size
        for i in range(size):
            inside[i] = limit if part[i] > limit else part[i]
        for i in range(size):
            true[i] = last * inside[i]
        for i in range(size):
            slope[i] = steepest
        for power in range(count - 1, 0, -1):
            factor, derived = coefficients[power - 1], kind(power) * coefficients[power - 1]
            for i in range(size):
                true[i] = (true[i] + factor) * inside[i]
            for i in range(size):
                slope[i] = slope[i] * inside[i] + derived
        if variance.size:
            spread = variance[start : start + _BLOCK]
            for i in range(size):
                spread[i] *= slope[i] * slope[i]
        if limit < np.inf:
            flags = mask[start : start + _BLOCK]
            for i in range(size):
                flags[i] |= _NONLINEAR if part[i] > limit else _NONE
            for i in range(size):
                part[i] = true[i] + slope[i] * (part[i] - inside[i])
        else:
            for i in range(size):
                part[i] = true[i]


@kernel
def interpolate(signal, mask, variance, pieces, limit):
    """Replace a signal by its piecewise cubic, and its variance as `straighten` does.

    Parameters
    ----------
    signal, mask, variance, limit
        As for `straighten`; the limit is finite.
    pieces : (m, 5) float64
        The start of each piece, and the factors of the powers 3, 2, 1 and 0 of the distance from it. Below the first
        start and above the limit the tangent is followed.
    """
    kind = signal.dtype.type
    first, last = pieces[0, 0], np.float64(limit)
    for i in range(signal.size):
        x = np.float64(signal[i])
        inside = first if x < first else (last if x > last else x)
        low, high = 0, pieces.shape[0]
        while high - low > 1:
            halfway = (low + high) // 2
            if inside >= pieces[halfway, 0]:
                low = halfway
            else:
                high = halfway
        t = inside - pieces[low, 0]
        true = ((pieces[low, 1] * t + pieces[low, 2]) * t + pieces[low, 3]) * t + pieces[low, 4]
        slope = (3.0 * pieces[low, 1] * t + 2.0 * pieces[low, 2]) * t + pieces[low, 3]
        mask[i] |= _NONLINEAR if x > last else _NONE
        if variance.size:
            variance[i] *= kind(slope * slope)
        signal[i] = kind(true + slope * (x - inside))


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


@kernel
def place_corrected(
    signals, masks, variances, lines, read, parts, coefficients, pieces, limits, numbers, places, out, out_mask,
    out_variance,
):  # fmt: skip
    """Subtract the crosstalk of lines of readouts, correct their linearity, and write them in electrons to their place.

    Parameters
    ----------
    signals, masks, variances : (n, rows, width) of the type of `out`, uint8, and like `out`
        Above the levels, as they are stored, of lines that were read at the same time.
    lines : int
        Their number.
    read : (n, 2) int64
        Whether the lines, and the columns, of each are stored against the order of reading.
    parts : (n, n) of the type of `out`
        What of readout j is seen in readout i.
    coefficients : (n, m) of the type of `out`
        Of `straighten`, followed by NaN; all NaN for none.
    pieces : (n, k, 5) float64
        Of `interpolate`, followed by NaN; all NaN for none.
    limits : (n,) of the type of `out`
    numbers : (n, 2) float64
        Gain, and variance of the read noise.
    places : (n, 7) int64
        The first line and the one behind the last, as they are stored; the number of columns, the first column in `out`,
        the row there of line 0, the step of the rows (1 or -1), and whether the columns are turned round.
    out, out_mask, out_variance : (rows, width)
        Filled.
    """
    kind = out.dtype.type
    count, width = signals.shape[0], signals.shape[2]
    sources, spreads = np.empty((count, width), out.dtype), np.empty((count, width), out.dtype)
    told, plain = np.empty((count, width), np.uint8), np.zeros(count, np.bool_)
    crossed = (parts != 0).any()
    terms, known = _numbers_known(coefficients), _numbers_known(pieces[:, :, 0])
    for line in range(lines):
        if crossed:
            for j in range(count):
                row = lines - 1 - line if read[j, 0] else line
                plain[j] = not read[j, 1] and _is_known(signals[j, row], masks[j, row])
                if not plain[j]:
                    _as_source(
                        signals[j, row],
                        masks[j, row],
                        variances[j, row],
                        read[j, 1],
                        sources[j],
                        told[j],
                        spreads[j],
                    )
        for i in range(count):
            start, stop, size, x, top, step, turns = places[i]
            row = lines - 1 - line if read[i, 0] else line
            if row < start or row >= stop:
                continue
            y = top + step * row
            target, flags, spread = (
                out[y, x : x + size],
                out_mask[y, x : x + size],
                out_variance[y, x : x + size],
            )
            _copy(signals[i, row], read[i, 1], target)
            _copy(masks[i, row], read[i, 1], flags)
            _copy(variances[i, row], read[i, 1], spread)
            for j in range(count):
                part = parts[i, j]
                if part != 0:
                    other = lines - 1 - line if read[j, 0] else line
                    source = signals[j, other] if plain[j] else sources[j]
                    for k in range(size):
                        target[k] -= part * source[k]
                    if not plain[j]:
                        for k in range(size):
                            flags[k] |= told[j, k]
                    source = variances[j, other] if plain[j] else spreads[j]
                    for k in range(size):
                        spread[k] += part * part * source[k]
            if terms[i]:
                straighten(target, flags, spread, coefficients[i, : terms[i]], limits[i])
            elif known[i]:
                interpolate(target, flags, spread, pieces[i, : known[i]], limits[i])
            gain, square, noise = kind(numbers[i, 0]), kind(numbers[i, 0] ** 2), kind(numbers[i, 1])
            for k in range(size):
                target[k] = gain * target[k]
            for k in range(size):
                spread[k] = noise + square * spread[k]
            if turns != read[i, 1]:
                _turn_round(target)
                _turn_round(flags)
                _turn_round(spread)


@kernel
def _numbers_known(rows):
    """Count the numbers of each row before the first NaN."""
    found = np.zeros(rows.shape[0], np.int64)
    for i in range(rows.shape[0]):
        while found[i] < rows.shape[1] and not np.isnan(rows[i, found[i]]):
            found[i] += 1
    return found


@kernel
def _copy(row, turned, target):
    """Copy the first pixels of a row, in reverse where it is turned round."""
    size = target.size
    if turned:
        for k in range(size):
            target[k] = row[size - 1 - k]
    else:
        for k in range(size):
            target[k] = row[k]


@kernel
def _is_known(row, mask):
    """Return whether what a row leaves in others is known everywhere."""
    kind = row.dtype.type
    inf, union, count = kind(np.inf), _NONE, np.int32(0)
    for k in range(mask.size):
        union |= mask[k]
    for k in range(row.size):
        count += np.int32(abs(row[k]) < inf)
    return (union & _SATURATED) == 0 and count == row.size


@kernel
def _as_source(row, mask, variance, turned, source, told, spread):
    """Store what a row leaves in others, in the order of reading: 0, and flags, where it is not known."""
    kind = row.dtype.type
    zero, inf = kind(0), kind(np.inf)
    _copy(row, turned, source)
    _copy(mask, turned, told)
    _copy(variance, turned, spread)
    for k in range(row.size):
        told[k] = _NONE if (abs(source[k]) < inf) & ((told[k] & _SATURATED) == 0) else _NONLINEAR
    for k in range(row.size):
        source[k] = source[k] if abs(source[k]) < inf else zero
