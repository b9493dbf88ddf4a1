"""A card: one line of a FITS header."""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

from ccdfx.errors import ArgumentTypeError

COMMENTARY = frozenset({"HISTORY", "COMMENT", ""})
STRUCTURAL = re.compile(
    r"(SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|PCOUNT|GCOUNT|GROUPS|BSCALE|BZERO|BLANK|CHECKSUM|DATASUM|END"
    r"|CCDFX(PLN|HDU))\Z"
)
"""Keywords that describe the layout of a file."""
_LINE = 72  # characters of commentary on a card
_CARD = "give tuples of a str, a value and a comment"
Value = str | int | float | bool | complex | None


class Card(NamedTuple):
    """One card of a header: keyword, value and comment. None is the undefined value of FITS."""

    keyword: str
    value: Value = None
    comment: str = ""


def from_astropy(card: Any) -> Card:
    """Convert a card of astropy; a value that violates the standard is kept as text."""
    from astropy.io.fits.card import Undefined
    from astropy.io.fits.verify import VerifyError

    try:
        value = card.value
    except VerifyError:
        value = card.image[10:].strip()
    return as_card((card.keyword, None if isinstance(value, Undefined) else value, card.comment))


def for_astropy(card: Card) -> list[tuple[Any, ...]]:
    """Convert a card to the arguments of astropy cards, several for long HISTORY; replace what FITS cannot store."""
    value = plain_ascii(card.value) if isinstance(card.value, str) else card.value
    if isinstance(value, float) and not math.isfinite(value):
        value = str(value)
    if card.keyword in COMMENTARY:
        lines = broken(value, _LINE) if isinstance(value, str) else [value]
        return [(card.keyword, line) for line in lines]
    keyword = plain_ascii(card.keyword)
    keyword = keyword if len(keyword) <= 8 and " " not in keyword else f"HIERARCH {keyword}"
    return [(keyword, value, plain_ascii(card.comment))]


def plain_ascii(text: str) -> str:
    """Convert text to printable ASCII, as FITS requires: without accents, other characters become '?'.

    >>> plain_ascii("Höhe\\t5 m")
    'Hohe?5 m'
    """
    if text.isascii() and text.isprintable():
        return text
    letters = unicodedata.normalize("NFKD", text)
    kept = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return "".join(c if " " <= c <= "~" else "?" for c in kept)


def broken(text: str, width: int) -> list[str]:
    """Break a long line before blanks, a longer word after commas, so that the pieces, joined, are the text.

    >>> broken("median of 3 frames", 10)
    ['median of', ' 3 frames']
    """
    pieces = []
    while len(text) > width:
        cut = text.rfind(" ", 1, width + 1)
        while cut > 0 and text[cut - 1] == " ":  # a reader drops blanks at the end of a line
            cut -= 1
        if not text[: max(cut, 0)].strip():
            cut = text.rfind(",", 0, width) + 1 or width
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text]


def lines_joined(lines: Iterable[str]) -> str:
    """Join lines of commentary, each but the last filled up to the length of a card, as cards hold them.

    >>> lines_joined(["one", "two"]) == "one".ljust(72) + "two"
    True
    """
    pieces = [piece for line in lines for piece in broken(str(line or ""), _LINE)]
    return "".join(piece.ljust(_LINE) for piece in pieces).rstrip()


def as_card(item: Any) -> Card:
    """Convert a tuple (keyword, value) or (keyword, value, comment) to a card."""
    try:
        keyword, *rest = item
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            "header", "cards must be (keyword, value, comment)", value=item, remedy=_CARD
        ) from None
    if not isinstance(keyword, str) or len(rest) > 2 or isinstance(item, str):
        raise ArgumentTypeError("header", "cards must be (keyword, value, comment)", value=item, remedy=_CARD)
    value = rest[0] if rest else None
    comment = rest[1] if len(rest) == 2 and rest[1] is not None else ""
    return Card(as_keyword(keyword), _value(keyword, value), str(comment))


def _value(keyword: str, value: Any) -> Value:
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if value is not None and not isinstance(value, str | bool | int | float | complex):
        raise ArgumentTypeError(
            f"header keyword {keyword}",
            "must be a string, number, bool or None",
            value=type(value).__name__,
            remedy="give its text",
        )
    return value


def as_keyword(keyword: Any) -> str:
    """Normalise a keyword to upper case, without HIERARCH.

    >>> as_keyword(" hierarch eso det out1 gain")
    'ESO DET OUT1 GAIN'
    """
    if not isinstance(keyword, str):
        raise ArgumentTypeError("keyword", "must be a str", value=keyword, remedy="give its name")
    return _normalised(keyword)


@functools.lru_cache(maxsize=4096)  # the rules of instruments look for the same few keywords in each frame
def _normalised(keyword: str) -> str:
    key = keyword.strip().upper()
    return key[9:].strip() if key.startswith("HIERARCH ") else key


def same_cards(one: Card, two: Card) -> bool:
    """Compare two cards; NaN equals NaN, and True is different from 1."""
    if one.keyword != two.keyword or one.comment != two.comment or type(one.value) is not type(two.value):
        return False
    return one.value == two.value or (one.value != one.value and two.value != two.value)
