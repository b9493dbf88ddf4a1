"""Positions of sources: found in an image, or refined by their centroids.

Positions are 0-based pixel coordinates of the array: (0, 0) is the centre of its first pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.kernels.image.bad_pixels import filled
from ccdfx.kernels.sources.apertures import touches_flag
from ccdfx.kernels.sources.maxima import ring_level, windowed
from ccdfx.photometry import detection
from ccdfx.photometry.plane import LARGEST, Plane, lent_plane
from ccdfx.photometry.source_table import SourceTable
from ccdfx.photometry.trails import Trail, on_trails, trails_among
from ccdfx.photometry.width import estimated_fwhm
from ccdfx.records.checks import real, whole
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image, ImageLike, as_image

SOURCE = np.dtype(
    [
        (name, np.float64)
        for name in ("x", "y", "peak", "flux", "fwhm", "roundness", "sharpness", "background", "snr")
    ]
)


class Position(NamedTuple):
    """A position in an array, in pixels; NaN where none was found."""

    x: float
    y: float


def centroid(array: ImageLike, x: float, y: float, radius: float) -> Position:
    """Measure the windowed centroid of the source near (x, y), as SExtractor does.

    It is the first moment of the pixels above the background (the median of the ring between 1 and 1.6 radii)
    under a Gaussian window with sigma = radius / 3, iterated until it converges.

    Parameters
    ----------
    array : Image or 2-D array
        Bad pixels are replaced by the mean of their neighbours.
    x, y : float
        Start position.
    radius : float
        Radius of the window, in pixels; 1.3 FWHM is a good choice.

    Returns
    -------
    Position
        (NaN, NaN) where nothing is brighter than the background or the centre moves away by more than
        `radius`.

    Raises
    ------
    ArgumentError
        The start lies outside the array, or the radius is below 1.

    See Also
    --------
    find_sources, measure_stars

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:21, :21]
    >>> found = centroid(np.exp(-((x - 10.3) ** 2 + (y - 9.6) ** 2) / 8), 10, 10, 6)
    >>> round(found.x, 3), round(found.y, 3)
    (10.3, 9.6)
    """
    image = as_image(array, "array")
    radius = real("radius", radius, least=1, remedy="give pixels; 1.3 FWHM is a good choice")
    x, y = _inside(x, "x", image.shape[1]), _inside(y, "y", image.shape[0])
    # Only the neighbourhood is copied, so that the time does not depend on the size of the frame.
    reach = math.ceil(3 * radius) + 2
    x0, y0 = max(round(x) - reach, 0), max(round(y) - reach, 0)
    window = slice(y0, round(y) + reach + 1), slice(x0, round(x) + reach + 1)
    good = _good(image, window)
    if not good.any():
        return Position(math.nan, math.nan)
    values = filled(image.array[window].astype(np.float64), good)
    sample = np.empty(4096)
    level, _, count = ring_level(values, ~good, x - x0, y - y0, radius, 1.6 * radius + 1, sample)
    if count == 0:
        return Position(math.nan, math.nan)
    found_x, found_y, total, *_, last = windowed(values, x - x0, y - y0, radius / 3, radius, level, 100)
    strayed = math.hypot(found_x + x0 - x, found_y + y0 - y)
    if not (total > 0 and strayed <= radius and last < 1e-2):
        return Position(math.nan, math.nan)
    return Position(found_x + x0, found_y + y0)


def find_sources(
    image: ImageLike, *, threshold: float = 5.0, fwhm: float | None = None, border: int | None = None
) -> SourceTable:
    """Find the stars of an image, brightest first.

    Single hot pixels are replaced, and the image is filtered with the difference of two Gaussians matched to
    `fwhm`. Peaks above the local noise are measured. Those that are sharper than stars (hot pixels, cosmic
    rays), elongated (bad columns) or made of bad pixels (saturated cores) are left out, and those that lie,
    eight or more, on one bright straight ridge (trails of satellites) and do not outshine it.

    Parameters
    ----------
    image : Image or 2-D array
        The background need not be subtracted. Flagged and non-finite pixels are bad.
    threshold : float
        In units of the measured noise of the filtered image.
    fwhm : float, optional
        FWHM of the stars, in pixels. By default it is measured, between about 1.5 and 30.
    border : int, optional
        Sources closer than this to an edge are left out; one FWHM by default.

    Returns
    -------
    SourceTable
        A structured `numpy.ndarray` that prints as a table; `to_table` makes one of astropy. Fields: `x`, `y` (windowed centroid), `peak` (central pixel above `background`), `flux` (of the Gaussian of
        `fwhm` that fits the pixels best), `fwhm` (from the second moments), `roundness` (minor over major
        axis of the windowed second moments, squared), `sharpness` (central pixel above its neighbours, over
        the amplitude of that Gaussian), `background`, `snr` (height over noise of the filtered image); in
        pixels and the unit of the image.

    Raises
    ------
    ArgumentError
        A parameter that is not positive.

    See Also
    --------
    measure_stars, aperture_photometry, match_stars

    Notes
    -----
    After Stetson 1987 (PASP 99, 191) with the windowed moments of Bertin's SExtractor. A star of FWHM below
    1.4 pixels cannot be distinguished from a cosmic ray. With `fwhm` given, a trail is noticed only if it is
    less than about twice as wide.

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:64, :64]
    >>> sky = np.random.default_rng(1).normal(100, 1, (64, 64))
    >>> sky[10, 50] += 500  # a hot pixel
    >>> stars = find_sources(sky + 50 * np.exp(-((x - 30.3) ** 2 + (y - 20.6) ** 2) / 6))
    >>> len(stars), round(float(stars["x"][0]), 1), round(float(stars["y"][0]), 1)
    (1, 30.3, 20.6)
    """
    image = as_image(image)
    threshold = real("threshold", threshold, above=0, remedy="give multiples of the noise")
    with lent_plane(image) as plane:
        return SourceTable.of(sources_of(image, plane, threshold, fwhm, border))


def sources_of(
    image: Image,
    plane: Plane,
    threshold: float = 5.0,
    fwhm: float | None = None,
    border: int | None = None,
) -> np.ndarray:
    """Find the stars of an image whose plane is prepared, as `find_sources` does."""
    width, trails = estimated_fwhm(plane, threshold) if fwhm is None else (_width(fwhm, image.shape), [])
    border = math.ceil(width) if border is None else whole("border", border, least=0, remedy="give pixels")
    found = sources_in(plane, fwhm=width, threshold=threshold, border=border, trails=trails)
    return found[~beside_saturated(image, found, 0.5 * width + 1)]


def sources_in(
    plane: Plane, *, fwhm: float, threshold: float, border: int, trails: Sequence[Trail] = ()
) -> np.ndarray:
    """Find the sources of a prepared plane off the trails, those given and others; as `find_sources` does."""
    shapes = detection.measured(plane, detection.detected(plane, fwhm, threshold, border), fwhm)
    shapes = shapes.taken(~on_trails(plane, trails, shapes, fwhm))
    more = trails_among(plane, shapes, fwhm)
    shapes = shapes.taken(~on_trails(plane, more, shapes, fwhm))
    shapes = detection.without_twins(shapes.taken(detection.point_like(shapes, fwhm)), 0.7 * fwhm)
    table = np.empty(shapes.x.size, SOURCE)
    for name in SOURCE.names or ():
        table[name] = getattr(shapes, "level" if name == "background" else name)
    ny, nx = plane.array.shape
    inside = (table["x"] >= border) & (table["x"] <= nx - 1 - border)
    inside &= (table["y"] >= border) & (table["y"] <= ny - 1 - border)
    table = table[inside]
    return table[np.argsort(-table["flux"], kind="stable")]


def usable_at(image: Image, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return which pixels, given by their indices, are good and have values that fit into float32."""
    with np.errstate(invalid="ignore"):
        usable = np.abs(image.array[y, x].astype(np.float64)) < LARGEST
    return usable if image.mask is None else usable & (image.mask[y, x] == 0)


