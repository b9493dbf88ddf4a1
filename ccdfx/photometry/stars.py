"""The stars of a frame, measured once: their fluxes, and what they tell of the frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ccdfx.estimators.neighbours import pairs_within
from ccdfx.photometry.aperture import Planes, circles_and_rings, planes_of
from ccdfx.photometry.clipped_mean import clipped_mean
from ccdfx.photometry.detection import SIGMA
from ccdfx.photometry.profile import APERTURES, RING, true_fwhm
from ccdfx.photometry.sources import beside_saturated, find_sources
from ccdfx.records.image import ImageLike, as_image

_MOST = 1000  # brightest sources whose fluxes are measured
_SHAPED = 100  # most significant sources whose shapes are those of the frame
_SIGNIFICANT = 20.0  # height over noise of a source whose shape counts
_LEAST = 3  # stars for a shape
_NEIGHBOUR = 0.005  # of the flux of a star; a brighter source that is near adds to what is measured
CROWD = 0.05
"""What is expected of the error of the sky of a ring, in units of 2 / 3 of the noise of a pixel."""
NEAR = 3.5
"""Widths within which sources are neighbours: two of the aperture, and what a profile reaches."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameStars:
    """The stars of a frame, brightest first; made by `measure_stars`.

    Attributes
    ----------
    sources : structured array (n,)
        The table of `find_sources`.
    flux, error : float arrays (n,)
        Flux within two widths, above the median of the ring from four to six widths, with its error; in the
        unit of the image. NaN beyond the thousand brightest. Without a variance of the image, the error is
        that of the sky alone.
    usable : bool array (n,)
        Whether no pixel within two widths is flagged, no saturated one is near, and the star is isolated: no
        source within 3.5 widths has more than 0.5 % of its flux.
    width : float
        The width in pixels: the median `fwhm` of the sources, measured under a Gaussian window.
    fwhm, fwhm_error : float
        The FWHM in pixels: of the profile as it is sampled, with its wings allowed for (`width` is 7 to 16 %
        larger for Moffat functions). NaN without three significant stars, as are the following.
    ellipticity : float
        Median of 1 - minor axis / major axis.
    core, core_error, growth, growth_error : float
        Flux within one width, and within three, over that within two.
    """

    sources: np.ndarray
    flux: np.ndarray
    error: np.ndarray
    usable: np.ndarray
    width: float
    fwhm: float
    fwhm_error: float
    ellipticity: float
    core: float
    core_error: float
    growth: float
    growth_error: float

    @property
    def places(self) -> np.ndarray:
        """Positions (n, 2) as x, y."""
        return np.column_stack([self.sources["x"], self.sources["y"]])


def measure_stars(image: ImageLike, *, threshold: float = 5.0) -> FrameStars:
    """Find the stars of an image and measure their fluxes, and from them the FWHM and shape of its stars.

    Parameters
    ----------
    image : Image or 2-D array
        The background need not be subtracted. Flagged and non-finite pixels are bad; errors of fluxes come
        from the variance.
    threshold : float
        As in `find_sources`.

    Returns
    -------
    FrameStars

    Raises
    ------
    ArgumentError
        A threshold that is not positive.

    See Also
    --------
    find_sources, flux_ratio

    Examples
    --------
    >>> import numpy as np
    >>> y, x = np.mgrid[:200, :200]
    >>> sky = np.random.default_rng(1).normal(100, 1, (200, 200))
    >>> for a, b in [(40, 50), (150, 60), (100, 100), (50, 150), (160, 140)]:
    ...     sky += 300 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 1.7**2))
    >>> found = measure_stars(sky)
    >>> len(found.sources), round(found.fwhm, 1), found.ellipticity < 0.02
    (5, 4.0, True)
    """
    image = as_image(image)
    sources = np.asarray(find_sources(image, threshold=threshold))
    count = len(sources)
    best = sources[np.argsort(-sources["snr"], kind="stable")[:_SHAPED]]
    significant = best[best["snr"] > _SIGNIFICANT]
    best = significant if len(significant) >= _LEAST else best
    if not count:
        nothing = np.full(0, np.nan)
        return FrameStars(sources, nothing, nothing, np.zeros(0, bool), *(math.nan,) * 8)
    width = float(np.median(best["fwhm"]))
    brightest = sources[:_MOST]
    places = np.column_stack([brightest["x"], brightest["y"]])
    planes = planes_of(image)
    flux, error, flagged = _fluxes(planes, places, width)
    clean = np.zeros(count, bool)
    clean[: len(flux)] = ~flagged & (flux[:, 1] > 0)
    clean &= ~beside_saturated(image, sources, NEAR * width)
    usable = clean & isolated(sources, width)
    own, own_error = np.full((2, count), np.nan)
    own[: len(flux)], own_error[: len(flux)] = flux[:, 1], error[:, 1]
    # The aperture of three widths reaches further; shapes with neighbours, or of faint stars, are better than none.
    alone = usable & isolated(sources, width, NEAR + 1)
    for choice, limit in ((alone, 1), (usable, 1), (clean, 1), (usable, 2), (clean, 2), (clean, 4)):
        chosen = np.flatnonzero(choice & (own > _SIGNIFICANT / limit * own_error))
        if len(chosen) >= _LEAST:
            break
    shape = _shape(sources["fwhm"][chosen], flux[chosen], error[chosen])
    return FrameStars(
        sources, own, own_error, usable, width, *shape[:2], _ellipticity(best, width), *shape[2:]
    )


