"""Construction of the master frames of a night."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, CcdfxError
from ccdfx.night.calibrators import Use
from ccdfx.night.cameras.camera_noise import CameraNoise
from ccdfx.night.cameras.far_levels import far_levels
from ccdfx.night.cameras.flat_faults import flat_faults
from ccdfx.night.cameras.level_drifts import drift_fault, half_fault, half_samples
from ccdfx.night.given.describe import raw_cards
from ccdfx.night.given.master import TakenPlan
from ccdfx.night.graph.context import Context
from ccdfx.night.graph.notices import collect_warnings
from ccdfx.night.graph.record import Made
from ccdfx.night.grouping.colours import pattern_of
from ccdfx.night.plan import MasterPlan
from ccdfx.night.products import raw_rows, stacking
from ccdfx.night.products.by_colour.flats import (
    colour_levels,
    normalised_by_colour,
    stacked_by_colour,
    without_colours,
)
from ccdfx.night.products.by_detector.levels import factor_of_mosaic
from ccdfx.night.products.calibrated import (
    calibrated_of,
    noise_header,
    refuse_untrusted,
    variance_of_masters,
)
from ccdfx.night.products.raw_rows import rows_or_image
from ccdfx.night.products.trust import require_trust
from ccdfx.night.raw.levels import calibration_facts
from ccdfx.night.raw.preparation import flagged
from ccdfx.night.settings.choices import FlatChoice
from ccdfx.night.spectra.flat import normalised_spectrum
from ccdfx.night.summary import flags_of, plain
from ccdfx.operations.colour.pattern import ColourPattern
from ccdfx.operations.headers import EXPOSURES
from ccdfx.pipelines.pipeline import pipeline
from ccdfx.records.flags import Flag, flag_counts
from ccdfx.records.image import Image, adopt

_SAMPLE = 1 << 20  # pixels of which levels are measured
_MOST_LEVELS = 20  # repetitions; two or three are usual
_NOISE_CARDS = ("GAIN", "EGAIN", "RDNOISE", "READNOIS", "READNOISE", "ENOISE")
_NO_COLOURS = (
    "the colours of its mosaics have one level within 1 %, as if there were no filters: of frames that are binned or of one "
    'colour, colours = "none" in [detector] of an instrument file says so'
)
_FLAT_SENSITIVITY = 0.005  # fraction of the level by which flats may differ, in addition to their noise


def make_master(plan: MasterPlan, context: Context) -> Made:
    """Make one master.

    Bias: inputs as they are, with read noise only. Dark: bias subtracted. Flat: bias and dark subtracted, each
    input divided by its own level before rejection, and the result divided once by that of its pixels that
    see light (`response`), which are those that are not flagged; of a mosaic of colours each colour is combined by itself,
    with levels of its own; in the mean they are weighted by their
    levels, which is optimal for photon noise. Before rejection, biases and darks without overscan are brought
    to their mean level, which drifts from frame to frame and stays that of the master. Where the noise of an
    input cannot be predicted, the rule and the variance of the master are those of unknown noise: by the
    scatter of the inputs. Inputs that fail are left out and noted, and so are biases and darks whose level is
    far from that of most others, which hold light or are of another kind. A master without usable input is lost; one
    that fails its own check (table ``[masters]`` of the recipe) is untrusted too, so that what needs it is refused.
    """
    recipe = context.recipe
    choices: dict[str, stacking.Choice] = {"bias": recipe.bias, "dark": recipe.dark, "flat": recipe.flat}
    with ExitStack() as stack:
        inputs = _usable_inputs(plan, context, stack)
        if not inputs.frames:
            return _no_input(plan, context)
        stack_of = partial(
            stacking.stacked,
            choice=choices[plan.kind],
            noise=_noise_of(plan, inputs, context),
            sensitivity=_FLAT_SENSITIVITY if inputs.scale else 0.0,
            pedestal=math.inf if plan.kind == "bias" else 0.0,
            zero=inputs.zero,
            passes=0,  # a cosmic ray that saturates a pixel of one input says nothing about the master
        )
        shared = _shared(plan, inputs.names, context) if inputs.noisy else None
        pattern = _pattern(plan)
        if pattern is None:
            made = stack_of(inputs.frames, scale=inputs.scale, weights=inputs.scale, shared=shared)
        else:
            made = stacked_by_colour(inputs.frames, stack_of, pattern, inputs.colours, shared)
            if without_colours(inputs.colours):
                context.warn_about([_NO_COLOURS])
    inputs = replace(inputs, frames=[])  # they take more memory than the master
    del shared
    if len(inputs.names) == 1:
        context.warn(
            f"{plan.file} is made of one frame, {inputs.names[0]}: its noise and cosmic rays stay in it"
        )
    context.warn_about(made.warnings)
    history = f"combine {plan.kind} {made.history}"
    history += f" scale=level response={recipe.flat.response:g}" if inputs.scale else ""
    said: list[str] = []
    try:
        with collect_warnings(said.append):
            image = _finished(made.image, plan, inputs, history, context)
    except ArgumentError as error:
        return Made(lost=str(error))  # a flat of spectra whose light cannot be told from its response
    context.warn_about(said)
    if plan.kind == "flat" and plan.inputs[0].frame.dispersion is None:
        context.warn_about(flat_faults(image, recipe.flat.response))
    try:
        require_trust(image, made, len(inputs.names), recipe.masters)
    except ArgumentError as error:
        return Made(lost=str(error), untrusted=True)
    facts = _facts(plan, image, inputs, context) | stacking.rejection_facts(made)
    return Made(image=image, facts=facts, used=tuple(inputs.names))


@dataclass(frozen=True, slots=True)
class _Inputs:
    """The calibrated inputs of a master, with their names and levels, and how their levels are matched.

    `colours` are the levels of the colours of flats that are mosaics, `measured` the facts of each input.
    """

    frames: list[Any]
    names: list[str]
    levels: list[float]
    scale: list[float] | None
    zero: list[float] | None
    noisy: bool
    colours: list[dict[str, float]] = field(default_factory=list)
    measured: list[dict[str, Any]] = field(default_factory=list)


def _usable_inputs(plan: MasterPlan, context: Context, stack: ExitStack) -> _Inputs:
    """Calibrate the inputs of a master, and leave out those that fail or whose level is far from most others."""
    response = context.recipe.flat.response
    scaled = plan.kind == "flat"
    drifting = not scaled and not any(use.frame.has_overscan for use in plan.inputs)
    frames: list[Any] = []
    names: list[str] = []
    levels: list[float] = []
    drifts: list[float] = []
    halves: list[list[np.ndarray]] = []
    scatters: list[float] = []
    colours: list[dict[str, float]] = []
    measured: list[dict[str, Any]] = []
    pattern, level = _pattern(plan), partial(_lit_sample, response=response)
    noisy = True
    first: Image | None = None
    for use in plan.inputs:
        found = _input(use, plan, context)
        if found is not None:
            raw, image, sample = found
            room = (len(frames) + 1) * bytes_of(image) <= raw_rows.MEMORY
            frames.append(rows_or_image(use, raw, image, context, stack, room=room))
            if pattern is not None:
                colours.append(colour_levels(image, pattern, level))
            names.append(use.frame.file)
            levels.append(lit_level(sample, response) if scaled else _level(sample))
            measured.append(calibration_facts(use.frame, raw, image, sample, levels[-1]))
            noisy &= image.variance is not None
            if plan.kind == "bias" and not drifting:
                halves.append(half_samples(image))
            del found, raw, image  # before the next is calibrated
            scatters.append(0.0 if scaled else _scatter(sample))
            if drifting:
                first = sample if first is None else first
                drifts.append(_drift(sample, first))
    for place in reversed([] if scaled else far_levels(levels, scatters)):
        _refuse_level(plan, names[place], levels, place, context)
        for kept in (frames, names, levels, measured, scatters, drifts, halves):
            del kept[place : place + 1]
    if plan.kind == "bias":
        context.warn_about(drift_fault(drifts, scatters) if drifting else half_fault(halves))
    zero = [drift - math.fsum(drifts) / len(drifts) for drift in drifts] if drifting else None
    return _Inputs(frames, names, levels, levels if scaled else None, zero, noisy, colours, measured)


def _noise_of(plan: MasterPlan, inputs: _Inputs, context: Context) -> CameraNoise:
    """Return the noise of one input, unknown where it is not predicted or not the same for all."""
    counts = {use.frame.averaged for use in plan.inputs if use.frame.file in inputs.names}
    return context.noise.of_mean(counts.pop()) if inputs.noisy and len(counts) == 1 else CameraNoise()


def _no_input(plan: MasterPlan, context: Context) -> Made:
    """Return a master that is lost for lack of usable input; where an untrusted master is why, it is untrusted too."""
    count = len(plan.inputs)
    needed = sorted({file for use in plan.inputs for file in use.masters if context.is_untrusted(file)})
    if needed:
        what = " and ".join(needed)
        reason = f"none of {count} frames is usable without {what}, which could not be made"
        return Made(lost=reason, untrusted=True)
    return Made(lost=f"no frame of {count} is usable")


def _input(use: Use, plan: MasterPlan, context: Context) -> tuple[Image, Image, Image] | None:
    """Return a frame flagged and calibrated, and a sample of it; None if it cannot be used."""
    try:
        refuse_untrusted(use, context)
        raw = flagged(use.frame, context.recipe)
        image = calibrated_of(raw, use, context)
        sample = sampled(image)
        if plan.kind == "flat":
            _check_flat(image, sample, context.recipe.flat, _pattern(plan))
        header = noise_header(image.header, context.noise, electrons=False, averaged=use.frame.averaged)
        return raw, image.replace(header=header), sample
    except (CcdfxError, OSError) as error:
        context.fail_frame(use.frame, error)
        return None


def _pattern(plan: MasterPlan) -> ColourPattern | None:
    """Return the pattern of flats that are mosaics of colours; biases and darks do not see the filters."""
    return pattern_of(plan.setup) if plan.kind == "flat" else None


def _lit_sample(image: Image, *, response: float) -> float:
    return lit_level(sampled(image), response)


def _check_flat(image: Image, sample: Image, choice: FlatChoice, pattern: ColourPattern | None) -> None:
    """Refuse a flat with too few good pixels, or too faint; of a mosaic of colours each colour is to hold light."""
    good = float(sample.good.mean())
    if good < choice.good:
        counts = flag_counts(sample.mask).items()
        shares = [f"{name.replace('_', ' ').lower()} {count / sample.size:.0%}" for name, count in counts]
        raise ArgumentError(
            "flat",
            f"must have {choice.good:.0%} of its pixels unflagged",
            value=", ".join([f"{good:.0%}", *shares]),
            remedy="look at the flat, or lower flat.good in the recipe",
        )
    if pattern is None:
        levels = {"": lit_level(sample, choice.response)}
    else:
        levels = colour_levels(image, pattern, partial(_lit_sample, response=choice.response))
    colour, level = min(levels.items(), key=lambda item: item[1] if item[1] > 0 else -math.inf)
    if not (level >= choice.level and level > 0):
        unit = "electrons" if image.unit == "electron" else "ADU"
        rule = f"must have a level of at least {choice.level:g} {unit}" if choice.level else "must hold light"
        rule += f" in each colour, and has not in {colour}" if colour else ""
        raise ArgumentError(
            "flat", rule, value=round(level, 2), remedy="look at the flat, or lower flat.level in the recipe"
        )


def bytes_of(image: Image) -> int:
    """Return the bytes of all planes of an image."""
    planes = (image.array, image.mask, image.variance)
    return sum(plane.nbytes for plane in planes if plane is not None)


def sampled(image: Image) -> Image:
    """Return a regular sample of the pixels of a large image, a million or more, for levels; a small one as it is.

    The error of a median of so many is a thousandth of the scatter of a pixel.
    """
    step = image.size // _SAMPLE
    if step < 2:
        return image
    step += 1 - step % 2  # odd, so that it runs through all columns and the rows of both halves
    mask = None if image.mask is None else image.mask.reshape(-1)[::step].reshape(1, -1)
    variance = None if image.variance is None else image.variance.reshape(-1)[::step].reshape(1, -1)
    return Image(image.array.reshape(-1)[::step].reshape(1, -1), mask=mask, variance=variance)


def _level(image: Image) -> float:
    from ccdfx.estimators import median_of

    return float(median_of(image.array, image.good))


def _scatter(image: Image) -> float:
    from ccdfx.estimators import mad_std_of

    return float(mad_std_of(image.array, image.good))


def _refuse_level(plan: MasterPlan, name: str, levels: list[float], place: int, context: Context) -> None:
    frame = next(use.frame for use in plan.inputs if use.frame.file == name)
    error = ArgumentError(
        plan.kind,
        f"must have about the level of the others of {plan.file}, {np.median(levels):.0f} ADU",
        value=round(levels[place], 1),
        remedy="look at the frame: it holds light, or its header tells another kind or setting than it has",
    )
    context.fail_frame(frame, error)


def _drift(image: Image, first: Image) -> float:
    """Return the median of the difference of two frames; unlike that of their medians, jumps of rows leave it."""
    from ccdfx.estimators import median_of

    return float(median_of(image.array - first.array, image.good & first.good))


def _shared(plan: MasterPlan, names: list[str], context: Context) -> np.ndarray | None:
    """Return the variance of the masters that all inputs have in common; averaging does not reduce it."""
    uses = [use for use in plan.inputs if use.frame.file in names]
    first = uses[0]
    if any((use.dark, use.dark_scale) != (first.dark, first.dark_scale) for use in uses):
        first = replace(first, dark=None, dark_scale=None)
    if any(use.bias != first.bias for use in uses):
        first = replace(first, bias=None)
    return variance_of_masters(first, context, further=pipeline())


def lit_level(image: Image, response: float) -> float:
    """Return the median of the pixels that see light: those of at least `response` times this level.

    The level starts from the mean, which dark pixels lower by their share only, and is repeated until it
    stays: a flat that is mostly in the dark, behind a slit, has the level of its lit part.
    """
    from ccdfx.estimators import median_of

    good = image.good
    level = float(np.mean(image.array, where=good, dtype=np.float64)) if good.any() else math.nan
    for _ in range(_MOST_LEVELS):
        lit = good & (image.array >= response * level)
        before, level = level, float(median_of(image.array, lit))
        if not level > 0 or level == before:
            break
    return level


def normalised(flat: Image, response: float, pattern: ColourPattern | None = None) -> Image:
    """Flag pixels with too small a response as BAD_PIXEL, and divide by the median of the others.

    Of a mosaic of colours each colour is divided by its own.
    """
    if pattern is not None:
        return normalised_by_colour(flat, pattern, partial(lit_level, response=response), response)
    level = lit_level(flat, response)
    mask = np.zeros(flat.shape, np.uint8) if flat.mask is None else flat.mask.copy()
    mask[flat.array < response * level] |= np.uint8(Flag.BAD_PIXEL)
    variance = None if flat.variance is None else flat.variance / level**2
    return adopt(flat.array / level, flat.header, mask if mask.any() else None, flat.range, variance)


def _finished(image: Image, plan: MasterPlan, inputs: _Inputs, history: str, context: Context) -> Image:
    values: dict[str, Any] = {"IMAGETYP": plan.kind, "OBJECT": f"master {plan.kind}", **raw_cards(plan.setup)}
    if plan.kind == "flat":
        spectrum = plan.inputs[0].frame.dispersion
        choice = context.recipe.flat
        image = (
            normalised(image, choice.response, _pattern(plan))
            if spectrum is None
            else normalised_spectrum(image, spectrum, choice)
        )
        if plan.beside:
            levels = dict(zip(inputs.names, inputs.levels, strict=True))
            factor = factor_of_mosaic(plan, levels, partial(_lit_sample, response=choice.response), context)
            image, history = _scaled(image, factor), f"{history} mosaic={factor:.6g}"
        # A level of 1 is that of no exposure, and of no gain in electrons per ADU.
        values |= {"FILTER": plan.filter, "BUNIT": None, **dict.fromkeys((*EXPOSURES, *_NOISE_CARDS))}
    header = stacking.without_kind(image.header, plan.kind)
    product = f"master {plan.kind}"
    return image.replace(
        header=stacking.product_header(header, product, context.raw_digests(inputs.names), values, history)
    )


def _scaled(image: Image, factor: float) -> Image:
    variance = None if image.variance is None else image.variance * factor**2
    return image.replace(array=image.array * factor, variance=variance)


def _facts(plan: MasterPlan, image: Image, inputs: _Inputs, context: Context) -> dict[str, Any]:
    masters = sorted({name for use in plan.inputs for name in use.masters if context.is_made(name)})
    return {
        **master_facts(plan, image),
        "inputs": inputs.names,
        "levels": [plain(level) for level in inputs.levels],
        "measured": inputs.measured,
        "masters": masters,
    }


def master_facts(plan: MasterPlan | TakenPlan, image: Image) -> dict[str, Any]:
    """Return what is told of any master: what it is for, and its level, scatter and flags."""
    from ccdfx.estimators import mad_std_of, median_of

    good = image.good
    return {
        "file": plan.file,
        "kind": plan.kind,
        "filter": plan.filter,
        "exptime": plan.exptime,
        "instrument": plan.setup.instrument,
        "unit": image.unit,
        "level": plain(median_of(image.array, good)),
        "rms": plain(mad_std_of(image.array, good)),
        "flags": flags_of(image),
    }
