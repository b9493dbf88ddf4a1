"""Combination of the calibrated frames of one object and filter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ccdfx.night import stacking
from ccdfx.night.facts import plain, sky_facts
from ccdfx.night.plan import CombinePlan
from ccdfx.night.registration import Registration, Step, register, unmoved
from ccdfx.night.shelf import Shelf, shelf
from ccdfx.night.workshop import Workshop


def combine_object(
    made: Mapping[str, Mapping[str, Any]], plan: CombinePlan, shop: Workshop
) -> dict[str, Any] | None:
    """Register and combine calibrated frames, write the result and return its metadata.

    The reference (the first frame, unless most others do not match it) defines the pixels, the sky level and
    the exposure time. Other exposure times are scaled, other sky levels are offset. A frame whose stars do
    not match is left out with a warning; with fewer than two frames left, nothing is made, with a warning.

    Parameters
    ----------
    made : mapping
        Metadata of the calibrated frames by file.
    plan : CombinePlan
    """
    files = [file for file in plan.inputs if file in made]
    choice, ledger = shop.recipe.combine, shop.ledger
    found = register(files, shop.output) if choice.align else unmoved(files)
    ledger.step(f"combine {plan.file}")
    for file, reason in found.left_out.items():
        ledger.warn(f"{plan.file}: {file} is left out: {reason}")
    if len(found.steps) < 2:
        ledger.warn(f"{plan.file} was not made: fewer than two frames of {plan.object} are usable")
        return None
    names = list(found.steps)
    result = _stacked(found, made, shop)
    ledger.caution(plan.file, result.cautions)
    exposures = [made[name]["exptime"] for name in names]
    values = {"OBJECT": plan.object, "EXPTIME": exposures[0], "TOTALEXP": sum(exposures)}
    told = f"combine {result.told} align={choice.align}"
    image = result.stack.image
    image = image.replace(header=stacking.combined_header(image.header, names, values, told))
    shop.save(image, plan.file)
    return {
        "file": plan.file,
        "object": plan.object,
        "filter": plan.filter,
        "inputs": names,
        "shifts": [{"source": file, **_step_facts(step)} for file, step in found.steps.items()],
        "left_out": [{"source": file, "reason": reason} for file, reason in found.left_out.items()],
        **stacking.rejection_facts(result),
        "exptime": exposures[0],
        "total_exptime": sum(exposures),
        "resampled": sum(step.resamples for step in found.steps.values()),
        **sky_facts(image),
    }


def _step_facts(step: Step) -> dict[str, float | None]:
    return {"dx": plain(step.dx), "dy": plain(step.dy), "error": plain(step.error)}


def _stacked(found: Registration, made: Mapping[str, Mapping[str, Any]], shop: Workshop) -> stacking.Stacked:
    """Combine the registered frames."""
    choice = shop.recipe.combine
    facts = [made[name] for name in found.steps]
    noise = replace(shop.noise, gain=1.0) if facts[0]["unit"] == "electron" else shop.noise
    with shelf(shop.output) as store:
        return stacking.stacked(
            _moved(found, shop, store), choice, noise, sensitivity=choice.sensitivity, **_levels(facts)
        )


def _moved(found: Registration, shop: Workshop, store: Shelf) -> list[Any]:
    """Resample the frames to the pixels of the reference and put them on the shelf."""
    from ccdfx.io import read
    from ccdfx.operations.shift import shift

    frames = []
    for file, step in found.steps.items():
        image = read(shop.output / file)
        moves = step.dx != 0 or step.dy != 0
        frames.append(store.put(shift(image, dx=step.dx, dy=step.dy) if moves else image))
    return frames


def _levels(frames: list[Mapping[str, Any]]) -> dict[str, list[float] | None]:
    """Compute exposure factors, sky offsets (both relative to the first frame) and weights for `combine`.

    With equal exposure times there are neither factors nor weights. Otherwise the weights are the inverse
    squares of the sky noise after scaling, so that a scaled short exposure does not add noise to a long one.
    """
    scale = [frame["exptime"] / frames[0]["exptime"] for frame in frames]
    skies = [frame["sky"] for frame in frames]
    known = all(sky is not None for sky in skies)
    zero = [sky / s - skies[0] for sky, s in zip(skies, scale, strict=True)] if known else None
    if len(set(scale)) == 1:
        return {"scale": None, "zero": zero, "weights": None}
    noises = [frame["noise_measured"] for frame in frames]
    weights = [(s / noise) ** 2 for s, noise in zip(scale, noises, strict=True)] if all(noises) else None
    return {"scale": scale, "zero": zero, "weights": weights}
