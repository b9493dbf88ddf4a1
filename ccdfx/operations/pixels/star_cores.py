"""Cosmic rays found in the cores of stars that are no cosmic rays."""

from __future__ import annotations

import numpy as np

from ccdfx.estimators import median_of
from ccdfx.kernels.image.bad_pixels import flagged_places
from ccdfx.operations.pixels.sharpness import sharper
from ccdfx.records.checks import real
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image, ImageLike, adopt, as_image

LEAST_FWHM = 1.8
"""Pixels: narrower stars are taken for cosmic rays by `mask_cosmic_rays`."""

_CORE = 0.1  # of its height above the sky: a pixel whose surroundings exceed this is in a star
_PART = 0.75  # of what a star leaves; a quarter is for the change of the profile over the frame
_NARROW = 2.5  # pixels: FWHM of stars below which too little of them is in half of 5 x 5 pixels
_MOST_WINDOWS = 1 << 16  # windows that are sorted at a time
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
    level = float(median_of(image.array))
    groups = _groups(places, image.shape[1])
    top = _brightest(_heights(image.array, level, *np.divmod(places, image.shape[1])), groups)
    y, x = np.divmod(places[top], image.shape[1])
    peak = _heights(image.array, level, y, x)
    around = _medians_around(image.array, level, y, x, 3 if fwhm < _NARROW else 5)
    sharp = np.zeros(len(top), bool)
    for dy, dx in _DIRECTIONS:
        # Steps along a diagonal are longer, by which its stars are narrower.
        sides = {
            step: _heights(image.array, level, y + step * dy, x + step * dx, np.nan)
            for step in (-2, -1, 1, 2)
        }
        sharp |= sharper(peak, sides, fwhm / np.hypot(dy, dx), _PART)
    released = ((around > _CORE * peak) & ~sharp)[groups]
    if not released.any():
        return image
    mask = image.mask.copy()
    mask.reshape(-1)[places[released]] &= ~np.uint8(Flag.COSMIC_RAY)
    return adopt(image.array, image.header, mask, image.range, image.variance)


def _groups(places: np.ndarray, nx: int) -> np.ndarray:
    """Return the numbers, from 0, of the groups of pixels that touch each other along sides or corners, by their flat indices."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    width = nx + 1  # so that the end of a row does not touch the next one
    keys = places + places // nx
    pairs = []
    for step in (1, width - 1, width, width + 1):
        other = np.searchsorted(keys, keys + step)
        touching = np.flatnonzero(keys[np.minimum(other, keys.size - 1)] == keys + step)
        pairs.append((touching, other[touching]))
    one, two = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    graph = coo_array((np.ones(one.size, bool), (one, two)), shape=(keys.size, keys.size))
    return connected_components(graph, directed=False)[1]


def _brightest(height: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return which pixel of each group is the highest, the first of equal ones."""
    order = np.lexsort((-np.arange(height.size), height, groups))
    last = np.append(np.diff(groups[order]) != 0, True)
    return order[last]


def _medians_around(array: np.ndarray, level: float, y: np.ndarray, x: np.ndarray, size: int) -> np.ndarray:
    """Compute the medians that `median_filter` has at these places of the heights above the level."""
    half, (ny, nx) = size // 2, array.shape
    out = np.empty(y.size)
    for start in range(0, y.size, _MOST_WINDOWS):
        part = slice(start, start + _MOST_WINDOWS)
        window = [
            _heights(array, level, _mirrored(y[part] + dy, ny), _mirrored(x[part] + dx, nx))
            for dy in range(-half, half + 1)
            for dx in range(-half, half + 1)
        ]
        out[part] = np.sort(window, axis=0)[size * size // 2]
    return out


def _mirrored(index: np.ndarray, size: int) -> np.ndarray:
    """Return the pixels at these indices of an axis that is mirrored at its outer edges."""
    index = index % (2 * size)
    return np.where(index >= size, 2 * size - 1 - index, index)


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
