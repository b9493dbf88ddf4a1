"""Sums over circular apertures, with each pixel weighted by its area inside the circle."""

from __future__ import annotations

import math

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.image.bad_pixels import REACH
from ccdfx.kernels.image.sources import ring_level

NO_DATA = 16


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
    if max(abs(dx) - 0.5, 0.0) ** 2 + max(abs(dy) - 0.5, 0.0) ** 2 >= radius * radius:
        return 0.0
    area = (
        _corner(x1, y1, radius) - _corner(x0, y1, radius) - _corner(x1, y0, radius) + _corner(x0, y0, radius)
    )
    return max(area, 0.0)


@kernel
def aperture(array, variance, mask, x, y, radius, usual):
    """Sum the pixels p in a circle, with their areas w inside it as weights.

    Bad pixels are filled from their neighbours, as by `fill_bad`, `usual` being the fallbacks of values and variances.
    `variance` without rows is 1 everywhere, and `mask` without rows flags nothing; values without a flag that are not
    finite have the flag 16, NO_DATA.
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
                area += w
                flag = mask[j, i] if mask.shape[0] else np.uint8(0)
                if flag == 0 and not np.isfinite(array[j, i]):
                    flag = np.uint8(NO_DATA)
                if flag:
                    masked += w
                    flags |= flag
                    total += w * _filled(array, array, mask, j, i, usual[0])
                else:
                    total += w * array[j, i]
                if variance.shape[0] == 0:
                    noise += w * w
                elif flag or not np.isfinite(variance[j, i]):
                    noise += w * w * _filled(variance, array, mask, j, i, usual[1])
                else:
                    noise += w * w * variance[j, i]
    return total, noise, area, masked, flags


@kernel
def aperture_sums(array, variance, mask, positions, radius, inner, outer, usual, out):
    """Measure `aperture` and `ring_level` at every position (x, y).

    Columns of `out`: sum, its variance, area, masked area, flags, background, its scatter, number of its
    pixels.
    """
    values = np.empty(int(math.pi * (outer + 1) ** 2) + 16, array.dtype)
    for k in range(positions.shape[0]):
        x, y = positions[k, 0], positions[k, 1]
        total, noise, area, masked, flags = aperture(array, variance, mask, x, y, radius, usual)
        out[k, 0], out[k, 1], out[k, 2], out[k, 3], out[k, 4] = total, noise, area, masked, flags
        if outer > 0:
            level, scatter, count = ring_level(array, mask, x, y, inner, outer, values)
            out[k, 5], out[k, 6], out[k, 7] = level, scatter, count


@kernel
def touches_flag(mask, flag, positions, radius, out):
    """Mark in `out` the positions (x, y) whose circle shares area with a pixel that has a flag."""
    ny, nx = mask.shape
    reach = radius + 1
    for k in range(positions.shape[0]):
        x, y = positions[k, 0], positions[k, 1]
        out[k] = False
        for j in range(max(math.floor(y - reach), 0), min(math.ceil(y + reach) + 1, ny)):
            for i in range(max(math.floor(x - reach), 0), min(math.ceil(x + reach) + 1, nx)):
                if mask[j, i] & flag and overlap(i - x, j - y, radius) > 0:
                    out[k] = True


@kernel
def _filled(plane, array, mask, y, x, usual):
    """Compute the value of `plane` at a bad pixel, as `fill_bad` does."""
    ny, nx = plane.shape
    for radius in range(1, REACH + 1):
        total, weights, count = 0.0, 0.0, 0
        for j in range(max(y - radius, 0), min(y + radius + 1, ny)):
            for i in range(max(x - radius, 0), min(x + radius + 1, nx)):
                if mask.shape[0] and mask[j, i] != 0:
                    continue
                if np.isfinite(array[j, i]) and np.isfinite(plane[j, i]):
                    weight = 1.0 / ((j - y) ** 2 + (i - x) ** 2)
                    total += weight * plane[j, i]
                    weights += weight
                    count += 1
        if count >= 3:
            return total / weights
    return usual
