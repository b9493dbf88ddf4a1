"""Images of stars for the laws of what moves them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ccdfx.operations.resampling.taps import KERNELS

SHAPE = (48, 52)
kernels = st.sampled_from(KERNELS)
seeds = st.integers(0, 2**32 - 1)


def smooth(seed: int) -> np.ndarray:
    """An image without structure finer than a star's."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    out = np.full(SHAPE, rng.uniform(-50, 50))
    for _ in range(6):
        a, b = rng.uniform(5, 45, 2)
        out += rng.uniform(1, 100) * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * rng.uniform(2, 4) ** 2))
    return out


def flagged(seed: int) -> np.ndarray:
    """A mask with flags of all kinds on a pixel in fifty."""
    rng = np.random.default_rng(seed + 1)
    return (rng.integers(1, 256, SHAPE) * (rng.random(SHAPE) < 0.02)).astype(np.uint8)
