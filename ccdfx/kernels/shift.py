"""Bad pixels in a resampling: replacement of their values before it, and propagation of their flags."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel

REACH = 4
"""Pixels from which a bad pixel may take a value."""


@kernel
def fill_bad(array, bad, reach, fallback):
    """Replace every bad pixel of `array`, in place, by the mean of its nearest good pixels.

    These are the good pixels of the smallest square around it that holds three, weighted by the inverse
    square of their distance; a pixel with fewer than three within `reach` pixels gets `fallback`.
    """
    ny, nx = array.shape
    for y in range(ny):
        for x in range(nx):
            if not bad[y, x]:
                continue
            value = fallback
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
                    value = total / weights
                    break
            array[y, x] = value


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


def typical(array: np.ndarray, good: np.ndarray) -> float:
    """Return the median of a regular sample of the good pixels, for bad pixels far from any good one."""
    stride = max(1, int((array.size / 20000) ** 0.5))
    values = array[::stride, ::stride][good[::stride, ::stride]]
    if not values.size:
        values = array[good]
    # Halves, because the sum of two large numbers may overflow.
    return 2.0 * float(np.median(0.5 * values)) if values.size else 0.0


def filled(values: np.ndarray, good: np.ndarray, usual: float | None = None) -> np.ndarray:
    """Replace bad values (in place, in an array of the caller's own) by those of good pixels nearby.

    A bad pixel far from any good one gets `usual`, or the `typical` value where that is None.
    """
    if not good.all():
        fill_bad(values, ~good, REACH, typical(values, good) if usual is None else usual)
    return values
