"""Sums over circular apertures, with each pixel weighted by its area inside the circle."""

from __future__ import annotations

import math

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.image.sources import ring_level


@kernel
def _corner(x, y, radius):
    """Compute the signed area of the part of a circle at the origin that lies between the axes and (x, y)."""
    sign = (1.0 if x >= 0 else -1.0) * (1.0 if y >= 0 else -1.0)
    x, y = min(abs(x), radius), min(abs(y), radius)
    if x * x + y * y <= radius * radius:
        return sign * x * y
    start = math.sqrt(radius * radius - y * y)
    area = y * start
    area += 0.5 * (x * math.sqrt(radius * radius - x * x) - start * y)
    area += 0.5 * radius * radius * (math.asin(x / radius) - math.asin(start / radius))
    return sign * area


@kernel
def overlap(dx, dy, radius):
    """Compute the area that a pixel centred at (dx, dy) shares with a circle about the origin."""
    x0, x1, y0, y1 = dx - 0.5, dx + 0.5, dy - 0.5, dy + 0.5
    far = max(abs(x0), abs(x1)) ** 2 + max(abs(y0), abs(y1)) ** 2
    if far <= radius * radius:
        return 1.0
    area = (
        _corner(x1, y1, radius) - _corner(x0, y1, radius) - _corner(x1, y0, radius) + _corner(x0, y0, radius)
    )
    return max(area, 0.0)


@kernel
def aperture(array, variance, mask, x, y, radius):
    """Sum the pixels p in a circle, with their areas w inside it as weights.

    Returns sum of w p, sum of w w variance, sum of w inside the frame, sum of w of flagged pixels, and the OR
    of the flags.
    """
    ny, nx = array.shape
    total, noise, area, masked, flags = 0.0, 0.0, 0.0, 0.0, 0
    reach = radius + 1
    for j in range(max(math.floor(y - reach), 0), min(math.ceil(y + reach) + 1, ny)):
        for i in range(max(math.floor(x - reach), 0), min(math.ceil(x + reach) + 1, nx)):
            w = overlap(i - x, j - y, radius)
            if w > 0:
                total += w * array[j, i]
                noise += w * w * variance[j, i]
                area += w
                if mask[j, i]:
                    masked += w
                    flags |= mask[j, i]
    return total, noise, area, masked, flags


@kernel
def aperture_sums(array, variance, mask, positions, radius, inner, outer, out):
    """Measure `aperture` and `ring_level` at every position (x, y).

    Columns of `out`: sum, its variance, area, masked area, flags, background, its scatter, number of its
    pixels.
    """
    values = np.empty(int(math.pi * (outer + 1) ** 2) + 16, array.dtype)
    for k in range(positions.shape[0]):
        x, y = positions[k, 0], positions[k, 1]
        total, noise, area, masked, flags = aperture(array, variance, mask, x, y, radius)
        out[k, 0], out[k, 1], out[k, 2], out[k, 3], out[k, 4] = total, noise, area, masked, flags
        if outer > 0:
            level, scatter, count = ring_level(array, mask, x, y, inner, outer, values)
            out[k, 5], out[k, 6], out[k, 7] = level, scatter, count
