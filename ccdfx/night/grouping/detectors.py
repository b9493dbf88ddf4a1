"""Detectors and readouts that files lack, or have elsewhere, against others of their camera."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import Setup
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


def refused_readouts(groups: Mapping[Setup, Sequence[Frame]]) -> dict[Setup, str]:
    """Return why setups without calibrations of their own cannot be right: against one of their detector that has some.

    Readouts are lost, or lie elsewhere in images of the same size: it would be calibrated without bias and flat.

    Examples
    --------
    >>> from ccdfx import Range, Readout
    >>> whole = Range(0, 4, 0, 4)
    >>> a, b = (Readout(name=n, window=whole, data=whole, place=whole.moved(x, 0)) for n, x in (("A", 0), ("B", 4)))
    >>> setups = [Setup("cam", (4, 8), (1, 1), None, None, whole, readouts=parts) for parts in ((a, b), (a,))]
    >>> bias, science = (Frame(path=Path("f.fits"), file="f.fits", kind=kind) for kind in ("bias", "science"))
    >>> list(refused_readouts({setups[0]: [bias], setups[1]: [science]}).values())
    ['must have the readouts A, B of the calibration frames, and lacks B: copy the file again if it was lost']
    """
    found = {}
    known = [setup for setup, frames in groups.items() if any(one.kind in _CALIBRATIONS for one in frames)]
    for setup in groups:
        if setup in known or not setup.readouts:
            continue
        own = {one.name: one for one in setup.readouts}
        for other in known:
            theirs = {one.name: one for one in other.readouts}
            alike = all(
                getattr(setup, name) == getattr(other, name) for name in ("instrument", "detector", "binning")
            )
            if not alike or not set(own) <= set(theirs):
                continue
            lost = [name for name in theirs if name not in own]
            if lost:
                found[setup] = (
                    f"must have the readouts {listed([*theirs])} of the calibration frames, and lacks {listed(lost)}: copy the "
                    "file again if it was lost"
                )
                continue
            if any(own[name].window != theirs[name].window for name in own):
                continue  # another part of the detector was read
            for part in ("data", "bias", "place", "flip_x", "flip_y"):
                odd = [name for name in own if getattr(own[name], part) != getattr(theirs[name], part)]
                if odd:
                    found[setup] = (
                        f"must have the sections of the calibration frames, and its {_PARTS[part]} of {listed(odd)} differ"
                        f"{'s' if len(odd) == 1 else ''}, in images of the same size: correct the header ('ccdfx header')"
                    )
                    break
    return found


_CALIBRATIONS = ("bias", "dark", "flat")
_PARTS = {
    "data": "data section",
    "bias": "bias section",
    "place": "place",
    "flip_x": "direction",
    "flip_y": "direction",
}
