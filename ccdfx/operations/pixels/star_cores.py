"""Cosmic rays found in the cores of stars that are no cosmic rays."""

from __future__ import annotations

from functools import partial

import numpy as np

from ccdfx.kernels.image.bad_pixels import flagged_places, middle, sample_stride
from ccdfx.operations.pixels.places import medians_around, touching_groups
from ccdfx.operations.pixels.sharpness import sharper
from ccdfx.records.checks import real
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image, ImageLike, adopt, as_image

LEAST_FWHM = 1.8
"""Pixels: narrower stars are taken for cosmic rays by `mask_cosmic_rays`."""

_CORE = 0.1  # of its height above the sky: a pixel whose surroundings exceed this is in a star
_PART = 0.75  # of what a star leaves; a quarter is for the change of the profile over the frame
_NARROW = 2.5  # pixels: FWHM of stars below which too little of them is in half of 5 x 5 pixels
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))  # (y, x)


def release_stars(image: ImageLike, *, fwhm: float) -> Image:
    """Remove the flag COSMIC_RAY from groups of pixels that are no sharper than a star.

    The cores of very bright stars close together are taken for cosmic rays by the algorithm of
    `mask_cosmic_rays`. A group of adjacent flagged pixels is released if its brightest pixel lies in a star
    (the median of 5 x 5 pixels around it, 3 x 3 for a FWHM below 2.5, is more than a tenth of its height above the sky) and is not sharper
    than a star along rows, columns or diagonals: a pixel or pair of pixels beside which less than three quarters are left
    of what a Gaussian of this FWHM has there.

    Parameters
    ----------
    image : Image
        With the values of the rays, not replaced.
    fwhm : float
        Of the stars, in pixels.

    Returns
    -------
    Image
        Other flags, values, variance and header are unchanged.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `fwhm` is not a positive number.
    """
    image = as_image(image)
    fwhm = real("fwhm", fwhm, above=0, remedy="give pixels, such as 3")
    if image.mask is None:
        return image
    places = flagged_places(image.mask, Flag.COSMIC_RAY)
    if not places.size:
        return image
    level = _level(image.array)
    groups = touching_groups(places, image.shape[1])
    top = _brightest(_heights(image.array, level, *np.divmod(places, image.shape[1])), groups)
    y, x = np.divmod(places[top], image.shape[1])
    heights = partial(_heights, image.array, level)
    peak = heights(y, x)
    around = medians_around(heights, image.shape, y, x, 3 if fwhm < _NARROW else 5)
    sharp = np.zeros(len(top), bool)
    for dy, dx in _DIRECTIONS:
        # Steps along a diagonal are longer, by which its stars are narrower.
        sides = {step: heights(y + step * dy, x + step * dx, np.nan) for step in (-2, -1, 1, 2)}
        sharp |= sharper(peak, sides, fwhm / np.hypot(dy, dx), _PART)
    released = ((around > _CORE * peak) & ~sharp)[groups]
    if not released.any():
        return image
    mask = image.mask.copy()
    mask.reshape(-1)[places[released]] &= ~np.uint8(Flag.COSMIC_RAY)
    return adopt(image.array, image.header, mask, image.range, image.variance)


def _level(array: np.ndarray) -> float:
    """Return the median of some twenty thousand pixels, of all of a small image, without those that are not finite."""
    stride = sample_stride(array.size)
    for some in (array[::stride, ::stride], array):
        known = some[np.isfinite(some)]
        if known.size:
            break
    return middle(known)


def _brightest(height: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return which pixel of each group is the highest, the first of equal ones."""
    order = np.lexsort((-np.arange(height.size), height, groups))
    last = np.append(np.diff(groups[order]) != 0, True)
    return order[last]


def _heights(
    array: np.ndarray, level: float, y: np.ndarray, x: np.ndarray, beyond: float | None = None
) -> np.ndarray:
    """Return the heights above the level (float64), 0 where not finite; `beyond` the edge, NaN is not sharp."""
    ny, nx = array.shape
    if beyond is None:
        values = array[y, x]
        return np.where(np.isfinite(values), values, level).astype(np.float64) - level
    inside = (y >= 0) & (y < ny) & (x >= 0) & (x < nx)
    return np.where(inside, _heights(array, level, np.clip(y, 0, ny - 1), np.clip(x, 0, nx - 1)), beyond)
