"""Flagging of bad pixels, by value or from a map, and replacement of their values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.estimators import median_of
from ccdfx.kernels.image.bad_pixels import fill_from_neighbours
from ccdfx.operations.pixels.replace import held, unknown_where
from ccdfx.records.checks import real
from ccdfx.records.compatibility import require_same_pixels
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import without_extremes
from ccdfx.records.planes import working_dtype


def mask_saturated(image: ImageLike, *, saturation: float) -> Image:
    """Flag the pixels at or above a level as SATURATED.

    Apply it to raw values, before anything is subtracted.

    Parameters
    ----------
    image : Image or 2-D array
    saturation : float
        In the unit of the image, ADU for a raw frame; above zero.

    Returns
    -------
    Image
        Values, variance and header are unchanged. A mask exists even when no pixel is saturated.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `saturation` is not a finite number above zero.

    See Also
    --------
    saturation_level, mask_from

    Examples
    --------
    >>> import numpy as np
    >>> mask_saturated(np.array([[10, 65535]], np.uint16), saturation=60000).mask
    array([[0, 4]], dtype=uint8)
    """
    image = as_image(image)
    limit = real("saturation", saturation, above=0, remedy="give the level in ADU")
    if image.dtype.kind == "f":
        with np.errstate(over="ignore"):  # a limit beyond the largest float32
            return _flagged(image, image.array >= limit, Flag.SATURATED)
    # Whole numbers are compared as such, which is faster than as floats.
    least, most = math.ceil(limit), int(np.iinfo(image.dtype).max)
    reached = image.array >= least if least <= most else np.zeros(image.shape, bool)
    return _flagged(image, reached, Flag.SATURATED)


def mask_invalid(image: ImageLike) -> Image:
    """Flag the pixels that are NaN or infinite as NO_DATA; nothing else changes.

    See Also
    --------
    find_invalid, mask_from

    Examples
    --------
    >>> import numpy as np
    >>> mask_invalid(np.array([[1.0, np.nan]])).mask
    array([[ 0, 16]], dtype=uint8)
    """
    image = as_image(image)
    return _flagged(image, ~np.isfinite(image.array), Flag.NO_DATA)


def mask_from(image: ImageLike, *, bad_pixels: ImageLike) -> Image:
    """Add the flags of a bad-pixel map.

    Parameters
    ----------
    image : Image or 2-D array
    bad_pixels : Image, Master or 2-D array
        An array of bool (True becomes BAD_PIXEL) or of flags from 0 to 255. For an Image of integers, the map
        is its values combined with its mask; for an Image of floats, it is its mask alone or, without a mask,
        its values, which must then be whole numbers from 0 to 255. Any value but 0 is bad.

    Returns
    -------
    Image
        With the union of old and new flags; values, variance and header are unchanged.

    Raises
    ------
    MismatchError
        When shape, window or binning differ.
    ArgumentError, ArgumentTypeError
        When the values cannot be flags.

    See Also
    --------
    find_bad_pixels, mask_saturated

    Examples
    --------
    >>> import numpy as np
    >>> mask_from(np.ones((1, 3)), bad_pixels=np.array([[False, True, False]])).mask
    array([[0, 1, 0]], dtype=uint8)
    """
    image = as_image(image)
    flags = bad_pixel_flags(image, bad_pixels)
    mask = flags if image.mask is None else image.mask | flags
    return adopt(image.array, image.header, mask, image.range, image.variance)


def bad_pixel_flags(image: Image, bad_pixels: Any) -> np.ndarray:
    """Convert a bad-pixel map that fits the image to uint8 flags, in a read-only or a new array."""
    if bad_pixels is None:
        raise ArgumentTypeError(
            "bad_pixels", "must be a map of bad pixels", value=None, remedy="give a bool array"
        )
    source = as_image(bad_pixels, "bad_pixels")
    require_same_pixels(image, source, "bad_pixels")
    if source.dtype.kind == "f":
        flags = source.mask if source.mask is not None else _whole_flags(source.array)
    else:
        flags = _whole_flags(source.array)
        flags = flags if source.mask is None else flags | source.mask
    return flags


def _whole_flags(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint8:
        return values
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 255) or (values.dtype.kind == "f" and (values != np.floor(values)).any()):
        raise ArgumentError(
            "bad_pixels",
            "must hold bool or flags from 0 to 255",
            value=f"{values.dtype} from {low} to {high}",
            remedy="give a bool array, True where a pixel is bad",
        )
    return values.astype(np.uint8)


def replace_masked(image: ImageLike, *, by: float | str = "median") -> Image:
    """Replace the values of flagged and non-finite pixels, for display or for algorithms that ignore masks.

    Parameters
    ----------
    image : Image or 2-D array
    by : "median" or float
        A number, or the median of the good pixels nearby: in a box of 5 x 5 pixels; where that has fewer than
        three good pixels, of 9 x 9, 17 x 17 or 33 x 33; else of all good pixels of the image.

    Returns
    -------
    Image
        Floats (float32 unless the values need float64). The flags stay, as a replaced value is no
        measurement; non-finite pixels are flagged NO_DATA. The variance of a replaced pixel becomes infinite.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `by` is neither of these, or the median is wanted and no pixel is good.

    See Also
    --------
    replace, median_filter

    Examples
    --------
    >>> import numpy as np
    >>> replace_masked(np.array([[1.0, np.nan, 3.0, 5.0]])).array
    array([[1., 3., 3., 5.]])
    """
    image = as_image(image)
    median = isinstance(by, str) and by == "median"
    number = None if median else real("by", by, remedy="give 'median' or a number")
    bad = ~image.good
    values = image.array.astype(working_dtype(image.array), copy=True)
    if number is not None:
        values[bad] = held(number, values.dtype)
    elif bad.all():
        raise ArgumentError("image", "must have a good pixel to take the median of", remedy="give by=number")
    elif bad.any():
        everywhere = values.dtype.type(median_of(values, ~bad))
        values[bad] = fill_from_neighbours(values, bad, everywhere)
    invalid = ~np.isfinite(image.array)
    mask = _flagged(image, invalid, Flag.NO_DATA).mask if invalid.any() else image.mask
    variance = unknown_where(bad, image.variance)
    return adopt(values, without_extremes(image.header), mask, image.range, variance)


def _flagged(image: Image, where: np.ndarray, flag: Flag) -> Image:
    """Add a flag where a new bool array is true; its memory becomes that of the mask."""
    mask = where.view(np.uint8)
    mask *= np.uint8(flag)
    if image.mask is not None:
        mask |= image.mask
    return adopt(image.array, image.header, mask, image.range, image.variance)
