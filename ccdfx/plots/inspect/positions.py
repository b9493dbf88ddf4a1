"""Measurements at one place of an image: its value, cuts through it, and the star there."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.records.checks import real
from ccdfx.records.flags import Flag
from ccdfx.records.image import ImageLike, as_image

if TYPE_CHECKING:
    from ccdfx.records.image import Image


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Values along a row or a column: `position` in pixels of the parent frame; NaN where a pixel is bad."""

    position: np.ndarray
    value: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Good pixels by their distance from a centre, and the Moffat function fitted to them.

    Attributes
    ----------
    x, y : float
        The centre, in pixels of the parent frame: the centroid, or the place itself where there is none.
    radius, value : numpy.ndarray
        Distances and values of the pixels, in pixels and in the unit of the image.
    background, peak, alpha, beta : float
        ``background + peak (1 + (radius / alpha)^2)^-beta``; NaN if the fit failed.
    fwhm : float
        ``2 alpha sqrt(2^(1 / beta) - 1)``, in pixels.
    """

    x: float
    y: float
    radius: np.ndarray
    value: np.ndarray
    background: float
    peak: float
    alpha: float
    beta: float

    @property
    def fwhm(self) -> float:
        """Full width at half maximum in pixels; NaN if the fit failed."""
        return 2.0 * self.alpha * math.sqrt(2.0 ** (1.0 / self.beta) - 1.0)

    def fitted(self, radius: np.ndarray) -> np.ndarray:
        """Compute the fitted function at these radii."""
        return _moffat(radius, self.background, self.peak, self.alpha, self.beta)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The result of `look_at`. Positions are in pixels of the parent frame, 0-based.

    Attributes
    ----------
    x, y : float
        The place.
    value, sigma : float
        Value of the pixel and the square root of its variance, NaN if the image has no variance.
    flags : tuple of str
        The flags of the pixel.
    sky : (float, float) or None
        Right ascension and declination (or galactic, ecliptic coordinates) in degrees, by the WCS.
    row, column : Cut
    centroid : (float, float) or None
    profile : Profile
    image : int
        Number of the inspected image.
    """

    x: float
    y: float
    value: float
    sigma: float
    flags: tuple[str, ...]
    sky: tuple[float, float] | None
    row: Cut
    column: Cut
    centroid: tuple[float, float] | None
    profile: Profile
    image: int = 0

    @property
    def has_width(self) -> bool:
        """Whether a star is there, with a centroid, to which a profile was fitted; other widths mean nothing."""
        return self.centroid is not None and not math.isnan(self.profile.fwhm)


def look_at(image: ImageLike, *, x: float, y: float, radius: float = 10.0, number: int = 0) -> Place:
    """Measure one place of an image, as a click in `inspect` does.

    Parameters
    ----------
    image : Image or 2-D array
        Bad pixels are excluded from the profile.
    x, y : float
        In pixels of the parent frame, 0-based: those of the axes of a picture.
    radius : float
        Radius in pixels within which the centroid is measured and the profile fitted. Cuts extend four times
        as far.
    number : int
        The `image` of the returned Place.

    Raises
    ------
    ArgumentError
        When the place lies outside the image.

    Examples
    --------
    >>> y, x = np.mgrid[:41, :41]
    >>> star = 100 + 50 * np.exp(-((x - 20.3) ** 2 + (y - 19.6) ** 2) / (2 * 2.0**2))
    >>> place = look_at(star, x=21, y=19)
    >>> [round(float(number), 1) for number in (*place.centroid, place.profile.fwhm)]
    [20.3, 19.6, 4.7]
    """
    picture = as_image(image)
    radius = real("radius", radius, least=1, remedy="give pixels; 2 or 3 FWHM is a good choice")
    x, y = real("x", x, remedy="give pixels"), real("y", y, remedy="give pixels")
    ix, iy = math.floor(x + 0.5), math.floor(y + 0.5)
    window = picture.range
    if not (window.x_lower <= ix < window.x_upper and window.y_lower <= iy < window.y_upper):
        raise ArgumentError(
            "x, y",
            f"must lie inside the window {tuple(window)} (x_lower, x_upper, y_lower, y_upper)",
            value=(x, y),
            remedy="give pixels of the parent frame",
        )
    column, row = ix - window.x_lower, iy - window.y_lower
    flags = 0 if picture.mask is None else int(picture.mask[row, column])
    centre = _centroid(picture, x - window.x_lower, y - window.y_lower, radius)
    found = None if centre is None else (centre[0] + window.x_lower, centre[1] + window.y_lower)
    return Place(
        x,
        y,
        float(picture.array[row, column]),
        math.nan if picture.variance is None else math.sqrt(picture.variance[row, column]),
        tuple(flag.name or "" for flag in Flag if flags & flag),
        _sky(picture, x - window.x_lower, y - window.y_lower),
        _cut(picture.array[row], picture.good[row], column, window.x_lower, radius),
        _cut(picture.array[:, column], picture.good[:, column], row, window.y_lower, radius),
        found,
        _profile(picture, found or (x, y), radius),
        number,
    )


