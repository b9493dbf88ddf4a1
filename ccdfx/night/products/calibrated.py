"""Calibrated frames: prepared, calibrated by their masters, and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, MismatchError
from ccdfx.night.calibrators import Use
from ccdfx.night.cameras.camera_noise import CameraNoise
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.raw_image import raw_image
from ccdfx.night.graph.context import Context
from ccdfx.night.graph.record import Made
from ccdfx.night.instruments.header_facts import KnownByUnit
from ccdfx.night.plan import SciencePlan
from ccdfx.night.products.single_rays import without_rays
from ccdfx.night.readouts.reading import balanced, overscan_levels_of, read_assembled
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.spectra.calibrated import NO_NUMBER, NO_STARS, with_spectrum_flags
from ccdfx.night.summary import sky_facts, star_facts
from ccdfx.photometry.stars import measure_stars
from ccdfx.pipelines.pipeline import Gather, Pipeline, Step, pipeline, step
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.history import Master, pixel_sha256, with_step
from ccdfx.records.image import Image
from ccdfx.records.range import Range

_UNITS = frozenset({"adu", "count", "counts", "dn", "electron", "electrons", "e-"})


def prepared(frame: Frame, recipe: NightRecipe) -> Image:
    """Read a raw frame, flag saturated and bad pixels, subtract the overscan and trim.

    Every step adds a HISTORY line.

    Raises
    ------
    FileError
        The file cannot be read.
    MismatchError
        The size of the image disagrees with the header.
    """
    raw = flagged(frame, recipe)
    return preparation(frame, raw.shape, recipe)(raw)


def prepared_of(raw: Image, frame: Frame, recipe: NightRecipe) -> Image:
    """Prepare a raw frame that was read by `raw_image`; see `prepared`."""
    raw = flagged_of(raw, frame)
    return preparation(frame, raw.shape, recipe)(raw)


def flagged(frame: Frame, recipe: NightRecipe) -> Image:
    """Read a raw frame, and flag saturated and bad pixels; of several readouts, it is assembled.

    Raises
    ------
    FileError
        The file cannot be read.
    MismatchError
        The size of the image disagrees with the header.
    """
    raw = read_assembled(frame, recipe) if frame.readouts else raw_image(frame, recipe)
    return flagged_of(raw, frame)


def flagged_of(raw: Image, frame: Frame) -> Image:
    """Flag saturated and bad pixels of a raw frame that was read by `raw_image`; see `flagged`."""
    if raw.shape != frame.shape:
        rule = f"must have the shape {frame.shape} that its header says"
        raise MismatchError("image", rule, value=raw.shape, remedy="correct its header, or leave it out")
    raw = raw.replace(header=standard_header(raw.header, frame))
    return pipeline(*_flagging(frame, raw.shape))(raw)


def standard_header(header: Header, frame: Frame) -> Header:
    """Copy the metadata of the frame to the usual header keywords, for other programs.

    EXPTIME (s) and FILTER are set to the values found by the instrument file, OBJECT and DATE-OBS are added where
    they are absent, a DATE-OBS without a time of day gets that of the frame, and BUNIT is set to the unit of the
    instrument file unless the header has a usual one.
    """
    # The comment of the card may name another unit.
    for keyword, value, comment in (
        ("EXPTIME", frame.exptime, "[s] exposure time"),
        ("FILTER", frame.filter, None),
    ):
        if value is not None and header.get(keyword) != value:
            header = header.set(keyword, value, comment)
    dated = ":" in str(header.get("DATE-OBS", "")) or ":" not in (frame.date or "")
    for keyword, text in (("OBJECT", frame.object), ("DATE-OBS", frame.date)):
        if text is not None and (keyword not in header or (keyword == "DATE-OBS" and not dated)):
            header = header.set(keyword, text)
    unit = str(header.get("BUNIT") or "").strip().lower()
    return header if unit in _UNITS else header.set("BUNIT", frame.unit, "unit of the pixel values")


def _flagging(frame: Frame, shape: tuple[int, int]) -> list[Step]:
    from ccdfx.operations.pixels.flag import mask_from, mask_saturated

    steps = []
    if frame.saturation is not None:
        steps.append(step(mask_saturated, saturation=frame.saturation.value))
    if frame.bad:
        steps.append(step(mask_from, bad_pixels=bad_pixel_map(frame, shape)))
    return steps


def overscan_options(frame: Frame, recipe: NightRecipe) -> dict[str, Any]:
    """Return the options of `subtract_overscan` that say how levels are measured."""
    return {"overscan": frame.overscan, **overscan_levels_of(recipe.overscan)}


def preparation(frame: Frame, shape: tuple[int, int], recipe: NightRecipe) -> Pipeline:
    """Build the pipeline that prepares a raw frame that is flagged."""
    from ccdfx.operations.calibration.overscan import subtract_overscan
    from ccdfx.operations.window import trim

    steps = []
    if frame.overscan is not None:
        lines = lines_kept(frame, shape)
        options = overscan_options(frame, recipe)
        if lines is not None:
            steps.append(step(trim, section=lines))
            options["overscan"] = frame.overscan.intersection(lines)
        if recipe.read.again:
            options["again"] = True
        steps.append(step(subtract_overscan, **options))
    if frame.data is not None and frame.data != Range.whole(shape):
        steps.append(step(trim, section=frame.data))
    return pipeline(*steps)


def lines_kept(frame: Frame, shape: tuple[int, int]) -> Range | None:
    """Return the lines of the data section, where the overscan covers these but not the whole frame; else None.

    The others, which have no level of their own, are trimmed before the overscan is subtracted.
    """
    overscan, data = frame.overscan, frame.data
    if overscan is None or data is None:
        return None
    (ny, nx), rows = shape, data.x_upper <= overscan.x_lower or overscan.x_upper <= data.x_lower
    if rows:
        complete = overscan.shape[0] == ny
        lines = Range(0, nx, data.y_lower, data.y_upper)
        covered = overscan.y_lower <= data.y_lower and data.y_upper <= overscan.y_upper
    else:
        complete = overscan.shape[1] == nx
        lines = Range(data.x_lower, data.x_upper, 0, ny)
        covered = overscan.x_lower <= data.x_lower and data.x_upper <= overscan.x_upper
    return lines if covered and not complete else None


def bad_pixel_map(frame: Frame, shape: tuple[int, int]) -> Master:
    """Make a map of flags over the raw frame from the bad pixels that the instrument file names."""
    flags = np.zeros(shape, np.uint8)
    for window in frame.bad:
        flags[window.slices] = np.uint8(Flag.BAD_PIXEL)
    image = Image(flags)
    return Master(image, f"bad pixels of {frame.instrument}", pixel_sha256(image))


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
        image = calibrated(use, context, electrons=context.recipe.science.electrons)
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
        facts = {**sky_facts(image), **star_facts(stars)}
        facts |= {} if use.frame.dispersion is None else NO_NUMBER
        header = with_provenance(image.header, "calibrated frame", context.raw_digests([use.frame.file]))
        image = image.replace(header=facts_header(header, facts))
    except Exception as error:  # a step of a plugin may raise anything; one frame must not stop a night
        context.fail_frame(use.frame, error)
        return Made(lost=context.failed[use.frame.file])
    facts |= {"undersampled": found.stars.fwhm if found is not None and found.undersampled else None}
    made = [name for name in use.masters if context.is_made(name)]
    identity = {"file": plan.file, "source": use.frame.file, "masters": made, **_identity(use.frame, image)}
    return Made(image=image, facts={**identity, **facts}, stars=stars, used=(use.frame.file,))


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
