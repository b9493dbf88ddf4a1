"""Parsing of FITS header text into cards: fast, and lenient where files break the rules.

A card that cannot be parsed is kept as text; nothing here raises. Observatories write the same lines into
every frame of a night, so each distinct line is parsed once and its card is shared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from ccdfx.records.card import COMMENTARY, Card, Value

CARD = 80
_VALUE = re.compile(r"= *(?:'((?:[^']|'')*)' *|([^'/]*))(?:/(.*))?\Z", re.DOTALL).match
_STRING = re.compile(r" *'((?:[^']|'')*)' *(?:/(.*))?\Z", re.DOTALL).match
_HIERARCH = re.compile(r"HIERARCH +([^=]*?) *(?==)", re.DOTALL).match
_MISPLACED = re.compile(r"([A-Za-z0-9_-]{1,8}) *(?==)").match
_INTEGER = re.compile(r"[+-]?[0-9]+\Z").match
_REAL = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[EeDd][+-]?[0-9]+)?"
_FLOAT = re.compile(_REAL + r"\Z").match
_COMPLEX = re.compile(rf"\( *({_REAL}) *, *({_REAL}) *\)\Z").match
_LOGICAL = {"T": True, "F": False, "": None}


def parse_cards(text: str) -> tuple[Card, ...]:
    """Parse header text in lines of 80 characters into cards; CONTINUE lines are joined.

    Parameters
    ----------
    text : str
        Without the END card. Bytes are decoded as Latin-1, so that one character is one byte.

    Examples
    --------
    >>> line = "EXPTIME =              1.5D1 / [s] exposure".ljust(80)
    >>> parse_cards(line)
    (Card(keyword='EXPTIME', value=15.0, comment='[s] exposure'),)
    """
    cards = [_parse_line(text[i : i + CARD]) for i in range(0, len(text), CARD)]
    return tuple(_joined(cards) if "CONTINUE" in text else cards)


@lru_cache(maxsize=16384)
def _parse_line(line: str) -> Card:
    line = _decoded(line)
    keyword = line[:8].rstrip().upper()
    if keyword in COMMENTARY or keyword == "CONTINUE":
        return Card(keyword, line[8:].rstrip(), "")
    if line[8:10] == "= ":
        return _value_card(keyword, line, 8)
    hierarch = _HIERARCH(line)
    if hierarch and hierarch[1]:
        return _value_card(hierarch[1].upper(), line, hierarch.end())
    misplaced = _MISPLACED(line)
    if misplaced:
        return _value_card(misplaced[1].upper(), line, misplaced.end())
    return Card(keyword, line[8:].strip(), "")


def _decoded(line: str) -> str:
    if "\0" in line:
        line = line.replace("\0", " ")
    if line.isascii():
        return line
    try:
        return line.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return line


def _value_card(keyword: str, line: str, start: int) -> Card:
    match = _VALUE(line, start)
    if match is None:
        return Card(keyword, line[start + 1 :].strip(), "")
    string, token, comment = match.groups()
    value = _value(token.strip()) if string is None else string.replace("''", "'").rstrip()
    return Card(keyword, value, comment.strip() if comment else "")


def _value(token: str) -> Value:
    """Convert a token to a number, a logical or None (undefined); return any other token unchanged."""
    if token in _LOGICAL:
        return _LOGICAL[token]
    if _INTEGER(token):
        return int(token)
    if _FLOAT(token):
        return _finite(_real(token), token)
    pair = _COMPLEX(token)
    return _finite(complex(_real(pair[1]), _real(pair[2])), token) if pair else token


def _real(token: str) -> float:
    return float(token.replace("D", "E").replace("d", "e"))


def _finite(number: float | complex, token: str) -> Value:
    """Return the number, or its text where it exceeds the range of a float."""
    return number if abs(number) < float("inf") else token


def _joined(cards: Iterable[Card]) -> list[Card]:
    """Join each CONTINUE line to the string before it, if that ends with an ampersand."""
    result: list[Card] = []
    for card in cards:
        more = _STRING(card.value) if card.keyword == "CONTINUE" and isinstance(card.value, str) else None
        last = result[-1] if result else None
        if more is None or last is None or last.keyword in COMMENTARY or not str(last.value).endswith("&"):
            result.append(card)
            continue
        text, comment = more.groups()
        comments = (last.comment, (comment or "").strip())
        value = str(last.value)[:-1] + text.replace("''", "'").rstrip()
        result[-1] = Card(last.keyword, value, " ".join(filter(None, comments)))
    return result
