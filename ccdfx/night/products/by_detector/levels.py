"""One normalisation of the flats of all detectors of a camera, by the levels of exposures that all of them have."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ccdfx.errors import CcdfxError
from ccdfx.night.calibrators import Use
from ccdfx.night.frames.frame import Frame
from ccdfx.night.graph.context import Context, is_lack
from ccdfx.night.plan import MasterPlan
from ccdfx.night.products.calibrated import calibrated_of, refuse_untrusted
from ccdfx.night.raw.preparation import flagged
from ccdfx.records.image import Image


def with_other_detectors(plan: MasterPlan, masters: Iterable[MasterPlan]) -> MasterPlan:
    """Return the plan of a flat with the flats of the other detectors that were exposed with it, of the same filter."""
    own = {_exposure(use.frame) for use in plan.inputs}
    beside = tuple(
        replace(item, beside=())
        for item in masters
        if item.kind == "flat" and item.filter == plan.filter and item.setup != plan.setup
        and item.setup.instrument == plan.setup.instrument and own & {_exposure(use.frame) for use in item.inputs}
    )  # fmt: skip
    return replace(plan, beside=beside)


def factor_of_mosaic(
    plan: MasterPlan, levels: Mapping[str, float], measure: Callable[[Image], float], context: Context
) -> float:
    """Return the level of a detector's flats in units of the mean of all detectors; 1 where none was exposed beside it.

    `levels` are those of its own flats by the name of the frame; those of the others are measured here.
    """
    found = [
        {_exposure(use.frame): levels[use.frame.file] for use in plan.inputs if use.frame.file in levels}
    ]
    for item in plan.beside:
        measured = {_exposure(use.frame): _level(use, measure, context) for use in item.inputs}
        found.append({exposure: level for exposure, level in measured.items() if level > 0})
    common = set.intersection(*map(set, found))
    if not common:
        if plan.beside:
            context.warn(f"{plan.file} is normalised alone: no exposure is usable on all detectors")
        return 1.0
    sums = [math.fsum(one[exposure] for exposure in sorted(common)) for one in found]
    return sums[0] / (math.fsum(sums) / len(sums))


def _exposure(frame: Frame) -> str:
    """Return what the frames of all detectors of an exposure have in common: its time, or its file."""
    return frame.date if frame.date is not None and ":" in frame.date else str(frame.path)


def _level(use: Use, measure: Callable[[Image], float], context: Context) -> float:
    try:
        refuse_untrusted(use, context)
        return measure(calibrated_of(flagged(use.frame, context.recipe), use, context, variance=False))
    except (CcdfxError, OSError) as error:
        if is_lack(error):
            raise
        return math.nan
