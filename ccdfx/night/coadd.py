"""Combining the calibrated frames of one object and filter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccdfx.errors import CcdfxError
from ccdfx.night.camera_noise import CameraNoise
from ccdfx.night.facts import plain, sky_facts
from ccdfx.night.ledger import Ledger
from ccdfx.night.plan import CombinePlan
from ccdfx.night.recipe import NightRecipe
from ccdfx.night.shelf import Shelf, shelf
from ccdfx.night.stacking import average_of, combined_header, rejected_total, rejection_of, told_rule
from ccdfx.records.image import Image


def combine_object(
    plan: CombinePlan,
    made: Mapping[str, Mapping[str, Any]],
    recipe: NightRecipe,
    noise: CameraNoise,
    ledger: Ledger,
    output: Path,
    *,
    overwrite: bool,
) -> dict[str, Any] | None:
    """Register and combine calibrated frames, write the result and give its facts.

    The first frame is the reference: its pixels, its sky level, its exposure time. Another exposure time is
    scaled, a different sky level is shifted. A frame whose stars do not match is left out and said; when
    fewer than two are left nothing is made, which is a warning.

    Parameters
    ----------
    plan : CombinePlan
    made : mapping
        The facts of the calibrated frames by file.
    """
    from ccdfx.io import write
    from ccdfx.operations.combine import stack

    files = [file for file in plan.inputs if file in made]
    with shelf(output) as store:
        images, kept, left_out = _registered(files, recipe, output, store)
        ledger.step(f"combine {plan.file}")
        for item in left_out:
            ledger.warn(f"{plan.file}: {item['source']} is left out: {item['reason']}")
        if len(images) < 2:
            ledger.warn(f"{plan.file} was not made: fewer than two frames of {plan.object} are usable")
            return None
        scale, zero, weights = _levels([made[item["source"]] for item in kept])
        weights = weights if recipe.combine.average == "mean" else None
        choice = recipe.combine
        reject = rejection_of(choice.reject, noise, sensitivity=choice.sensitivity)
        result = stack(
            images, average=average_of(choice.average), reject=reject, weights=weights, scale=scale, zero=zero
        )
    names = [item["source"] for item in kept]
    told = f"combine average={choice.average} reject={told_rule(reject)} align={choice.align}"
    exposures = [made[name]["exptime"] for name in names]
    total = sum(exposures) if all(value is not None for value in exposures) else None
    header = combined_header(
        result.image.header, names, {"OBJECT": plan.object, "EXPTIME": exposures[0], "TOTALEXP": total}, told
    )
    image = result.image.replace(header=header)
    path = output / plan.file
    path.parent.mkdir(parents=True, exist_ok=True)
    write(image, path, overwrite=overwrite)
    return {
        "file": plan.file,
        "object": plan.object,
        "filter": plan.filter,
        "inputs": names,
        "shifts": kept,
        "left_out": left_out,
        "rejected": rejected_total(result),
        "exptime": made[names[0]]["exptime"],
        "total_exptime": total,
        **sky_facts(image),
    }


def _registered(
    files: list[str], recipe: NightRecipe, output: Path, store: Shelf
) -> tuple[list[Any], list[dict[str, Any]], list[dict[str, str]]]:
    """Frames on the pixels of the first, their shifts, and those that do not match with the reason."""
    from ccdfx.io import read

    images: list[Any] = []
    kept: list[dict[str, Any]] = []
    left_out: list[dict[str, str]] = []
    reference: Image | None = None
    for file in files:
        image = read(output / file)
        if reference is None:
            reference = image
            images.append(store.put(image))
            kept.append({"source": file, "dx": 0.0, "dy": 0.0, "error": 0.0})
            continue
        try:
            moved, found = _onto(image, reference, recipe.combine.align)
        except CcdfxError as problem:
            left_out.append({"source": file, "reason": str(problem)})
            continue
        images.append(store.put(moved))
        kept.append({"source": file, **found})
    return images, kept, left_out


def _onto(image: Image, reference: Image, align: bool) -> tuple[Image, dict[str, Any]]:
    if not align:
        return image, {"dx": 0.0, "dy": 0.0, "error": None}
    from ccdfx.operations.align import measure_shift
    from ccdfx.operations.shift import shift

    found = measure_shift(image, reference=reference)
    moved = shift(image, dx=found.dx, dy=found.dy)
    return moved, {"dx": plain(found.dx), "dy": plain(found.dy), "error": plain(found.error)}


_Numbers = list[float] | None


def _levels(frames: list[Mapping[str, Any]]) -> tuple[_Numbers, _Numbers, _Numbers]:
    """Exposure factors and sky offsets against the first frame, and weights, as `combine` takes them.

    Where the exposures are equal there are neither factors nor weights. Else the weights are the inverse
    squares of the noise of the sky, so that a short exposure that is scaled up does not spoil a long one.
    """
    times = [frame["exptime"] for frame in frames]
    scale = [time / times[0] for time in times] if all(times) else [1.0] * len(frames)
    skies = [frame["sky"] for frame in frames]
    known = all(sky is not None for sky in skies)
    zero = [sky / s - skies[0] for sky, s in zip(skies, scale, strict=True)] if known else None
    if len(set(scale)) == 1:
        return None, zero, None
    noises = [frame["noise_measured"] for frame in frames]
    weights = [(s / noise) ** 2 for s, noise in zip(scale, noises, strict=True)] if all(noises) else None
    return scale, zero, weights
