"""What is sharper than a star: defects of the detector told from stars at rest."""

from __future__ import annotations

import math

import numpy as np

from ccdfx.operations.pixels.median_filter import median_filter

PART = 0.5  # of what a star leaves beside its middle
_SIZE = 7  # pixels: a double column is less than a third of it


def local_scatter(values: np.ndarray) -> np.ndarray:
    """Compute the standard deviation about 0 around each pixel, from the median of the absolute values.

    At the edges the window is moved inwards: reflected, two bad columns there would be the majority.
    """
    half = _SIZE // 2
    scatter = 1.4826 * median_filter(np.abs(values), size=_SIZE).array.astype(np.float64)
    return np.pad(scatter[half:-half, half:-half], half, mode="edge")


def runs_along_columns(bad: np.ndarray) -> tuple[np.ndarray, int]:
    """Label the runs of bad pixels along columns from 1, 0 where a pixel is good, and count them."""
    from scipy.ndimage import label

    numbers, count = label(bad, structure=[[0, 1, 0], [0, 1, 0], [0, 1, 0]])
    return numbers, int(count)


def means_of_runs(values: np.ndarray, numbers: np.ndarray, count: int) -> np.ndarray:
    """Compute the mean of the values of each run, shape (count + 1,); 0 for one without pixels."""
    inside = numbers > 0
    which = numbers[inside]
    sums = np.bincount(which, weights=values[inside], minlength=count + 1)
    return sums / np.maximum(np.bincount(which, minlength=count + 1), 1)


def medians_of_runs(values: np.ndarray, numbers: np.ndarray, count: int) -> np.ndarray:
    """Compute the median of the finite values of each run, shape (count + 1,); NaN for one without any."""
    inside = (numbers > 0) & np.isfinite(values)
    which, here = numbers[inside], values[inside].astype(np.float64)
    here = here[np.lexsort((here, which))]
    size = np.bincount(which, minlength=count + 1)
    start = np.cumsum(size) - size
    seen = size > 0
    out = np.full(count + 1, np.nan)
    low, high = start + (size - 1) // 2, start + size // 2
    out[seen] = 0.5 * (here[low[seen]] + here[high[seen]])
    return out


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


def sides_of(values: np.ndarray, beyond: float | None, *, reach: int = 2) -> dict[int, np.ndarray]:
    """Return the values of the pixels beside each one, up to `reach` pixels away, as `sharper` takes them.

    What lies beyond the edge is the number `beyond`, or for None what lies as far to the other side, so that a
    pixel at the edge is judged by its inner neighbours alone.
    """
    steps = [step for step in range(-reach, reach + 1) if step]
    sides = {step: _moved(values, step, np.nan if beyond is None else beyond) for step in steps}
    if beyond is not None:
        return sides
    for step, side in list(sides.items()):
        outside = slice(-step, None) if step > 0 else slice(0, -step)
        side[:, outside] = _moved(values, -step, 0.0)[:, outside]
    return sides


def _moved(values: np.ndarray, step: int, beyond: float) -> np.ndarray:
    """Return for each pixel the value of the pixel `step` columns to the right."""
    out = np.full(values.shape, beyond)
    if step > 0:
        out[:, :-step] = values[:, step:]
    else:
        out[:, -step:] = values[:, :step]
    return out
