"""Combination of the calibrated frames of one object and filter."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ccdfx.estimators.correlated_noise import correlation_factor
from ccdfx.night.camera_noise import CameraNoise
from ccdfx.night.context import Context
from ccdfx.night.plan import CombinePlan
from ccdfx.night.products import stacking
from ccdfx.night.products.calibrated import facts_header, measured_header
from ccdfx.night.products.common_errors import common_variance
from ccdfx.night.products.flux_scale import (
    FluxScales,
    deepest_first,
    limited,
    measured_scales,
    profile_allowance,
)
from ccdfx.night.products.registration import Registration, displacement_facts, register, unmoved
from ccdfx.night.products.trust import require_trust
from ccdfx.night.summary import plain, sky_facts, star_facts
from ccdfx.operations.resampling.lazy import Warped, warped
from ccdfx.operations.resampling.squares import squares
from ccdfx.operations.resampling.transform import Transform
from ccdfx.photometry.aperture import PHOTOMETRY, aperture_photometry
from ccdfx.photometry.flux_check import FluxGroup, check_fluxes
from ccdfx.photometry.stars import FrameStars, measure_stars
from ccdfx.records.header import Header
from ccdfx.records.image import Image

_TRANSPARENCY = ("TRANSP", "TRANSERR")  # cards of calibrated frames
_MOST_CHECKED = 500  # brightest stars of the reference
# In widths of the frame with the worst seeing; in a larger aperture there would be more cosmic rays.
_APERTURE, _RING = 1.0, (4.0, 6.0)
_FILLING = (
    5  # pixels beyond a ring from which its bad ones are filled, and one for the place of its star in a pixel
)
_NOISY, _QUIET = 1.25, 1.15  # measured over predicted noise of a combined frame, and of its frames


def combine_object(
    made: Mapping[str, Mapping[str, Any]], plan: CombinePlan, context: Context
) -> dict[str, Any] | None:
    """Select, register, scale and combine calibrated frames, write the result and return its metadata.

    The reference (the deepest frame, unless most others do not match it) defines the pixels, the sky level,
    the flux scale and the exposure time. A frame beyond the limits of the recipe, or whose stars do not match,
    is left out with a warning; a result that fails its check (`require_trust`) is an error; with fewer than two frames left, nothing is made, with a warning. The fluxes of
    stars in the result are compared with those in the frames, and a difference is a warning; so is noise that
    is above that predicted in the result alone.

    Parameters
    ----------
    made : mapping
        Metadata of the calibrated frames by file.
    plan : CombinePlan
    """
    choice, log = context.recipe.combine, context.log
    files = [file for file in plan.inputs if file in made]
    left_out = limited(files, made, context.recipe.select.limits)
    files = deepest_first([file for file in files if file not in left_out], made, log.stars)
    tables = {file: log.stars[file].sources for file in files}
    found = register(tables, context.output) if choice.align else unmoved(files)
    log.step(f"combine {plan.file}")
    scales = measured_scales(found.transforms, made, log.stars, choice) if found.transforms else None
    left_out |= found.left_out
    if scales is not None:
        names = list(found.transforms)
        faint = limited(names, scales.facts, context.recipe.select.limits, after=True)
        faint.pop(names[0], None)  # the others are on its pixels and its flux scale
        kept = {file: one for file, one in found.transforms.items() if file not in faint}
        found = replace(found, transforms=kept)
        left_out |= faint
        _record(scales, kept if len(kept) > 1 else (), context)
    for file, reason in left_out.items():
        log.warn(f"{plan.file}: {file} is left out: {reason}")
    if scales is None or len(found.transforms) < 2:
        remedy = "; combine.align = false combines frames that lie on one another" if choice.align else ""
        log.warn(f"{plan.file} was not made: fewer than two frames of {plan.object} are usable{remedy}")
        return None
    names = list(found.transforms)
    scales = scales.of(names)
    for warning in scales.warnings:
        log.warn(f"{plan.file}: {warning}")
    result, groups = _stacked(found, scales, made, context)
    require_trust(result.stack.image, result, len(names), context.recipe.combine)
    log.warn_about(plan.file, result.warnings)
    log.warn_about(plan.file, _check_warnings(groups, choice.average))
    uses = [context.log.calibrated[name] for name in names]
    unpredicted = any(made[name]["noise_predicted"] is None for name in names)
    if unpredicted and any(use.bias or use.dark or use.flat for use in uses):
        # Scatter shows what differs between the frames, and an error of their masters is the same in all.
        log.warn(
            f"{plan.file}: its errors are those of the scatter of its frames, without those of the masters"
        )
    exposures = [made[name]["exptime"] for name in names]
    values = {
        "OBJECT": plan.object,
        "EXPTIME": exposures[0],
        "TOTALEXP": sum(exposures),
        "FLXREF": names[0],
        "FLXSCALE": 1.0,
        "FLXERR": plain(scales.common_error),
    }
    values |= dict.fromkeys(_TRANSPARENCY)  # that of the reference is not one of the result
    history = f"combine {result.history} align={choice.align} scale={choice.scale} weights={choice.weights}"
    image = result.stack.image
    stars = measure_stars(image)
    measured = {**sky_facts(image), **star_facts(stars)}
    excesses = [made[name]["excess"] for name in names]
    log.warn_about(plan.file, _noise_warnings(measured["excess"], excesses))
    inputs = [(name, context.output / name) for name in names]
    header = stacking.product_header(image.header, "combined frame", inputs, values, history)
    image = image.replace(header=facts_header(header, measured))
    context.save(image, plan.file)
    return {
        "file": plan.file,
        "object": plan.object,
        "filter": plan.filter,
        "inputs": names,
        "reference": names[0],
        "shifts": [
            {"source": file, **displacement_facts(one, image.shape)} for file, one in found.transforms.items()
        ],
        "scales": [scales.facts[name] for name in names],
        "scale_error": plain(scales.common_error),
        "left_out": [{"source": file, "reason": reason} for file, reason in left_out.items()],
        **stacking.rejection_facts(result),
        "check": [_group_facts(group) for group in groups],
        "exptime": exposures[0],
        "total_exptime": sum(exposures),
        "correlation": correlation_factor(image.header),
        "resampled": sum(not _is_exact(one) for one in found.transforms.values()),
        **measured,
    }


def _record(scales: FluxScales, combined: Collection[str], context: Context) -> None:
    """Record the transparency of all frames, and write it to the headers of those that are not combined.

    Files of the others are written once, with their scales, when they are moved.
    """
    from ccdfx.io import read, write

    for file, one in scales.facts.items():
        part = {key: one[key] for key in ("transparency", "transparency_error")}
        context.log.relative[file] = {"reference": scales.names[0], **part}
        if file not in combined:
            image = read(context.output / file)
            header = _relative_header(image.header, context.log.relative[file])
            write(image.replace(header=header), context.output / file, overwrite=True)


def _relative_header(header: Header, facts: Mapping[str, Any]) -> Header:
    """Set FLXREF, the reference, and TRANSP and TRANSERR, the transparency relative to it."""
    values = facts["transparency"], facts["transparency_error"]
    comments = "transparency relative to the reference", "its error"
    cards = dict(zip(_TRANSPARENCY, zip(values, comments, strict=True), strict=True))
    return measured_header(header.set("FLXREF", facts["reference"]), **cards)


def _is_exact(found: Transform) -> bool:
    """Return whether the transform is a shift by whole pixels, which does not interpolate."""
    return found.is_shift and all(step.is_integer() for step in found.offset)


def _group_facts(group: FluxGroup) -> dict[str, Any]:
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


def _apertures(found: Registration, stars: list[FrameStars]) -> _Apertures:
    """Place apertures on the stars of the reference that are matched in at least half of the other frames.

    Other sources may be blemishes of the detector, which stay behind where the stars move.
    """
    places = stars[0].places
    pairs = [one.pairs for one in found.transforms.values() if one.pairs]
    if pairs:
        seen = np.bincount([row for several in pairs for _, row in several], minlength=len(places))
        places = places[2 * seen >= len(pairs)]
    widest = max((one.width for one in stars if np.isfinite(one.width)), default=1.0)
    ring = (_RING[0] * widest, _RING[1] * widest)
    return _Apertures(places[:_MOST_CHECKED], _APERTURE * widest, ring)


def _stacked(
    found: Registration, scales: FluxScales, made: Mapping[str, Mapping[str, Any]], context: Context
) -> tuple[stacking.Stacked, tuple[FluxGroup, ...]]:
    """Combine the registered frames, and compare the fluxes of stars in the result with those in the frames."""
    choice = context.recipe.combine
    facts = [made[name] for name in scales.names]
    transforms = list(found.transforms.values())
    noise = replace(context.noise, gain=1.0) if facts[0]["unit"] == "electron" else context.noise
    if any(one["noise_predicted"] is None for one in facts):
        noise = CameraNoise()  # the level without light is not known, so nor is the noise
    allowed = profile_allowance(scales, [one["fwhm"] for one in facts], transforms, choice.sensitivity)
    level = facts[0]["sky"] if scales.zeros is not None else None
    weights = scales.weights if choice.average == "mean" else None
    apertures = _apertures(found, [context.log.stars[name] for name in scales.names])
    frames, tables = _moved(found, scales, apertures, context)
    result = stacking.stacked(
        frames,
        choice,
        noise,
        sensitivity=choice.sensitivity,
        profile=None if allowed is None else {**allowed, "level": level},
        scale=scales.scales,
        zero=scales.zeros,
        weights=weights,
        shared=_common_variance(found, scales, facts, weights, context),
    )
    return result, check_fluxes(
        apertures.measure(result.stack.image), frames=tables, weights=weights or [1.0] * len(tables)
    )


def _common_variance(
    found: Registration,
    scales: FluxScales,
    facts: list[Mapping[str, Any]],
    weights: list[float] | None,
    context: Context,
) -> np.ndarray | None:
    """Return the part of the variance that is one error of all frames, by how far they are displaced."""
    steps = [one.offset if one.is_shift else None for one in found.transforms.values()]
    used = [context.log.calibrated[name] for name in scales.names]
    return common_variance(used, facts, steps, weights, scales.scales, context)


def _moved(
    found: Registration, scales: FluxScales, apertures: _Apertures, context: Context
) -> tuple[list[Any], list[np.ndarray]]:
    """Open the frames as sources on the pixels of the reference, and measure their stars there.

    The scale of each is written to the header of its file, as FLXSCALE, and its transparency. They are moved as their
    rows are read: no frame stays in memory.
    """
    from ccdfx.io import open_source, read, write

    frames: list[Any] = []
    tables: list[np.ndarray] = []
    shape: tuple[int, int] | None = None
    zeros = scales.zeros or [0.0] * len(scales.scales)
    for (file, one), scale, zero in zip(found.transforms.items(), scales.scales, zeros, strict=True):
        path = context.output / file
        image = read(path)
        comment = "factor to the flux scale of the reference"
        header = _relative_header(
            image.header.set("FLXSCALE", 1 / scale, comment), context.log.relative[file]
        )
        image = image.replace(header=header)
        write(image, path, overwrite=True)
        source = open_source(path, checksum=False)  # its pixels were verified, and written, just now
        shape = shape or image.shape
        if one.offset != (0.0, 0.0) or not one.is_shift:
            frames.append(warped(source, transform=one, shape=shape))
            tables.append(apertures.measure_moved(warped(image, transform=one, shape=shape), scale, zero))
        else:
            frames.append(source)
            tables.append(apertures.measure(image, scale, zero))
    return frames, tables