def _centroid(picture: Image, x: float, y: float, radius: float) -> tuple[float, float] | None:
    from ccdfx.photometry.sources import centroid

    found = centroid(picture, x, y, radius)
    return None if math.isnan(found.x) else (found.x, found.y)


def _sky(picture: Image, x: float, y: float) -> tuple[float, float] | None:
    wcs = picture.wcs
    if wcs is None:
        return None
    longitude, latitude = wcs.all_pix2world(x, y, 0, ra_dec_order=True)
    return (float(longitude), float(latitude)) if np.isfinite([longitude, latitude]).all() else None


def _cut(values: np.ndarray, good: np.ndarray, centre: int, origin: int, radius: float) -> Cut:
    reach = math.ceil(4 * radius)
    part = slice(max(centre - reach, 0), centre + reach + 1)
    position = np.arange(values.size)[part] + origin
    return Cut(position, np.where(good[part], values[part], np.nan).astype(np.float64))


def _profile(picture: Image, centre: tuple[float, float], radius: float) -> Profile:
    x, y = centre[0] - picture.range.x_lower, centre[1] - picture.range.y_lower
    x0, y0 = max(math.floor(x - radius), 0), max(math.floor(y - radius), 0)
    part = slice(y0, math.ceil(y + radius) + 1), slice(x0, math.ceil(x + radius) + 1)
    rows, columns = np.indices(picture.array[part].shape)
    distance = np.hypot(columns + x0 - x, rows + y0 - y)
    used = (distance <= radius) & picture.good[part] & np.isfinite(picture.array[part])
    distances, values = distance[used], picture.array[part][used].astype(np.float64)
    order = np.argsort(distances, kind="stable")
    distances, values = distances[order], values[order]
    return Profile(*centre, distances, values, *_fit(distances, values, radius))


def _fit(distances: np.ndarray, values: np.ndarray, radius: float) -> tuple[float, float, float, float]:
    """Fit a Moffat function; return background, peak, alpha and beta, or NaN if the fit fails."""
    from scipy.optimize import OptimizeWarning, curve_fit

    nothing = (math.nan, math.nan, math.nan, math.nan)
    if distances.size < 8 or not (np.abs(values) < 1e30).all():
        return nothing
    level = float(np.median(values[distances > 0.7 * radius])) if (distances > 0.7 * radius).any() else 0.0
    height = float(values[: max(3, distances.size // 50)].mean()) - level
    if not height > 0:
        return nothing
    unit = height  # the fit works on numbers near 1
    bounds = ((-np.inf, 0.0, 0.2, 1.0), (np.inf, np.inf, 20.0 * radius, 100.0))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", OptimizeWarning)
            found, _ = curve_fit(
                _moffat, distances, (values - level) / unit, (0.0, 1.0, 0.4 * radius, 3.0), bounds=bounds
            )
    except (RuntimeError, ValueError):
        return nothing
    background, peak, alpha, beta = (float(number) for number in found)
    if 2.0 * alpha * math.sqrt(2.0 ** (1.0 / beta) - 1.0) > 2.0 * radius:
        return nothing
    return level + unit * background, unit * peak, alpha, beta


def _moffat(radius: np.ndarray, background: float, peak: float, alpha: float, beta: float) -> np.ndarray:
    return background + peak * (1.0 + (radius / alpha) ** 2) ** -beta
