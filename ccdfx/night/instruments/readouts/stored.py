"""Images as they are stored in a file: their headers, and the sections and numbers of their cards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.records.header import Header
from ccdfx.records.range import Range, is_section

_SECTION = re.compile(r"\[\s*(-?\d+)\s*:\s*(-?\d+)\s*,\s*(-?\d+)\s*:\s*(-?\d+)\s*\]\Z")
MEND = "correct the header, or give the readouts in an instrument file ([[readout]])"


@dataclass(frozen=True, slots=True)
class Directed:
    """A section that may run backwards: ``[2048:1,1:4096]`` has reversed columns.

    >>> Directed.of("[8:5,1:2]")
    Directed(range=Range(x_lower=4, x_upper=8, y_lower=0, y_upper=2), reversed_x=True, reversed_y=False)
    """

    range: Range
    reversed_x: bool = False
    reversed_y: bool = False

    @classmethod
    def of(cls, text: str) -> Directed:
        """Convert FITS text, 1-based and inclusive, with the ends in any order.

        Raises
        ------
        ArgumentError
            The text is not a section, or counts from below 1.
        """
        found = _SECTION.match(text.strip()) if len(text) < 200 else None
        if found is None:
            raise ArgumentError(
                "section", "must be a FITS section", value=text, remedy="write [x1:x2,y1:y2], 1-based and inclusive"
            )  # fmt: skip
        x1, x2, y1, y2 = map(int, found.groups())
        if min(x1, x2, y1, y2) < 1:
            raise ArgumentError(
                "section", "must count pixels from 1, as a FITS section does", value=text, remedy="correct it"
            )
        whole = Range(min(x1, x2) - 1, max(x1, x2), min(y1, y2) - 1, max(y1, y2))
        return cls(whole, x1 > x2, y1 > y2)

    @property
    def spans(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """((x_lower, x_upper), (y_lower, y_upper)), 0-based and half-open."""
        x_lower, x_upper, y_lower, y_upper = self.range
        return (x_lower, x_upper), (y_lower, y_upper)

    @property
    def reversals(self) -> tuple[bool, bool]:
        """Whether x and y are reversed."""
        return self.reversed_x, self.reversed_y


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """Describe an image of a file by its header.

    Parameters
    ----------
    header : Header
        With the cards that it inherits from the primary header.
    shape : (int, int)
        (ny, nx) as stored.
    hdu : int, str or None
        Its HDU; None where the file has one image.
    binning : (int, int)
        (x, y).

    Examples
    --------
    >>> image = StoredImage(header=Header({"EXTNAME": "IM1"}), shape=(4, 8), hdu=1)
    >>> str(image.refusal("DATASEC", "is missing"))
    'extension IM1, DATASEC: is missing; correct the header, or give the readouts in an instrument file ([[readout]])'
    """

    header: Header
    shape: tuple[int, int]
    hdu: int | str | None = None
    binning: tuple[int, int] = (1, 1)

    @property
    def whole(self) -> Range:
        """The window of all its pixels."""
        return Range.whole(self.shape)

    @property
    def name(self) -> str:
        """EXTNAME, or else the number of the HDU."""
        return self.text("EXTNAME") or ("image" if self.hdu is None else f"HDU {self.hdu}")

    def text(self, card: str) -> str:
        """Return the value of a card as text, empty where there is none."""
        value = self.header.get(card)
        return "" if value is None else " ".join(str(value).split())

    def refusal(self, card: str, rule: str, value: Any = None, remedy: str = MEND) -> ArgumentError:
        """Return the error about a card, which names the extension where the file has several images."""
        subject = f"header keyword {card}" if self.hdu is None else f"extension {self.name}, {card}"
        if value is None:
            return ArgumentError(subject, rule, remedy=remedy)
        return ArgumentError(subject, rule, value=value, remedy=remedy)

    def has(self, card: str) -> bool:
        """Return whether a card gives a section."""
        return is_section(self.header.get(card))

    def section(self, card: str) -> Directed | None:
        """Return the section of a card, None where it gives none; it may lie anywhere.

        Raises
        ------
        ArgumentError
            The value is not a section, or the card stands there twice with different values.
        """
        if not self.has(card):
            return None
        values = list(dict.fromkeys(map(str, self.header.all(card))))
        if len(values) > 1:
            raise self.refusal(card, "must have one value", ", ".join(values))
        try:
            return Directed.of(values[0])
        except ArgumentError as problem:
            raise self.refusal(card, problem.rule, values[0]) from None

    def stored_section(self, card: str) -> Directed | None:
        """Return the section of a card that must lie inside the image as it is stored."""
        found = self.section(card)
        if found is not None and not self.whole.contains(found.range):
            rule = f"must lie inside the image {self.whole.to_fits()}"
            raise self.refusal(card, rule, found.range.to_fits())
        return found

    def number(self, card: str) -> float | None:
        """Return the number of a card; None where there is none."""
        try:
            return self.header.number(card)
        except ArgumentError as problem:
            raise self.refusal(card, problem.rule, problem.value) from None

    def count(self, card: str) -> int | None:
        """Return a whole number of pixels or things, 0 or more; None where there is no card."""
        value = self.number(card)
        if value is None:
            return None
        if value < 0 or value != int(value):
            raise self.refusal(card, "must be a whole number, 0 or more", value)
        return int(value)


def hull(windows: list[Range]) -> Range:
    """Return the smallest window that holds all of some.

    >>> hull([Range(0, 4, 0, 4), Range(6, 8, 1, 5)])
    Range(x_lower=0, x_upper=8, y_lower=0, y_upper=5)
    """
    return Range(
        min(one.x_lower for one in windows),
        max(one.x_upper for one in windows),
        min(one.y_lower for one in windows),
        max(one.y_upper for one in windows),
    )
