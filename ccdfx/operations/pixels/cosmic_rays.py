"""Cosmic-ray detection in one frame: L.A.Cosmic (van Dokkum 2001, PASP 113, 1420)."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ccdfx.engines import map_here
from ccdfx.errors import ArgumentError, UnknownNameError
from ccdfx.estimators import median_of
from ccdfx.kernels.image.bad_pixels import medians_near, spread_flags
from ccdfx.kernels.image.cosmic_rays import find_rays
from ccdfx.kernels.image.medians import median_rows, window_sorter
from ccdfx.noise.header_gain import doubt_about_gain, gain_keyword
from ccdfx.noise.noise_model import NoiseModel
from ccdfx.operations.pixels.ray_search import Search
from ccdfx.records.checks import one_of
from ccdfx.records.compatibility import unit_name
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import without_extremes
from ccdfx.records.planes import working_dtype


def mask_cosmic_rays(
    image: ImageLike,
    *,
    sigma_limit: float = Search.sigma_limit,
    neighbour_fraction: float = Search.neighbour_fraction,
    object_limit: float = Search.object_limit,
    iterations: int = Search.iterations,
    medians: str = Search.medians,
    noise: NoiseModel | None = None,
    replace: str | None = None,
) -> Image:
    """Flag the cosmic rays of a single frame, which are sharper than any well-sampled star.

    The Laplacian of the frame, taken on pixels subsampled 2 x 2 and clipped at 0, is compared with the noise.
    S is the Laplacian over twice the noise, less its own median. A pixel belongs to a ray where S exceeds
    both `sigma_limit` and, to exclude stars, `object_limit` times the fine structure of the frame (median of
    3 x 3 less the median of 7 x 7 of that) over the noise. Pixels next to rays are added where S exceeds
    `sigma_limit`, and their neighbours in turn where it exceeds ``neighbour_fraction * sigma_limit``. Rays
    are replaced, in a copy, by the median of their good neighbours, and the search is repeated until it finds
    no more.

    Parameters
    ----------
    image : Image or 2-D array
        A calibrated frame, with the sky not subtracted. Stars should have a FWHM of 2 pixels or more.
    sigma_limit : float
        In sigma of the noise, positive.
    neighbour_fraction : float
        0 to 1.
    object_limit : float
        Positive; a higher limit protects sharper stars, a lower one finds less sharp rays.
    iterations : int
        Maximum number of passes.
    medians : {"exact", "separable"}
        "exact": square windows (5 for the noise and for S, 3 and 7 for the fine structure). "separable":
        medians of rows and then of columns (7, 7, 5, 9), which are faster and find nearly the same.
    noise : NoiseModel, optional
        The noise of a value, in the unit of the image. By default the variance of the image, else that of
        `ccd_noise` with gain and RDNOISE of the header: EGAIN or GAIN, unless that is a setting of the camera,
        and 1 for an image in electrons. The noise of a pixel is the median around it, so that
        a ray does not raise its own noise. A ray must also exceed two thirds of `sigma_limit` relative to the
        noise of the pixel itself, which a hot pixel does not once its dark is subtracted.
    replace : {None, "median"}
        "median" replaces the rays by the median of the good pixels around them (of 5 x 5, or of a larger
        window if there are fewer than three), and their variance by the median of the variances there.

    Returns
    -------
    Image
        With COSMIC_RAY added to the flags; header and, unless they are replaced, values and variance are
        unchanged. There is a mask even if nothing is found. Replaced values are float32, or float64 for wide
        input. Flagged and non-finite pixels (also those whose variance is not finite) are never found and are
        not used. But pixels flagged SATURATED or NONLINEAR (see `mask_saturated`) may be rays, except for the
        cores of stars (where the median around a pixel is above a tenth of its height over the sky), flagged
        pixels joined to them, and all pixels within 4 of these. Nothing is found where the noise is 0, or in
        the outermost 2 pixels (3 with separable medians), where the windows would leave the frame.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When a limit is not positive, or the noise is not known.
    UnknownNameError
        Unknown `medians` or `replace`.

    Examples
    --------
    >>> import numpy as np
    >>> frame = np.full((9, 9), 100.0)
    >>> frame[4, 3:6] = 900.0
    >>> found = mask_cosmic_rays(Image(frame, variance=np.full((9, 9), 25.0)), replace="median")
    >>> found.mask[4].tolist(), found.array[4].tolist()[2:5]
    ([0, 0, 0, 8, 8, 8, 0, 0, 0], [100.0, 100.0, 100.0])
    """
    image = as_image(image)
    search = Search(
        sigma_limit=sigma_limit,
        neighbour_fraction=neighbour_fraction,
        object_limit=object_limit,
        iterations=iterations,
        medians=medians,
    )
    if replace is not None:
        one_of("replace", replace, ("median",), UnknownNameError)
    plane = LaplacianPlane.of(image, _variance(image, noise))
    rays = find(plane, search)
    mask = rays * np.uint8(Flag.COSMIC_RAY)
    if image.mask is not None:
        mask |= image.mask
    if replace is None:
        return adopt(image.array, image.header, mask, image.range, image.variance)
    array, variance = image.array.astype(working_dtype(image.array)), image.variance
    array[rays] = plane.values_at(rays)
    if variance is not None:
        variance = variance.copy()
        variance[rays] = plane.variances_at(rays)
    return adopt(array, without_extremes(image.header), mask, image.range, variance)


def _variance(image: Image, noise: Any) -> np.ndarray:
    """Return the variance of each pixel: by the noise model, else the image's own, else by its header."""
    from ccdfx.noise import ccd_noise
    from ccdfx.noise.predict import own_variance

    if noise is None and image.variance is not None:
        return image.variance
    if noise is None:
        gain, readnoise = _header_gain(image), image.header.number("RDNOISE")
        if gain is None or readnoise is None:
            raise ArgumentError(
                "image",
                "must have a variance, or GAIN (or EGAIN) and RDNOISE in its header",
                value=doubt_about_gain(image.header) or f"GAIN {gain}, RDNOISE {readnoise}",
                remedy="give noise=ccd_noise(gain=..., readnoise=...)",
            )
        noise = ccd_noise(gain, readnoise)
    return own_variance(image, noise)


