"""The plane in which cosmic rays are searched for: bad pixels, level, and values in units of the noise.

It is not stored: blocks of it are made of the values of the frame as they are needed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.defects.medians import reflected

BAD, RAY = np.uint8(1), np.uint8(2)
"""States of a pixel: not to be looked at, and found to be of a ray."""
_RUNS, _RUN = 1 << 12, 16  # the sample: runs of neighbours, which lie in a cache line or two
_SAMPLE = _RUNS * _RUN
MOST = np.float32(1e15)
"""Values of a plane are limited to this, so that they may be summed."""


class Relative(NamedTuple):
    """A plane relative to a level, in units of a scale, with other values at some places.

    values : (ny, nx) float32
    level, per : float32
        The value in these units is ``(value - level) * per``, small enough to be summed.
    columns, starts : int64
        The columns of the replaced pixels, row by row; those of row y begin at ``starts[y]``, one more than there are rows.
    replaced : float32
        The values in the units of the plane that are taken there.
    """

    values: np.ndarray
    level: np.float32
    per: np.float32
    columns: np.ndarray
    starts: np.ndarray
    replaced: np.ndarray


@kernel
def find_bad(array, variance, mask, harmful, bad):
    """Store in `bad` where value or variance is not finite or a harmful flag is set; return how many are bad.

    array, variance : (n,) float; mask : (n,) uint8, or of length 0; bad : (n,) uint8
    """
    inf = variance.dtype.type(np.inf)
    most = array.dtype.type(np.inf)
    count = 0
    for i in range(bad.size):
        bad[i] = np.uint8(not ((abs(array[i]) < most) & (abs(variance[i]) < inf)))
    if mask.size:
        for i in range(bad.size):
            bad[i] |= np.uint8((mask[i] & harmful) != 0)
    for i in range(bad.size):
        count += bad[i]
    return count


@kernel
def _sample(values, bad, out):
    """Copy good values of runs at pseudo-random places of equal sections; return how many."""
    section, found = values.size // _RUNS, 0
    state = np.uint64(0x9E3779B97F4A7C15)
    for run in range(_RUNS):
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        start = run * section + np.int64((state >> np.uint64(33)) % np.uint64(section - _RUN))
        for i in range(start, start + _RUN):
            if bad[i] == 0:
                out[found] = values[i]
                found += 1
    return found


def sampled_median(values: np.ndarray, bad: np.ndarray) -> float | None:
    """Compute the median of the good ones of some ten thousand values of many; None where there are few.

    values : (n,) float, finite where `bad`, (n,) uint8, is 0
    """
    if values.size <= 2 * _SAMPLE:
        return None
    sample = np.empty(_SAMPLE, values.dtype)
    sample = sample[: _sample(values, bad, sample)]
    return 2 * float(np.median(sample / 2)) if 2 * sample.size > _SAMPLE else None


@kernel
def normalise(values, bad, level, scale, otherwise, out):
    """Store (value - level) / scale, small enough to be summed, as float32; bad pixels become `otherwise`.

    values : (n,) float, not finite only where `bad`, (n,) uint8, is not 0
    """
    kind = values.dtype.type
    middle, per, most = kind(level), kind(scale), kind(MOST)
    rest = np.float32(otherwise)
    for i in range(out.size):
        value = (values[i] - middle) / per
        value = most if value > most else value
        value = -most if value < -most else value
        out[i] = np.float32(value) if bad[i] == 0 else rest


@kernel
def _relative(source, level, per, out):
    """Store values of a row in the units of a plane; what is not a number becomes a large one."""
    most = MOST
    for x in range(out.size):
        value = (source[x] - level) * per
        value = value if value < most else most
        out[x] = value if value > -most else -most


@kernel
def cut_relative(plane, y_lower, x_lower, out):
    """Store the part of a `Relative` plane at (y_lower, x_lower), mirrored beyond the edges, as `cut_reflected` does.

    Of the columns at least as many lie in the frame as beyond either edge, or all of the frame.
    """
    values, level, per, columns, starts, replaced = plane
    ny, nx = values.shape
    rows, width = out.shape
    first = min(max(-x_lower, 0), width)
    last = max(min(nx - x_lower, width), first)
    for j in range(rows):
        y, target = reflected(y_lower + j, ny), out[j]
        _relative(values[y, x_lower + first : x_lower + last], level, per, target[first:last])
        for k in range(starts[y], starts[y + 1]):
            x = columns[k] - x_lower
            if first <= x < last:
                target[x] = replaced[k]
        for x in range(first):
            target[x] = target[reflected(x_lower + x, nx) - x_lower]
        for x in range(last, width):
            target[x] = target[reflected(x_lower + x, nx) - x_lower]


@kernel
def cut_usable(state, edge, y_lower, x_lower, out):
    """Mark where rays may be in the part of a frame at (y_lower, x_lower): not at bad pixels, nor within `edge` of the edge."""
    ny, nx = state.shape
    rows, width = out.shape
    first = min(max(edge - x_lower, 0), width)
    last = max(min(nx - edge - x_lower, width), first)
    for j in range(rows):
        y, target = y_lower + j, out[j]
        if y < edge or y >= ny - edge:
            target[:] = 0
            continue
        row = state[y, x_lower + first : x_lower + last]
        for x in range(first):
            target[x] = 0
        inner = target[first:last]
        for x in range(row.size):
            inner[x] = np.uint8((row[x] & BAD) == 0)
        for x in range(last, width):
            target[x] = 0
