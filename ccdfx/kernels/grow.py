"""Growth of rejection: the neighbours of pixels that a rule rejects are rejected too."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.stack import HIGH, KEPT, LOW


def grown(fates: np.ndarray, radius: float) -> np.ndarray:
    """Grow the rejection mask (n, rows, nx): reject pixels within the radius of one that the rule rejected.

    Only pixels of the same frame are rejected, as low or high like that pixel. Where no value would be left,
    nothing is added.
    """
    out = fates.copy()
    steps = np.arange(-int(radius), int(radius) + 1)
    disc = np.argwhere(steps[:, None] ** 2 + steps**2 <= radius * radius) - int(radius)
    _spread(fates, disc, out)
    _spare(fates, out)
    return out


@kernel
def _spread(fates, disc, out):
    count, ny, nx = fates.shape
    for j in range(count):
        for y in range(ny):
            for x in range(nx):
                fate = fates[j, y, x]
                if fate != LOW and fate != HIGH:
                    continue
                for k in range(disc.shape[0]):
                    v, u = y + disc[k, 0], x + disc[k, 1]
                    if 0 <= v < ny and 0 <= u < nx and out[j, v, u] == KEPT:
                        out[j, v, u] = fate


@kernel
def _spare(fates, out):
    """Undo the growth where it leaves no value."""
    count, ny, nx = fates.shape
    for y in range(ny):
        for x in range(nx):
            left = False
            for j in range(count):
                left |= out[j, y, x] == KEPT
            if not left:
                for j in range(count):
                    out[j, y, x] = fates[j, y, x]
