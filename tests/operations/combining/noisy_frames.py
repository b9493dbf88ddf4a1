"""Small frames of noise about one level."""

from __future__ import annotations

import numpy as np

SHAPE = (7, 11)


def noisy(
    count: int,
    seed: int = 0,
    level: float = 1000.0,
    sigma: float = 20.0,
    shape: tuple[int, int] = SHAPE,
    dtype: str = "f4",
) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(level, sigma, shape).astype(dtype) for _ in range(count)]
