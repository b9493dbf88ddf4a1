"""The data of the large example that a law has besides its small ones.

Its frames are wider and higher than the blocks that programs work in (64 and 128), a stack of them is longer than
the tables of a rule that was written for few frames, and its values are negative, small, and beyond uint16.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ccdfx.records.image import Image
from ccdfx.records.range import Range

SHAPE = (130, 150)
FRAMES = 13
LARGEST = 1e5
SMALL_SHAPE = (8, 10)  # of the frames among the options of a step
_SMALLEST = 1e-2
_SEED = 20
OTHER_SEED = (
    32  # its largest and smallest values are beyond those of other seeds, which a memory of extremes shows
)
# Across the borders of blocks of 64 and 128 pixels, at the edges, and a single pixel.
WINDOWS = (
    Range(60, 70, 60, 70), Range(124, 134, 2, 12), Range(2, 12, 124, 130), Range(120, 150, 120, 130),
    Range(0, 150, 63, 66), Range(63, 66, 0, 130), Range(127, 129, 127, 129), Range(149, 150, 129, 130),
)  # fmt: skip


def large_values(
    shape: tuple[int, ...] = SHAPE, *, low: float = -LARGEST, high: float = LARGEST, seed: int = _SEED
) -> np.ndarray:
    """Make float64 values of log-uniform size up to 1e5, a third of them negative, clipped to [low, high].

    >>> values = large_values()
    >>> values.shape, bool((values > 65535).any()), bool((values < -65535).any())
    ((130, 150), True, True)
    """
    rng = np.random.default_rng(seed)
    size = 10 ** rng.uniform(np.log10(_SMALLEST), np.log10(LARGEST), shape)
    return np.clip(np.where(rng.random(shape) < 1 / 3, -size, size), low, high)


def large_image(
    dtype: Any, *, seed: int = _SEED, masked: bool = False, variance: bool = False, header: Any = None
) -> Image:
    """Make an image of 130 x 150 pixels of any type; its columns 8 and 9 have no flags.

    >>> image = large_image("u2", masked=True)
    >>> image.array.max(), bool(image.good[:, 8:10].all())
    (np.uint16(65535), True)
    """
    kind, rng = np.dtype(dtype), np.random.default_rng(seed + 1)
    values = large_values(seed=seed)
    if kind.kind != "f":
        limits = np.iinfo(kind)
        values = np.clip(np.round(values), limits.min, limits.max)
    mask = errors = None
    if masked:
        mask = np.where(rng.random(SHAPE) < 0.1, rng.choice([1, 4, 8, 64, 255], SHAPE), 0).astype(np.uint8)
        mask[:, 8:10] = 0
    if variance:
        errors = rng.uniform(0, 1e5, SHAPE).astype(np.float32)
    return Image(values.astype(kind), header, mask, variance=errors)


def enlarged(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options whose frames of 8 x 10 pixels are repeated until they have 130 x 150 pixels; the rest stays.

    >>> enlarged({"flat": np.ones((8, 10)), "gain": 2.0})["flat"].shape
    (130, 150)
    """
    return {name: _enlarged(value) for name, value in options.items()}


def _enlarged(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.shape == SMALL_SHAPE:
        times = tuple(-(-large // small) for large, small in zip(SHAPE, SMALL_SHAPE, strict=True))
        return np.tile(value, times)[: SHAPE[0], : SHAPE[1]]
    if isinstance(value, Image) and value.shape == SMALL_SHAPE:
        planes = {name: _enlarged(getattr(value, name)) for name in ("array", "mask", "variance")}
        return Image(planes["array"], value.header, planes["mask"], variance=planes["variance"])
    return value