def _good(image: Image, window: tuple[slice, slice]) -> np.ndarray:
    good = np.isfinite(image.array[window])
    return good if image.mask is None else good & (image.mask[window] == 0)


def beside_saturated(image: Image, table: np.ndarray, radius: float) -> np.ndarray:
    """Return which sources have a saturated pixel within `radius`."""
    beside = np.zeros(len(table), bool)
    if image.mask is not None:
        places = np.column_stack([table["x"], table["y"]])
        touches_flag(image.mask, np.uint8(Flag.SATURATED), places, radius, beside)
    return beside


def _width(fwhm: Any, shape: tuple[int, int]) -> float:
    width = real("fwhm", fwhm, above=0, remedy="give pixels, or None to have it measured")
    if width >= max(shape):
        raise ArgumentError(
            "fwhm", f"must be smaller than the image, {max(shape)} pixels", value=fwhm, remedy="give pixels"
        )
    return width


def _inside(value: Any, name: str, size: int) -> float:
    remedy = "give pixels of the array; the centre of the first is 0"
    number = real(name, value, remedy=remedy)
    if not -0.5 <= number <= size - 0.5:
        raise ArgumentError(
            name, f"must lie inside the array, -0.5 to {size - 0.5}", value=value, remedy=remedy
        )
    return min(max(number, 0.0), size - 1.0)
