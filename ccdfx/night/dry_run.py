"""The plan of a night without what the run would refuse for its raw pixels, and what would be made of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ccdfx.errors import CcdfxError
from ccdfx.night.frames.choose import ChosenFrames
from ccdfx.night.frames.frame import Frame
from ccdfx.night.given.read import GivenMasters
from ccdfx.night.graph.context import problem_of
from ccdfx.night.graph.execute import plan_of_work
from ccdfx.night.graph.notices import collect_warnings
from ccdfx.night.graph.perform import make
from ccdfx.night.graph.raw_keys import digests_of
from ccdfx.night.graph.record import Record, record_of
from ccdfx.night.makers import camera_graph, cameras_of, product_graph, refused_setups
from ccdfx.night.night_facts import refusals
from ccdfx.night.plan import Plan, plan_night
from ccdfx.night.products.camera import with_cameras
from ccdfx.night.raw.preparation import prepared
from ccdfx.night.settings.choices import NightRecipe


@dataclass(frozen=True, slots=True)
class DryRun:
    """The plan that is left, why frames failed, and why each product would be made (None if it is current)."""

    plan: Plan
    failed: Mapping[str, str]
    made: Mapping[str, str | None]


def run_dry(
    plan: Plan, target: Path, chosen: ChosenFrames, recipe: NightRecipe, masters: GivenMasters
) -> DryRun:
    """Read all frames, and plan the night again without those that the run refuses for their raw pixels.

    The reasons are those of the run. What calibrated frames tell, such as the good pixels of a master, is not foreseen.
    Nothing is written.
    """
    digests = digests_of((*chosen.frames, *plan.given), target, keep=False)
    measured: dict[str, Record] = {}
    for file, product in camera_graph(plan, recipe).products.items():
        parts = product.key_parts({}, digests)
        measured[file] = record_of(product, parts, make(product, parts, {}, target))
    cameras = cameras_of(plan, recipe, measured)
    said = [*product_graph(plan, recipe, {}).notes, *refusals(plan, cameras)]
    said += [text for record in measured.values() for text in record.warnings]
    failed: dict[str, str] = {}
    for setup in refused_setups(cameras):
        reason = cameras[setup].refused or ""
        failed |= dict.fromkeys((frame.file for frame in plan.frames_of(setup)), reason)
    found = with_cameras(plan, cameras)
    with collect_warnings(said.append):
        frames = [frame for setup in found.setups for frame in found.frames_of(setup)]
        failed |= _unprepared(frames, failed, recipe)
    left = plan_night(
        (replace(one, problem=failed.get(one.file, one.problem)) for one in chosen.frames),
        recipe=recipe,
        masters=masters,
    )
    possible = {setup: camera for setup, camera in cameras.items() if setup in left.setups}
    graph = product_graph(left, recipe, possible)
    mosaics = tuple((one.file, one.plan.files) for one in graph.products.values() if one.maker == "mosaic")
    work = plan_of_work(graph, target, digests)
    warnings = dict.fromkeys((*chosen.notes, *left.warnings, *said))
    return DryRun(
        replace(left, warnings=tuple(warnings), mosaics=mosaics),
        failed,
        {product.file: reason for product, reason in work},
    )


def _unprepared(frames: Iterable[Frame], failed: Collection[str], recipe: NightRecipe) -> dict[str, str]:
    """Read and prepare frames but those that failed already, and return why others do."""
    found = {}
    for frame in frames:
        if frame.file not in failed:
            try:
                prepared(frame, recipe)
            except (CcdfxError, OSError) as error:
                found[frame.file] = problem_of(frame, error)
    return found