def _fluxes(planes: Planes, places: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure fluxes and errors (n, 3) in three apertures above one ring, and which are flagged in the second."""
    fluxes, errors, flagged = [], [], np.zeros(len(places), bool)
    circles, rings = circles_and_rings(
        planes, places, [reach * width for reach in APERTURES], (RING[0] * width, RING[1] * width)
    )
    level, scatter, number = rings.T
    for reach, sums in zip(APERTURES, circles.swapaxes(0, 1), strict=True):
        area = sums[:, 2]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            own = sums[:, 1] if planes.known else sums[:, 1] * scatter**2
            ring = np.where(number > 0, area**2 * (np.pi / 2) * scatter**2 / number, np.nan)
            fluxes.append(sums[:, 0] - area * level)
            errors.append(np.sqrt(own + ring))
        if reach <= 2:
            cut = area < math.pi * (reach * width) ** 2 * (1 - 1e-9)
            flagged |= (sums[:, 4] > 0) | cut
    flux, error = np.column_stack(fluxes), np.column_stack(errors)
    return flux, error, flagged | ~np.isfinite(flux[:, 1] + error[:, 1]) | ~(error[:, 1] > 0)


def isolated(sources: np.ndarray, width: float, reach: float = NEAR) -> np.ndarray:
    """Return which sources have no other within `reach` widths that has more than 0.5 % of their flux."""
    alone, flux = np.ones(len(sources), bool), sources["flux"]
    if not width > 0:  # of a frame without stars
        return alone
    places = np.column_stack([sources["x"], sources["y"]])
    one, other, _ = pairs_within(places, places, reach * width)
    alone[one[(one != other) & (flux[other] > _NEIGHBOUR * flux[one])]] = False
    return alone


def _ellipticity(sources: np.ndarray, width: float) -> float:
    """Compute the median of 1 - b / a from the ratio of windowed moments."""
    if len(sources) < _LEAST:
        return math.nan
    window = (max(width, 2.0) * SIGMA) ** 2
    shown = 1 / (1 / (sources["fwhm"] * SIGMA) ** 2 + 1 / window)
    axes = [2 * shown * part / (1 + sources["roundness"]) for part in (sources["roundness"], 1.0)]
    # The variance v of an image shows as 1 / (1 / v + 1 / window).
    minor, major = (1 / np.maximum(1 / np.maximum(axis, 1e-3) - 1 / window, 1e-3) for axis in axes)
    return float(np.median(1 - np.sqrt(minor / major)))


def _shape(
    widths: np.ndarray, flux: np.ndarray, error: np.ndarray
) -> tuple[float, float, float, float, float, float]:
    """Compute FWHM, f1 / f2 and f3 / f2 (see `profile`), each with its error."""
    if len(widths) < _LEAST:
        return (math.nan,) * 6
    (f1, f2, f3), (e1, e2, e3) = flux.T, error.T
    # What lies between two circles has the difference of their variances.
    core = clipped_mean(f1 / f2, np.sqrt(np.maximum(e2**2 - e1**2, 0) / f2**2 + 0.003**2))
    # In a crowd the sky of the rings is too bright, which takes the same flux from all stars.
    wings = clipped_mean(
        f3 / f2,
        np.sqrt(np.maximum(e3**2 - e2**2, 0) / f2**2 + 0.002**2),
        slopes=1 / f2,
        spread=CROWD * float(np.min(e3)) * APERTURES[2] * float(np.median(widths)),
    )
    width = float(np.median(widths))
    scatter = 1.4826 * float(np.median(np.abs(widths - width)))
    error_of_median = math.sqrt(math.pi / 2) * scatter / math.sqrt(len(widths))
    fwhm = true_fwhm(width, core.mean)
    return fwhm, error_of_median, core.mean, core.error, wings.mean, wings.error
