"""Cosmic rays found in the cores of stars that are no cosmic rays."""

from __future__ import annotations

import numpy as np

from ccdfx.estimators import median_of
from ccdfx.operations.pixels.median_filter import median_filter
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
    from scipy.ndimage import label, maximum_position

    image = as_image(image)
    fwhm = real("fwhm", fwhm, above=0, remedy="give pixels, such as 3")
    if image.mask is None or not (image.mask & Flag.COSMIC_RAY).any():
        return image
    rays = (image.mask & np.uint8(Flag.COSMIC_RAY)) != 0
    groups, count = label(rays, structure=np.ones((3, 3)))
    known = np.isfinite(image.array)
    level = float(median_of(image.array, known))
    height = np.where(known, image.array, level).astype(np.float64) - level
    y, x = np.array(maximum_position(height, groups, range(1, count + 1))).T
    around = median_filter(height, size=3 if fwhm < _NARROW else 5).array[y, x]
    peak = height[y, x]
    sharp = np.zeros(count, bool)
    for dy, dx in _DIRECTIONS:
        # Steps along a diagonal are longer, by which its stars are narrower.
        sides = {step: _at(height, y + step * dy, x + step * dx) for step in (-2, -1, 1, 2)}
        sharp |= sharper(peak, sides, fwhm / np.hypot(dy, dx), _PART)
    star = (around > _CORE * peak) & ~sharp
    released = np.concatenate([[False], star])[groups]
    if not released.any():
        return image
    mask = np.where(released, image.mask & ~np.uint8(Flag.COSMIC_RAY), image.mask)
    return adopt(image.array, image.header, mask, image.range, image.variance)


def _at(values: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the values at these places; NaN, which is not sharp, beyond the edge."""
    ny, nx = values.shape
    inside = (y >= 0) & (y < ny) & (x >= 0) & (x < nx)
    return np.where(inside, values[np.clip(y, 0, ny - 1), np.clip(x, 0, nx - 1)], np.nan)
