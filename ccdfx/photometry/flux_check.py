"""Whether the stars of a combined frame have the fluxes that they have in its frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.photometry.clipped_mean import clipped_mean
from ccdfx.records.flags import Flag

FLOOR = 0.002
"""A difference below this part of the flux is no fault."""
_SATURATED = np.uint8(Flag.SATURATED)
_BEYOND = 3.0  # errors
_LEAST = 3  # stars of a group
_SIGNIFICANT = 10.0  # flux over error of a star that is compared
_FAR = 5.0  # errors by which a value hit by a cosmic ray lies off the middle one of its star
_SKEW = 0.015  # sixth of the skewness of the noise: that of 120 electrons
_VARIES = 0.01  # part of the flux by which a star may differ from frame to frame besides


@dataclass(frozen=True, slots=True)
class FluxGroup:
    """Stars of similar flux: combined over expected flux, its error, rms difference in units of their noise."""

    name: str
    stars: int
    ratio: float
    error: float
    rms_z: float

    @property
    def wrong(self) -> bool:
        """Whether the ratio differs from 1 by more than 3 of its error, and by more than 0.2 %."""
        return abs(self.ratio - 1) > max(_BEYOND * self.error, FLOOR)


def check_fluxes(combined: Any, *, frames: Sequence[Any], weights: Sequence[float]) -> tuple[FluxGroup, ...]:
    """Compare the fluxes of stars in a combined frame with the weighted mean of those in its frames.

    Both hold the same light and the same noise, so they agree much better than the errors of either, unless
    the rejection took parts of stars for outliers, or the frames are not on one flux scale.

    Parameters
    ----------
    combined : structured array (n,)
        `aperture_photometry` of the stars in the combined frame. Stars flagged there are left out; saturated
        stars have to be flagged in the frames.
    frames : sequence of structured arrays (n,)
        That of the same apertures in the frames, on the flux scale of the combined frame: `flux`, `variance`
        and `flags`. A star that is flagged in a frame is not expected to have its part; nor where its flux
        lies far off those in the other frames, as with a cosmic ray. A star flagged as saturated in any of
        the frames is left out.
    weights : sequence of float
        Of the frames.

    Returns
    -------
    tuple of FluxGroup
        A third each of the stars: "faint", "mid", "bright"; below nine stars one group, "all"; empty below
        three. Only stars of 10 sigma or more in the combined frame.

    Raises
    ------
    ArgumentError
        Tables of different lengths, or another number of weights.

    Examples
    --------
    >>> import numpy as np
    >>> from ccdfx import aperture_photometry
    >>> frame = np.zeros((9, 60))
    >>> frame[4, 4::10] = 1000
    >>> places = [(x, 4) for x in range(4, 60, 10)]
    >>> tables = [aperture_photometry(f * frame, places, radius=2, annulus=(3, 4)) for f in (1, 1, 0.9)]
    >>> [group] = check_fluxes(tables[0], frames=tables, weights=[1, 1, 1])
    >>> group.name, group.stars, round(group.ratio, 3), group.wrong
    ('all', 6, 1.034, True)
    """
    tables, shares = list(frames), np.asarray(weights, float)
    if not tables or len(tables) != len(shares) or any(len(one) != len(combined) for one in tables):
        raise ArgumentError(
            "frames",
            "must be tables of the stars of the combined frame, one for each weight",
            value=[len(one) for one in tables],
            remedy="measure the same positions in all",
        )
    flux, variance = (np.array([one[name] for one in tables]) for name in ("flux", "variance"))
    flags = np.array([one["flags"] for one in tables])
    expected = _expected(flux, variance, flags, shares)
    noise = np.sqrt(combined["variance"])
    saturated = ((flags | combined["flags"]) & _SATURATED).any(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        chosen = (combined["flags"] == 0) & ~saturated & (expected > _SIGNIFICANT * noise)
    order = np.flatnonzero(chosen)
    order = order[np.argsort(expected[order], kind="stable")]
    if len(order) < _LEAST:
        return ()
    names = ("faint", "mid", "bright") if len(order) >= 3 * _LEAST else ("all",)
    parts = zip(names, np.array_split(order, len(names)), strict=True)
    sky = _sky_error(variance, combined["area"], shares)
    return tuple(_group(name, rows, combined["flux"], expected, noise, sky) for name, rows in parts)


def _sky_error(variance: np.ndarray, area: np.ndarray, weights: np.ndarray) -> float:
    """Estimate by how much the skies of rings differ in the frames and in the combined one, in flux.

    The median of skewed noise lies below its mean by a sixth of sigma times the skewness, which is 1 / sqrt(n)
    for n electrons: more in a frame than in a mean of frames, and alike for all stars.
    """
    with np.errstate(invalid="ignore"):
        noises = np.sqrt(np.nanmin(np.where(variance > 0, variance, np.nan), axis=1, initial=np.inf))
    noises = np.where(np.isfinite(noises), noises, 0.0)
    return _SKEW * float(np.average(noises, weights=weights)) * math.sqrt(float(np.median(area)))


def _expected(flux: np.ndarray, variance: np.ndarray, flags: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Average the fluxes (frames, n) of each star over the frames that show all of it, without cosmic rays."""
    known = (flags == 0) & np.isfinite(flux) & np.isfinite(variance)
    ranked = np.sort(np.where(known, flux, np.inf), axis=0)
    count = known.sum(axis=0)
    # The lower one of two: a cosmic ray only adds.
    middle = ranked[np.maximum(count - 1, 0) // 2, np.arange(flux.shape[1])]
    with np.errstate(invalid="ignore", divide="ignore"):
        # A whole frame that is fainter, or has more light outside of the aperture, is no cosmic ray.
        own = [np.median(ratio[k]) if k.any() else 1.0 for ratio, k in zip(flux / middle, known, strict=True)]
        usual = np.array(own)[:, None] * middle
        near = np.abs(flux - usual) <= _FAR * np.sqrt(variance + (_VARIES * usual) ** 2)
    shares = weights[:, None] * (known & near)
    total = shares.sum(axis=0)
    sums = (shares * np.where(known, flux, 0.0)).sum(axis=0)
    return np.where((2 * count > len(flux)) & (total > 0), sums / np.where(total > 0, total, 1), np.nan)


def _group(
    name: str, rows: np.ndarray, flux: np.ndarray, expected: np.ndarray, noise: np.ndarray, sky: float
) -> FluxGroup:
    errors = noise[rows] / expected[rows]
    errors = np.where(errors > 0, errors, np.max(errors, initial=1e-9))
    ratios = flux[rows] / expected[rows]
    found = clipped_mean(ratios, np.hypot(errors, FLOOR))
    z = (ratios[found.kept] - 1) / errors[found.kept]
    # The noise is common to both: the scatter is what is left, and their own errors would be too large.
    error = found.own if math.isnan(found.scatter) else found.scatter
    error = math.hypot(error, sky / float(np.median(expected[rows])))
    return FluxGroup(name, len(rows), found.mean, error, float(np.sqrt(np.mean(z**2))))
