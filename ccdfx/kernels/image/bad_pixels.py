"""Bad pixels: found by their flags, filled from their neighbours, and their flags spread."""

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
def sort_few(box):
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
    sort_few(box)
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
    """Copy an array to `out` and mark flagged values and those not below `limit` in `bad`.

    `mask` is of uint8; one of no rows flags nothing. Returns the number of bad pixels, and the least and the greatest of
    the others (infinite without any).
    """
    ny, nx = array.shape
    count = 0
    least, greatest = out.dtype.type(np.inf), out.dtype.type(-np.inf)
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
        found = _number_of(wrong)
        count += found
        if found:
            for x in range(nx):
                if not wrong[x]:
                    least, greatest = lower(least, target[x]), upper(greatest, target[x])
        else:
            low, high = _range(target)
            least, greatest = lower(least, low), upper(greatest, high)
    return count, least, greatest


@kernel
def _number_of(marks):
    count = np.int32(0)
    for x in range(marks.size):
        count += np.int32(marks[x])
    return count


@kernel(fastmath=REORDERED_SUMS)
def _range(row):
    low, high = row[0], row[0]
    for x in range(row.size):
        low, high = lower(low, row[x]), upper(high, row[x])
    return low, high


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
