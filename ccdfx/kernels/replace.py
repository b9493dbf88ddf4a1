"""Replacement values for bad pixels: medians of the good pixels around them."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel

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
def _median(box):
    """Return the median of a few values, which are sorted in place."""
    for i in range(1, box.size):
        value = box[i]
        j = i
        while j > 0 and box[j - 1] > value:
            box[j] = box[j - 1]
            j -= 1
        box[j] = value
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
