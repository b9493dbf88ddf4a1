"""Frames that are combined as mosaics of colours: the same colour lies on the same colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ccdfx.errors import MismatchError
from ccdfx.operations.colour.pattern import ColourPattern, colour_pattern, with_pattern
from ccdfx.records.header import Header
from ccdfx.records.wcs import stated_pattern


class Placed(Protocol):
    """A frame with its place in the result: that of its first pixel."""

    @property
    def name(self) -> str: ...
    @property
    def header(self) -> Header: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def x(self) -> int: ...
    @property
    def y(self) -> int: ...


def require_one_mosaic(frames: Sequence[Placed]) -> ColourPattern | None:
    """Return the mosaic of colours that the frames make together, from the first pixel of the result; None without one.

    Frames whose headers name no mosaic, or one that is not known, are not compared.

    Raises
    ------
    MismatchError
        Different colours of two frames would lie on each other.
    """
    first: tuple[Placed, ColourPattern] | None = None
    for frame in frames:
        stated = stated_pattern(frame.header)
        if stated is None or stated[1].upper() not in ColourPattern.KNOWN:
            continue
        pattern = colour_pattern(frame.header, shape=frame.shape)
        if pattern is None:
            continue
        pattern = pattern.moved(-frame.x, -frame.y)
        if first is None:
            first = frame, pattern
        elif pattern != first[1]:
            raise MismatchError(
                frame.name,
                f"must have the colours of {first[0].name} where it lies on it, {first[1]}: else they would be mixed",
                value=str(pattern),
                remedy="take the mosaics apart first, with split_colours or debayer",
            )
    return None if first is None else first[1]


def with_mosaic(header: Header, pattern: ColourPattern | None, shape: tuple[int, int]) -> Header:
    """Set the cards of a mosaic in the header of a combined frame, where there is one."""
    return header if pattern is None else with_pattern(header, pattern, shape=shape)
