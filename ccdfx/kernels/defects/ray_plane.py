"""The plane in which cosmic rays are searched for: bad pixels, level, and values in units of the noise."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import kernel

_RUNS, _RUN = 1 << 12, 16  # the sample: runs of neighbours, which lie in a cache line or two
_SAMPLE = _RUNS * _RUN
_LANES = 256
_HUGE = 1e15


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
def _collect(values, bad, low, high, out):
    """Count the good values below `low`, and copy those from `low` to `high`; return both counts."""
    inside = np.zeros(_LANES, np.uint8)
    groups = inside.view(np.uint64)
    below = found = 0
    for start in range(0, values.size, _LANES):
        block, hidden = values[start : start + _LANES], bad[start : start + _LANES]
        size = block.size
        for i in range(size):
            value = block[i]
            below += (value < low) & (hidden[i] == 0)
        for i in range(size):
            value = block[i]
            inside[i] = np.uint8((value >= low) & (value <= high) & (hidden[i] == 0))
        for i in range(size, _LANES):
            inside[i] = 0
        for group in range((size + 7) // 8):
            if groups[group] != 0:
                for i in range(8 * group, min(8 * group + 8, size)):
                    if inside[i] != 0:
                        out[found] = block[i]
                        found += 1
    return below, found


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


def median_of_good(values: np.ndarray, bad: np.ndarray, count: int) -> float | None:
    """Compute the exact median of the `count` good values of many; None where the sample does not bracket it.

    values : (n,) float, finite where `bad`, (n,) uint8, is 0
    """
    if values.size <= 2 * _SAMPLE or count < values.size // 2:
        return None
    sample = np.empty(_SAMPLE, values.dtype)
    sample = np.sort(sample[: _sample(values, bad, sample)])
    middle, margin = sample.size // 2, 3 * int(np.sqrt(sample.size))
    if sample.size <= 2 * margin:
        return None
    low, high = sample[middle - margin], sample[middle + margin]
    out = np.empty(values.size, values.dtype)  # memory pages that are not written cost nothing
    below, found = _collect(values, bad, low, high, out)
    first, second = (count - 1) // 2 - below, count // 2 - below
    if first < 0 or second >= found:
        return None
    inner = np.sort(out[:found])
    return float(inner[first]) if first == second else 0.5 * float(inner[first]) + 0.5 * float(inner[second])


@kernel
def normalise(values, bad, level, scale, otherwise, out):
    """Store (value - level) / scale, small enough to be summed, as float32; bad pixels become `otherwise`.

    values : (n,) float, not finite only where `bad`, (n,) uint8, is not 0
    """
    kind = values.dtype.type
    middle, per, most = kind(level), kind(scale), kind(_HUGE)
    rest = np.float32(otherwise)
    for i in range(out.size):
        value = (values[i] - middle) / per
        value = most if value > most else value
        value = -most if value < -most else value
        out[i] = np.float32(value) if bad[i] == 0 else rest
