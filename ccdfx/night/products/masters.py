"""Construction of the master frames of a night."""

from __future__ import annotations

import math
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.night.cameras.camera_noise import CameraNoise
from ccdfx.night.cameras.flat_faults import flat_faults
from ccdfx.night.given.describe import raw_cards
from ccdfx.night.given.master import TakenPlan
from ccdfx.night.graph.context import Context
from ccdfx.night.graph.notices import collect_warnings
from ccdfx.night.graph.record import Made
from ccdfx.night.plan import MasterPlan
from ccdfx.night.products import stacking
from ccdfx.night.products.by_colour.flats import (
    normalised_by_colour,
    stacked_by_colour,
    without_colours,
)
from ccdfx.night.products.by_detector.levels import factor_of_mosaic
from ccdfx.night.products.calibrated import variance_of_masters
from ccdfx.night.products.master_inputs import (
    Inputs,
    lit_level,
    lit_sample,
    master_pattern,
    usable_inputs,
)
from ccdfx.night.products.trust import require_trust
from ccdfx.night.spectra.flat import normalised_spectrum
from ccdfx.night.summary import flags_of, plain
from ccdfx.operations.colour.pattern import ColourPattern
from ccdfx.operations.headers import EXPOSURES
from ccdfx.pipelines.pipeline import pipeline
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image, adopt

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
        inputs = usable_inputs(plan, context, stack)
        if not inputs.each:
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
        shared = _shared(plan, inputs.names, context) if inputs.has_variance else None
        pattern = master_pattern(plan)
        frames = [one.frame for one in inputs.each]
        if pattern is None:
            made = stack_of(frames, scale=inputs.scale, weights=inputs.scale, shared=shared)
        else:
            colours = [one.colours for one in inputs.each]
            made = stacked_by_colour(frames, stack_of, pattern, colours, shared)
            if without_colours(colours):
                context.warn_about([_NO_COLOURS])
    inputs = inputs.without_frames()
    del frames, shared
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


def _noise_of(plan: MasterPlan, inputs: Inputs, context: Context) -> CameraNoise:
    """Return the noise of one input, unknown where it is not predicted or not the same for all."""
    counts = {use.frame.averaged for use in plan.inputs if use.frame.file in inputs.names}
    return context.noise.of_mean(counts.pop()) if inputs.has_variance and len(counts) == 1 else CameraNoise()


def _no_input(plan: MasterPlan, context: Context) -> Made:
    """Return a master that is lost for lack of usable input; where an untrusted master is why, it is untrusted too."""
    count = len(plan.inputs)
    needed = sorted({file for use in plan.inputs for file in use.masters if context.is_untrusted(file)})
    if needed:
        what = " and ".join(needed)
        reason = f"none of {count} frames is usable without {what}, which could not be made"
        return Made(lost=reason, untrusted=True)
    return Made(lost=f"no frame of {count} is usable")


def _shared(plan: MasterPlan, names: list[str], context: Context) -> np.ndarray | None:
    """Return the variance of the masters that all inputs have in common; averaging does not reduce it."""
    uses = [use for use in plan.inputs if use.frame.file in names]
    first = uses[0]
    if any((use.dark, use.dark_scale) != (first.dark, first.dark_scale) for use in uses):
        first = replace(first, dark=None, dark_scale=None)
    if any(use.bias != first.bias for use in uses):
        first = replace(first, bias=None)
    return variance_of_masters(first, context, further=pipeline())


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


def _finished(image: Image, plan: MasterPlan, inputs: Inputs, history: str, context: Context) -> Image:
    values: dict[str, Any] = {"IMAGETYP": plan.kind, "OBJECT": f"master {plan.kind}", **raw_cards(plan.setup)}
    if plan.kind == "flat":
        spectrum = plan.inputs[0].frame.dispersion
        choice = context.recipe.flat
        image = (
            normalised(image, choice.response, master_pattern(plan))
            if spectrum is None
            else normalised_spectrum(image, spectrum, choice)
        )
        if plan.beside:
            levels = dict(zip(inputs.names, inputs.levels, strict=True))
            factor = factor_of_mosaic(plan, levels, partial(lit_sample, response=choice.response), context)
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


def _facts(plan: MasterPlan, image: Image, inputs: Inputs, context: Context) -> dict[str, Any]:
    masters = sorted({name for use in plan.inputs for name in use.masters if context.is_made(name)})
    return {
        **master_facts(plan, image),
        "inputs": inputs.names,
        "levels": [plain(level) for level in inputs.levels],
        "measured": [one.facts for one in inputs.each],
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
