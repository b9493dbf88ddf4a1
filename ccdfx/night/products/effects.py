"""What a night ignores, where its own frames show it: no correction exists, so it is said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx.engines import map_here
from ccdfx.io import read
from ccdfx.night.graph.context import Context
from ccdfx.night.graph.record import Made
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.plan import Plan
from ccdfx.night.products.bad_pixels import plan_bad_pixels
from ccdfx.night.products.planned import Planned
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.words import counted
from ccdfx.noise.proportionality import measure_proportionality
from ccdfx.photometry.common_structure import common_structure, structure_map

SEEN, NOT_SEEN, UNKNOWN = "seen", "not seen", "not measurable"
_MOST_FRAMES = 8  # of a filter
_DISPLACED = 16.0  # pixels: two blocks, in which the structure is measured
_FEWEST_HOT = 10  # pixels: fewer are blemishes, not a dark current


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectsPlan:
    """A night, and its products in which effects that nothing corrects would show.

    `maps` are the files of the maps of bad pixels of its setups, `labels` how the setups are called in texts.
    """

    night: Plan
    files: tuple[str, ...]
    maps: tuple[tuple[Setup, str], ...]
    labels: tuple[str, ...]


def plan_effects(plan: Plan, recipe: NightRecipe) -> Iterable[Planned]:
    """Plan the search of a night for effects that nothing corrects."""
    if plan.science:
        maps = tuple((item.setup, item.file) for item in plan_bad_pixels(plan, recipe))
        files = (*(item.file for item in plan.masters), *(file for _, file in maps))
        files += (*(item.file for item in plan.science), *(item.file for item in plan.combined))
        labels = tuple(setup.label for setup in plan.setups)
        yield Planned(
            file="effects.json",
            kind="effects",
            record=EffectsPlan(night=plan.bare, files=files, maps=maps, labels=labels),
            needs=files,
            has_image=False,
        )


def make_effects(plan: EffectsPlan, context: Context) -> Made:
    """List for each setup the effects that nothing corrects, and whether its frames show them.

    Each has `effect`, `setup`, `filter` (None for all), `state` ("seen", "not seen" or "not measurable") and `text`.
    """
    facts = [dict(context.facts(file)) for file in plan.files if context.is_made(file)]
    made = {one["file"]: one for one in facts if "file" in one}
    night, maps = plan.night, dict(plan.maps)
    found = []
    for setup in dict.fromkeys(item.setup for item in night.science):
        found += _linearity(setup, night, made)
        if not any(item.use.dark for item in night.science if item.setup == setup):
            found.append(_dark_current(setup, made.get(maps.get(setup, ""))))
        found += _fringes(setup, night, made, context.output)
    return Made(facts={"effects": found})


def _linearity(setup: Setup, plan: Plan, made: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Compare the levels of the flats of each filter with their exposure times."""
    found = []
    for master in plan.masters:
        fact = made.get(master.file)
        if master.setup != setup or master.kind != "flat" or fact is None:
            continue
        times = {use.frame.file: use.frame.exptime or 0.0 for use in master.inputs}
        pairs = [
            (level, times[name])
            for name, level in zip(fact["inputs"], fact["levels"], strict=True)
            if level and times.get(name)
        ]
        known = measure_proportionality([one for one, _ in pairs], exposures=[one for _, one in pairs])
        state = UNKNOWN if known is None else SEEN if known.seen else NOT_SEEN
        text = "its flats do not have several exposures each of two lengths, so the linearity is not known"
        if known is not None:
            text = (
                f"the count rate of its flats changes by {100 * known.deviation:+.2f} +- {100 * known.error:.2f} % "
                f"from {known.levels[0]:.0f} ADU in {known.exposures[0]:g} s to {known.levels[1]:.0f} ADU in "
                f"{known.exposures[1]:g} s"
            )
            if known.seen:
                text += ": the detector is not linear, or the shutter not exact; neither is corrected"
        found.append(_effect("nonlinearity", setup, master.filter, state, text))
    return found


def _fringes(
    setup: Setup, plan: Plan, made: Mapping[str, Mapping[str, Any]], output: Path
) -> list[dict[str, Any]]:
    """Compare the skies of calibrated frames of different fields, in each filter."""
    shifts = {
        shift["source"]: (item.file, shift["dx"], shift["dy"])
        for item in plan.combined
        if item.file in made
        for shift in made[item.file]["shifts"]
    }
    images = [item for item in plan.science if item.setup == setup and item.use.frame.dispersion is None]
    facts = [made[item.file] for item in images if item.file in made]  # lines of spectra are all alike
    found = []
    for band in dict.fromkeys(fact["filter"] for fact in facts):
        chosen = [fact for fact in facts if fact["filter"] == band]
        number = min(len(chosen), _MOST_FRAMES)
        chosen = [chosen[i * len(chosen) // number] for i in range(number)]
        apart = np.array([[_are_apart(one, other, shifts) for one in chosen] for other in chosen])
        known = None
        if apart.any():
            files = [output / fact["file"] for fact in chosen]
            known = common_structure(list(map_here(_structure_of, files)), apart=apart)
        state = UNKNOWN if known is None else SEEN if known.seen else NOT_SEEN
        text = "it has no two frames of different fields, or of one field displaced by more than 16 pixels"
        if known is not None:
            text = (
                f"{counted(known.pairs, 'pair')} of frames of different fields: structure of "
                f"{100 * known.amplitude:.2f} % of the sky in common ({known.significance:.1f} sigma)"
            )
            if known.seen:
                text += (
                    ": fringes, or errors of the flat, on scales of 16 to 70 pixels; they are not corrected"
                )
        found.append(_effect("fringes", setup, band, state, text))
    return found


def _structure_of(file: Path) -> np.ndarray | None:
    return structure_map(read(file))  # which is 1 % of the frame, which is not kept


def _are_apart(one: Mapping[str, Any], other: Mapping[str, Any], shifts: Mapping[str, Any]) -> bool:
    """Return whether frames have different objects, or are known to be displaced by more than two blocks."""
    if not one["object"] or not other["object"]:
        return False
    if one["object"].casefold() != other["object"].casefold():
        return True
    here, there = shifts.get(one["file"]), shifts.get(other["file"])
    if here is None or there is None or here[0] != there[0]:
        return False
    return math.hypot(here[1] - there[1], here[2] - there[2]) > _DISPLACED


def _dark_current(setup: Setup, found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Estimate whether frames without a dark have dark current, by the hot pixels of their map."""
    hot = found["counts"]["hot"] if found is not None and "frames" in found["inputs"] else None
    if hot is None:
        return _effect(
            "dark current", setup, None, UNKNOWN, "there is no dark, and too few frames show hot pixels"
        )
    if hot < _FEWEST_HOT:
        text = f"there is no dark, and its science frames have {hot} hot pixels"
        return _effect("dark current", setup, None, NOT_SEEN, text)
    text = f"its science frames have {hot} hot pixels, so there is dark current, and no dark is subtracted"
    return _effect("dark current", setup, None, SEEN, text)


def _effect(effect: str, setup: Setup, band: str | None, state: str, text: str) -> dict[str, Any]:
    return {"effect": effect, "setup": setup.label, "filter": band, "state": state, "text": text}


def warning_of(effect: Mapping[str, Any]) -> str:
    """Write the warning for an effect that is seen.

    >>> warning_of({"effect": "dark current", "setup": "ccd", "filter": None, "text": "there is no dark"})
    'dark current of ccd: there is no dark'
    """
    band = "" if effect["filter"] is None else f", filter {effect['filter']}"
    return f"{effect['effect']} of {effect['setup']}{band}: {effect['text']}"
