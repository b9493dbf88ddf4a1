"""Bad pixels: spikes and lines found, filled from their neighbours, and their flags spread."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.compile.kernel import REORDERED_SUMS, kernel
from ccdfx.kernels.compile.llvm import lower, upper

FEWEST = 3
LARGEST_RADIUS = 16


@kernel
def fill_from_neighbours(values, bad, otherwise):
    """Return the median of the good pixels in a box around each bad pixel, in row order.

    The radius is doubled from 2 up to 16 until the box holds at least three good pixels; if it never does,
    the value is `otherwise`. values is (ny, nx) float, bad is (ny, nx) bool; good values are finite.
    """
    ny, nx = values.shape
    count = 0
    for y in range(ny):
        for x in range(nx):
            count += bad[y, x]
    filled = np.empty(count, values.dtype)
    box = np.empty((2 * LARGEST_RADIUS + 1) ** 2, values.dtype)
    place = 0
    for y in range(ny):
        for x in range(nx):
            if bad[y, x]:
                radius, found = 2, 0
                while radius <= LARGEST_RADIUS and found < FEWEST:
                    found = _gather(values, bad, y, x, radius, box)
                    radius *= 2
                filled[place] = _median(box[:found]) if found >= FEWEST else otherwise
                place += 1
    return filled


@kernel
def _gather(values, bad, y, x, radius, box):
    ny, nx = values.shape
    found = 0
    for j in range(max(0, y - radius), min(ny, y + radius + 1)):
        for i in range(max(0, x - radius), min(nx, x + radius + 1)):
            if not bad[j, i]:
                box[found] = values[j, i]
                found += 1
    return found


@kernel
def _order(box):
    """Sort a few values in place."""
    for i in range(1, box.size):
        value = box[i]
        j = i
        while j > 0 and box[j - 1] > value:
            box[j] = box[j - 1]
            j -= 1
        box[j] = value


@kernel
def _median(box):
    """Return the median of a few values, which are sorted in place."""
    _order(box)
    middle = box.size // 2
    # Halves first: the sum of two large numbers may overflow.
    return box[middle] if box.size % 2 else box[middle - 1] / 2 + box[middle] / 2


@kernel
def medians_near(values, bad, places, otherwise, out):
    """Store for each place (y, x) the value that `fill_from_neighbours` would give it."""
    box = np.empty((2 * LARGEST_RADIUS + 1) ** 2, values.dtype)
    for k in range(places.shape[0]):
        radius, found = 2, 0
        while radius <= LARGEST_RADIUS and found < FEWEST:
            found = _gather(values, bad, places[k, 0], places[k, 1], radius, box)
            radius *= 2
        out[k] = _median(box[:found]) if found >= FEWEST else otherwise


_WORD, _WORDS = 8, 128  # pixels that are looked at together, and how many of these
_USUAL = 1 << 16  # flagged pixels for which there is room at first


def flagged_places(mask: np.ndarray, bits: int) -> np.ndarray:
    """Return the flat indices, in order, of the pixels that have any of these bits; fast where they are few.

    `mask` is uint8 or, for the bit 1, bool of any shape, contiguous.

    >>> flagged_places(np.array([[0, 4, 8], [1, 12, 0]], np.uint8), 8)
    array([2, 4])
    """
    flags = mask.reshape(-1).view(np.uint8)
    whole = flags.size // _WORD * _WORD
    words = flags[:whole].view(np.uint64)
    for array in (flags, words):
        array.flags.writeable = False
    pattern = np.uint64(int(bits) * 0x0101010101010101)
    places = np.empty(min(flags.size, _USUAL), np.int64)
    count = _flagged(flags, words, pattern, places)
    if count > places.size:
        places = np.empty(count, np.int64)
        _flagged(flags, words, pattern, places)
    return places[:count].copy()


@kernel(fastmath=REORDERED_SUMS)
def _union(words):
    union = np.uint64(0)
    for i in range(words.size):
        union |= words[i]
    return union


@kernel
def _flagged(flags, words, pattern, out):
    """Count the flagged pixels, and store their places as far as there is room."""
    count, bits = 0, np.uint8(pattern & np.uint64(255))
    for start in range(0, words.size, _WORDS):
        stop = min(start + _WORDS, words.size)
        if _union(words[start:stop]) & pattern:
            for i in range(start, stop):
                if words[i] & pattern:
                    for place in range(_WORD * i, _WORD * i + _WORD):
                        if flags[place] & bits:
                            if count < out.size:
                                out[count] = place
                            count += 1
    for place in range(_WORD * words.size, flags.size):
        if flags[place] & bits:
            if count < out.size:
                out[count] = place
            count += 1
    return count


REACH = 4
"""Pixels from which a bad pixel may take a value."""


@kernel
def mean_nearby(array, bad, y, x, reach, fallback):
    """Return the mean of the nearest good pixels of a place, as `fill_bad` takes it."""
    ny, nx = array.shape
    for radius in range(1, reach + 1):
        total, weights, count = 0.0, 0.0, 0
        for j in range(max(y - radius, 0), min(y + radius + 1, ny)):
            for i in range(max(x - radius, 0), min(x + radius + 1, nx)):
                if not bad[j, i]:
                    weight = 1.0 / ((j - y) ** 2 + (i - x) ** 2)
                    total += weight * array[j, i]
                    weights += weight
                    count += 1
        if count >= 3:
            return total / weights
    return fallback


@kernel
def fill_bad(array, bad, reach, fallback):
    """Replace every bad pixel of `array`, in place, by the mean of its nearest good pixels.

    These are the good pixels of the smallest square around it that holds three, weighted by the inverse
    square of their distance; a pixel with fewer than three within `reach` pixels gets `fallback`.
    """
    for y in range(array.shape[0]):
        for x in range(array.shape[1]):
            if bad[y, x]:
                array[y, x] = mean_nearby(array, bad, y, x, reach, fallback)


@kernel
def fill_places(array, bad, places, reach, fallback):
    """Replace pixels as `fill_bad` does, but only those at `places`, flat indices."""
    nx = array.shape[1]
    for place in places:
        y, x = place // nx, place % nx
        array[y, x] = mean_nearby(array, bad, y, x, reach, fallback)


@kernel
def copy_good(array, mask, limit, out, bad):
    """Copy an array to `out`, mark flagged values and those not below `limit` in `bad`, and count them.

    `mask` is of uint8; one of no rows flags nothing.
    """
    ny, nx = array.shape
    count = 0
    for y in range(ny):
        row, target, wrong = array[y], out[y], bad[y]
        for x in range(nx):
            target[x] = row[x]
        if mask.shape[0]:
            flags = mask[y]
            for x in range(nx):
                wrong[x] = (flags[x] != 0) | (not abs(target[x]) < limit)
        else:
            for x in range(nx):
                wrong[x] = not abs(target[x]) < limit
        for x in range(nx):
            count += wrong[x]
    return count


@kernel
def spread_flags(mask, steps_y, steps_x, out):
    """Add the flags of every pixel (y, x) to ``out[y + steps_y[k], x + steps_x[k]]``, inside the frame."""
    ny, nx = mask.shape
    for y in range(ny):
        for x in range(nx):
            flags = mask[y, x]
            if flags:
                for k in range(steps_y.size):
                    j, i = y + steps_y[k], x + steps_x[k]
                    if 0 <= j < ny and 0 <= i < nx:
                        out[j, i] |= flags


@kernel
def mark_around(plane, places, steps_y, steps_x, flag):
    """Add a flag to ``plane[y + steps_y[k], x + steps_x[k]]``, inside the frame, for places given by flat indices."""
    ny, nx = plane.shape
    for place in places:
        y, x = place // nx, place % nx
        for k in range(steps_y.size):
            j, i = y + steps_y[k], x + steps_x[k]
            if 0 <= j < ny and 0 <= i < nx:
                plane[j, i] |= flag


def typical(array: np.ndarray, good: np.ndarray) -> float:
    """Return the median of a regular sample of the good pixels, for bad pixels far from any good one."""
    stride = sample_stride(array.size)
    values = array[::stride, ::stride][good[::stride, ::stride]]
    return middle(values if values.size else array[good])


def sample_stride(size: int) -> int:
    """Return the step in rows and columns of the sample of `typical`, in an image of so many pixels."""
    return max(1, int((size / 20000) ** 0.5))


def middle(values: np.ndarray) -> float:
    """Return the median of the values, or 0 where there are none."""
    # Halves, because the sum of two large numbers may overflow.
    return 2.0 * float(np.median(0.5 * values)) if values.size else 0.0


def filled(values: np.ndarray, good: np.ndarray, usual: float | None = None) -> np.ndarray:
    """Replace bad values (in place, in an array of the caller's own) by those of good pixels nearby.

    A bad pixel far from any good one gets `usual`, or the `typical` value where that is None.
    """
    if not good.all():
        fill_bad(values, ~good, REACH, typical(values, good) if usual is None else usual)
    return values


@kernel
def clean_spikes(array, noise, step, low, share, bad):
    """Replace, in place, single pixels too sharp for any point spread function.

    `noise[y // step, x // step]` is the scatter of a pixel. A pixel is a spike when it differs by more than
    `low` times that from the median of the ring two pixels away, and the mean of its four neighbours lies
    below `share` of its height by more than half a sigma. It is replaced by that mean and marked in `bad`.
    """
    ny, nx = array.shape
    ring = np.empty(16, array.dtype)
    limit = np.empty(nx, array.dtype)
    high = np.zeros((nx + 7) // 8 * 8, np.uint8)
    groups = high.view(np.uint64)
    mean = np.empty(nx, array.dtype)
    far = 0.999 * ((1 - share) * low + 0.5)  # from the mean of its neighbours at least, in sigma, is a spike
    # A row is changed when the two below it are done: rings and neighbours are of the pixels as they were.
    places, means, counts = np.empty((3, nx), np.int64), np.empty((3, nx), array.dtype), np.zeros(3, np.int64)
    for y in range(2, ny):
        _replace(array, y - 3, places, means, counts)
        if y >= ny - 2:
            continue
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
                    bad[y, x] = True
                    kept = counts[y % 3]
                    places[y % 3, kept], means[y % 3, kept] = x, mean[x]
                    counts[y % 3] += 1
    for y in range(max(ny - 3, 2), ny):
        _replace(array, y, places, means, counts)


@kernel
def _is_spike(array, y, x, near, sigma, low, share, ring):
    """Return whether a pixel is a spike, as `clean_spikes` says; `ring` (16,) is scratch."""
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
    _order(ring)
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
def _replace(array, y, places, means, counts):
    """Write the values that are kept for a row, and forget them."""
    if y >= 2:
        for k in range(counts[y % 3]):
            array[y, places[y % 3, k]] = means[y % 3, k]
        counts[y % 3] = 0


@kernel
def line_excess(array, noise, step, columns, rows):
    """Sum the excess of columns and rows over those 3 and 4 pixels away, in sigma, in sections of 2 steps.

    Differences are cut at 2 sigma because of stars. `columns` is (sections, nx), `rows` is (ny, sections).
    """
    ny, nx = array.shape
    columns[:], rows[:] = 0, 0
    stretch = 2 * step
    scale = np.empty(nx, array.dtype)
    twice = np.empty(nx, array.dtype)
    for y in range(ny):
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
