"""One image of all detectors of an object and filter, beside those of each detector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from ccdfx import registry
from ccdfx.io.provenance import with_provenance
from ccdfx.night import naming
from ccdfx.night.frames.frame import Frame
from ccdfx.night.graph.context import Context
from ccdfx.night.graph.record import Made
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.plan import Plan
from ccdfx.night.products.planned import Planned
from ccdfx.night.settings.choices import NightRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class MosaicPlan:
    """The mosaic of one object and filter: an image of each detector, and what exposure each calibrated frame is of.

    `inputs` are files by the name of the detector; `exposures` raw files, without the detector, by calibrated frame; `by` is
    how they are placed.
    """

    file: str
    object: str
    filter: str | None
    inputs: Mapping[str, str]
    exposures: Mapping[str, str] = field(default_factory=dict)
    by: str = "auto"

    @property
    def files(self) -> tuple[str, ...]:
        """The images of which it is made."""
        return tuple(self.inputs.values())


def plan_detector_mosaics(plan: Plan, recipe: NightRecipe) -> Iterable[Planned]:
    """Plan a mosaic of each object and filter that several detectors show, where the recipe asks for it.

    Each detector gives its combined frame, or the calibrated one where it has one exposure alone.
    """
    if not recipe.combine.mosaic:
        return
    groups: dict[tuple[object, ...], dict[str, tuple[str, Setup, tuple[Frame, ...]]]] = {}
    names: dict[tuple[object, ...], tuple[str, str | None]] = {}
    files: dict[str, str] = {}
    joined = {name for item in plan.combined for name in item.inputs}
    final = [
        (item.file, item.setup, tuple(use.frame for use in item.uses.values()), item.object, item.filter)
        for item in plan.combined
        if not item.colours
    ]
    final += [
        (item.file, item.setup, (item.use.frame,), item.use.frame.object or "", item.filter)
        for item in plan.science
        if item.file not in joined and item.use.frame.object and not item.is_split
    ]
    for item in plan.science:
        files[item.file] = naming.raw_file_of(item.use.frame.file)
    key: tuple[object, ...]
    for file, setup, frames, name, band in final:
        if setup.detector:
            # Frames of one object that are not combined are mosaics each; so are those of other binnings.
            alone = files.get(file, "")
            key = (name.casefold(), band, setup.instrument, setup.binning, alone)
            groups.setdefault(key, {}).setdefault(setup.detector, (file, setup, frames))
            names.setdefault(key, (name, band))
    several = [key for key, members in groups.items() if len(members) > 1]
    stems = naming.unique(f"{naming.subject(*names[key])}_mosaic" for key in several)
    for key, stem in zip(several, stems, strict=True):
        members = groups[key]
        inputs = {detector: file for detector, (file, _, _) in members.items()}
        setups = [setup for _, setup, _ in members.values()]
        own = {item.file: files[item.file] for item in plan.science if item.setup in setups}
        record = MosaicPlan(
            file=f"combined/{stem}.fits",
            object=names[key][0],
            filter=names[key][1],
            inputs=inputs,
            exposures=own,
            by=recipe.combine.mosaic_by,
        )
        _, setup, _ = next(iter(members.values()))
        yield Planned(
            file=record.file, kind="mosaic", record=record, setup=setup, needs=tuple(inputs.values())
        )


def make_detector_mosaic(plan: MosaicPlan, context: Context) -> Made:
    """Place the images of all detectors in one, by their WCS or by DETSEC."""
    from ccdfx.io import open_source
    from ccdfx.operations.mosaicking.grid import mosaic_frames

    inputs = {detector: file for detector, file in plan.inputs.items() if context.is_made(file)}
    for detector in plan.inputs.keys() - inputs.keys():
        context.warn(
            f"{plan.file}: detector {detector} is not in it, since {plan.inputs[detector]} was not made"
        )
    if len(inputs) < 2:
        context.warn(f"{plan.file} was not made: fewer than two detectors of {plan.object} have an image")
        return Made()
    facts = {detector: context.facts(file) for detector, file in inputs.items()}
    references = {
        plan.exposures.get(str(one.get("reference") or inputs[detector]), "")
        for detector, one in facts.items()
    }
    with ExitStack() as stack:
        sources = [stack.enter_context(open_source(context.path(file))) for file in inputs.values()]
        [rows] = mosaic_frames([sources], by=plan.by)
        if len(references) > 1 and rows.way != "wcs":
            context.warn(
                f"{plan.file} was not made: its detectors lie on different exposures, {', '.join(sorted(references))}, and "
                "have no WCS to place them by"
            )
            return Made()
        image = rows.select()
        combined = sources[0].header.get("NCOMBINE")
    header = with_provenance(
        image.header, "mosaic of detectors", context.keys(inputs.values()), digest="IMKEY"
    )
    if combined is not None:
        header = header.set("NCOMBINE", combined)
    header = header.add_history(
        f"ccdfx {registry.version()} mosaic by={rows.way} detectors={','.join(inputs)}"
    )
    return Made(
        image=image.replace(header=header),
        facts={
            "file": plan.file,
            "object": plan.object,
            "filter": plan.filter,
            "inputs": list(inputs.values()),
            "detectors": list(inputs),
            "by": rows.way,
            "shape": list(image.shape),
            "unit": image.unit,
        },
    )
