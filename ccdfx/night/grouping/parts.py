"""Chips or amplifiers that write a file each, told by what differs in files that began at one moment."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import Setup, setup_of
from ccdfx.night.instruments.camera_settings import CameraSetting
from ccdfx.night.words import listed

_PART = re.compile(r"(.+?)[_.-]?([A-Za-z]{0,3}\d{1,2})\Z")
_FEWEST = 2  # moments, to tell anything from them
_LONG = 2.0  # s; two exposures of this length do not begin in one second
_TO_THE_SECOND = re.compile(r"T\d\d:\d\d:\d\d")


def told_apart(frames: Iterable[Frame]) -> tuple[Frame, ...]:
    """Return the frames, with the part of the camera as a setting where only EXTNAME or names of files tell it.

    That is so where at each moment files began whose EXTNAME differ, or whose names differ by one end (ccd0001c1, ccd0001c2),
    by the same ones at all moments: a camera does not read one chip twice at a time. Without it frames of two chips would be combined.

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
    parts = {frame.path: setting for members in cameras.values() for frame, setting in _settings(members)}
    return tuple(
        replace(frame, settings=(*frame.settings, parts[frame.path])) if frame.path in parts else frame
        for frame in frames
    )


def _settings(frames: list[Frame]) -> list[tuple[Frame, CameraSetting]]:
    for where, split in (("EXTNAME", _by_extension), ("name of the file", _by_name)):
        found = _parts([(frame, *split(frame)) for frame in frames])
        if found:
            return [(frame, CameraSetting("part", part, where, part)) for frame, part in found]
    return []


def _by_extension(frame: Frame) -> tuple[str, str]:
    return str(frame.date), str(frame.header.get("EXTNAME") or "").strip()


def _by_name(frame: Frame) -> tuple[str, str]:
    found = _PART.match(_stem(frame))
    return (found[1], found[2]) if found else (_stem(frame), "")


def _parts(frames: list[tuple[Frame, str, str]]) -> list[tuple[Frame, str]]:
    """Return the frames of a camera with their parts, of frames with the exposure and the part that something tells.

    Nothing where these are no parts of exposures, or other settings tell them.
    """
    moments: dict[str | None, list[tuple[Frame, str, str]]] = {}
    for one in frames:
        moments.setdefault(one[0].date, []).append(one)
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


def refused_moments(groups: Mapping[Setup, Sequence[Frame]]) -> dict[Setup, str]:
    """Return why setups whose exposures all began several at a time cannot be reduced: as copies, or as chips that nothing tells apart.

    >>> from pathlib import Path
    >>> frames = [
    ...     Frame(path=Path(name), file=name, kind="dark", shape=(4, 4), exptime=9.0, date=f"2020-01-01T00:0{at}:00")
    ...     for name, at in (("a", 1), ("b", 1), ("c", 2), ("d", 2))
    ... ]
    >>> from ccdfx.night.grouping.setup import groups_of
    >>> list(refused_moments(groups_of(frames)).values())[0].partition(":")[0]
    'is of a camera whose exposures all began 2 at a time (a, b)'
    """
    found = {}
    for setup, frames in groups.items():
        moments = _moments(frames)
        counts = {len(together) for together in moments.values()}
        if len(counts) == 1 and min(counts) > 1:
            first = next(iter(moments.values()))
            found[setup] = (
                f"is of a camera whose exposures all began {len(first)} at a time ({listed([one.file for one in first])}): "
                "leave copies out; of chips name the card that tells them apart, under [setup] of an instrument file"
            )
    return found


def moment_warnings(groups: Mapping[Setup, Sequence[Frame]]) -> tuple[str, ...]:
    """Describe which exposures of one camera began at the same time, as copies of one do, which count twice.

    >>> moment_warnings({})
    ()
    """
    several = [
        " = ".join(frame.file for frame in together)
        for frames in groups.values()
        for together in _moments(frames).values()
        if len(together) > 1
    ]
    text = (
        "exposures of one camera that began at the same time are used, but copies of one would count twice: "
    )
    return (text + listed(several),) if several else ()


def _moments(frames: Iterable[Frame]) -> dict[str, list[Frame]]:
    """Return the exposures by the second in which they began; those that are shorter than the seconds tell are left out.

    Empty where all have one date, which does not tell when each began.
    """
    found: dict[str, list[Frame]] = {}
    for frame in frames:
        if (
            frame.planes is None
            and (frame.exptime or 0.0) >= _LONG
            and _TO_THE_SECOND.search(frame.date or "")
        ):
            found.setdefault(str(frame.date), []).append(frame)
    return found if len(found) >= _FEWEST else {}


def _stem(frame: Frame) -> str:
    """Return the name of the file without its endings."""
    return PurePath(frame.file.partition("[")[0]).name.partition(".fit")[0]
