"""Spikes, which are sharper than any point spread function, and lines of an image that stand out."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import REORDERED_SUMS, kernel
from ccdfx.kernels.compile.llvm import lower, upper
from ccdfx.kernels.image.bad_pixels import sort_few


@kernel
def find_spikes(array, noise, step, low, share, bad, first, last, places, means):
    """Find single pixels too sharp for any point spread function in rows `first` to `last`; return their number.

    `noise[y // step, x // step]` is the scatter of a pixel. A pixel is a spike when it differs by more than
    `low` times that from the median of the ring two pixels away, and the mean of its four neighbours lies
    below `share` of its height by more than half a sigma. Its flat index and that mean are stored, as far as there is
    room. What is marked in `bad`, and the outermost two pixels, are none.
    """
    ny, nx = array.shape
    ring = np.empty(16, array.dtype)
    limit = np.empty(nx, array.dtype)
    high = np.zeros((nx + 7) // 8 * 8, np.uint8)
    groups = high.view(np.uint64)
    mean = np.empty(nx, array.dtype)
    far = 0.999 * ((1 - share) * low + 0.5)  # from the mean of its neighbours at least, in sigma, is a spike
    count = 0
    for y in range(max(first, 2), min(last, ny - 2)):
        row, above, below = array[y], array[y + 1], array[y - 1]
        for k in range(noise.shape[1]):
            limit[k * step : (k + 1) * step] = far * noise[y // step, k]
        inner = slice(2, nx - 2)
        _mean_of_four(row[1 : nx - 3], row[3 : nx - 1], above[inner], below[inner], mean[inner])
        _mark_far(row[inner], mean[inner], limit[inner], high[inner])
        for group in range(groups.size):
            if groups[group] == 0:
                continue
            for x in range(8 * group, min(8 * group + 8, nx)):
                if high[x] == 0 or bad[y, x]:
                    continue
                if _is_spike(array, y, x, mean[x], noise[y // step, x // step], low, share, ring):
                    if count < places.size:
                        places[count], means[count] = y * nx + x, mean[x]
                    count += 1
    return count


@kernel
def _is_spike(array, y, x, near, sigma, low, share, ring):
    """Return whether a pixel is a spike, as `find_spikes` says; `ring` (16,) is scratch."""
    k = 0
    for d in range(-2, 2):
        ring[k] = array[y - 2, x + d]
        ring[k + 1] = array[y + 2, x - d]
        ring[k + 2] = array[y + d + 1, x - 2]
        ring[k + 3] = array[y - d - 1, x + 2]
        k += 4
    value = array[y, x]
    if not _may_be_sharp(ring, value, near, sigma, low, share):
        return False
    sort_few(ring)
    level = 0.5 * (ring[7] + ring[8])
    height = value - level
    part = (near - level) * (1 if height > 0 else -1)
    return abs(height) > low * sigma and part < share * abs(height) - 0.5 * sigma


@kernel
def _may_be_sharp(ring, value, near, sigma, low, share):
    """Return whether the median of a ring may make a value a spike, without ordering the ring.

    The value is a spike where the median lies between two limits below it, or between two above it: of 16 values 8 are then
    above the lower limit, and 8 below the upper one.
    """
    middle, slack = (near - share * value) / (1 - share), 0.499 * sigma / (1 - share)
    for lower_limit, upper_limit in (
        (middle + slack, value - 0.999 * low * sigma),
        (value + 0.999 * low * sigma, middle - slack),
    ):
        if lower_limit < upper_limit:
            above, below = 0, 0
            for k in range(ring.size):
                above += ring[k] > lower_limit
                below += ring[k] < upper_limit
            if above >= 8 and below >= 8:
                return True
    return False


@kernel
def _mean_of_four(a, b, c, d, out):
    quarter = out.dtype.type(0.25)
    for x in range(out.size):
        out[x] = quarter * (a[x] + b[x] + c[x] + d[x])


@kernel
def _mark_far(row, mean, limit, out):
    for x in range(out.size):
        out[x] = abs(row[x] - mean[x]) >= limit[x]


@kernel
def line_excess(array, noise, step, first, last, columns, rows):
    """Sum the excess of columns and rows over those 3 and 4 pixels away, in sigma, in sections of 2 steps.

    Whole sections of rows, from `first` to `last`, are filled in.

    Differences are cut at 2 sigma because of stars. `columns` is (sections, nx), `rows` is (ny, sections).
    """
    ny, nx = array.shape
    stretch = 2 * step
    columns[first // stretch : (last - 1) // stretch + 1], rows[first:last] = 0, 0
    scale = np.empty(nx, array.dtype)
    twice = np.empty(nx, array.dtype)
    for y in range(first, last):
        for k in range(noise.shape[1]):
            scale[k * step : (k + 1) * step] = array.dtype.type(0.5) / noise[y // step, k]
        row = array[y]
        if nx > 8:
            _inner_two(row[: nx - 8], row[1 : nx - 7], row[7 : nx - 1], row[8:], twice[4 : nx - 4])
            _add_cut(row[4 : nx - 4], twice[4 : nx - 4], scale[4 : nx - 4], columns[y // stretch][4 : nx - 4])
        if y < 4 or y >= ny - 4:
            continue
        _inner_two(array[y - 4], array[y - 3], array[y + 3], array[y + 4], twice)
        for k in range(rows.shape[1]):
            part = slice(k * stretch, (k + 1) * stretch)
            rows[y, k] = _sum_cut(row[part], twice[part], scale[part])


@kernel(fastmath=REORDERED_SUMS)
def _inner_two(a, b, c, d, out):
    """Add the two values in the middle of four."""
    for x in range(out.size):
        least, most = lower(lower(a[x], b[x]), lower(c[x], d[x])), upper(upper(a[x], b[x]), upper(c[x], d[x]))
        out[x] = a[x] + b[x] + c[x] + d[x] - least - most


@kernel(fastmath=REORDERED_SUMS)
def _add_cut(row, twice, scale, sums):
    two = row.dtype.type(2)
    for x in range(sums.size):
        sums[x] += lower(upper((two * row[x] - twice[x]) * scale[x], -two), two)


@kernel(fastmath=REORDERED_SUMS)
def _sum_cut(row, twice, scale):
    two = row.dtype.type(2)
    total = row.dtype.type(0)
    for x in range(row.size):
        total += lower(upper((two * row[x] - twice[x]) * scale[x], -two), two)
    return total
