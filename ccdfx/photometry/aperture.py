"""Fluxes of sources in circular apertures, above the median of a ring around each.

Positions are 0-based pixel coordinates of the array: (0, 0) is the centre of its first pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ccdfx.engines import map_here
from ccdfx.errors import ArgumentError
from ccdfx.estimators.correlated_noise import correlation_factor, in_aperture
from ccdfx.kernels.image.bad_pixels import typical
from ccdfx.kernels.sources.apertures import aperture_sums, growth_sums
from ccdfx.photometry.plane import parts
from ccdfx.records.checks import pair, real
from ccdfx.records.flags import Flag
from ccdfx.records.history import has_partial_variance
from ccdfx.records.image import Image, ImageLike, as_image
from ccdfx.records.planes import read_only, variance_as, working_dtype
from ccdfx.records.positions import as_pairs

_SOME = 128  # places that a thread looks at at a time
PHOTOMETRY = np.dtype(
    [(name, np.float64) for name in ("x", "y", "flux", "variance", "background", "area", "masked_area")]
    + [("flags", np.uint8)]
)


def aperture_photometry(
    image: ImageLike, positions: Any, *, radius: float, annulus: Sequence[float] | None = None
) -> np.ndarray:
    """Measure fluxes in circular apertures, each pixel weighted with exactly its area inside the circle.

    Parameters
    ----------
    image : Image or 2-D array
    positions : array_like (n, 2) of x, y, or a table with fields `x` and `y`
    radius : float
        Radius of the aperture, in pixels.
    annulus : (inner, outer), optional
        Radii of a ring around each position; its median, clipped at 3 sigma, is subtracted as background.

    Returns
    -------
    numpy.ndarray, structured, in the order of the positions
        `x`, `y`, `flux`, `variance`, `background` (per pixel), `area` (pixels of the aperture inside the
        frame), `masked_area` (of which bad), `flags` (OR over the aperture, NO_DATA where it leaves the
        frame). A bad pixel is replaced by the mean of its nearest good neighbours, and its flag is set: drop
        flagged sources where that is not sufficient. Without a good pixel in the aperture, or in the ring,
        flux and variance are NaN. `variance` is the sum of squared weights times the variance of the image
        (where it has none, that of the scatter in the ring: the noise of the sky alone), plus that of the
        background: area^2 pi/2 scatter^2 / n for a median of n. Of a resampled image, whose pixels share
        noise, both are multiplied by its CORRFACT (see `shift`); the first by 1 + (CORRFACT - 1) (1 - 1 / (pi
        radius)), because neighbours beyond the edge are not in the sum.

    Raises
    ------
    ArgumentError
        Radii that are not positive or not in order; positions that are not pairs of finite numbers.

    See Also
    --------
    find_sources, measure_stars, centroid

    Examples
    --------
    >>> import numpy as np
    >>> star = np.full((15, 15), 10.0)
    >>> star[7, 7] += 100
    >>> float(aperture_photometry(star, [(7, 7)], radius=3, annulus=(4, 6))["flux"].round(6)[0])
    100.0
    """
    image = as_image(image)
    radius = real("radius", radius, above=0, remedy="give pixels")
    inner, outer = _annulus(annulus, radius)
    places = as_pairs("positions", positions)
    planes = planes_of(image)
    sums = circle_sums(planes, places, radius, (inner, outer))
    factor = correlation_factor(image.header)
    return _table(places, sums, radius, factor, outer > 0, planes.known)


class Planes(NamedTuple):
    """Values, their variance and flags, both without rows where the image has none, and what far bad pixels get."""

    values: np.ndarray
    variance: np.ndarray
    flags: np.ndarray
    usual: np.ndarray

    @property
    def known(self) -> bool:
        """Whether the variance is known; it is 1 otherwise."""
        return self.variance.shape[0] > 0


def planes_of(image: Image) -> Planes:
    """Prepare an image for sums over apertures."""
    dtype = np.result_type(working_dtype(image.array), np.float32)
    values = np.ascontiguousarray(image.array, dtype)
    flags = np.empty((0, 0), np.uint8) if image.mask is None else image.mask
    variance = None if has_partial_variance(image.header) else image.variance
    if variance is None:
        usual = _usual(image, values), 0.0
        return Planes(
            read_only(values), read_only(np.empty((0, 0), dtype)), read_only(flags), np.array(usual, dtype)
        )
    variance = np.ascontiguousarray(variance_as(variance, dtype))
    usual = _usual(image, values), _usual(image, variance)
    return Planes(read_only(values), read_only(variance), read_only(flags), np.array(usual, dtype))


def _usual(image: Image, plane: np.ndarray) -> float:
    """Compute the typical value of a plane at the good pixels of the image."""
    stride = max(1, int((plane.size / 20000) ** 0.5))
    some = np.s_[::stride, ::stride]
    good = np.isfinite(image.array[some]) & np.isfinite(plane[some])
    if image.mask is not None:
        good &= image.mask[some] == 0
    return typical(plane[some], good) if good.any() else typical(plane, image.good & np.isfinite(plane))


def circle_sums(
    planes: Planes, places: np.ndarray, radius: float, ring: tuple[float, float] = (0.0, 0.0)
) -> np.ndarray:
    """Sum circles at places (n, 2), and measure rings around them: the columns of `aperture_sums`."""
    sums = np.zeros((len(places), 8))
    aperture_sums(planes.values, planes.variance, planes.flags, places, radius, *ring, planes.usual, sums)
    return sums


def circles_and_rings(
    planes: Planes, places: np.ndarray, radii: Sequence[float], ring: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Sum circles of several radii, in ascending order, at places (n, 2), and measure one ring around each.

    Returns the sums (n, radii, 5) and the rings (n, 3): the columns of `aperture_sums`.
    """
    sums, rings = np.empty((len(places), len(radii), 5)), np.empty((len(places), 3))

    def of_some(some: tuple[int, int]) -> None:
        part = slice(*some)
        chosen = planes.values, planes.variance, planes.flags, places[part]
        growth_sums(*chosen, np.array(radii, float), *ring, planes.usual, sums[part], rings[part])

    list(map_here(of_some, parts(len(places), _SOME)))
    return sums, rings


