"""Mosaics of colours (BAYERPAT): what a reduction that knows one colour a frame does with them, and what not."""

from __future__ import annotations

from collections.abc import Iterable

from ccdfx.night.frames.frame import Frame
from ccdfx.night.words import listed


def mosaic_warnings(frames: Iterable[Frame], *, align: bool) -> tuple[str, ...]:
    """Return the warning that frames are mosaics of colours, one for all frames; none where none is.

    `align` says that frames would be moved before they are combined, which mosaics are not.
    """
    mosaics = [frame for frame in frames if frame.colours and frame.problem is None]
    if not mosaics:
        return ()
    patterns = ", ".join(dict.fromkeys(str(frame.colours) for frame in mosaics))
    combined = (
        "; they are not combined, because frames that are moved would mix the colours (combine.align = false in "
        "the recipe combines frames that need not be moved)"
        if align
        else ""
    )
    return (
        f"frames are mosaics of colours (BAYERPAT = {patterns}) and are treated as of one colour: flats have one "
        f"level for all colours, and no cosmic rays are masked in single frames{combined}: "
        f"{listed([frame.file for frame in mosaics])}",
    )
