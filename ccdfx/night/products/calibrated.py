"""Calibrated frames: prepared, calibrated by their masters, and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.night.calibrators import Use
from ccdfx.night.cameras.camera_noise import CameraNoise
from ccdfx.night.frames.frame import Frame
from ccdfx.night.graph.context import Context
from ccdfx.night.graph.preview import raw_pictures
from ccdfx.night.graph.record import Made
from ccdfx.night.instruments.header_facts import KnownByUnit
from ccdfx.night.plan import SciencePlan
from ccdfx.night.products.single_rays import without_rays
from ccdfx.night.raw.levels import overscan_facts
from ccdfx.night.raw.preparation import flagged, preparation, prepared
from ccdfx.night.readouts.reading import balanced
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.spectra.calibrated import NO_NUMBER, NO_STARS, with_spectrum_flags
from ccdfx.night.summary import scale_facts, sky_facts, star_facts
from ccdfx.photometry.stars import measure_stars
from ccdfx.pipelines.pipeline import Gather, Pipeline, pipeline, step
from ccdfx.records.header import Header
from ccdfx.records.history import Master, pixel_sha256, with_step
from ccdfx.records.image import Image
from ccdfx.records.range import Range


def calibrated(use: Use, context: Context, *, electrons: bool = False, variance: bool = True) -> Image:
    """Prepare and calibrate a raw frame as planned: bias, dark, flat, noise, gain.

    A master that could not be made is not applied; a warning was issued when it failed. The frame has a
    variance only if it is wanted and its own noise can be predicted: the errors of overscan and masters alone would
    be far too small. GAIN and RDNOISE of its header are those that are used.

    Raises
    ------
    ArgumentError
        A master of the frame failed its check.
    """
    refuse_untrusted(use, context)  # before anything is read
    raw = flagged(use.frame, context.recipe)
    return calibrated_of(raw, use, context, electrons=electrons, variance=variance)


@dataclass(frozen=True, slots=True)
class SeenRaw:
    """What was seen of a raw frame before it was calibrated: facts, and its picture."""

    facts: dict[str, Any]
    pictures: dict[str, bytes]


def calibrated_and_seen(use: Use, context: Context) -> tuple[Image, SeenRaw]:
    """Calibrate a science frame as `calibrated` does; measure its overscan, and draw the part of it that is calibrated."""
    refuse_untrusted(use, context)
    raw = flagged(use.frame, context.recipe)
    data = use.frame.data or Range.whole(raw.shape)
    pictures = raw_pictures(Image(raw.array[data.slices]))
    image = calibrated_of(raw, use, context, electrons=context.recipe.science.electrons)
    return image, SeenRaw(overscan_facts(raw, use.frame), pictures)


def calibrated_of(
    raw: Image, use: Use, context: Context, *, electrons: bool = False, variance: bool = True
) -> Image:
    """Calibrate a raw frame that is flagged; see `calibrated`."""
    image = preparation(use.frame, raw.shape, context.recipe)(raw)
    if variance:
        options = calibration_options(use, context, electrons=electrons)
    else:
        image = image.replace(variance=None)
        options = _without_variance(_calibration(use, context, electrons=electrons))
    image = _calibrate(image, options)
    if "noise" not in options:
        image = image.replace(variance=None)
    summed, count = "gain" in options, use.frame.averaged
    header = noise_header(
        image.header, context.noise, electrons=image.unit == "electron", averaged=count, summed=summed
    )
    if summed and count > 1 and use.frame.exptime:
        header = header.set("EXPTIME", count * use.frame.exptime, "[s] of all planes together")
    if use.dark_is_level and "bias" in options:
        header = with_step(header, "dark")
    return image.replace(header=header)


def refuse_untrusted(use: Use, context: Context) -> None:
    """Refuse a frame one of whose masters failed its check.

    Raises
    ------
    ArgumentError
        Names the master and why it failed.
    """
    for file in use.masters:
        if context.is_untrusted(file):
            reason = context.records[file].lost
            raise ArgumentError(
                "calibration",
                f"needs {file}, which could not be made ({reason})",
                remedy="mend the master, or leave its frames out of the directory",
            )


def variance_of_masters(
    use: Use,
    context: Context,
    *,
    further: Pipeline,
    electrons: bool = False,
    exact_flat: bool = False,
) -> np.ndarray | None:
    """Return the part of the variance of a calibrated frame that comes from its masters; None without any.

    It is one error of all frames with these masters, and does not average down where they lie on one another.
    `further` is the pipeline that is applied after the calibration. With `exact_flat` the error of the flat, which is a fraction of the signal, is left out.
    """
    image = prepared(use.frame, context.recipe).replace(variance=None)
    options = _calibration(use, context, electrons=electrons)
    if exact_flat and "flat" in options:
        options["flat"] = options["flat"].image.replace(variance=None)
    image = _calibrate(image, options)
    if image.variance is None:
        return None
    variance = further(image).variance
    return None if variance is None else np.where(np.isfinite(variance), variance, 0.0)


def calibration_options(use: Use, context: Context, *, electrons: bool = False) -> dict[str, Any]:
    """Return the options of `calibrate` for a frame, with its noise where that can be predicted."""
    options = _calibration(use, context, electrons=electrons)
    noise = own_noise(use, context.noise, zeroed="bias" in options)
    return options if noise is None else {**options, "noise": noise}


def _calibration(use: Use, context: Context, *, electrons: bool) -> dict[str, Any]:
    """Return the options of `calibrate` for a frame, without its noise."""
    masters = {kind: context.master(getattr(use, kind)) for kind in ("bias", "dark", "flat")}
    options: dict[str, Any] = {kind: master for kind, master in masters.items() if master is not None}
    if use.level is not None:
        options["bias"] = _level_master(use.frame, use.level)
    if use.dark_is_level and "dark" in options:
        # Photons are counted above what is subtracted as the bias, and this dark holds it.
        options["bias"] = options.pop("dark")
    if "dark" in options:
        # The recipe's tolerance on exposure times was applied when the dark was chosen.
        options["dark_scale"] = 1.0 if use.dark_scale is None else use.dark_scale
    if "flat" in options:
        options["statistic"] = None  # the master has the level 1: it was decided when it was made
    if context.recipe.read.again and options:
        options["again"] = True
    already = isinstance(use.frame.gain, KnownByUnit) or bool(use.frame.readouts)
    if electrons and not already and not use.as_is and context.noise.gain is not None:
        options["gain"] = context.noise.of_mean(use.frame.averaged).gain  # electrons of all planes of a mean
    return options


def _level_master(frame: Frame, level: float) -> Master:
    """Make a bias of one level, which is exact."""
    assert frame.shape is not None
    shape = frame.shape if frame.data is None else frame.data.shape
    image = Image(np.full(shape, level, np.float32))
    return Master(image, f"level {level:g}", pixel_sha256(image))


def _without_variance(options: Mapping[str, Any]) -> dict[str, Any]:
    """Remove the variances of masters, which would be added up for nothing."""
    return {
        name: replace(one, image=one.image.replace(variance=None)) if isinstance(one, Master) else one
        for name, one in options.items()
    }


def _calibrate(image: Image, options: Mapping[str, Any]) -> Image:
    from ccdfx.operations.calibration.calibrate import calibrate

    return step(calibrate, **options)(image)


def own_noise(use: Use, noise: CameraNoise, *, zeroed: bool) -> Any:
    """Return the `NoiseModel` of a raw frame, or None where it cannot be predicted.

    Photons are counted above the level without light, which the overscan, the bias or a dark that holds the bias tells;
    without any (`zeroed` says whether one of these two is subtracted) the level is not known. A bias frame has no photons.
    """
    if noise.gain is None or noise.readnoise is None:
        return None
    noise = noise.of_mean(use.frame.averaged)
    assert noise.gain is not None and noise.readnoise is not None
    from ccdfx.noise import gaussian_noise

    assembled = bool(use.frame.readouts)  # with the read noise of each readout in its variance
    if use.frame.kind == "bias":
        return gaussian_noise(0.0 if assembled else noise.readnoise / noise.gain)
    noise = replace(noise, gain=1.0, readnoise=0.0) if assembled else noise
    if use.dark_is_level and zeroed:
        return noise.model_above_dark(use.frame.exptime)
    return noise.model if zeroed or use.frame.has_overscan else None


def make_calibrated(plan: SciencePlan, context: Context) -> Made:
    """Calibrate one science frame, mask its bad pixels and cosmic rays, and measure its sky and stars."""
    from ccdfx.io.provenance import with_provenance
    from ccdfx.operations.pixels.flag import mask_from

    use = plan.use
    try:
        image, seen = calibrated_and_seen(use, context)
        bad_pixels = context.master(plan.bad_pixels)
        if bad_pixels is not None:
            image = step(mask_from, bad_pixels=bad_pixels)(image)
        found = None
        if use.frame.dispersion is not None:
            image = with_spectrum_flags(image, plan, context)
        elif plan.cosmic_rays and image.variance is not None:
            found = without_rays(image, context.recipe.cosmic_rays.options)
            image = found.image
        if context.recipe.science.balance and use.frame.readouts:
            image = balanced(image, use.frame)
        further = further_steps(context.recipe)
        image = further(image)
        known = found is not None and not further.steps
        if use.frame.dispersion is not None:
            stars = NO_STARS
        else:
            stars = found.stars if found is not None and known else measure_stars(image)
        facts = {**sky_facts(image), **star_facts(stars), **seen.facts, **scale_facts(image)}
        facts |= {} if use.frame.dispersion is None else NO_NUMBER
        header = with_provenance(image.header, "calibrated frame", context.raw_digests([use.frame.file]))
        image = image.replace(header=facts_header(header, facts))
    except Exception as error:  # a step of a plugin may raise anything; one frame must not stop a night
        context.fail_frame(use.frame, error)
        return Made(lost=context.failed[use.frame.file])
    facts |= {"undersampled": found.stars.fwhm if found is not None and found.undersampled else None}
    made = [name for name in use.masters if context.is_made(name)]
    identity = {"file": plan.file, "source": use.frame.file, "masters": made, **_identity(use.frame, image)}
    return Made(
        image=image,
        facts={**identity, **facts},
        stars=stars,
        pictures=seen.pictures,
        used=(use.frame.file,),
    )


def further_steps(recipe: NightRecipe) -> Pipeline:
    """Return the pipeline that a recipe applies after the calibration; the identity if there is none.

    Raises
    ------
    CcdfxError
        Any error of `read_recipe`; `ArgumentError` for steps that gather frames.
    """
    if recipe.science.steps is None:
        return pipeline()
    from ccdfx.pipelines.recipe import read_recipe

    found = read_recipe(Path(recipe.science.steps))
    if any(isinstance(one, Gather) for one in found.steps):
        remedy = "leave gathering to the table [combine]"
        raise ArgumentError("science.steps", "must be steps of single frames", value=found, remedy=remedy)
    return found


def noise_header(
    header: Header, noise: CameraNoise, *, electrons: bool, averaged: int = 1, summed: bool = False
) -> Header:
    """Set GAIN and RDNOISE to the values that were used; some raw headers define them differently, or by EGAIN.

    Those of a mean of planes, of which `averaged` is the number, are those of the mean; where it was multiplied by their
    gain it is `summed`: the electrons of all planes.
    """
    noise = noise.of_mean(averaged)
    if noise.gain is not None:
        gain = (1.0 if summed else float(averaged)) if electrons else noise.gain
        header = header.remove("EGAIN").set(
            "GAIN", gain, f"[e-/unit of the data] {'' if electrons else noise.gain_source}".rstrip()
        )
    if noise.readnoise is not None:
        header = header.set("RDNOISE", noise.readnoise, f"[e-] {noise.readnoise_source}")
    return header


def facts_header(header: Header, facts: Mapping[str, Any]) -> Header:
    """Set NSTARS, FWHM, ELLIPTIC and SKYLEVEL to what was measured; what was not is left out."""
    header = header.remove("NSTARS")
    if facts["stars"] is not None:
        header = header.set("NSTARS", facts["stars"], "number of stars found")
    return measured_header(
        header,
        FWHM=(facts["fwhm"], "[pix] full width at half maximum of the stars"),
        ELLIPTIC=(facts["ellipticity"], "1 - minor / major axis of the stars, median"),
        SKYLEVEL=(facts["sky"], "[unit of the data] level of the sky"),
    )


def measured_header(header: Header, **cards: tuple[float | None, str]) -> Header:
    """Set cards to values with comments, to six digits, and remove those whose value is not known."""
    for keyword, (value, comment) in cards.items():
        header = header.remove(keyword)
        if value is not None:
            header = header.set(keyword, float(f"{value:.6g}"), comment)
    return header


def _identity(frame: Frame, image: Image) -> dict[str, Any]:
    summed = image.unit == "electron" and not isinstance(frame.gain, KnownByUnit)
    exptime = frame.exptime and frame.exptime * (frame.averaged if summed else 1)
    spectral = {} if frame.dispersion is None else {"kind": frame.kind, "dispersion": frame.dispersion}
    return {"object": frame.object, "filter": frame.filter, "exptime": exptime, **spectral}
