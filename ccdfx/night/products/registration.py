"""Registration of the calibrated frames of one object and filter: which frames match, and how they are moved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ccdfx.errors import CcdfxError
from ccdfx.operations.registration.shifts import Shift, measure_shift

_MOST_REFERENCES = 4


@dataclass(frozen=True, slots=True)
class Registration:
    """Frames that match, the reference first, with their shifts; and the others with the reason."""

    shifts: dict[str, Shift]
    left_out: dict[str, str]


def unmoved(files: Sequence[str]) -> Registration:
    """Return zero shifts of unknown error, for frames that are already registered."""
    return Registration({file: Shift(0.0, 0.0, math.nan, 0, "none") for file in files}, {})


def register(files: Sequence[str], folder: Path) -> Registration:
    """Measure the shifts of the frames to the first one, or to another one that more of them match.

    If most frames do not match the first, it may show another field or clouds; then frames that did not
    match are tried as the reference, one after another.

    Parameters
    ----------
    files : sequence of str
        Calibrated frames, relative to `folder`.
    """
    best = Registration({}, {})
    waiting = list(files)
    for _ in range(_MOST_REFERENCES):
        if not waiting or 2 * len(best.shifts) > len(files):
            break
        found = _onto(waiting[0], files, folder)
        waiting = [file for file in waiting if file not in found.shifts]
        if len(found.shifts) > len(best.shifts):
            best = found
    return best


def _onto(reference: str, files: Sequence[str], folder: Path) -> Registration:
    from ccdfx.io import read

    image = read(folder / reference)
    shifts = {reference: Shift(0.0, 0.0, 0.0, 0, "reference")}
    left_out: dict[str, str] = {}
    for file in files:
        if file == reference:
            continue
        try:
            shifts[file] = measure_shift(read(folder / file), reference=image)
        except CcdfxError as problem:
            left_out[file] = problem.rule
    return Registration(shifts, left_out)
