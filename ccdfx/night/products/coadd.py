"""Combination of the calibrated frames of one object and filter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ccdfx.estimators.correlated_noise import correlation_factor
from ccdfx.night.camera_noise import CameraNoise
from ccdfx.night.context import Context
from ccdfx.night.plan import CombinePlan
from ccdfx.night.products import stacking
from ccdfx.night.products.common_errors import common_variance
from ccdfx.night.products.registration import Registration, displacement_facts, register, unmoved
from ccdfx.night.products.spool import Spool, spooled
from ccdfx.night.summary import sky_facts
from ccdfx.operations.resampling.transform import Transform


def combine_object(
    made: Mapping[str, Mapping[str, Any]], plan: CombinePlan, context: Context
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
    choice, log = context.recipe.combine, context.log
    found = register(dict.fromkeys(files), context.output) if choice.align else unmoved(files)
    log.step(f"combine {plan.file}")
    for file, reason in found.left_out.items():
        log.warn(f"{plan.file}: {file} is left out: {reason}")
    if len(found.transforms) < 2:
        log.warn(f"{plan.file} was not made: fewer than two frames of {plan.object} are usable")
        return None
    names = list(found.transforms)
    result = _stacked(found, made, context)
    log.warn_about(plan.file, result.warnings)
    exposures = [made[name]["exptime"] for name in names]
    values = {"OBJECT": plan.object, "EXPTIME": exposures[0], "TOTALEXP": sum(exposures)}
    history = f"combine {result.history} align={choice.align}"
    image = result.stack.image
    image = image.replace(header=stacking.combined_header(image.header, names, values, history))
    context.save(image, plan.file)
    return {
        "file": plan.file,
        "object": plan.object,
        "filter": plan.filter,
        "inputs": names,
        "shifts": [
            {"source": file, **displacement_facts(one, image.shape)} for file, one in found.transforms.items()
        ],
        "left_out": [{"source": file, "reason": reason} for file, reason in found.left_out.items()],
        **stacking.rejection_facts(result),
        "exptime": exposures[0],
        "total_exptime": sum(exposures),
        "correlation": correlation_factor(image.header),
        "resampled": sum(not _is_exact(one) for one in found.transforms.values()),
        **sky_facts(image),
    }


def _is_exact(found: Transform) -> bool:
    """Return whether the transform is a shift by whole pixels, which does not interpolate."""
    return found.is_shift and all(step.is_integer() for step in found.offset)


def _stacked(
    found: Registration, made: Mapping[str, Mapping[str, Any]], context: Context
) -> stacking.Stacked:
    """Combine the registered frames."""
    choice = context.recipe.combine
    facts = [made[name] for name in found.transforms]
    noise = replace(context.noise, gain=1.0) if facts[0]["unit"] == "electron" else context.noise
    if any(one["noise_predicted"] is None for one in facts):
        noise = CameraNoise()  # the level without light is not known, so nor is the noise
    levels = _levels(facts)
    steps = [one.offset if one.is_shift else None for one in found.transforms.values()]
    used = [context.log.calibrated[name] for name in found.transforms]
    weights = levels["weights"] if choice.average == "mean" else None
    common = common_variance(used, facts, steps, weights, levels["scale"], context)
    with spooled(context.output) as store:
        return stacking.stacked(
            _moved(found, context, store),
            choice,
            noise,
            sensitivity=choice.sensitivity,
            shared=common,
            **levels,
        )


def _moved(found: Registration, context: Context, store: Spool) -> list[Any]:
    """Resample the frames to the pixels of the reference and store them in the spool."""
    from ccdfx.io import read
    from ccdfx.operations.resampling.warp import warp

    frames: list[Any] = []
    shape: tuple[int, int] | None = None
    for file, one in found.transforms.items():
        image = read(context.output / file)
        shape = shape or image.shape
        moves = one.offset != (0.0, 0.0) or not one.is_shift
        frames.append(store.put(warp(image, transform=one, shape=shape) if moves else image))
    return frames


def _levels(frames: list[Mapping[str, Any]]) -> dict[str, Any]:
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
