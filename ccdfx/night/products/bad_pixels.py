"""The map of bad pixels of each setup: found in its masters and science frames, joined with one's own."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ccdfx.errors import CcdfxError, MismatchError
from ccdfx.night import naming
from ccdfx.night.calibrators import Use
from ccdfx.night.context import Context
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.plan import Plan
from ccdfx.night.products.calibrated import calibrated
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range

_FEWEST_INPUTS = 3  # of a master: of fewer, a cosmic ray cannot be told from a hot pixel
_MOST_PIXELS = 1 << 26  # of all frames of the sky; at least five are used
_LEAST_FRAMES = 5
_MEASURED = 5  # frames whose FWHM is measured
_KINDS = {"bias": "biases", "dark": "darks", "flat": "flats"}


def bad_pixel_files(plan: Plan, recipe: NightRecipe) -> dict[Setup, str]:
    """List the files of the maps, one for each setup with science frames; none if the recipe wants none."""
    if not recipe.bad_pixels.use and recipe.bad_pixels.file is None:
        return {}
    setups = list(plan.setups)
    tags = naming.unique(setup.tag for setup in setups)
    with_science = {item.setup for item in plan.science}
    return {
        setup: f"masters/bad_pixels{f'_{tag}' if len(setups) > 1 else ''}.fits"
        for setup, tag in zip(setups, tags, strict=True)
        if setup in with_science
    }


def own_bad_pixels(plan: Plan, recipe: NightRecipe) -> dict[Setup, np.ndarray]:
    """Read the map that the recipe names, as flags on the trimmed frames of the setups that it fits.

    Raises
    ------
    CcdfxError
        The file cannot be read.
    MismatchError
        It has the shape of the raw or of the trimmed frames of no setup with science frames.
    """
    file = recipe.bad_pixels.file
    if file is None:
        return {}
    from ccdfx.io import read

    image = read(file)
    bad = (image.array != 0) | ~np.isfinite(image.array)
    if image.mask is not None:
        bad |= image.mask != 0
    found = {}
    setups = list(dict.fromkeys(item.setup for item in plan.science))
    for setup in setups:
        shapes = {setup.shape: setup.data, setup.data.shape: Range.whole(setup.data.shape)}
        if bad.shape in shapes:
            found[setup] = bad[shapes[bad.shape].slices]
    if setups and not found:
        raise MismatchError(
            f"bad_pixels.file: {file}",
            "must have the shape of the frames, raw or trimmed: "
            + "; ".join(f"{setup.shape} or {setup.data.shape} ({setup.label})" for setup in setups),
            value=bad.shape,
            remedy="make it from frames of this camera, with ccdfx mask",
        )
    return found


def build_bad_pixels(
    setup: Setup,
    plan: Plan,
    masters: Iterable[Mapping[str, Any]],
    context: Context,
    *,
    files: Mapping[Setup, str],
    own: Mapping[Setup, np.ndarray],
) -> tuple[dict[str, Any] | None, Context]:
    """Find the bad pixels of a setup, write their map, and return its metadata, and a context that applies it.

    Masters of three or more frames are searched, and science frames spread over the night, without what is
    flagged in them already. If nothing can be searched and there is no map of one's own, there is no map.

    Parameters
    ----------
    masters : iterable of mapping
        Metadata of the masters that were made.
    files, own : mapping
        From `bad_pixel_files` and `own_bad_pixels`.
    """
    if setup not in files:
        return None, context
    from ccdfx.io import read_master

    file, given = files[setup], own.get(setup)
    if context.recipe.bad_pixels.file is not None and given is None:
        context.log.warn(
            f"{context.recipe.bad_pixels.file} has another shape than the frames of {setup.label}"
        )
    facts, mask, region = _search(setup, plan, masters, context)
    if mask is None and given is None:
        return None, context
    if given is not None:
        flags = given * np.uint8(Flag.BAD_PIXEL)
        mask = flags if mask is None or mask.shape != flags.shape else mask | flags
        region = region if region is not None else setup.data
    assert mask is not None
    cards = [
        ("IMAGETYP", "mask", "bad pixels: 1"),
        ("OBJECT", "bad pixels", ""),
        ("NBAD", int(np.count_nonzero(mask)), "number of bad pixels"),
    ]
    cards += [(f"N{kind.upper()[:7]}", count, f"of kind {kind}") for kind, count in facts["counts"].items()]
    master = read_master(context.save(Image(mask, header=Header(cards), range=region), file))
    facts = {
        "file": file,
        "instrument": setup.instrument,
        "setup": setup.label,
        "bad": int(np.count_nonzero(mask)),
        "fraction": float(np.count_nonzero(mask) / mask.size),
        "own": None if given is None else int(np.count_nonzero(given)),
        **facts,
        "sha256": master.sha256,
    }
    return facts, replace(context, bad_pixels=master)


def _search(
    setup: Setup, plan: Plan, masters: Iterable[Mapping[str, Any]], context: Context
) -> tuple[dict[str, Any], np.ndarray | None, Range | None]:
    """Find bad pixels in the masters and science frames; return metadata, flags and window, None without anything to search."""
    from ccdfx.operations.pixels.bad_pixels import KINDS, find_bad_pixels

    choice = context.recipe.bad_pixels
    facts: dict[str, Any] = {"counts": dict.fromkeys(KINDS, 0), "inputs": {}, "fwhm": None, "notes": []}
    if not choice.use:
        return facts, None, None
    images: dict[str, Any] = {}
    kinds = {master.file: master.kind for master in plan.masters if master.setup == setup}
    for fact in masters:
        if fact["file"] in kinds and len(fact["inputs"]) >= _FEWEST_INPUTS:
            name = _KINDS[kinds[fact["file"]]]
            facts["inputs"].setdefault(name, []).append(fact["file"])
            images.setdefault(name, []).append(context.log.masters[fact["file"]].image)
    names, frames = _sky_frames(setup, plan, context)
    if frames:
        facts["inputs"]["frames"] = names
        images["frames"] = frames
        facts["fwhm"] = _sharpest(frames)
    if not images:
        return facts, None, None
    options: dict[str, Any] = (
        choice.options if facts["fwhm"] is None else {**choice.options, "fwhm": facts["fwhm"]}
    )
    options |= {"gain": context.noise.gain, "noise": _noise_of(frames, context)}
    defects = find_bad_pixels(**images, **options)
    for note in defects.notes:
        if not note.endswith("no majority"):
            context.log.warn(f"bad pixels of {setup.label}: {note}")
    facts |= {"counts": defects.counts, "notes": list(defects.notes)}
    first = next(iter(images.values()))[0]
    return facts, defects.mask, first.range


def _sky_frames(setup: Setup, plan: Plan, context: Context) -> tuple[list[str], list[Image]]:
    """Calibrate science frames spread over the night, of all objects, as far as the recipe and memory allow."""
    uses = [
        item.use
        for item in plan.science
        if item.setup == setup and item.use.frame.file not in context.log.failed
    ]
    if not uses:
        return [], []
    shape = setup.data.shape
    most = min(context.recipe.bad_pixels.frames, max(_LEAST_FRAMES, _MOST_PIXELS // (shape[0] * shape[1])))
    names, frames = [], []
    for use in _spread(uses, most):
        try:
            image = calibrated(use, context, electrons=context.recipe.science.electrons)
        except (CcdfxError, OSError):
            continue  # the calibration of all frames will record it
        names.append(use.frame.file)
        frames.append(image.replace(variance=None))
    return names, frames


def _noise_of(frames: list[Image], context: Context) -> float:
    """Measure the least noise of the frames of the sky, in ADU; 0 without frames."""
    from ccdfx.estimators import local_noise

    found = [
        local_noise(image) / (context.noise.gain or 1.0 if image.unit == "electron" else 1.0)
        for image in frames
    ]
    return min((one for one in found if math.isfinite(one)), default=0.0)


def _spread(uses: list[Use], most: int) -> list[Use]:
    """Choose at most so many frames, as evenly as possible."""
    if len(uses) <= most:
        return uses
    return [uses[i * len(uses) // most] for i in range(most)]


def _sharpest(frames: list[Image]) -> float | None:
    """Return the smallest FWHM of the stars in some of the frames; None without stars."""
    from ccdfx.photometry.stars import measure_stars

    widths = [measure_stars(frame).fwhm for frame in frames[:: max(1, len(frames) // _MEASURED)]]
    known = [width for width in widths if math.isfinite(width) and width > 0]
    return min(known) if known else None
