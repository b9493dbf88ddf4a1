"""Detection of deviant pixels.

Each `find_*` returns a bool map of the shape of the image; its sum is the number of pixels found.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.estimators import sigma_clipped
from ccdfx.estimators.values import Values, values_of
from ccdfx.records.checks import boolean, one_of, real
from ccdfx.records.compatibility import require_same_unit
from ccdfx.records.image import Image, ImageLike, as_image

_COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
UNITS = ("percent of range", "fraction of range", "percentile", "value")


def find_invalid(image: ImageLike) -> np.ndarray:
    """Find the pixels that are NaN or infinite, whether they are flagged or not.

    See Also
    --------
    clip_invalid, mask_invalid

    Examples
    --------
    >>> find_invalid([[1.0, float("nan"), float("inf")]])
    array([[False,  True,  True]])
    """
    return ~np.isfinite(as_image(image).array)


def find_threshold(
    image: ImageLike, *, threshold: float = 0.0, comparison: str = "<", masked: bool = False
) -> np.ndarray:
    """Find the pixels below or above a threshold.

    Parameters
    ----------
    image : Image or 2-D array
    threshold : float
        In the unit of the image.
    comparison : {"<", "<=", ">", ">="}
        A pixel is found when ``pixel comparison threshold`` holds.
    masked : bool
        Whether flagged pixels are searched too. Non-finite ones never are: see `find_invalid`.

    Returns
    -------
    ndarray of bool, shape (ny, nx)

    Raises
    ------
    ArgumentError, ArgumentTypeError
        Unknown `comparison`, or a threshold that is not a finite number.

    See Also
    --------
    clip_threshold

    Examples
    --------
    >>> find_threshold([[-1.0, 0.0, 1.0]], threshold=0, comparison="<=")
    array([[ True,  True, False]])
    """
    image = as_image(image)
    limit = real("threshold", threshold, remedy="give a number in the unit of the image")
    compare = _COMPARISONS[one_of("comparison", comparison, _COMPARISONS)]
    with np.errstate(over="ignore"):  # a limit beyond the largest float32
        return compare(image.array, limit) & _looked_at(image, masked)


def find_outliers(
    image: ImageLike,
    *,
    low: float = 1.0,
    high: float = 99.0,
    unit: str = "percent of range",
    full: ImageLike | None = None,
    masked: bool = False,
) -> np.ndarray:
    """Find the pixels below a lower or above an upper limit.

    Parameters
    ----------
    image : Image or 2-D array
    low, high : float
        The limits; values equal to them are not found. With "value", infinity turns a side off.
    unit : {"percent of range", "fraction of range", "percentile", "value"}
        "percent of range": ``minimum + low / 100 * (maximum - minimum)``, and the upper limit likewise;
        "fraction of range": the same with limits from 0 to 1.
        "percentile": the value below which that percentage of the pixels lies, interpolated between two of
        them. "value": numbers in the unit of the image.
    full : Image or 2-D array, optional
        Range and percentiles are those of its good pixels instead of those of the image.
    masked : bool
        Whether flagged pixels can be found; they are never used for range and percentiles. Non-finite pixels
        are neither found nor used.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        Nothing is found if no pixel is good.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        Unknown `unit`, limits in the wrong order, percents outside 0 to 100, fractions outside 0 to 1, or `full` with unit="value".
    MismatchError
        When `full` is in another unit.

    See Also
    --------
    clip_outliers, find_sigma

    Notes
    -----
    Percents of the range depend on its two extremes alone: one hot pixel moves both limits, and the central
    98 % of the range may hold one pixel or all. Percentiles do not have this weakness, but always find some
    pixels.

    Examples
    --------
    >>> find_outliers([[0.0, 5.0, 6.0, 1000.0]], low=0, high=99).sum()
    np.int64(1)
    >>> find_outliers([[0.0, 5.0, 6.0, 1000.0]], low=25, high=75, unit="percentile")
    array([[ True, False, False,  True]])
    """
    image = as_image(image)
    one_of("unit", unit, UNITS)
    if unit == "value":
        if full is not None:
            raise ArgumentError("full", "has no part in limits by value", remedy="leave it out")
        return _outside(image, *_ordered(low, high, unit), masked)
    lower, upper = _ordered(low, high, unit)
    if unit == "fraction of range":
        lower, upper = 100 * lower, 100 * upper
    source = _source(image, full)
    values = values_of(source.array, source.mask)
    if values.count == 0:
        return np.zeros(image.shape, bool)
    if unit == "percentile":
        return _outside(image, _percentile(values, lower), _percentile(values, upper), masked)
    half = values.maximum / 2 - values.minimum / 2  # the whole range may overflow
    return _outside(
        image, values.minimum + lower / 50 * half, values.maximum - (100 - upper) / 50 * half, masked
    )


def find_sigma(
    image: ImageLike,
    *,
    low: float = 12.0,
    high: float = 12.0,
    iterations: int | None = None,
    full: ImageLike | None = None,
    masked: bool = False,
) -> np.ndarray:
    """Find the pixels further from the median than a number of standard deviations.

    Parameters
    ----------
    image : Image or 2-D array
    low, high : float
        Multiples of the standard deviation below and above the median; infinity turns a side off.
    iterations : int, optional
        How often median and deviation are computed again without the pixels found; by default until none is.
    full : Image or 2-D array, optional
        Median and deviation are those of its good pixels instead of those of the image.
    masked : bool
        Whether flagged pixels can be found; they are never used for the statistics. Non-finite pixels are
        neither found nor used.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        The pixels that `sigma_clipped` drops.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        Multiples that are not above zero, or a negative number of iterations.
    MismatchError
        When `full` is in another unit.

    See Also
    --------
    clip_sigma, find_outliers

    Examples
    --------
    >>> find_sigma([[1.0, 2.0] * 500 + [40.0]]).sum()
    np.int64(1)
    """
    image = as_image(image)
    source = _source(image, full)
    kept = sigma_clipped(
        source.array,
        None if source.mask is None else source.mask == 0,
        low=low,
        high=high,
        iterations=iterations,
    )
    return _outside(image, kept.lower, kept.upper, masked)


def _source(image: Image, full: Any) -> Image:
    """Return the image that the statistics are taken from."""
    if full is None:
        return image
    full = as_image(full, "full")
    require_same_unit(image, full, "full")
    return full


def _looked_at(image: Image, masked: bool) -> np.ndarray:
    return np.isfinite(image.array) if boolean("masked", masked) else image.good


def _outside(image: Image, lower: float, upper: float, masked: bool) -> np.ndarray:
    """Find the pixels strictly outside the limits, compared without rounding errors."""
    array = image.array
    low, high = _at_least(lower, array.dtype), -_at_least(-upper, array.dtype)
    return ((array < low) | (array > high)) & _looked_at(image, masked)


def _at_least(limit: float, dtype: np.dtype) -> Any:
    """Round the limit up to a number of the type, so that a comparison in that type is exact."""
    if dtype.kind != "f" or dtype.itemsize > 4:
        return np.float64(limit)
    with np.errstate(over="ignore"):
        near = np.float32(limit)
    return np.nextafter(near, np.float32(np.inf)) if float(near) < limit else near


def _ordered(low: Any, high: Any, unit: str) -> tuple[float, float]:
    remedy = "give low, then high"
    if unit == "value":
        lower = low if isinstance(low, float) and low == -math.inf else real("low", low, remedy=remedy)
        upper = high if isinstance(high, float) and high == math.inf else real("high", high, remedy=remedy)
    else:
        most, words = (1, "fractions") if unit == "fraction of range" else (100, "percents")
        remedy = f"give {words} from 0 to {most}, low, then high"
        lower, upper = real("low", low, least=0, remedy=remedy), real("high", high, least=0, remedy=remedy)
        if max(lower, upper) > most:
            limit = "1" if most == 1 else "100 percent"
            raise ArgumentError("high", f"must be at most {limit}", value=(low, high), remedy=remedy)
    if lower > upper:
        raise ArgumentError("low", "must not be above high", value=(low, high), remedy=remedy)
    return lower, upper


def _percentile(values: Values, percent: float) -> float:
    """Interpolate between the two nearest ranks, as numpy does by default."""
    rank = percent / 100 * (values.count - 1)
    below = math.floor(rank)
    low = values.median(below, 1)
    high = values.median(min(below + 1, values.count - 1), 1)
    return low if low == high else low + (rank - below) * high - (rank - below) * low
