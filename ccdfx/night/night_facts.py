"""The metadata of a reduced night, for night.json and the report: put together from the records of its products."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from ccdfx.night.calibrators import Use
from ccdfx.night.cameras.saturation import saturation_facts
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.values import value_of
from ccdfx.night.graph.product import Graph
from ccdfx.night.graph.record import Record
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.observation import exposure_of, observation_facts
from ccdfx.night.plan import Plan
from ccdfx.night.products.camera import Camera, noise_warnings
from ccdfx.night.products.effects import SEEN, warning_of
from ccdfx.night.products.single_rays import unmasked_frames
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.summary import plain, plain_values
from ccdfx.night.words import listed, not_made

MASTERS = ("bias", "dark", "flat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All that is known after the products of a night were made.

    Parameters
    ----------
    frames : tuple of Frame
        All that were found.
    not_chosen, chosen_by
        Why frames were not chosen, by file; and what was asked.
    planned : Plan
        Of all setups, with the saturation that was found.
    cameras : mapping
        By setup.
    measured, records : mapping
        Records of the cameras and of the products, by file.
    graph : Graph
        The products.
    """

    frames: tuple[Frame, ...]
    planned: Plan
    recipe: NightRecipe
    cameras: Mapping[Setup, Camera]
    measured: Mapping[str, Record]
    graph: Graph
    records: Mapping[str, Record]
    not_chosen: Mapping[str, str] = field(default_factory=dict)
    chosen_by: tuple[str, ...] = ()

    @property
    def refused(self) -> dict[Setup, str]:
        """The setups of which nothing is made, with the reason."""
        return {setup: camera.refused for setup, camera in self.cameras.items() if camera.refused is not None}

    @property
    def failed(self) -> dict[str, str]:
        """Raw frames that could not be used, each with the first reason."""
        failed: dict[str, str] = {}
        for setup, reason in self.refused.items():
            failed |= dict.fromkeys((frame.file for frame in self.planned.frames_of(setup)), reason)
        for record in self.records.values():
            for file, reason in record.failed.items():
                failed.setdefault(file, reason)
            if record.kind == "calibrated" and record.lost is not None:
                failed.setdefault(self.graph.products[record.file].raw[0].file, record.lost)
        return failed

    @property
    def lost(self) -> dict[str, str]:
        """Products that could not be made, with the reason, but calibrated frames, which are failed frames."""
        lost = {
            item.file: self.refused[item.setup]
            for item in self.planned.products
            if item.setup in self.refused
        }
        return lost | {
            record.file: record.lost
            for record in self.records.values()
            if record.lost is not None and record.kind != "calibrated"
        }

    def made(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the facts of the products of some kinds that were made, in the order of the plan."""
        return [
            dict(record.facts)
            for record in self.records.values()
            if record.kind in kinds and record.lost is None and record.facts and "file" in record.facts
        ]


def night_facts(results: Results, source: Path, left_over: Iterable[str]) -> dict[str, Any]:
    """Return the content of night.json.

    Parameters
    ----------
    results : Results
    source : Path
        What was reduced.
    left_over : iterable of str
        Products of earlier runs that are no products of this one.
    """
    from ccdfx import registry

    plan = results.planned
    frames = results.frames
    instruments = sorted({frame.instrument for frame in frames if frame.instrument})
    maps = results.made("bad_pixels")
    labels = {item.file: item.plan.setup.label for item in results.graph.of_kind("bad_pixels")}
    effects = results.records.get("effects.json")
    ignored = list(effects.facts["effects"]) if effects is not None and effects.facts else []
    used = set(chain.from_iterable(record.used for record in results.records.values()))
    failed = results.failed
    return {
        "complete": True,
        "ccdfx": registry.version(),
        "directory": str(source),
        "instrument": ", ".join(instruments) or None,
        "recipe": plain_values(results.recipe.as_dict()),
        "observation": plain_values(observation_facts(frames)),
        "chosen_by": list(results.chosen_by),
        "plan": plan.tree(),
        "noise": [
            {
                "instrument": setup.instrument,
                "setup": setup.label,
                **camera.noise.as_dict(),
                **saturation_facts(setup, plan),
                **({"readouts": [one.as_dict() for one in camera.readouts]} if camera.readouts else {}),
            }
            for setup, camera in results.cameras.items()
            if camera.refused is None
        ],
        "frames": [_frame_facts(frame, results, failed, used) for frame in frames],
        "masters": results.made(*MASTERS),
        "bad_pixels": [{**one, "setup": labels[one["file"]]} for one in maps],
        "calibrated": _calibrated(results),
        "combined": results.made("combined"),
        "products": {kind: results.made(kind) for kind in _further_kinds(results)},
        "ignored": ignored,
        "lost": [{"file": file, "problem": problem} for file, problem in results.lost.items()],
        "warnings": list(dict.fromkeys(_warnings(results, ignored, left_over))),
    }


def _further_kinds(results: Results) -> list[str]:
    """Return the kinds of products that plugins make."""
    known = {*MASTERS, "bad_pixels", "calibrated", "combined", "effects"}
    return list(dict.fromkeys(one.kind for one in results.records.values() if one.kind not in known))


def _calibrated(results: Results) -> list[dict[str, Any]]:
    """Return the facts of the calibrated frames, with their scale and weight in the combined ones."""
    made = {fact["file"]: fact for fact in results.made("calibrated")}
    for record in results.records.values():
        if record.kind == "combined" and record.facts:
            for file, part in (record.facts.get("relative") or {}).items():
                made[file] |= part
            for one in record.facts.get("scales") or ():
                made[one["source"]] |= {"scale": one["scale"], "weight": one["weight"]}
    return list(made.values())


def _frame_facts(frame: Frame, results: Results, failed: Mapping[str, str], used: set[str]) -> dict[str, Any]:
    known = frame.as_dict() | {"exposure": exposure_of(frame), "airmass": plain(value_of(frame, "airmass"))}
    if frame.file in results.not_chosen:  # a problem of a frame that is not wanted is none
        return known | {
            "used": False,
            "problem": None,
            "left_out": results.not_chosen[frame.file],
        }
    left_out = {item.file: why for item, why in results.planned.left_out}
    problem = failed.get(frame.file) or frame.problem
    reason = left_out.get(frame.file) if problem is None else None
    is_used = frame.file in used and problem is None
    return known | {"used": is_used, "problem": problem, "left_out": reason}


def _warnings(
    results: Results, ignored: Iterable[Mapping[str, Any]], left_over: Iterable[str]
) -> Iterable[str]:
    """Iterate over all warnings of a night, from the headers to the combined frames."""
    yield from results.planned.warnings
    yield from results.graph.notes
    yield from refusals(results.planned, results.cameras)
    for record in results.measured.values():
        yield from record.warnings
    for setup, camera in results.cameras.items():
        if camera.refused is None:
            yield from noise_warnings(setup, camera, results.planned, results.recipe)
    yield from _of_products(results, *MASTERS, "bad_pixels")
    science = (item.use for item in results.planned.science if item.setup not in results.refused)
    yield from _without_masters(science, results.records)
    yield from _of_products(results, "calibrated")
    calibrated = results.made("calibrated")
    yield from _below_zero(calibrated)
    narrow = {fact["file"]: fact["undersampled"] for fact in calibrated if fact["undersampled"]}
    if narrow:
        yield unmasked_frames(narrow)
    yield from _of_products(results, "combined", "effects", *_further_kinds(results))
    for file in left_over:
        yield f"{file} is of an earlier run and no product of this one"
    yield from (warning_of(effect) for effect in ignored if effect["state"] == SEEN)


def refusals(plan: Plan, cameras: Mapping[Setup, Camera]) -> Iterable[str]:
    """Write one warning for each setup of which nothing is made, with its products and the reason."""
    for setup, camera in cameras.items():
        if camera.refused is not None:
            yield not_made(
                listed([item.file for item in plan.products if item.setup == setup]), camera.refused
            )


def _of_products(results: Results, *kinds: str) -> Iterable[str]:
    for record in results.records.values():
        if record.kind in kinds:
            yield from record.warnings
            if record.lost is not None and record.kind != "calibrated":
                yield not_made(record.file, record.lost)


def _below_zero(calibrated: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """Write one warning for all frames whose sky is darker than no light at all, beyond its noise."""
    below = [
        (fact["file"], fact["sky"], fact["unit"])
        for fact in calibrated
        if fact["sky"] is not None and fact["noise_measured"] and fact["sky"] < -3.0 * fact["noise_measured"]
    ]
    if below:
        _, lowest, unit = min(below, key=lambda item: item[1])
        yield (
            f"the level of the sky is below zero, down to {lowest:.4g} {unit}, by more than 3 times its noise: what "
            "was subtracted is not the level without light; look at the bias, the dark and the overscan, which may "
            f"hold light or be of another setting: {listed([file for file, _, _ in below])}"
        )


def _without_masters(uses: Iterable[Use], records: Mapping[str, Record]) -> Iterable[str]:
    """Write one warning for each master that could not be made, with the frames that go without it."""
    without: dict[tuple[str, bool], list[str]] = {}
    for use in uses:
        lost = [file for file in use.masters if file in records and records[file].lost is not None]
        if any(records[file].untrusted for file in lost):
            continue  # it is refused
        for file in lost:
            level = use.dark if use.dark_is_level else use.bias
            no_level = file == level and not use.frame.has_overscan
            without.setdefault((file, no_level), []).append(use.frame.file)
    for (file, no_level), frames in without.items():
        verb, noun = ("is", "it has") if len(frames) == 1 else ("are", "they have")
        text = f"{listed(frames)} {verb} calibrated without {file}, which could not be made"
        yield f"{text}: the level without light is not known, so {noun} no variance" if no_level else text
