"""Images of single colours, made of calibrated mosaics: calibrated frames of a filter of their own."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from ccdfx.io.provenance import with_provenance
from ccdfx.night.cameras.camera_noise import CameraNoise
from ccdfx.night.graph.context import Context
from ccdfx.night.graph.record import Made
from ccdfx.night.grouping.colours import GUIDE, SPLIT, ColourPlan
from ccdfx.night.products.calibrated import facts_header, further_steps
from ccdfx.night.summary import sky_facts, star_facts
from ccdfx.operations.colour.debayer import colour_image
from ccdfx.operations.colour.planes import colour_plane
from ccdfx.photometry.stars import measure_stars
from ccdfx.pipelines.pipeline import Pipeline, Step, pipeline, step
from ccdfx.records.image import Image

_OWN = {"R": "R", "G": "G1", "B": "B"}  # planes of pixels that were measured


def make_colour(plan: ColourPlan, context: Context) -> Made:
    """Make the image of one colour of a calibrated mosaic, apply the further steps of a recipe, and measure it."""
    from ccdfx.io import read

    frame = plan.use.frame
    if not context.is_made(plan.mosaic):
        return Made(lost=f"needs {plan.mosaic}, which could not be made")
    try:
        mosaic = read(context.path(plan.mosaic))
        image = colour_step(plan)(mosaic)
        further = further_steps(context.recipe)
        image = further(image)
        stars = measure_stars(image)
        facts: dict[str, Any] = {**sky_facts(image), **star_facts(stars)}
        if is_interpolated(plan):
            facts |= _noise_facts(
                further(colour_plane(mosaic, colour=_OWN[plan.colour], pattern=plan.pattern))
            )
        header = image.header.set("FILTER", plan.filter)
        if _is_mean(plan) and image.unit == "electron":
            header = header.remove(
                "GAIN", "RDNOISE"
            )  # 2 for the mean, but combined frames in electrons are taken to have 1
        header = with_provenance(header, "calibrated frame", context.keys([plan.mosaic]), digest="IMKEY")
        image = image.replace(header=facts_header(header, facts))
    except Exception as error:  # a step of a plugin may raise anything; one frame must not stop a night
        context.fail_frame(frame, error)
        return Made(lost=context.failed[frame.file])
    before = context.facts(plan.mosaic)
    identity = {
        "file": plan.file,
        "source": frame.file,
        "masters": before["masters"],
        "object": frame.object,
        "filter": plan.filter,
        "exptime": frame.exptime,
        "colour": plan.colour,
        "undersampled": None,
    }
    return Made(image=image, facts={**identity, **facts}, stars=stars, used=(frame.file,))


def _noise_facts(plane: Image) -> dict[str, Any]:
    """Return the noise of the pixels that were measured: between interpolated ones it cannot be told by differences."""
    found = sky_facts(plane)
    return {name: found[name] for name in ("noise_measured", "noise_predicted", "excess")}


def colour_step(plan: ColourPlan) -> Step:
    """Return the step that makes the image of a colour of a mosaic."""
    method = "superpixel" if plan.method == SPLIT else plan.method
    return step(colour_image, colour=plan.colour, method=method, pattern=plan.pattern)


def steps_of(plan: ColourPlan | None, context: Context) -> Pipeline:
    """Return what is done with a calibrated frame before it is combined: its colour taken, further steps of a recipe."""
    further = further_steps(context.recipe)
    return further if plan is None else pipeline(colour_step(plan), *further.steps)


def _is_mean(plan: ColourPlan) -> bool:
    return plan.method == SPLIT and plan.colour == GUIDE


def is_interpolated(plan: ColourPlan | None) -> bool:
    """Return whether pixels of an image are interpolated between those of a mosaic."""
    return plan is not None and plan.method != SPLIT


def noise_of(plan: ColourPlan | None, noise: CameraNoise, *, electrons: bool) -> CameraNoise:
    """Return gain and read noise of the pixels of an image: those of the mean of two for the green pixels.

    Interpolated pixels are at most as noisy as those that were measured, and keep their noise here. A mean in electrons
    is less noisy than any gain says that is allowed for electrons, 1; its photon noise is overestimated here.
    """
    if plan is None or not _is_mean(plan):
        return noise
    factor = 1.0 if electrons else 2.0
    gain = None if noise.gain is None else factor * noise.gain
    readnoise = None if noise.readnoise is None else factor * math.sqrt(0.5) * noise.readnoise
    return replace(noise, gain=gain, readnoise=readnoise)
