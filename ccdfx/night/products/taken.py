"""Masters that are taken from another night or program: a copy on the pixels of a setup, with its provenance."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from ccdfx import registry
from ccdfx.errors import MismatchError
from ccdfx.io.provenance import with_provenance
from ccdfx.night.given.fitting import keeps_overscan
from ccdfx.night.given.master import TakenPlan
from ccdfx.night.graph.context import Context
from ccdfx.night.graph.record import Made
from ccdfx.night.grouping.colours import pattern_of
from ccdfx.night.plan import Plan
from ccdfx.night.products.masters import master_facts, normalised
from ccdfx.night.products.planned import Planned
from ccdfx.night.raw.preparation import preparation
from ccdfx.night.raw.reading import raw_image
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.records.header import Header
from ccdfx.records.image import Image


def plan_taken(plan: Plan, recipe: NightRecipe) -> Iterable[Planned]:
    """Plan the copies of given masters that are needed."""
    for item in plan.taken:
        frame = item.master.frame
        yield Planned(file=item.file, kind=item.kind, record=item, setup=item.setup, raw=(frame,))


def make_taken(plan: TakenPlan, context: Context) -> Made:
    """Copy a given master: trimmed like the frames, in ADU, a flat with the level 1; values and variance stay else.

    A master of ccdfx is normalised already, and its pixels are not changed.
    """
    frame = plan.master.frame
    image = raw_image(frame, context.recipe)
    if image.shape != frame.shape:
        rule = f"must have the shape {frame.shape} that its header says"
        raise MismatchError("master", rule, value=image.shape, remedy="correct its header, or leave it out")
    image = _in_adu(_on_setup(image, plan, context.recipe), plan)
    if plan.kind == "flat" and not plan.master.is_own:
        image = normalised(image, context.recipe.flat.response, pattern_of(plan.setup))
    name = frame.path.name
    ((_, sha256),) = context.raw_digests([frame.file])
    header = _header(image.header, plan)
    header = with_provenance(header, f"master {plan.kind}", [(name, sha256)])
    header = header.add_history(
        f"ccdfx {registry.version()} take master {plan.kind} {name} sha256={str(sha256)[:16]}"
        + (f" factor={plan.master.factor:g}" if plan.master.factor != 1.0 else "")
    )
    image = image.replace(header=header)
    return Made(image=image, facts=_facts(plan, image), used=(frame.file,))


def _on_setup(image: Image, plan: TakenPlan, recipe: NightRecipe) -> Image:
    """Prepare a master of the size of raw frames like these, and make its pixels floats."""
    setup, frame = plan.setup, plan.master.frame
    if image.shape != setup.data.shape:
        holds_level = plan.kind == "bias" or (plan.kind == "dark" and plan.master.holds_bias)
        overscan = setup.overscan if holds_level and keeps_overscan(plan.master, setup) else None
        like = replace(frame, overscan=overscan, data=setup.data, saturation=None)
        image = preparation(like, image.shape, recipe)(image)
    return image if image.array.dtype.kind == "f" else image.replace(array=image.array.astype(np.float32))


def _in_adu(image: Image, plan: TakenPlan) -> Image:
    factor = plan.master.factor
    if factor == 1.0:
        return image
    variance = None if image.variance is None else image.variance * factor**2
    return image.replace(array=image.array * image.array.dtype.type(factor), variance=variance)


def _header(header: Header, plan: TakenPlan) -> Header:
    """Set the cards that calibration looks at to what is known of the master."""
    values: dict[str, Any] = {"IMAGETYP": plan.kind, "OBJECT": f"master {plan.kind}"}
    if plan.kind == "flat":
        values |= {"FILTER": plan.filter, "BUNIT": None}
    else:
        values["BUNIT"] = "electron" if plan.master.electrons else "adu"
    if plan.kind == "dark":
        values["EXPTIME"] = plan.exptime
    for keyword, value in values.items():
        if value is None:
            header = header.remove(keyword)
        elif header.get(keyword) != value:
            header = header.set(keyword, value)
    return header


def _facts(plan: TakenPlan, image: Image) -> dict[str, Any]:
    return {
        **master_facts(plan, image),
        "inputs": [plan.master.name],
        "combined": plan.master.combined,
        "taken_from": os.path.abspath(plan.master.frame.path),
        "levels": [],
        "masters": [],
        "rejected": None,
        "cautions": [],
    }
