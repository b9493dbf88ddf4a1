"""Detectors that files lack which others of their camera hold."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ccdfx.night.frames.frame import Frame
from ccdfx.night.words import counted, listed


def detector_warnings(frames: Iterable[Frame]) -> tuple[str, ...]:
    """Return warnings about files that lack detectors which other files of their camera hold beside all of theirs.

    Other windows, whose detectors have other names, are no loss, and files with a problem tell nothing.

    Examples
    --------
    >>> names = ("a.fits[N1]", "a.fits[S1]", "b.fits[N1]")
    >>> frames = [Frame(path=Path(name[:6]), file=name, detector=name[7:9]) for name in names]
    >>> detector_warnings(frames)
    ('detector S1, which 1 other file of the camera holds, is not in b.fits: copy the file again if it was lost',)
    """
    cameras: dict[str | None, dict[Path, dict[str, str]]] = {}
    for frame in frames:
        if frame.detector:
            files = cameras.setdefault(frame.instrument, {})
            files.setdefault(frame.path, {})[frame.detector] = frame.file
    found = []
    for files in cameras.values():
        whole = max(files.values(), key=len)
        missing: dict[tuple[str, ...], list[str]] = {}
        for path, held in files.items():
            lost = tuple(name for name in whole if name not in held)
            if lost and set(held) < set(whole):
                missing.setdefault(lost, []).append(path.name)
        for lost, names in missing.items():
            others = sum(set(lost) <= set(held) for held in files.values())
            noun, verb = ("detector", "is") if len(lost) == 1 else ("detectors", "are")
            holds = "holds" if others == 1 else "hold"
            found.append(
                f"{noun} {listed(lost)}, which {counted(others, 'other file')} of the camera {holds}, {verb} not in "
                f"{listed(names)}: copy the file again if it was lost"
            )
    return tuple(found)
