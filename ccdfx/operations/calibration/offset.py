"""Subtraction of one number from a whole image: an offset, or the level of a region."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.estimators.values import values_of
from ccdfx.operations.calibration.line_levels import sample_levels
from ccdfx.operations.pixels.replace import full_frame
from ccdfx.records.checks import real
from ccdfx.records.history import with_partial_variance
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import followed_levels
from ccdfx.records.parameters import renamed_options
from ccdfx.records.planes import variance_as, working_dtype
from ccdfx.records.range import RangeLike, window_errors_about

# Name: whether the minimum is that of the full frame, and what the lowest value becomes.
_MINIMA = {"min": (False, 0.0), "minp1": (False, 1.0), "gmin": (True, 0.0), "gminp1": (True, 1.0)}


@renamed_options(by="statistic")
def offset(image: ImageLike, *, statistic: float | str, full: ImageLike | None = None) -> Image:
    """Subtract a number from every pixel, such as the minimum.

    Parameters
    ----------
    image : Image or 2-D array
    statistic : float or {"min", "minp1", "gmin", "gminp1"}
        What is subtracted: a number in the unit of the image, the minimum of its good pixels ("min"), or that
        less one, so that the lowest value becomes 1 and a logarithm is defined ("minp1"). "gmin" and "gminp1"
        use the global minimum, that of `full`.
    full : Image or 2-D array, optional
        The frame that `image` is a window of, for "gmin" and "gminp1".

    Returns
    -------
    Image
        Floats (float32 unless the values need float64); mask, variance and window are unchanged: the
        number is taken as exact. It is subtracted from SATURATE and other cards that state values of pixels.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `statistic` is none of these, no pixel is good, or `full` is missing or not used.
    MismatchError
        When `full` is in another unit.

    See Also
    --------
    subtract_level

    Examples
    --------
    >>> offset([[3.0, 5.0]], statistic="minp1").array, offset([[3.0, 5.0]], statistic=4).array
    (array([[1., 3.]]), array([[-1.,  1.]]))
    """
    image = as_image(image)
    if isinstance(statistic, str):
        level = _minimum_level(image, statistic, full)
    else:
        level = real("statistic", statistic, remedy=f"give a number or one of {', '.join(_MINIMA)}")
        _refuse_full(full, statistic)
    return _minus(image, level, image.variance)


@renamed_options(range="section")
def subtract_level(
    image: ImageLike, *, section: RangeLike, statistic: str | Callable[[np.ndarray], float] = "median"
) -> Image:
    """Subtract the level of a region, such as an unexposed strip, from the whole image.

    Parameters
    ----------
    image : Image or 2-D array
    section : Range or what `Range.of` accepts
        The region, in pixels of the parent frame. Flagged and non-finite pixels are not used.
    statistic : "median", "clipped_mean", "mean", "min", "max" or function
        How the level is computed from the pixels of the region, see `subtract_overscan`. A function gets the good ones as a 1-D
        float64 array, in ascending order.

    Returns
    -------
    Image
        Floats (float32 unless the values need float64). The squared error of the level is added to the
        variance, or is the variance if there was none: scatter**2 / n for a mean, the others as in
        `subtract_overscan`. All pixels share this error. Mask, header and window are
        unchanged.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When the region is not inside the image or has no good pixel, or the statistic is none of these.

    See Also
    --------
    offset, subtract_overscan

    Examples
    --------
    >>> subtract_level([[1.0, 3.0, 50.0]], section=(0, 2, 0, 1), statistic="mean").array
    array([[-1.,  1., 48.]])
    """
    image = as_image(image)
    if section is None:
        raise ArgumentTypeError(
            "section", "must be a region", value=None, remedy="give the region without light"
        )
    with window_errors_about("section"):
        region = image.select(section)
    pixels = region.array[region.good].astype(np.float64)
    if pixels.size == 0:
        raise ArgumentError(
            "section", "must hold a good pixel", value=region.range.to_fits(), remedy="choose another region"
        )
    try:
        found = sample_levels(pixels[None, :], statistic)
    except (ArgumentError, ArgumentTypeError) as wrong:
        raise wrong.about("statistic") from None
    level, error = float(found.values[0]), float(found.errors[0])
    with np.errstate(over="ignore"):
        variance = error if image.variance is None else image.variance + error
    variance = variance_as(np.broadcast_to(variance, image.shape), working_dtype(image.array), copy=True)
    if image.variance is None:
        image = image.replace(header=with_partial_variance(image.header))
    return _minus(image, level, variance)


def _minimum_level(image: Image, statistic: str, full: Any) -> float:
    if statistic not in _MINIMA:
        raise ArgumentError(
            "statistic",
            f"must be a number or one of {', '.join(_MINIMA)}",
            value=statistic,
            remedy="choose one of these",
        )
    everywhere, lowest = _MINIMA[statistic]
    if not everywhere:
        _refuse_full(full, statistic)
    source = full_frame(image, f"statistic={statistic!r}", full) if everywhere else image
    values = values_of(source.array, source.mask)
    if values.count == 0:
        raise ArgumentError(
            "full" if everywhere else "image",
            "must have a good pixel to take the minimum of",
            value=0,
            remedy="give statistic=number",
        )
    return values.minimum - lowest


def _refuse_full(full: Any, statistic: Any) -> None:
    if full is not None:
        raise ArgumentError(
            "full", "is for statistic='gmin' and 'gminp1'", value=statistic, remedy="leave it out"
        )


def _minus(image: Image, level: float, variance: np.ndarray | None) -> Image:
    kind = working_dtype(image.array)
    with np.errstate(over="ignore", invalid="ignore"):  # values beyond float32 become infinite, and so bad
        array = (image.array.astype(np.float64) - level).astype(kind)
    return adopt(array, followed_levels(image.header, zero=-level), image.mask, image.range, variance)
