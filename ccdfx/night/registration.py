"""Registration of the frames of one object: frames that show the same stars, and their shifts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ccdfx.errors import CcdfxError

_MOST_REFERENCES = 4


@dataclass(frozen=True, slots=True)
class Step:
    """Shift of a frame to the reference in pixels; `error` is None where nothing was measured."""

    dx: float
    dy: float
    error: float | None

    @property
    def resamples(self) -> bool:
        """Whether the shift is not a whole number of pixels, so that the noise of neighbours correlates."""
        return not (self.dx.is_integer() and self.dy.is_integer())


@dataclass(frozen=True, slots=True)
class Registration:
    """Frames that match, the reference first, with their shifts; and the others with the reason."""

    steps: dict[str, Step]
    left_out: dict[str, str]


def unmoved(files: Sequence[str]) -> Registration:
    """Return zero shifts, for frames that are already registered."""
    return Registration({file: Step(0.0, 0.0, None) for file in files}, {})


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
