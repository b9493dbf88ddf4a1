"""Calibration of science frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.night.camera_noise import CameraNoise
from ccdfx.night.facts import sky_facts
from ccdfx.night.frames import Frame
from ccdfx.night.plan import SciencePlan
from ccdfx.night.preparation import calibrated
from ccdfx.night.recipe import NightRecipe
from ccdfx.night.workshop import Workshop
from ccdfx.pipelines import Gather, Pipeline, pipeline, step
from ccdfx.records.header import Header
from ccdfx.records.image import Image


def calibrate_frame(plan: SciencePlan, shop: Workshop) -> dict[str, Any] | None:
    """Calibrate one science frame, write it and return its metadata; None if it failed (see the ledger)."""
    use, ledger = plan.use, shop.ledger
    try:
        image = calibrated(use, shop, electrons=shop.recipe.science.electrons)
        if plan.cosmic_rays and shop.noise.model is not None:
            image = _without_rays(image, shop.recipe)
        image = shop.further(image)
        header = noise_header(image.header, shop.noise, electrons=image.unit == "electron")
        image = image.replace(header=header)
        facts = sky_facts(image)
    except Exception as error:  # a step of a plugin may raise anything; one frame must not stop a night
        ledger.fail(use.frame, error)
        return None
    finally:
        ledger.step(f"science {use.frame.file}")
    shop.save(image, plan.file)
    ledger.used.add(use.frame.file)
    made = [name for name in use.masters if name in ledger.masters]
    return {"file": plan.file, "source": use.frame.file, "masters": made, **_identity(use.frame), **facts}


def _without_rays(image: Image, recipe: NightRecipe) -> Image:
    """Flag cosmic rays, with the variance of the image."""
    from ccdfx.operations.cosmic_rays import mask_cosmic_rays

    return step(mask_cosmic_rays, **recipe.cosmic_rays.options)(image)


def further_steps(recipe: NightRecipe) -> Pipeline:
    """Return the pipeline that a recipe applies after the calibration; the identity if there is none.

    Raises
    ------
    CcdfxError
        Any error of `read_recipe`; `ArgumentError` for steps that gather frames.
    """
    if recipe.science.steps is None:
        return pipeline()
    from ccdfx.recipes import read_recipe

    found = read_recipe(Path(recipe.science.steps))
    if any(isinstance(one, Gather) for one in found.steps):
        remedy = "leave gathering to the table [combine]"
        raise ArgumentError("science.steps", "must be steps of single frames", value=found, remedy=remedy)
    return found


def noise_header(header: Header, noise: CameraNoise, *, electrons: bool) -> Header:
    """Set GAIN and RDNOISE to the values that were used; some raw headers define them differently."""
    if noise.gain is not None:
        gain = 1.0 if electrons else noise.gain
        header = header.set(
            "GAIN", gain, f"[e-/unit of the data] {'' if electrons else noise.gain_source}".rstrip()
        )
    if noise.readnoise is not None:
        header = header.set("RDNOISE", noise.readnoise, f"[e-] {noise.readnoise_source}")
    return header


def _identity(frame: Frame) -> dict[str, Any]:
    return {"object": frame.object, "filter": frame.filter, "exptime": frame.exptime}
