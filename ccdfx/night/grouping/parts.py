"""Chips or amplifiers that write a file each, told by the ends of the names of files that began at one moment."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable
from dataclasses import replace
from pathlib import PurePath

from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import setup_of
from ccdfx.night.instruments.camera_settings import CameraSetting

_PART = re.compile(r"(.+?)[_.-]?([A-Za-z]{0,3}\d{1,2})\Z")
_FEWEST = 2  # moments at which all parts were read


def told_apart(frames: Iterable[Frame]) -> tuple[Frame, ...]:
    """Return the frames, with the part of the camera as a setting where only names of files tell it.

    That is so where at each moment files began whose names differ by one end (ccd0001c1, ccd0001c2), by the same ends at all moments:
    a camera does not read one chip twice at a time. Without it frames of two chips would be combined.

    Examples
    --------
    >>> from pathlib import Path
    >>> names = ("ccd1c1", "ccd1c2", "ccd2c1", "ccd2c2")
    >>> frames = [
    ...     Frame(path=Path(f"{name}.fits"), file=f"{name}.fits", instrument="cam", shape=(4, 4), date=f"2020-01-01T00:0{name[3]}:00")
    ...     for name in names
    ... ]
    >>> [frame.settings[0].text for frame in told_apart(frames)], told_apart(frames[:2])[0].settings
    (['c1', 'c2', 'c1', 'c2'], ())
    """
    frames = tuple(frames)
    cameras: dict[Hashable, list[Frame]] = {}
    for frame in frames:
        if frame.detector is None and frame.planes is None and ":" in (frame.date or ""):
            cameras.setdefault((frame.instrument, frame.shape, frame.binning), []).append(frame)
    parts = {frame.path: part for members in cameras.values() for frame, part in _parts(members)}
    return tuple(
        frame if (part := parts.get(frame.path)) is None
        else replace(frame, settings=(*frame.settings, CameraSetting("part", part, "name of the file", part)))
        for frame in frames
    )  # fmt: skip


def _parts(frames: list[Frame]) -> list[tuple[Frame, str]]:
    """Return the frames of a camera with their parts; nothing where their names do not tell them, or other settings do."""
    moments: dict[str | None, list[tuple[Frame, str, str]]] = {}
    for frame in frames:
        found = _PART.match(_stem(frame))
        base, part = found.groups() if found else (_stem(frame), "")
        moments.setdefault(frame.date, []).append((frame, base, part))
    together = [{part for _, _, part in members} for members in moments.values()]
    every = max(together, key=len)
    bases = [{base for _, base, _ in members} for members in moments.values()]
    if (
        len(every) < 2 or together.count(every) < _FEWEST or not all(some <= every for some in together)
        or any(len(names) > 1 for names in bases) or len(set.union(*bases)) < len(bases)
        or any(len(some) < len(members) for some, members in zip(together, moments.values(), strict=True))
    ):  # fmt: skip
        return []
    setups = [[setup_of(frame) for frame, _, _ in members] for members in moments.values()]
    if all(len(set(ones)) == len(ones) for ones in setups):
        return []
    return [(frame, part) for members in moments.values() for frame, _, part in members]


def _stem(frame: Frame) -> str:
    """Return the name of the file without its endings."""
    return PurePath(frame.file.partition("[")[0]).name.partition(".fit")[0]