def _table(
    places: np.ndarray, sums: np.ndarray, radius: float, factor: float, ring: bool, known: bool
) -> np.ndarray:
    total, noise, area, masked, flags, level, scatter, count = sums.T
    table = np.zeros(len(places), PHOTOMETRY)
    table["x"], table["y"] = places.T
    table["background"] = np.where(count > 0, level, np.nan) if ring else 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # sums and squares may overflow or be NaN
        table["flux"] = total - area * table["background"]
        own = noise if known else noise * scatter**2 if ring else np.full(noise.shape, np.nan)
        level_error = (np.pi / 2) * scatter**2 / np.maximum(count, 1)
        table["variance"] = in_aperture(factor, radius) * own + area**2 * factor * level_error
    table["area"], table["masked_area"], table["flags"] = area, masked, flags
    table["flags"][area < math.pi * radius * radius * (1 - 1e-9)] |= np.uint8(Flag.NO_DATA)
    nothing = (area - masked <= 1e-9) | (ring & (count == 0))
    table["flux"][nothing] = table["variance"][nothing] = np.nan
    return table


def _annulus(annulus: Any, radius: float) -> tuple[float, float]:
    if annulus is None:
        return 0.0, 0.0
    inner, outer = pair("annulus", annulus, remedy="give radii (inner, outer); None takes no background")
    if not (radius <= inner < outer < math.inf):
        raise ArgumentError(
            "annulus",
            f"must be radius {radius:g} <= inner < outer",
            value=(inner, outer),
            remedy="give a ring outside the aperture",
        )
    return inner, outer
