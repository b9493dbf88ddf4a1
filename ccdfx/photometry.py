"""Detection of sources, centroids and aperture photometry.

Positions are 0-based pixel coordinates of the array: (0, 0) is the centre of its first pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.kernels import detection
from ccdfx.kernels.apertures import aperture_sums
from ccdfx.kernels.shift import filled
from ccdfx.kernels.sources import ring_level, windowed
from ccdfx.records.flags import Flag, own_flags
from ccdfx.records.image import Image, as_image
from ccdfx.records.numbers import pair, real, whole
from ccdfx.records.pixels import variance_as, working_dtype
from ccdfx.records.positions import as_pairs

SOURCE = np.dtype(
    [
        (name, np.float64)
        for name in ("x", "y", "peak", "flux", "fwhm", "roundness", "sharpness", "background", "snr")
    ]
)
PHOTOMETRY = np.dtype(
    [(name, np.float64) for name in ("x", "y", "flux", "variance", "background", "area", "masked_area")]
    + [("flags", np.uint8)]
)


class Position(NamedTuple):
    """A position in an array, in pixels; NaN where none was found."""

    x: float
    y: float


def centroid(array: Any, x: float, y: float, radius: float) -> Position:
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
    image: Any, *, threshold: float = 5.0, fwhm: float | None = None, border: int | None = None
) -> np.ndarray:
    """Find the stars of an image, brightest first.

    Single hot pixels are replaced, and the image is filtered with the difference of two Gaussians matched to
    `fwhm`. Peaks above the local noise are measured. Those that are sharper than stars (hot pixels, cosmic
    rays), elongated (trails, bad columns) or made of bad pixels (saturated cores) are left out.

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
    numpy.ndarray, structured
        `x`, `y` (windowed centroid), `peak` (central pixel above `background`), `flux` (of the Gaussian of
        `fwhm` that fits the pixels best), `fwhm` (from the second moments), `roundness` (minor over major
        axis of the windowed second moments, squared), `sharpness` (central pixel above its neighbours, over
        the amplitude of that Gaussian), `background`, `snr` (height over noise of the filtered image); in
        pixels and the unit of the image.

    Raises
    ------
    ArgumentError
        A parameter that is not positive.

    Notes ----- After Stetson 1987 (PASP 99, 191) with the windowed moments of Bertin's SExtractor. A star of
    FWHM below 1.4 pixels cannot be distinguished from a cosmic ray.

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
    plane = detection.prepared(image.array, usable(image))
    width = detection.estimated_fwhm(plane, threshold) if fwhm is None else _width(fwhm, image.shape)
    border = math.ceil(width) if border is None else whole("border", border, least=0, remedy="give pixels")
    found = sources_in(plane, fwhm=width, threshold=threshold, border=border)
    saturated = np.zeros(image.shape, bool) if image.mask is None else (image.mask & Flag.SATURATED) != 0
    return found[~_near(saturated, found, 0.5 * width + 1)] if saturated.any() else found


def sources_in(plane: detection.Plane, *, fwhm: float, threshold: float, border: int) -> np.ndarray:
    """Find the sources of a prepared plane; the table is that of `find_sources`."""
    shapes = detection.measured(plane, detection.detected(plane, fwhm, threshold, border), fwhm)
    shapes = detection.without_twins(shapes.taken(detection.point_like(shapes, fwhm)), 0.7 * fwhm)
    table = np.empty(shapes.x.size, SOURCE)
    for name in SOURCE.names or ():
        table[name] = getattr(shapes, "level" if name == "background" else name)
    ny, nx = plane.array.shape
    inside = (table["x"] >= border) & (table["x"] <= nx - 1 - border)
    inside &= (table["y"] >= border) & (table["y"] <= ny - 1 - border)
    table = table[inside]
    return table[np.argsort(-table["flux"], kind="stable")]


def aperture_photometry(
    image: Any, positions: Any, *, radius: float, annulus: Sequence[float] | None = None
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
        background: area^2 pi/2 scatter^2 / n for a median of n.

    Raises
    ------
    ArgumentError
        Radii that are not positive or not in order; positions that are not pairs of finite numbers.

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
    good = image.good
    flags = own_flags(image.mask, good)
    dtype = np.result_type(working_dtype(image.array), np.float32)
    values = filled(image.array.astype(dtype), good)
    if image.variance is None:
        variance = np.ones(image.shape, dtype)
    else:
        variance = filled(variance_as(image.variance, dtype, copy=True), good & np.isfinite(image.variance))
    sums = np.zeros((len(places), 8))
    aperture_sums(values, variance, flags, places, radius, inner, outer, sums)
    return _table(places, sums, radius, outer > 0, image.variance is not None)


def _table(places: np.ndarray, sums: np.ndarray, radius: float, ring: bool, known: bool) -> np.ndarray:
    total, noise, area, masked, flags, level, scatter, count = sums.T
    table = np.zeros(len(places), PHOTOMETRY)
    table["x"], table["y"] = places.T
    table["background"] = np.where(count > 0, level, np.nan) if ring else 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # sums and squares may overflow or be NaN
        table["flux"] = total - area * table["background"]
        own = noise if known else noise * scatter**2 if ring else np.full(noise.shape, np.nan)
        table["variance"] = own + area**2 * (np.pi / 2) * scatter**2 / np.maximum(count, 1)
    table["area"], table["masked_area"], table["flags"] = area, masked, flags
    table["flags"][area < math.pi * radius * radius * (1 - 1e-9)] |= np.uint8(Flag.NO_DATA)
    nothing = (area - masked <= 1e-9) | (ring & (count == 0))
    table["flux"][nothing] = table["variance"][nothing] = np.nan
    return table


def usable(image: Image) -> np.ndarray:
    """Return the mask of good pixels whose values fit into float32."""
    return image.good & (np.abs(image.array) < 1e30) if image.dtype.kind == "f" else image.good


def _good(image: Image, window: tuple[slice, slice]) -> np.ndarray:
    good = np.isfinite(image.array[window])
    return good if image.mask is None else good & (image.mask[window] == 0)


def _near(mask: np.ndarray, table: np.ndarray, radius: float) -> np.ndarray:
    """Flag the sources that have a pixel of the mask within `radius`."""
    sums = np.zeros((len(table), 8))
    places = np.column_stack([table["x"], table["y"]])
    flat = mask.astype(np.float32)
    aperture_sums(flat, flat, mask.astype(np.uint8), places, radius, 0.0, 0.0, sums)
    return sums[:, 3] > 0


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
