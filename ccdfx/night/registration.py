"""Which frames of one object show the same stars, and how far they are displaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ccdfx.errors import CcdfxError

_MOST_REFERENCES = 4


@dataclass(frozen=True, slots=True)
class Step:
    """How a frame is moved onto the reference, in pixels; `error` is None where nothing was measured."""

    dx: float
    dy: float
    error: float | None

    @property
    def resamples(self) -> bool:
        """Whether the move is not by whole pixels, so that neighbouring pixels share noise afterwards."""
        return not (self.dx.is_integer() and self.dy.is_integer())


@dataclass(frozen=True, slots=True)
class Registration:
    """The frames that match, the reference first, with their steps; and the others with the reason."""

    steps: dict[str, Step]
    left_out: dict[str, str]


def unmoved(files: Sequence[str]) -> Registration:
    """Frames that are trusted to be registered."""
    return Registration({file: Step(0.0, 0.0, None) for file in files}, {})


def register(files: Sequence[str], folder: Path) -> Registration:
    """The steps of the frames onto the first one, or onto the one of them that more of them match.

    Where most frames do not match the first, it is the odd one out (another field, clouds), and those that
    did not match are tried as references in turn.

    Parameters
    ----------
    files : sequence of str
        Calibrated frames, relative to `folder`.
    """
    best = Registration({}, {})
    waiting = list(files)
    for _ in range(_MOST_REFERENCES):
        if not waiting or 2 * len(best.steps) > len(files):
            break
        found = _onto(waiting[0], files, folder)
        waiting = [file for file in waiting if file not in found.steps]
        if len(found.steps) > len(best.steps):
            best = found
    return best


def _onto(reference: str, files: Sequence[str], folder: Path) -> Registration:
    from ccdfx.io import read
    from ccdfx.operations.displacement import measure_shift

    image = read(folder / reference)
    steps = {reference: Step(0.0, 0.0, 0.0)}
    left_out: dict[str, str] = {}
    for file in files:
        if file == reference:
            continue
        try:
            found = measure_shift(read(folder / file), reference=image)
        except CcdfxError as problem:
            left_out[file] = problem.rule
        else:
            steps[file] = Step(float(found.dx), float(found.dy), found.error)
    return Registration(steps, left_out)
