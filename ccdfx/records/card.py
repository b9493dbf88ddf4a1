"""One line of a FITS header."""

from __future__ import annotations

import math
import unicodedata
from typing import Any, NamedTuple

from ccdfx.errors import ArgumentTypeError

COMMENTARY = frozenset({"HISTORY", "COMMENT", ""})
_CARD = "give tuples of a str, a value and a comment"
Value = str | int | float | bool | complex | None


class Card(NamedTuple):
    """One line of a header: keyword, value and comment. The value None is FITS's undefined."""

    keyword: str
    value: Value = None
    comment: str = ""


def from_astropy(card: Any) -> Card:
    """A card of astropy's; a value that breaks the standard stays text."""
    from astropy.io.fits.card import Undefined
    from astropy.io.fits.verify import VerifyError

    try:
        value = card.value
    except VerifyError:
        value = card.image[10:].strip()
    return as_card((card.keyword, None if isinstance(value, Undefined) else value, card.comment))


def for_astropy(card: Card) -> tuple[Any, ...]:
    """What astropy makes a card of; what FITS cannot hold is made to fit."""
    value = plain_ascii(card.value) if isinstance(card.value, str) else card.value
    if isinstance(value, float) and not math.isfinite(value):
        value = str(value)
    if card.keyword in COMMENTARY:
        return card.keyword, value
    keyword = plain_ascii(card.keyword)
    keyword = keyword if len(keyword) <= 8 and " " not in keyword else f"HIERARCH {keyword}"
    return keyword, value, plain_ascii(card.comment)


def plain_ascii(text: str) -> str:
    """Printable ASCII, all that FITS can hold: letters lose their accents, other characters become '?'.

    >>> plain_ascii("Höhe\\t5 m")
    'Hohe?5 m'
    """
    if text.isascii() and text.isprintable():
        return text
    letters = unicodedata.normalize("NFKD", text)
    kept = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return "".join(c if " " <= c <= "~" else "?" for c in kept)


def as_card(item: Any) -> Card:
    """A card of a tuple (keyword, value) or (keyword, value, comment)."""
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
    """A keyword as cards have it: in upper case, without HIERARCH."""
    if not isinstance(keyword, str):
        raise ArgumentTypeError("keyword", "must be a str", value=keyword, remedy="give its name")
    key = keyword.strip().upper()
    return key[9:].strip() if key.startswith("HIERARCH ") else key


def same_cards(one: Card, two: Card) -> bool:
    """Equality in which NaN equals NaN and True is not 1."""
    if one.keyword != two.keyword or one.comment != two.comment or type(one.value) is not type(two.value):
        return False
    return one.value == two.value or (one.value != one.value and two.value != two.value)
