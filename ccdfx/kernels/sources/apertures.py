"""Sums over circular apertures, with each pixel weighted by its area inside the circle."""

from __future__ import annotations

import math

import numpy as np

from ccdfx.kernels.compile.kernel import kernel
from ccdfx.kernels.image.bad_pixels import REACH
from ccdfx.kernels.sources.maxima import look_at, ring_level

NO_DATA = 16


@kernel
def _corner(x, y, radius):
    """Compute the signed area of the part of a circle at the origin that lies between the axes and (x, y)."""
    sign = (1.0 if x >= 0 else -1.0) * (1.0 if y >= 0 else -1.0)
    x, y = min(abs(x), radius), min(abs(y), radius)
    if x * x + y * y <= radius * radius:
        return sign * x * y
    start, across = math.sqrt(radius * radius - y * y), math.sqrt(radius * radius - x * x)
    # The angle of the arc between the two places, by one function of the products of their sines and cosines.
    angle = math.atan2(x * y - start * across, across * y + x * start)
    area = y * start + 0.5 * (x * across - start * y + radius * radius * angle)
    return sign * area


@kernel
def _edge(dx, dy, radius):
    """Compute the area that a pixel at the edge of a circle shares with it."""
    x0, x1, y0, y1 = abs(dx) - 0.5, abs(dx) + 0.5, abs(dy) - 0.5, abs(dy) + 0.5
    square = radius * radius
    if x0 < 0 or y0 < 0 or x0 * x0 + y0 * y0 >= square:
        area = (
            _corner(x1, y1, radius)
            - _corner(x0, y1, radius)
            - _corner(x1, y0, radius)
            + _corner(x0, y0, radius)
        )
        return max(area, 0.0)
    # In one quadrant the arc goes down from (a, up) to (b, down): what is left of it is full.
    a = min(max(math.sqrt(max(square - y1 * y1, 0.0)), x0), x1)
    b = min(math.sqrt(square - y0 * y0), x1)
    up, down = math.sqrt(square - a * a), math.sqrt(max(square - b * b, 0.0))
    angle = math.atan2(b * up - a * down, a * b + up * down)
    return a - x0 + 0.5 * (b * down - a * up + square * angle) - y0 * (b - a)


@kernel
def overlap(dx, dy, radius):
    """Compute the area that a pixel centred at (dx, dy) shares with a circle about the origin."""
    x, y = abs(dx), abs(dy)
    if (x + 0.5) ** 2 + (y + 0.5) ** 2 <= radius * radius:
        return 1.0
    if max(x - 0.5, 0.0) ** 2 + max(y - 0.5, 0.0) ** 2 >= radius * radius:
        return 0.0
    return _edge(dx, dy, radius)


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
def growth_sums(array, variance, mask, positions, radii, inner, outer, usual, sums, rings):
    """Measure several circles about every position (x, y), and one ring, while their pixels are in the cache.

    Parameters are those of `aperture_sums`; `sums` is (n, radii, 5), as `aperture` returns them, and `rings` (n, 3)
    holds background, scatter and number.
    """
    values = np.empty(int(math.pi * (outer + 1) ** 2) + 16, array.dtype)
    reach = radii[-1] + 1
    for k in range(positions.shape[0]):
        x, y = positions[k, 0], positions[k, 1]
        # Stored where it is written over, so that it is not left out.
        rings[k, 0] = look_at(array, x, y, outer)
        rings[k, 1] = look_at(mask, x, y, outer) if mask.shape[0] else 0.0
        rings[k, 2] = look_at(variance, x, y, reach) if variance.shape[0] else 0.0
        rings[k, 0], rings[k, 1], rings[k, 2] = ring_level(array, mask, x, y, inner, outer, values)
        for m in range(radii.size):
            total, noise, area, masked, flags = aperture(array, variance, mask, x, y, radii[m], usual)
            one = sums[k, m]
            one[0], one[1], one[2], one[3], one[4] = total, noise, area, masked, flags


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
