"""What a night ignores, where its own frames show it: no correction exists, so it is said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx.io import read
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.plan import Plan
from ccdfx.night.words import counted
from ccdfx.noise.proportionality import measure_proportionality
from ccdfx.photometry.common_structure import measure_common_structure

SEEN, NOT_SEEN, UNKNOWN = "seen", "not seen", "not measurable"
_MOST_FRAMES = 8  # of a filter
_DISPLACED = 16.0  # pixels: two blocks, in which the structure is measured
_FEWEST_HOT = 10  # pixels: fewer are blemishes, not a dark current


def ignored_effects(
    plan: Plan, products: Mapping[str, Iterable[Mapping[str, Any]]], output: Path
) -> list[dict[str, Any]]:
    """List for each setup the effects that nothing corrects, and whether its frames show them.

    Parameters
    ----------
    plan : Plan
    products : mapping
        Metadata of the masters, maps of bad pixels, calibrated and combined frames that were made.
    output : Path
        Where the calibrated frames are.

    Returns
    -------
    list of dict
        `effect`, `setup`, `filter` (None for all), `state` ("seen", "not seen" or "not measurable") and `text`.
    """
    made = {fact["file"]: fact for fact in products["masters"]}
    maps = products["bad_pixels"]
    hot = {fact["setup"]: fact["counts"]["hot"] for fact in maps if "frames" in fact["inputs"]}
    found = []
    for setup in dict.fromkeys(item.setup for item in plan.science):
        found += _linearity(setup, plan, made)
        if not any(item.use.dark for item in plan.science if item.setup == setup):
            found.append(_dark_current(setup, hot.get(setup.label)))
        found += _fringes(setup, plan, products, output)
    return found


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
    setup: Setup, plan: Plan, products: Mapping[str, Iterable[Mapping[str, Any]]], output: Path
) -> list[dict[str, Any]]:
    """Compare the skies of calibrated frames of different fields, in each filter."""
    files = {item.file for item in plan.science if item.setup == setup}
    shifts = {
        shift["source"]: (fact["file"], shift["dx"], shift["dy"])
        for fact in products["combined"]
        for shift in fact["shifts"]
    }
    facts = [fact for fact in products["calibrated"] if fact["file"] in files]
    found = []
    for band in dict.fromkeys(fact["filter"] for fact in facts):
        chosen = [fact for fact in facts if fact["filter"] == band]
        number = min(len(chosen), _MOST_FRAMES)
        chosen = [chosen[i * len(chosen) // number] for i in range(number)]
        apart = np.array([[_are_apart(one, other, shifts) for one in chosen] for other in chosen])
        known = None
        if apart.any():
            images = [read(output / fact["file"]) for fact in chosen]
            known = measure_common_structure(images, apart=apart)
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


def _dark_current(setup: Setup, hot: int | None) -> dict[str, Any]:
    """Estimate whether frames without a dark have dark current, by their hot pixels."""
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
