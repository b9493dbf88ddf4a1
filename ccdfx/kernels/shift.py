"""Bad pixels before a resampling: what takes their place, and where their flags go."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel

REACH = 4
"""Pixels from which a bad pixel may take a value."""


@kernel
def fill_bad(array, bad, reach, fallback):
    """Give every bad pixel of `array`, in place, the mean of its nearest good pixels.

    The good pixels of the smallest square around it that holds three are weighted by the inverse square of their
    distance; a pixel with fewer within `reach` pixels gets `fallback`.
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
    """OR the flags of every flagged pixel (y, x) into ``out[y + steps_y[k], x + steps_x[k]]``, inside the frame."""
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
    """The median of a regular sample of the good pixels: what a bad pixel far from any good one takes."""
    stride = max(1, int((array.size / 20000) ** 0.5))
    values = array[::stride, ::stride][good[::stride, ::stride]]
    if not values.size:
        values = array[good]
    # Halves, because the sum of two large numbers may be none.
    return 2.0 * float(np.median(0.5 * values)) if values.size else 0.0


def filled(values: np.ndarray, good: np.ndarray, usual: float | None = None) -> np.ndarray:
    """The values (a fresh array, changed in place) with something plausible where they are bad.

    `usual` stands for a bad pixel far from any good one, in the place of what is `typical`.
    """
    if not good.all():
        fill_bad(values, ~good, REACH, typical(values, good) if usual is None else usual)
    return values
