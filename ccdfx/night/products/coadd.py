"""Combination of the calibrated frames of one object and filter."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ccdfx.engines import map_here
from ccdfx.estimators.correlated_noise import correlation_factor
from ccdfx.io import open_source, read
from ccdfx.night.cameras.camera_noise import CameraNoise
from ccdfx.night.frames.frame import Frame
from ccdfx.night.graph.context import Context
from ccdfx.night.graph.halt import halt_if_asked, halted_source
from ccdfx.night.graph.masters import spare_masters
from ccdfx.night.graph.record import Made
from ccdfx.night.grouping.combined import CombinePlan
from ccdfx.night.instruments.header_facts import KnownByUnit
from ccdfx.night.products import stacking
from ccdfx.night.products.by_colour.placing import displaced, placed, renamed
from ccdfx.night.products.by_colour.planes import is_interpolated, noise_of, steps_of
from ccdfx.night.products.calibrated import facts_header, measured_header
from ccdfx.night.products.common_errors import common_variance
from ccdfx.night.products.flux_scale import (
    Exposures,
    FluxScales,
    deepest_first,
    limited,
    limited_together,
    measured_scales,
    profile_allowance,
)
from ccdfx.night.products.registration import Registration, displacement_facts, register, unmoved
from ccdfx.night.products.trust import require_trust
from ccdfx.night.spectra.calibrated import NO_NUMBER, NO_STARS
from ccdfx.night.summary import plain, scale_facts, sky_facts, star_facts
from ccdfx.operations.resampling.lazy import Warped, warped
from ccdfx.operations.resampling.squares import squares
from ccdfx.operations.resampling.transform import Transform
from ccdfx.photometry.aperture import PHOTOMETRY, aperture_photometry
from ccdfx.photometry.flux_check import FluxGroup, check_fluxes
from ccdfx.photometry.stars import FrameStars, measure_stars
from ccdfx.records.header import Header
from ccdfx.records.image import Image

_TRANSPARENCY = ("transparency", "transparency_error")
_MOST_NUMBERED = 999
_MOST_CHECKED = 500  # brightest stars of the reference
# In widths of the frame with the worst seeing; in a larger aperture there would be more cosmic rays.
_APERTURE, _RING = 1.0, (4.0, 6.0)
_FILLING = (
    5  # pixels beyond a ring from which its bad ones are filled, and one for the place of its star in a pixel
)
_NOISY, _QUIET = 1.25, 1.15  # measured over predicted noise of a combined frame, and of its frames


def make_combined(plan: CombinePlan, context: Context) -> Made:
    """Select, register, scale and combine the calibrated frames of one object and filter.

    The reference (the deepest frame, unless most others do not match it) defines the pixels, the sky level,
    the flux scale and the exposure time. A frame beyond the limits of the recipe, or whose stars do not match,
    is left out with a warning; a result that fails its check (`require_trust`) is an error; with fewer than two frames left, nothing is made, with a warning. The fluxes of
    stars in the result are compared with those in the frames, and a difference is a warning; so is noise that
    is above that predicted in the result alone.
    """
    choice = context.recipe.combine
    files = [file for file in plan.inputs if context.is_made(file) and context.is_made(plan.guide(file))]
    facts = {file: context.facts(file) for file in files}
    spectra = any(use.frame.dispersion is not None for use in plan.uses.values())
    steps = {file: plan.step(file) for file in files}
    stars = {file: displaced(context.stars(file), steps[file]) for file in files}
    # Colours of mosaics are chosen and registered by the green ones, so that all have the same frames and pixels.
    guides = {file: context.stars(plan.guide(file)) for file in files}
    exposures = Exposures.of(plan, context, files, guides)
    left_out = limited_together(files, exposures, context.recipe.select.limits)
    files = deepest_first([file for file in files if file not in left_out], exposures)
    if choice.align:
        by_guide = {plan.guide(file): file for file in files}
        tables = {guide: guides[file].sources for guide, file in by_guide.items()}
        found = renamed(register(tables, context.output), by_guide)
    else:
        found, steps = unmoved(files), dict.fromkeys(files, (0.0, 0.0))
    scales = measured_scales(found.transforms, facts, stars, choice) if found.transforms else None
    if scales is not None and spectra:  # they have no stars, and no one level of the sky
        scales = replace(scales, zeros=[0.0] * len(scales.names), by_stars=False)
    left_out |= exposures.told_alone(found.left_out)
    relative: dict[str, dict[str, Any]] = {}
    if scales is not None:
        names = list(found.transforms)
        faint = limited(names, scales.facts, context.recipe.select.limits, after=True)
        faint.pop(names[0], None)  # the others are on its pixels and its flux scale
        found = replace(
            found, transforms={file: one for file, one in found.transforms.items() if file not in faint}
        )
        left_out |= faint
        relative = {
            file: {"reference": scales.names[0], **{key: one[key] for key in _TRANSPARENCY}}
            for file, one in scales.facts.items()
        }
    for file, reason in left_out.items():
        context.warn(f"{plan.file}: {file} is left out: {reason}")
    if scales is None or len(found.transforms) < 2:
        remedy = "; combine.align = false combines frames that lie on one another" if choice.align else ""
        context.warn(f"{plan.file} was not made: fewer than two frames of {plan.object} are usable{remedy}")
        return Made(facts={"relative": relative if len(relative) > 1 else {}})  # one is relative to nothing
    names = list(found.transforms)
    if exposures.detectors and names[0] != files[0]:
        context.warn(
            f"{plan.file}: its pixels are those of {names[0]}, and in the other detectors those of {files[0]}, which most "
            "of its frames do not match"
        )
    scales = scales.of(names)
    for warning in scales.warnings:
        context.warn(f"{plan.file}: {warning}")
    moved = placed(found.transforms, steps)
    group = _Group(found, moved, scales, [facts[name] for name in names], [stars[name] for name in names])
    result, checks = _stacked(group, plan, context)
    require_trust(result.image, result, len(names), choice)
    context.warn_about(result.warnings)
    context.warn_about(_check_warnings(checks, choice.average))
    _warn_of_partial_errors(group, plan, context)
    image = result.image
    found_stars = NO_STARS if spectra else measure_stars(image)
    measured = {**sky_facts(image), **star_facts(found_stars), **scale_facts(image)}
    measured |= NO_NUMBER if spectra else {}
    if is_interpolated(
        plan.colours.get(names[0])
    ):  # neighbours share their noise, so that their differences do not tell it
        measured |= {"noise_measured": None, "excess": None}
    context.warn_about(_noise_warnings(measured["excess"], [one["excess"] for one in group.facts]))
    return Made(
        image=image.replace(header=_header(image.header, group, result, measured, plan, context)),
        facts={
            "file": plan.file,
            "object": plan.object,
            "filter": plan.filter,
            **plan.shown,
            "inputs": names,
            "reference": names[0],
            "shifts": [
                {"source": file, **displacement_facts(one, image.shape)}
                for file, one in found.transforms.items()
            ],
            "scales": [scales.facts[name] for name in names],
            "scale_error": plain(scales.common_error),
            "relative": relative,
            "left_out": [{"source": file, "reason": reason} for file, reason in left_out.items()],
            **stacking.rejection_facts(result),
            "check": [_check_facts(one) for one in checks],
            "exptime": group.facts[0]["exptime"],
            "total_exptime": _total_exposure(group, plan),
            "correlation": correlation_factor(image.header),
            "resampled": sum(not _is_exact(one) for one in moved.values()),
            **measured,
        },
        stars=found_stars,
    )


@dataclass(frozen=True, slots=True)
class _Group:
    """The frames that are combined, the reference first: how they lie, how they are scaled, their facts and stars.

    `found` is how their guides lie, and `moved` how they are moved themselves: they lie beside their guides where these are
    another colour. The places of the stars are those on the guides.
    """

    found: Registration
    moved: dict[str, Transform]
    scales: FluxScales
    facts: list[Mapping[str, Any]]
    stars: list[FrameStars]

    @property
    def names(self) -> list[str]:
        """The files of the frames."""
        return list(self.found.transforms)


def _header(
    header: Header,
    group: _Group,
    result: stacking.Stacked,
    measured: Mapping[str, Any],
    plan: CombinePlan,
    context: Context,
) -> Header:
    """Make the header of a combined frame, with the flux scale and the transparency of each input.

    IMSCLnnn is the factor to the flux scale of the reference, IMTRPnnn the transparency relative to it.
    """
    choice, names = context.recipe.combine, group.names
    values = {
        "OBJECT": plan.object,
        "EXPTIME": group.facts[0]["exptime"],
        "TOTALEXP": _total_exposure(group, plan),
        "FLXREF": names[0],
        "FLXSCALE": 1.0,
        "FLXERR": plain(group.scales.common_error),
    }
    history = f"combine {result.history} align={choice.align} scale={choice.scale} weights={choice.weights}"
    made = stacking.product_header(
        header, "combined frame", context.keys(names), values, history, digest="IMKEY"
    )
    for number, name in enumerate(names[:_MOST_NUMBERED], 1):
        one = group.scales.facts[name]
        made = measured_header(
            made,
            **{
                f"IMSCL{number:03d}": (1 / one["scale"], "factor to the flux scale of FLXREF"),
                f"IMTRP{number:03d}": (one["transparency"], "transparency relative to FLXREF"),
            },
        )
    return facts_header(made, measured)


def _total_exposure(group: _Group, plan: CombinePlan) -> float:
    """Return the exposure times of all frames together, those of each plane of a mean of planes."""
    frames = [plan.uses[name].frame for name in group.names]
    return float(sum((frame.exptime or 0.0) * frame.averaged for frame in frames))


def _noise_of(frames: Sequence[Frame], unit: str, noise: CameraNoise) -> CameraNoise:
    """Return the noise of one calibrated frame; unknown where means of planes differ in their number.

    So it is where the planes were in electrons: their mean is not that of a gain of 1.
    """
    counts = {frame.averaged for frame in frames}
    if len(counts) > 1 or (counts != {1} and isinstance(frames[0].gain, KnownByUnit)):
        return CameraNoise()
    noise = noise.of_mean(counts.pop())
    return replace(noise, gain=1.0) if unit == "electron" else noise


def _warn_of_partial_errors(group: _Group, plan: CombinePlan, context: Context) -> None:
    """Record a warning where errors come from the scatter of frames, which does not show what these have in common."""
    uses = [plan.uses[name] for name in group.names]
    unpredicted = any(one["noise_predicted"] is None for one in group.facts)
    if unpredicted and any(use.bias or use.dark or use.flat for use in uses):
        context.warn(
            f"{plan.file}: its errors are those of the scatter of its frames, without those of the masters"
        )


def _is_exact(found: Transform) -> bool:
    """Return whether the transform is a shift by whole pixels, which does not interpolate."""
    return found.is_shift and all(step.is_integer() for step in found.offset)


def _check_facts(group: FluxGroup) -> dict[str, Any]:
    return {
        "stars": group.name,
        "number": group.stars,
        "ratio": plain(group.ratio),
        "error": plain(group.error),
        "rms_z": plain(group.rms_z),
        "losing": group.losing,
        "wrong": group.wrong,
    }


def _check_warnings(groups: tuple[FluxGroup, ...], average: str) -> list[str]:
    wrong = [group for group in groups if group.wrong]
    if not wrong:
        return []
    shown = ", ".join(map(_shown, wrong))
    advice = (
        "the rejection takes parts of stars for outliers, or leaves cosmic rays in them: choose "
        'reject = "auto", a larger sensitivity, or leave out frames of other seeing by [select]'
    )
    if average == "median":
        advice = 'the median of profiles of other seeing does not keep their flux: choose average = "mean"'
    return [f"its stars do not have the fluxes that they have in its frames: {shown}; {advice}"]


def _shown(group: FluxGroup) -> str:
    lacking = f", {group.losing} of {group.stars} lack flux" if group.many_lose else ""
    return f"{100 * (group.ratio - 1):+.2f} +- {100 * group.error:.2f} % ({group.name}{lacking})"


def _noise_warnings(excess: float | None, frames: Sequence[float | None]) -> list[str]:
    """Describe a combined frame that is noisier than predicted, where none of its frames is.

    Given is the measured over the predicted noise of each.
    """
    known = [one for one in frames if one is not None]
    if excess is None or excess <= _NOISY or not known or max(known) >= _QUIET:
        return []
    return [
        f"its noise is {excess:.2f} times that predicted, and that of its frames at most {max(known):.2f} times: "
        "skies that differ in shape from frame to frame are taken for outliers; subtract their gradients first, "
        'or choose reject = "none" or a rule by scatter, such as "mad_clip"'
    ]


@dataclass(frozen=True, slots=True)
class _Apertures:
    """Places of the stars of the reference, and the aperture in which their fluxes are compared."""

    places: np.ndarray
    radius: float
    ring: tuple[float, float]

    def measure(self, image: Image, scale: float = 1.0, zero: float = 0.0) -> np.ndarray:
        """Measure the stars of an image whose values x are combined as x / scale - zero."""
        return self._scaled(self._table(image, self.places), scale, zero)

    def measure_moved(self, moved: Warped, scale: float, zero: float) -> np.ndarray:
        """Measure the stars as in the whole of an image that is resampled as it is read, from squares around them."""
        table = np.zeros(len(self.places), PHOTOMETRY)
        for rows, part, places in squares(moved, self.places, math.ceil(self.ring[1]) + _FILLING):
            table[rows] = self._table(part, places)
        table["x"], table["y"] = self.places.T
        return self._scaled(table, scale, zero)

    def _table(self, image: Image, places: np.ndarray) -> np.ndarray:
        return aperture_photometry(image, places, radius=self.radius, annulus=self.ring)

    @staticmethod
    def _scaled(table: np.ndarray, scale: float, zero: float) -> np.ndarray:
        table["flux"] /= scale
        table["variance"] /= scale**2
        table["background"] = table["background"] / scale - zero
        return table


def _apertures(found: Registration, reference: FrameStars, stars: list[FrameStars]) -> _Apertures:
    """Place apertures on the stars of the reference that are matched in at least half of the other frames.

    The reference is that by which the frames were registered, `stars` tell the width.

    Other sources may be blemishes of the detector, which stay behind where the stars move.
    """
    places = reference.places
    pairs = [one.pairs for one in found.transforms.values() if one.pairs]
    if pairs:
        seen = np.bincount([row for several in pairs for _, row in several], minlength=len(places))
        places = places[2 * seen >= len(pairs)]
    widest = max((one.width for one in stars if np.isfinite(one.width)), default=1.0)
    ring = (_RING[0] * widest, _RING[1] * widest)
    return _Apertures(places[:_MOST_CHECKED], _APERTURE * widest, ring)


def _stacked(
    group: _Group, plan: CombinePlan, context: Context
) -> tuple[stacking.Stacked, tuple[FluxGroup, ...]]:
    """Combine the registered frames, and compare the fluxes of stars in the result with those in the frames."""
    choice, scales, facts = context.recipe.combine, group.scales, group.facts
    transforms = list(group.moved.values())
    colour = plan.colours.get(group.names[0])
    noise = _noise_of([plan.uses[name].frame for name in group.names], facts[0]["unit"], context.noise)
    if any(one["noise_predicted"] is None for one in facts):
        noise = CameraNoise()  # the level without light is not known, so nor is the noise
    noise = noise_of(colour, noise, electrons=facts[0]["unit"] == "electron")
    allowed = profile_allowance(scales, [one["fwhm"] for one in facts], transforms, choice.sensitivity)
    level = facts[0]["sky"] if scales.zeros is not None else None
    weights = scales.weights if choice.average == "mean" else None
    reference = context.stars(plan.guide(group.names[0]))
    apertures = _apertures(group.found, reference, group.stars)
    steps = [one.offset if one.is_shift else None for one in transforms]
    uses = [plan.uses[name] for name in group.names]
    further = steps_of(colour, context)
    shared = common_variance(uses, facts, steps, weights, scales.scales, context, further)
    spare_masters()
    with ExitStack() as stack:
        frames, tables = _moved(group, apertures, context, stack)
        result = stacking.stacked(
            frames,
            choice,
            noise,
            sensitivity=choice.sensitivity,
            profile=None if allowed is None else {**allowed, "level": level},
            scale=scales.scales,
            zero=scales.zeros,
            weights=weights,
            shared=shared,
        )
    return result, check_fluxes(
        apertures.measure(result.image), frames=tables, weights=weights or [1.0] * len(tables)
    )


def _moved(
    group: _Group, apertures: _Apertures, context: Context, stack: ExitStack
) -> tuple[list[Any], list[np.ndarray]]:
    """Open the frames as sources on the pixels of the reference, and measure their stars there, side by side.

    They are moved as their rows are read: no frame stays in memory.
    """
    scales = group.scales
    zeros = scales.zeros or [0.0] * len(scales.scales)
    paths, transforms = [context.path(file) for file in group.moved], list(group.moved.values())
    sources = [stack.enter_context(open_source(path, checksum=False)) for path in paths]
    shape = sources[0].shape

    def measured(place: int) -> np.ndarray:
        halt_if_asked()
        image = read(paths[place])  # whole, which compares its checksums
        one, scale, zero = transforms[place], scales.scales[place], zeros[place]
        if _stays(one):
            return apertures.measure(image, scale, zero)
        return apertures.measure_moved(warped(image, transform=one, shape=shape), scale, zero)

    tables = list(map_here(measured, range(len(transforms))))
    frames = [
        source if _stays(one) else warped(halted_source(source), transform=one, shape=shape)
        for source, one in zip(sources, transforms, strict=True)
    ]
    return frames, tables


def _stays(found: Transform) -> bool:
    """Return whether a frame lies on the pixels of the reference already."""
    return found.is_shift and found.offset == (0.0, 0.0)
