"""Whether the stars of a combined frame have the fluxes that they have in its frames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
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
_LOST, _MANY = 0.01, 0.2  # part of its flux that a star loses; part of the stars that do
_TRIMMED = 5  # one of so many stars is left out at either end


@dataclass(frozen=True, slots=True)
class FluxGroup:
    """Stars of similar flux: combined over expected flux, its error, rms difference in units of their noise.

    `losing` of the `stars` lack more than 1 % of their flux and 5 times their noise, not counting as many as are
    expected to have had a faint cosmic ray.
    """

    name: str
    stars: int
    ratio: float
    error: float
    rms_z: float
    losing: int

    @property
    def many_lose(self) -> bool:
        """Whether a fifth of the stars, and at least three, lack flux."""
        return self.losing >= max(_LEAST, _MANY * self.stars)

    @property
    def wrong(self) -> bool:
        """Whether the ratio is off 1 by more than 3 errors and 0.2 %, or many stars lack flux."""
        return self.many_lose or abs(self.ratio - 1) > max(_BEYOND * self.error, FLOOR)


def check_fluxes(combined: Any, *, frames: Sequence[Any], weights: Sequence[float]) -> tuple[FluxGroup, ...]:
    """Compare the fluxes of stars in a combined frame with the weighted mean of those in its frames.

    Both hold the same light and the same noise, so they agree much better than the errors of either, unless
    the rejection took parts of stars for outliers, or the frames are not on one flux scale.

    A mean without rejection is linear: the sum of an aperture, with its sky, is exactly the mean of those in
    the frames, however crowded the field. Where a frame does not show all of a star, or has a cosmic ray there,
    its sum is replaced by the mean flux of the others and its own sky. What is rejected of the sky is in such
    sums too, and not in fluxes above rings; rings in turn are misled by neighbours. So a group is that of the
    two measures which is nearer to 1.

    Parameters
    ----------
    combined : structured array (n,)
        `aperture_photometry` of the stars in the combined frame. Stars flagged there are left out; saturated
        stars have to be flagged in the frames.
    frames : sequence of structured arrays (n,)
        That of the same apertures in the frames, on the flux scale and sky level of the combined frame. A star that is flagged in a frame is not expected to have its part; nor where its flux
        lies far off those in the other frames, as with a cosmic ray. A star flagged as saturated in any of
        the frames is left out.
    weights : sequence of float
        Of the frames.

    Returns
    -------
    tuple of FluxGroup
        A third each of the stars: "faint", "mid", "bright"; below nine stars one group, "all"; empty below
        three. Only stars of 10 sigma or more in the combined frame. The ratio is a mean without the highest
        and the lowest fifth.

    Raises
    ------
    ArgumentError
        Tables of different lengths, or another number of weights.

    See Also
    --------
    flux_ratio, combine

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
    if len(combined) < _LEAST:
        return ()
    light = _Light.of(combined, tables, shares)
    noise = np.sqrt(combined["variance"])
    flags = np.array([combined["flags"], *(one["flags"] for one in tables)])
    saturated = (flags & _SATURATED).any(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        chosen = (flags[0] == 0) & ~saturated & (light.expected > _SIGNIFICANT * noise)
    order = np.flatnonzero(chosen)
    order = order[np.argsort(light.expected[order], kind="stable")]
    if len(order) < _LEAST:
        return ()
    names = ("faint", "mid", "bright") if len(order) >= 3 * _LEAST else ("all",)
    parts = zip(names, np.array_split(order, len(names)), strict=True)
    return tuple(_group(name, rows, light, noise) for name, rows in parts)


@dataclass(frozen=True, slots=True)
class _Light:
    """What is expected of each star (n,), and what the combined frame has besides.

    `plain` is the difference of sums with their sky and `ringed` that of fluxes above rings; `unknown` the error
    of both, `faint` the flux of cosmic rays in the frames that are too faint to be told from noise and `hidden`
    their number for each star, `sky` how far rings are off.
    """

    expected: np.ndarray
    plain: np.ndarray
    ringed: np.ndarray
    unknown: np.ndarray
    faint: np.ndarray
    hidden: float
    sky: float

    @classmethod
    def of(cls, combined: Any, tables: list[Any], weights: np.ndarray) -> _Light:
        flux, variance, level = (
            np.array([one[name] for one in tables]) for name in ("flux", "variance", "background")
        )
        known = np.isfinite(flux) & np.isfinite(variance) & np.isfinite(level)
        whole = known & (np.array([one["flags"] for one in tables]) == 0)
        expected, shown, struck = _expected(flux, variance, whole, weights)
        shares = weights[:, None] * known
        shares = shares / np.maximum(shares.sum(axis=0), 1e-300)
        sky = level * np.array([one["area"] for one in tables])
        sums = np.where(known, np.where(shown, flux, expected) + sky, 0.0)
        errors = np.sqrt(np.where(known, variance, 0.0) + (_VARIES * expected) ** 2)
        # As many cosmic rays are below the limit as above, of half of it.
        part = struck.sum() / max(int(whole.sum()), 1)
        return cls(
            expected,
            combined["flux"] + combined["background"] * combined["area"] - (shares * sums).sum(axis=0),
            combined["flux"] - expected,
            np.sqrt(((shares * errors * ~shown) ** 2).sum(axis=0)),
            part * _FAR / 2 * (shares * errors).sum(axis=0),
            struck.sum() / len(combined),
            _sky_error(variance, combined["area"], weights),
        )


def _sky_error(variance: np.ndarray, area: np.ndarray, weights: np.ndarray) -> float:
    """Estimate by how much the skies of rings differ in the frames and in the combined one, in flux.

    The median of skewed noise lies below its mean by a sixth of sigma times the skewness, which is 1 / sqrt(n)
    for n electrons: more in a frame than in a mean of frames, and alike for all stars.
    """
    with np.errstate(invalid="ignore"):
        noises = np.sqrt(np.nanmin(np.where(variance > 0, variance, np.nan), axis=1, initial=np.inf))
    noises = np.where(np.isfinite(noises), noises, 0.0)
    return _SKEW * float(np.average(noises, weights=weights)) * math.sqrt(float(np.median(area)))


def _expected(
    flux: np.ndarray, variance: np.ndarray, known: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average the fluxes (frames, n) of each star over the frames that show all of it, without cosmic rays.

    Returns the mean, NaN where it is not known, the frames in it, and those with a cosmic ray.
    """
    ranked = np.sort(np.where(known, flux, np.inf), axis=0)
    count = known.sum(axis=0)
    # The lower one of two: a cosmic ray only adds.
    middle = ranked[np.maximum(count - 1, 0) // 2, np.arange(flux.shape[1])]
    with np.errstate(invalid="ignore", divide="ignore"):
        # A whole frame that is fainter, or has more light outside of the aperture, is no cosmic ray.
        own = [np.median(ratio[k]) if k.any() else 1.0 for ratio, k in zip(flux / middle, known, strict=True)]
        usual = np.array(own)[:, None] * middle
        off = (flux - usual) / np.sqrt(variance + (_VARIES * usual) ** 2)
        shown = known & ~(np.abs(off) > _FAR)
        struck = known & (off > _FAR)
    shares = weights[:, None] * shown
    total = shares.sum(axis=0)
    sums = (shares * np.where(known, flux, 0.0)).sum(axis=0)
    mean = np.where((2 * count > len(flux)) & (total > 0), sums / np.where(total > 0, total, 1), np.nan)
    return mean, shown, struck


def _group(name: str, rows: np.ndarray, light: _Light, noise: np.ndarray) -> FluxGroup:
    pairs = ((light.plain, 0.0), (light.ringed, light.sky))
    groups = [_measured(name, rows, difference, light, noise, sky) for difference, sky in pairs]
    return min(groups, key=lambda group: (group.wrong, abs(group.ratio - 1)))


def _measured(
    name: str, rows: np.ndarray, difference: np.ndarray, light: _Light, noise: np.ndarray, sky: float
) -> FluxGroup:
    expected = light.expected[rows]
    lost = -difference[rows] / expected
    errors = np.maximum(noise[rows] / expected, 1e-9)
    mean, scatter = _trimmed_mean(lost)
    own = float(np.sqrt(np.mean((light.unknown[rows] / expected) ** 2) / len(rows)))
    rays = float(np.median(light.faint[rows] / expected)) / _BEYOND
    error = math.hypot(max(scatter, own), rays, sky / float(np.median(expected)))
    # A cosmic ray that was rightly rejected, and not told from the noise of its frame, is no loss.
    losing = int(np.sum(lost > np.maximum(_LOST, _FAR * errors))) - round(light.hidden * len(rows))
    rms = float(np.sqrt(np.mean((lost / errors) ** 2)))
    return FluxGroup(name, len(rows), 1 - mean, error, rms, max(losing, 0))


def _trimmed_mean(values: np.ndarray) -> tuple[float, float]:
    """Average the values without the highest and lowest fifth: mean and its error from the scatter.

    The error is that of Tukey and McLaughlin (1963), from the values with the extremes moved in, with the factor
    of Student's t for few values.
    """
    count = len(values)
    cut = count // _TRIMMED
    ranked = np.sort(values)
    inner = ranked[cut : count - cut]
    free = len(inner) - 1
    spread = float(np.std(np.clip(ranked, inner[0], inner[-1]), ddof=1))
    factor = (1 + 0.5 / free + 0.34 / free**2) * count / len(inner)
    return float(np.mean(inner)), spread * factor / math.sqrt(count)
