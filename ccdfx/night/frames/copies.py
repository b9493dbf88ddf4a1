"""Copies of raw frames: files of the same bytes, of which one is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ccdfx.io.provenance import file_sha256
from ccdfx.night.frames.choose import ChosenFrames
from ccdfx.night.frames.frame import Frame


def without_copies(chosen: ChosenFrames) -> ChosenFrames:
    """Choose of files of the same bytes that with the shortest name: a frame that counts twice has too small an error.

    Only files of one size whose exposures began at one time are read.
    """
    originals = _originals(frame for frame in chosen.frames if frame.problem is None)
    if not originals:
        return chosen
    copies = [(frame, originals[frame.path]) for frame in chosen.frames if frame.path in originals]
    return replace(
        chosen,
        frames=tuple(frame for frame in chosen.frames if frame.path not in originals),
        left_out=(*chosen.left_out, *((frame, f"is a copy of {original}") for frame, original in copies)),
    )


def _originals(frames: Iterable[Frame]) -> dict[Path, str]:
    """Return the name of the file that is used in the place of each copy."""
    alike: dict[tuple[str, int], dict[Path, str]] = {}
    for frame in frames:
        if ":" in (frame.date or "") and frame.path.is_file():
            same = alike.setdefault((str(frame.date), frame.path.stat().st_size), {})
            same[frame.path] = _name(frame)
    found: dict[Path, str] = {}
    for names in alike.values():
        first: dict[str, str] = {}
        for path in sorted(names, key=lambda one: (len(names[one]), names[one])) if len(names) > 1 else ():
            digest = file_sha256(path)
            if digest is not None and first.setdefault(digest, names[path]) != names[path]:
                found[path] = first[digest]
    return found


def _name(frame: Frame) -> str:
    """Return the name of the file of a frame, which may be one of its detectors or planes."""
    return frame.file.partition("[")[0]