def _header_gain(image: Image) -> float | None:
    """Return the e- per unit of the image that its header states; for electrons it is 1."""
    if image.unit is not None and unit_name(image.unit) == "electron":
        return 1.0
    keyword = gain_keyword(image.header)
    return None if keyword is None else image.header.number(keyword)


TILE = (128, 512)  # rows, columns; both at least the margin of the search
_BRIGHT = np.uint8(Flag.SATURATED | Flag.NONLINEAR)
_CORE = np.float32(0.1)  # of its height: a saturated pixel whose surroundings exceed this is in a star
_HUGE = 1e15
_SIGHT = 8  # pixels: the greatest margin of a search
_GLARE = 4  # pixels around the core of a saturated star, where rays are not searched for

Tile = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class LaplacianPlane:
    """A frame without gaps, relative to its level and in units of its typical noise; rays found are removed.

    array, variance : float32
    good : uint8
        1 where rays may be found.
    level, scale : float
        A value of the image is ``level + scale * array``; scale is a power of two, so that scaling is exact.
    """

    array: np.ndarray
    variance: np.ndarray
    good: np.ndarray
    level: float
    scale: float

    @classmethod
    def of(cls, image: Image, variance: np.ndarray) -> LaplacianPlane:
        """Build the plane of an image and its variances; their values at bad pixels are ignored."""
        bad = ~np.isfinite(variance)
        if image.dtype.kind == "f":
            bad |= ~np.isfinite(image.array)
        if image.mask is not None:
            bad |= (image.mask & ~_BRIGHT) != 0
        level, typical = (_median(values, ~bad) for values in (image.array, variance))
        # The square of the scale, and its inverse, must be representable in both types.
        most = 60 if np.float32 in (image.dtype, variance.dtype) else 511
        scale = 2.0 ** max(min(round(0.5 * math.log2(typical)), most), -most) if typical > 0 else 1.0
        with np.errstate(over="ignore"):
            array = _filled((np.where(bad, level, image.array) - level) / scale, bad, 0.0)
            spread = _filled(np.where(bad, typical, variance) / scale**2, bad, typical / scale**2)
        good = ~bad
        if image.mask is not None and (image.mask & _BRIGHT).any():
            good &= ~_bright_stars(array, (image.mask & _BRIGHT != 0) & ~bad)
        return cls(array, spread, good.view(np.uint8), level, scale)

    def values_at(self, rays: np.ndarray) -> np.ndarray:
        """Return the values of the image at the rays, after the rays are removed."""
        return self.level + self.scale * self.array[rays].astype(np.float64)

    def variances_at(self, rays: np.ndarray) -> np.ndarray:
        """Return the variances at the rays, after the rays are removed."""
        return self.scale**2 * self.variance[rays].astype(np.float64)


