"""How much brighter the stars of a frame are than those of another: transparency times exposure time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.estimators.neighbours import mutual_neighbours
from ccdfx.photometry.clipped_mean import clipped_mean
from ccdfx.photometry.profile import total_by_core, total_by_growth
from ccdfx.photometry.stars import CROWD, FrameStars, isolated
from ccdfx.records.positions import as_pairs

_LEAST = 3  # stars
_SIGNIFICANT = 8.0  # flux over error
_FLOOR = 0.005  # relative error of a flux by the flat and by the sampling of its star
# Errors of a total by the core: for one seeing, by ln(seeing), at most.
_ALIKE, _DIFFERENT, _MOST = 0.001, 0.03, 0.01
_BY_WIDTH = 0.1  # relative change of a flux by that of the radius of its aperture


@dataclass(frozen=True, slots=True)
class FluxRatio:
    """Fluxes of the stars of a frame over those of the same stars in another, from so many stars."""

    value: float
    error: float
    stars: int


def flux_ratio(stars: FrameStars, *, reference: FrameStars, places: Any = None) -> FluxRatio | None:
    """Measure by how much the stars of a frame are brighter than those of the reference.

    The ratio is the mean of those of the stars in common, weighted by their errors and clipped at 3.5 sigma:
    stars that are usable in both frames (not flagged or saturated, isolated) and of 8 sigma or more. Their
    fluxes are those within two widths of each frame, so a profile that only widens with the seeing has the
    same part of its light there in both; where the wings of the two profiles differ, as the growth of the
    fluxes to three widths tells, they are corrected for the light outside.

    Parameters
    ----------
    stars, reference : FrameStars
        Of `measure_stars`.
    places : array_like (n, 2) of x, y, optional
        Positions of all sources of `stars` in pixels of the reference, by the transform that registers the
        frame: ``transform.apply(stars.places)``. By default the frames lie on one another.

    Returns
    -------
    FluxRatio or None
        None if fewer than three stars are in common. The error is that from the scatter with the factor for
        few stars, at least that of the photons, and that of the light outside. For frames of one exposure
        time the value is the transparency of the frame in units of that of the reference.

    Raises
    ------
    ArgumentError
        A number of places that is not that of the sources.

    See Also
    --------
    measure_stars, check_fluxes

    Notes
    -----
    For profiles between Gaussian and Moffat functions of exponent 2.5, as they are or blurred by a Gaussian to
    1.8 times their FWHM, the growth of the fluxes gives the light outside to 0.2 % without noise. The core of
    the profile gives it with less noise, and to 1 %; both are averaged by their errors. Stars in a crowd, where
    the sky of the rings is too bright, lose the same flux; it is fitted, with a spread of 7 % of the noise of a
    pixel.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdfx import measure_stars
    >>> y, x = np.mgrid[:200, :200]
    >>> star = lambda a, b: 300 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 1.7**2))
    >>> light = sum(star(a, b) for a, b in [(40, 50), (150, 60), (100, 100), (50, 150), (160, 140)])
    >>> rng = np.random.default_rng(1)
    >>> one, two = (measure_stars(rng.normal(100, 1, x.shape) + t * light) for t in (1.0, 0.6))
    >>> found = flux_ratio(two, reference=one)
    >>> abs(found.value - 0.6) < 3 * found.error < 0.01, found.stars
    (True, 5)
    """
    there = stars.places if places is None else as_pairs("places", places)
    if len(there) != len(stars.sources):
        rule = f"must be one for each of the {len(stars.sources)} sources"
        raise ArgumentError("places", rule, value=len(there), remedy="give transform.apply(stars.places)")
    one, other = in_common(stars, reference, there)
    noise = stars.error[one] / stars.flux[one], reference.error[other] / reference.flux[other]
    bright = (noise[0] < 1 / 3) & (noise[1] < 1 / _SIGNIFICANT)
    one, other, noise = one[bright], other[bright], (noise[0][bright], noise[1][bright])
    if len(one) < _LEAST:
        return None
    # The mean of ln(x) is below ln(mean of x) by half the relative variance.
    logs = np.log(stars.flux[one] / reference.flux[other]) + (noise[0] ** 2 - noise[1] ** 2) / 2
    found = clipped_mean(
        logs,
        np.sqrt(noise[0] ** 2 + noise[1] ** 2 + _FLOOR**2),
        slopes=1 / reference.flux[other],
        spread=_sky_spread(stars.error[one], stars.width, reference.error[other], reference.width, logs),
    )
    if found.kept.sum() < _LEAST:
        return None
    outside, outside_error = _outside(stars, reference)
    value = math.exp(found.mean + outside)
    return FluxRatio(value, value * math.hypot(found.error, outside_error), int(found.kept.sum()))


def in_common(stars: FrameStars, reference: FrameStars, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find usable stars that are each other's nearest within half a width: their rows in both tables."""
    # A neighbour that is told apart in one frame is part of the star in one of worse seeing.
    worst = max(stars.width, reference.width)
    rows, others = (
        np.flatnonzero(one.usable & isolated(one.sources, worst)) if one.usable.any() else np.empty(0, int)
        for one in (stars, reference)
    )
    if not (len(rows) and len(others)):
        return rows[:0], others[:0]
    here, base = there[rows], reference.places[others]
    reach = max(1.0, 0.5 * worst)
    pairs = mutual_neighbours(here, base, reach)
    return rows[pairs[:, 0]], others[pairs[:, 1]]


def _sky_spread(
    error: np.ndarray, width: float, error0: np.ndarray, width0: float, logs: np.ndarray
) -> float:
    """Return what is expected of the difference in flux that the skies of rings make, in units of the reference.

    In a crowd the sky of a ring is too bright. The same flux is then missing of all stars in a frame.
    """
    ratio = math.exp(float(np.median(logs)))
    return CROWD * math.hypot(2 * width * float(error.min()) / ratio, 2 * width0 * float(error0.min()))


def _outside(stars: FrameStars, reference: FrameStars) -> tuple[float, float]:
    """Return the difference of ln(total flux / flux measured) of two frames, and its error.

    The growth of the fluxes tells it with more noise, and their core with less, for one family of profiles.
    """
    both = stars, reference
    seeing = abs(math.log(stars.width / reference.width))
    spread = min(_ALIKE + _DIFFERENT * seeing, _MOST) ** 2
    radii = _BY_WIDTH * math.hypot(*(one.fwhm_error / one.width for one in both))
    growth = math.log(total_by_growth(stars.growth) / total_by_growth(reference.growth))
    core = math.log(total_by_core(stars.core) / total_by_core(reference.core))
    # Around Moffat functions of exponent 3 a total changes by 1.4 of the growth, and by 0.7 of the core.
    by_growth = 1.4**2 * sum(one.growth_error**2 for one in both)
    by_core = spread + 0.7**2 * sum(one.core_error**2 for one in both)
    if not math.isfinite(growth + core + by_growth + by_core + radii):
        return 0.0, min(_ALIKE + 2 * _DIFFERENT * seeing, 3 * _MOST)
    share = by_core / (by_core + by_growth)
    return core + share * (growth - core), math.hypot(math.sqrt(share * by_growth), radii)
