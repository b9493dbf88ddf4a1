"""The first usable ones of frames that are measured side by side, each read once and not kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ccdfx.engines import map_here
from ccdfx.night.frames.frame import Frame

Measured = TypeVar("Measured")


def first_usable(
    frames: Sequence[Frame], measure: Callable[[Frame], Measured | None], count: int
) -> list[Measured]:
    """Measure frames in their order until a number of them are usable, on the threads of the engine.

    No frame is measured that would not be if they were measured one after the other.

    Parameters
    ----------
    frames : sequence of Frame
    measure : callable
        Returns None where a frame cannot be used.
    count : int
        How many are wanted; fewer are returned where no more can be used.

    Examples
    --------
    >>> first_usable("abcd", lambda name: None if name == "b" else name.upper(), 2)
    ['A', 'C']
    """
    found: list[Measured] = []
    rest = list(frames)
    while rest and len(found) < count:
        missing = count - len(found)
        part, rest = rest[:missing], rest[missing:]
        found += [one for one in map_here(measure, part) if one is not None]
    return found
