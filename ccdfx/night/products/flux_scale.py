"""Which calibrated frames are combined, and on what flux scale: from the facts of frames and their stars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ccdfx.estimators import mad_std_of
from ccdfx.night.graph.context import Context
from ccdfx.night.grouping.combined import CombinePlan
from ccdfx.night.products import stacking
from ccdfx.night.settings.choices import CombineChoice
from ccdfx.night.summary import plain
from ccdfx.night.words import listed
from ccdfx.operations.combining.factors import LEAST_SHIFT, UNMEASURED, best_weights, flux_error, scales_of
from ccdfx.operations.rejection.profile import profile_terms
from ccdfx.operations.resampling.transform import Transform
from ccdfx.photometry.depth import relative_depths
from ccdfx.photometry.flux_ratio import FluxRatio, flux_ratio, in_common
from ccdfx.photometry.selection import reasons_to_leave_out
from ccdfx.photometry.stars import FrameStars

_AS_DEEP = 0.95  # of the deepest frame
_SURE, _NOTED = 3.0, 0.02  # errors and part of the flux beyond which a transparency is said to differ from 1
_LEAST_RINGS = 8  # stars whose rings tell how the sky changed
# Beyond both of these, rings belie a level of the sky.
_SKY_ERRORS = 5.0
_SKY_NOISES = 0.5  # of a pixel
_MEASURED_LATER = ("transparency",)

Facts = Mapping[str, Mapping[str, Any]]
Limits = Mapping[str, Mapping[str, float]]


def limited(files: Sequence[str], facts: Facts, limits: Limits, *, after: bool = False) -> dict[str, str]:
    """Return the frames that the limits of the recipe leave out, each with its reasons.

    Parameters
    ----------
    files : sequence of str
    facts : mapping
        What was measured of each file.
    limits : mapping
        Of the table [select].
    after : bool
        Whether the limits on what is measured after the registration are meant, or all others.
    """
    found: dict[str, list[str]] = {}
    for name, limit in limits.items():
        if (name in _MEASURED_LATER) is after:
            reasons = reasons_to_leave_out(name, [facts[file][name] for file in files], limit)
            for file, reason in zip(files, reasons, strict=True):
                if reason is not None:
                    found.setdefault(file, []).append(reason)
    return {file: "; ".join(reasons) for file, reasons in found.items()}


def limited_together(files: Sequence[str], exposures: Exposures, limits: Limits) -> dict[str, str]:
    """Return the frames that the limits leave out in any detector, each with its reasons.

    Parameters
    ----------
    files : sequence of str
        Of one detector.
    exposures : Exposures
    limits : mapping
        Of the table [select].
    """
    found = limited(files, exposures.facts, limits)
    for detector in exposures.detectors:
        others = {
            exposures.companions[file][detector]: file for file in files if exposures.has(file, detector)
        }
        for other, reason in limited(list(others), exposures.facts, limits).items():
            found.setdefault(others[other], f"{reason} (in detector {detector})")
    return found


def deepest_first(files: Sequence[str], exposures: Exposures) -> list[str]:
    """Put the deepest frame first; of frames within 5 % of the deepest it is the first.

    Depth is how far stars stand above the noise; without stars, exposure time over noise. Of several detectors it is the
    sum over those that have the exposure; one that some lack is not taken, unless all are such.
    """
    everywhere = [file for file in files if all(exposures.has(file, one) for one in exposures.detectors)]
    if not files:
        return []
    among = everywhere or list(files)
    depths = _depths(among, exposures)
    if everywhere:
        for detector in exposures.detectors:
            depths = depths + _depths([exposures.companions[file][detector] for file in among], exposures)
    best = among[int(np.argmax(depths >= _AS_DEEP * depths.max()))]
    return [best, *(file for file in files if file != best)]


def _depths(files: Sequence[str], exposures: Exposures) -> np.ndarray:
    """Compute the depths of frames of one detector, in units of the deepest."""
    facts = exposures.facts
    noises = [facts[file]["noise_measured"] for file in files]
    depths = relative_depths([exposures.stars[file] for file in files], noises=noises)
    if not depths.any() and all(noises):
        depths = np.array([facts[file]["exptime"] / noise for file, noise in zip(files, noises, strict=True)])
        depths /= depths.max()
    return depths


@dataclass(frozen=True, slots=True)
class Exposures:
    """Frames, with their facts and stars, and the same exposures on other detectors, as of a `CombinePlan`."""

    facts: Facts
    stars: Mapping[str, FrameStars]
    companions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, plan: CombinePlan, context: Context, files: Sequence[str], guides: Mapping[str, FrameStars]
    ) -> Exposures:
        """Collect what is known of the guides of frames, and of the same exposures on other detectors."""
        beside = {
            name for file in files for name in plan.companions.get(file, {}).values() if context.is_made(name)
        }
        facts = {file: context.facts(plan.guide(file)) for file in files}
        return cls(
            facts | {name: context.facts(name) for name in beside},
            {**guides, **{name: context.stars(name) for name in beside}},
            plan.companions,
        )

    @property
    def detectors(self) -> list[str]:
        """The other detectors."""
        return sorted({name for others in self.companions.values() for name in others})

    def told_alone(self, left_out: Mapping[str, str]) -> dict[str, str]:
        """Add to the reasons of frames that they hold for one detector alone, where there are several."""
        alone = " (in this detector)" if self.detectors else ""
        return {file: reason + alone for file, reason in left_out.items()}

    def has(self, file: str, detector: str) -> bool:
        """Return whether the exposure of a frame was made on another detector."""
        return self.companions.get(file, {}).get(detector) in self.facts


@dataclass(frozen=True, slots=True)
class FluxScales:
    """How the values x of each frame are combined: x / scale - zero, with a weight; the reference is first.

    `ratios` are the measured flux ratios to the reference, None where there were too few stars.
    """

    names: tuple[str, ...]
    scales: list[float]
    zeros: list[float] | None
    noises: list[float | None]
    exposures: list[float]
    ratios: tuple[FluxRatio | None, ...]
    weighted: bool
    by_stars: bool

    @property
    def weights(self) -> list[float] | None:
        """Weights (scale / noise)^2; None for equal ones."""
        return best_weights(self.scales, self.noises) if self.weighted else None

    @property
    def warnings(self) -> list[str]:
        """What is not as the recipe wants it."""
        found = []
        missing = [name for name, ratio in zip(self.names, self.ratios, strict=True) if ratio is None]
        if missing and self.by_stars:
            found.append(
                f"the transparency of {listed(missing)} is not known, with fewer than three usable stars in common "
                f"with {self.names[0]}: scaled by exposure time alone"
            )
        clouded = [
            f"{name} {t:.3f} +- {error:.3f}"
            for name, one in self.facts.items()
            if (t := one["transparency"]) is not None
            and (error := one["transparency_error"]) is not None
            and abs(t - 1) > max(_SURE * error, _NOTED)
        ]
        if clouded and not self.by_stars:
            found.append(
                f"scaled by exposure time alone, though the transparency relative to {self.names[0]} is "
                f'{listed(clouded)}: choose scale = "stars"'
            )
        if self.zeros is None:
            found.append("the sky of a frame is not known: their levels are not matched")
        if self.weighted and self.weights is None:
            found.append("the noise of a frame is not known: all have the same weight")
        return found

    @property
    def facts(self) -> dict[str, dict[str, Any]]:
        """What was measured of each frame relative to the reference, and what is done with it, by file."""
        weights = self.weights or [1.0] * len(self.names)
        return {
            name: {
                "source": name,
                "transparency": None if ratio is None else plain(ratio.value / exposure),
                "transparency_error": None if ratio is None else plain(ratio.error / exposure),
                "matched": 0 if ratio is None else ratio.stars,
                "scale": scale,
                "weight": weight,
            }
            for name, ratio, exposure, scale, weight in zip(
                self.names, self.ratios, self.exposures, self.scales, weights, strict=True
            )
        }

    @property
    def errors(self) -> list[float]:
        """By what fraction the stars of each frame may still be off the flux scale of the reference."""
        return [
            flux_error(ratio, scale if self.by_stars or ratio is None else ratio.value)
            for ratio, scale in zip(self.ratios, self.scales, strict=True)
        ]

    @property
    def common_error(self) -> float:
        """By what fraction all stars of the combined frame may be off the flux scale of the reference.

        Its own noise is in the ratios of all others, so their errors do not average down.
        """
        weights = self.weights or [1.0] * len(self.names)
        return math.fsum(w * e for w, e in zip(weights, self.errors, strict=True)) / math.fsum(weights)

    def of(self, names: Sequence[str]) -> FluxScales:
        """Keep some of the frames, the reference first."""
        rows = [self.names.index(name) for name in names]

        def kept(values: Any) -> Any:
            return None if values is None else [values[row] for row in rows]

        return replace(
            self,
            names=tuple(names),
            scales=kept(self.scales),
            zeros=kept(self.zeros),
            noises=kept(self.noises),
            exposures=kept(self.exposures),
            ratios=tuple(kept(self.ratios)),
        )


def profile_allowance(
    scales: FluxScales, fwhms: Sequence[float | None], transforms: Sequence[Transform], sensitivity: float
) -> dict[str, float] | None:
    """Return `amplitude` and `gradient` of `profile_clip` for registered frames; None if no FWHM is known.

    They follow from the spread of the FWHM and from the errors of transparency and position; `sensitivity` is
    a part of the flux by which stars may differ besides.
    """
    known = [fwhm for fwhm in fwhms if fwhm is not None]
    if not known:
        return None
    positions = [
        max(one.error if math.isfinite(one.error) else UNMEASURED, LEAST_SHIFT) for one in transforms
    ]
    amplitude, gradient = profile_terms(
        known, transparency_errors=max(scales.errors), shift_errors=max(positions), limit=stacking.LIMIT
    )
    return {"amplitude": math.hypot(amplitude, sensitivity), "gradient": gradient}


def measured_scales(
    transforms: Mapping[str, Transform], facts: Facts, stars: Mapping[str, FrameStars], choice: CombineChoice
) -> FluxScales:
    """Measure the fluxes of the stars of registered frames relative to the first, and scale by them.

    All frames are brought to the flux scale, sky level and exposure time of the first one.
    """
    names = tuple(transforms)
    first = stars[names[0]]
    exposures = [facts[name]["exptime"] / facts[names[0]]["exptime"] for name in names]
    ratios: list[FluxRatio | None] = [FluxRatio(1.0, 0.0, int(first.usable.sum()))]
    for name in names[1:]:
        places = transforms[name].apply(stars[name].places)
        ratios.append(flux_ratio(stars[name], reference=first, places=places))
    by_stars = choice.scale == "stars"
    scales = scales_of(ratios if by_stars else [None] * len(names), exposures)
    return FluxScales(
        names,
        scales,
        _zeros(transforms, facts, stars, scales),
        [facts[name]["noise_measured"] for name in names],
        exposures,
        tuple(ratios),
        choice.weights == "noise",
        by_stars,
    )


def _zeros(
    transforms: Mapping[str, Transform],
    facts: Facts,
    stars: Mapping[str, FrameStars],
    scales: Sequence[float],
) -> list[float] | None:
    """Return by how much the sky of each frame is above that of the first, None where the sky of one is not known.

    It is the difference of their levels, unless the rings around the stars that both have tell another one: the level of a
    frame that a nebula or a galaxy fills is that of no place on the sky, and changes with the pointing.
    """
    names = list(transforms)
    if any(facts[name]["sky"] is None for name in names):
        return None
    first, zeros = names[0], [0.0]
    for name, scale in zip(names[1:], scales[1:], strict=True):
        zero = facts[name]["sky"] / scale - facts[first]["sky"]
        rows, others = in_common(stars[name], stars[first], transforms[name].apply(stars[name].places))
        rises = stars[name].sources["background"][rows] / scale - stars[first].sources["background"][others]
        if len(rises) >= _LEAST_RINGS:
            rise = float(np.median(rises))
            error = mad_std_of(rises) * math.sqrt(math.pi / 2 / len(rises))
            noise = (facts[first]["noise_measured"] or 0.0) * _SKY_NOISES
            zero = rise if abs(rise - zero) > max(_SKY_ERRORS * error, noise) else zero
        zeros.append(zero)
    return zeros
