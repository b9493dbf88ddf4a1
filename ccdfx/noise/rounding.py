"""Noise of frames whose values come in coarse steps, as those of 12 bits in the upper ones of 16 do (multiples of 16)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ccdfx.records.image import Image

COARSE = 1.5  # steps of noise below which robust scatters of values in steps are those of the steps
_CLIP = 6.0  # steps from the median beyond which a difference is an outlier
_SAMPLED = 1 << 16  # pixels


def step_of(images: Sequence[Image]) -> float:
    """Return the step of which all good values are multiples, away from each other; 0 where they are no whole numbers.

    >>> step_of([Image(np.array([[1040.0, 1056.0], [1040.0, 1104.0]]))]), step_of([Image(np.array([[0.5, 2.0]]))])
    (16.0, 0.0)
    """
    steps = []
    for image in images:
        values = image.array[image.good].reshape(-1)[:_SAMPLED].astype(np.float64)
        if (
            not values.size
            or not (values == np.rint(values)).all()
            or np.abs(values).max() > np.iinfo(np.int32).max
        ):
            return 0.0
        steps.append(np.gcd.reduce((values - values[0]).astype(np.int64)))
    return float(np.gcd.reduce(steps)) if steps else 0.0


def variances_of_rounded(
    array: np.ndarray, bad: np.ndarray, size: int, blocks: np.ndarray, step: float
) -> np.ndarray:
    """Return the variances of the good values in blocks of `size`, whose numbers are `blocks`; NaN where half are bad.

    They are plain ones without values far from the median, as ranks and medians of values in few steps tell little.

    >>> array = np.tile([0.0, 16.0], (16, 8))
    >>> variances_of_rounded(array, np.zeros((16, 16), np.uint8), 8, np.arange(4), 16.0)
    array([64., 64., 64., 64.])
    """
    height, width = (length // size for length in array.shape)
    cut = (slice(height * size), slice(width * size))

    def in_blocks(plane: np.ndarray) -> np.ndarray:
        return (
            plane[cut].reshape(height, size, width, size).swapaxes(1, 2).reshape(height * width, -1)[blocks]
        )

    values = np.where(in_blocks(bad) != 0, np.nan, in_blocks(array))
    values = np.where(np.abs(values - np.nanmedian(array)) > _CLIP * step, np.nan, values)
    enough = np.isfinite(values).sum(axis=1) > size * size / 2
    found = np.full(len(values), np.nan)
    found[enough] = np.nanvar(values[enough], axis=1)
    return found


def with_rounding(variance: float, error: float, step: float) -> tuple[float, float]:
    """Return a variance of pixels and its error, not below that of rounding to steps: where the noise hides in one, none is seen.

    >>> with_rounding(0.0, 0.0, 6.0), with_rounding(4.0, 0.1, 6.0)
    ((3.0, 1.5), (4.0, 0.1))
    """
    least = step**2 / 12.0
    return (variance, error) if variance >= least else (least, max(error, least / 2.0))
