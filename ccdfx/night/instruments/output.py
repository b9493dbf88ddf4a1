"""The output through which a chip is read: it decides on which side prescan and overscan are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.sections import SIDES, Inside, Section, Strip
from ccdfx.records.card import as_keyword
from ccdfx.records.header import Header

_KEYS = ("x", "y", "nx", "ny")


@dataclass(frozen=True, slots=True)
class Output:
    """Keywords of the place of an output: its column and row from 1, and the numbers of columns and rows.

    Strips and margins are written for an output at the lower left, which reads the prescan of the left and of
    the bottom first. They are mirrored where the output is beyond the middle.
    """

    x: str | None = None
    y: str | None = None
    nx: str | None = None
    ny: str | None = None

    def mirrored(self, sections: tuple[Section, ...], header: Header) -> tuple[Section, ...]:
        """Return the sections as they are for the output of the header.

        >>> output = Output(x="OUTX", nx="OUTNX")
        >>> output.mirrored((Strip("left", 6),), Header({"OUTX": 2048, "OUTNX": 1024}))[0].side
        'right'
        """
        sides = dict(zip(SIDES, SIDES, strict=True))
        if _is_beyond_middle(header, self.x, self.nx):
            sides |= {"left": "right", "right": "left"}
        if _is_beyond_middle(header, self.y, self.ny):
            sides |= {"bottom": "top", "top": "bottom"}
        return tuple(_mirrored(section, sides) for section in sections)


def output_of(spec: Any, where: str) -> Output:
    """Convert a TOML table to an `Output`; `where` names it in errors."""
    if (
        not isinstance(spec, Mapping)
        or not spec
        or not set(spec) <= set(_KEYS)
        or not all(isinstance(value, str) and value.strip() for value in spec.values())
    ):
        raise ArgumentError(
            where,
            f"must be a table of keywords {', '.join(_KEYS)}",
            value=spec,
            remedy='write { x = "ESO DET OUT1 X", nx = "ESO DET OUT1 NX" }',
        )
    return Output(**{key: as_keyword(value) for key, value in spec.items()})


def _is_beyond_middle(header: Header, place: str | None, size: str | None) -> bool:
    """Return whether the output is in the upper half; the size may be binned, where the place is not."""
    at = None if place is None else header.number(place)
    length = None if size is None else header.number(size)
    return at is not None and at > max(1.0, (length or 0.0) / 2)


def _mirrored(section: Section, sides: Mapping[str, str]) -> Section:
    if isinstance(section, Strip):
        return replace(section, side=sides[section.side])
    if isinstance(section, Inside):
        return Inside(**{sides[side]: getattr(section, side) for side in sides})
    return section
