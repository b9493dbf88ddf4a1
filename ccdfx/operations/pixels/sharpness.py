"""What is sharper than a star: defects of the detector told from stars at rest."""

from __future__ import annotations

import math

import numpy as np

PART = 0.5  # of what a star leaves beside its middle


def sharper(middle: np.ndarray, sides: dict[int, np.ndarray], fwhm: float, part: float = PART) -> np.ndarray:
    """Return what deviates more sharply along x than a star does (bool array).

    With the peak of a Gaussian of this FWHM in the middle of a pixel, the pixel beside it has the fraction
    ``exp(-4 ln 2 / fwhm^2)``; with the peak between two pixels, the next ones have ``exp(-8 ln 2 / fwhm^2)``.
    Sharp is what has less than a part of this on both sides, by itself or with one of the pixels beside it.

    Parameters
    ----------
    middle : float array
        Deviations from the surroundings.
    sides : dict of float arrays
        Those 2 and 1 pixels to the left and to the right, by the keys -2, -1, 1, 2.
    fwhm : float
        Pixels.
    part : float
    """
    alone = part * math.exp(-4 * math.log(2) / fwhm**2)
    double = part * math.exp(-8 * math.log(2) / fwhm**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        left2, left1, right1, right2 = (sides[step] / middle for step in (-2, -1, 1, 2))
    single = (left1 < alone) & (right1 < alone)
    left = (left2 < double) & (right1 < double)
    right = (left1 < double) & (right2 < double)
    return (middle != 0) & (single | left | right)


def sides_at(
    values: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    beyond: float | None,
    *,
    reach: int = 2,
    hidden: np.ndarray | None = None,
) -> dict[int, np.ndarray]:
    """Return the values beside places, up to `reach` pixels away along x, as `sharper` takes them.

    What lies beyond the edge is the number `beyond`, or for None what lies as far to the other side, so that a
    pixel at the edge is judged by its inner neighbours alone. What is `hidden` (bool array) is NaN.
    """
    nx = values.shape[1]
    sides = {}
    for step in range(-reach, reach + 1):
        if step == 0:
            continue
        place = x + step
        inside = (place >= 0) & (place < nx)
        place = np.where(inside, place, x - step if beyond is None else x)
        side = values[y, place].astype(np.float64)
        if beyond is not None:
            side[~inside] = beyond
        if hidden is not None:
            side[inside & hidden[y, place]] = np.nan
        sides[step] = side
    return sides