def find(plane: LaplacianPlane, search: Search) -> np.ndarray:
    """Find cosmic rays (bool array), and replace them in the plane by the median of their neighbours."""
    rays = np.zeros(plane.array.shape, bool)
    inside = _without_edge(plane.good, search.windows.large // 2)
    tiles = _tiles(rays.shape)
    for _ in range(search.iterations):
        known = np.count_nonzero(rays)
        for (y, x), found in zip(
            tiles, map_here(partial(_searched, plane, inside, search), tiles), strict=True
        ):
            rays[y : y + found.shape[0], x : x + found.shape[1]] |= found
        if np.count_nonzero(rays) == known:
            break
        tiles = _touched(_cleaned(plane, rays), search.windows.margin, rays.shape)
    return rays


def _without_edge(good: np.ndarray, width: int) -> np.ndarray:
    """Exclude the edge, where windows leave the frame and a deviant edge would be taken for a ray."""
    inside = good.copy()
    for edge in (inside[:width], inside[-width:], inside[:, :width], inside[:, -width:]):
        edge[:] = 0
    return inside


def _tiles(shape: tuple[int, ...]) -> list[Tile]:
    ny, nx = shape
    return list(itertools.product(range(0, ny, TILE[0]), range(0, nx, TILE[1])))


def _searched(plane: LaplacianPlane, inside: np.ndarray, search: Search, tile: Tile) -> np.ndarray:
    """Find the rays of one tile (bool array) where `inside` is 1."""
    ny, nx = (
        min(step, size - first) for step, size, first in zip(TILE, plane.array.shape, tile, strict=True)
    )
    out = np.empty((ny, nx), np.uint8)
    find_rays(plane.array, plane.variance, inside, tuple(search.windows), search.limits, *tile, out)
    return out.view(bool)


def _cleaned(plane: LaplacianPlane, rays: np.ndarray) -> np.ndarray:
    """Replace rays by the median of the good pixels around them; return the places (y, x) that changed."""
    places = np.argwhere(rays)
    hidden = rays | (plane.good == 0)
    changed = np.zeros(len(places), bool)
    for values, otherwise in ((plane.array, 0.0), (plane.variance, 1.0)):
        found = np.empty(len(places), values.dtype)
        medians_near(values, hidden, places, np.float32(otherwise), found)
        changed |= values[rays] != found
        values[rays] = found
    return places[changed]


def _touched(places: np.ndarray, margin: int, shape: tuple[int, ...]) -> list[Tile]:
    """Return the tiles whose result may depend on one of the places."""
    count_y, count_x = (-(-size // step) for size, step in zip(shape, TILE, strict=True))
    touched = np.zeros((count_y, count_x), bool)
    for dy, dx in itertools.product((-margin, 0, margin), repeat=2):
        y, x = np.clip(places + np.array([dy, dx]), 0, np.array(shape) - 1).T
        touched[y // TILE[0], x // TILE[1]] = True
    return [(int(y) * TILE[0], int(x) * TILE[1]) for y, x in np.argwhere(touched)]


def _median(values: np.ndarray, good: np.ndarray) -> float:
    return float(median_of(values, good)) if good.any() else 0.0


def _filled(values: np.ndarray, bad: np.ndarray, otherwise: float) -> np.ndarray:
    """Convert values to float32, small enough to be summed, and fill bad pixels from their neighbours."""
    values = np.clip(values, -_HUGE, _HUGE).astype(np.float32, copy=False)
    if bad.any():
        places = np.argwhere(_in_sight(bad))
        found = np.empty(len(places), np.float32)
        medians_near(values, bad, places, np.float32(otherwise), found)
        values[bad] = otherwise
        values[tuple(places.T)] = found
    return values


def _in_sight(bad: np.ndarray) -> np.ndarray:
    """Return the bad pixels near good ones; the interior of large bad areas need not be filled."""
    if np.count_nonzero(bad) < bad.size // 50:
        return bad
    from scipy.ndimage import minimum_filter

    return bad & ~minimum_filter(bad, 2 * _SIGHT + 1)


def _bright_stars(array: np.ndarray, saturated: np.ndarray) -> np.ndarray:
    """Find the saturated pixels of stars, with bleeding columns and surroundings (bool array)."""
    from scipy.ndimage import binary_propagation

    around = np.empty_like(array)
    median_rows(array, 5, 5, window_sorter(array.dtype, 25), False, around, 0, array.shape[0])
    cores = saturated & (around > _CORE * array)
    stars = binary_propagation(cores, structure=np.ones((3, 3)), mask=saturated)
    y, x = np.mgrid[-_GLARE : _GLARE + 1, -_GLARE : _GLARE + 1]
    near = y**2 + x**2 <= _GLARE**2
    out = np.zeros(array.shape, np.uint8)
    spread_flags(stars.view(np.uint8), y[near], x[near], out)
    return out.view(bool)
