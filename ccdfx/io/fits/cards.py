"""FITS header text parsed into cards, and made from cards.

Parsing is fast, and lenient where files break the rules. A card that cannot be parsed is kept as text; nothing here
raises. Observatories write the same lines into every frame of a night, so each distinct line is parsed once and its card
is shared.

In text that is made, what the standard does not allow is converted: letters lose their accents, other characters become
'?', and a long string continues on CONTINUE lines.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache

from ccdfx.errors import ArgumentError
from ccdfx.records.card import COMMENTARY, Card, Value, broken, plain_ascii

CARD = 80
_VALUE = re.compile(r"= *(?:'((?:[^']|'')*)' *|([^'/]*))(?:/(.*))?\Z", re.DOTALL).match
_STRING = re.compile(r" *'((?:[^']|'')*)' *(?:/(.*))?\Z", re.DOTALL).match
_HIERARCH = re.compile(r"HIERARCH ([^=]*)(?==)", re.DOTALL).match
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
    if hierarch and hierarch[1].strip(" "):
        return _value_card(hierarch[1].strip(" ").upper(), line, hierarch.end())
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
    texts: list[str] = []  # of the last card of the result, which is put together when its last line is known
    comments: list[str] = []
    for card in cards:
        more = _STRING(card.value) if card.keyword == "CONTINUE" and isinstance(card.value, str) else None
        if more is None or not texts or not texts[-1].endswith("&"):
            _put_together(result, texts, comments)
            result.append(card)
            texts = [] if card.keyword in COMMENTARY else [str(card.value)]
            comments = [card.comment]
            continue
        texts[-1] = texts[-1][:-1]
        texts.append(more[1].replace("''", "'").rstrip())
        while len(texts) > 1 and not texts[-1]:  # an empty line ends as the one before it
            texts.pop()
        comments.append((more[2] or "").strip())
    _put_together(result, texts, comments)
    return result


def _put_together(cards: list[Card], texts: list[str], comments: list[str]) -> None:
    """Give the last card the strings and comments of its CONTINUE lines, if it has any."""
    if len(comments) > 1:
        cards[-1] = Card(cards[-1].keyword, "".join(texts), " ".join(filter(None, comments)))


BLOCK = 2880
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_CHUNK = 67  # characters of a string on a CONTINUE line, with the ampersand


def header_bytes(cards: Iterable[Card]) -> bytes:
    """Format a whole header: cards, END and blanks up to a multiple of 2880 bytes.

    >>> len(header_bytes([Card("SIMPLE", True, "")]))
    2880
    """
    text = "".join(map(format_card, cards)) + "END".ljust(CARD)
    return text.ljust(-(-len(text) // BLOCK) * BLOCK).encode("ascii")


def format_card(card: Card) -> str:
    """Format a card as one or more lines of 80 characters.

    >>> format_card(Card("EXPTIME", 5.0, "seconds")).rstrip()
    'EXPTIME =                  5.0 / seconds'
    """
    if card.keyword in COMMENTARY or card.keyword == "CONTINUE":
        return _commentary(card)
    start = _start(card.keyword)
    comment = plain_ascii(card.comment)
    if isinstance(card.value, str):
        return _string(start, plain_ascii(card.value), comment)
    number = _number(card.value)
    fixed = f"{start}{number:>20}" + (f" / {comment}" if comment else "")
    if len(fixed) > CARD:  # free format keeps a comment that fixed format would cut
        fixed = f"{start}{number}" + (f" / {comment}" if comment else "")
    if len(start) + len(number) > CARD:
        raise ArgumentError(
            f"header keyword {card.keyword}",
            "does not fit on a card with its value",
            value=card.value,
            remedy="set a shorter value, or the same as text",
        )
    return fixed[:CARD].ljust(CARD)


def _commentary(card: Card) -> str:
    text = "" if card.value is None else str(card.value)
    lines = [plain_ascii(line) for line in text.split("\n")]
    pieces = [piece for line in lines for piece in broken(line, CARD - 8)]
    return "".join(f"{card.keyword:<8}{piece}".ljust(CARD) for piece in pieces)


def _start(keyword: str) -> str:
    """Return the part of the line before the value."""
    if len(keyword) <= 8 and _LETTERS.issuperset(keyword):
        return f"{keyword:<8}= "
    word = plain_ascii(keyword).replace("=", "?")
    if len(word) > 50:
        raise ArgumentError(
            "header keyword",
            "must be shorter than 51 characters",
            value=keyword,
            remedy="set it under a shorter name",
        )
    return f"HIERARCH {word} = "


def _string(start: str, text: str, comment: str) -> str:
    quoted = text.replace("'", "''").rstrip()
    line = f"{start}'{quoted:<8}'"
    if len(line) <= CARD and (not comment or len(line) + 3 + len(comment) <= CARD):
        padded = f"{line:<30}"
        line = padded if not comment or len(padded) + 3 + len(comment) <= CARD else line
        return (f"{line} / {comment}" if comment else line).ljust(CARD)
    return _continued(start, text.rstrip(), comment)


def _continued(start: str, text: str, comment: str) -> str:
    """Format a string on CONTINUE lines; its comment follows on lines of its own."""
    lines, first = [], CARD - len(start) - 3
    pieces = _pieces(text, first, _CHUNK)
    for i, piece in enumerate(pieces):
        lead = start if i == 0 else "CONTINUE  "
        more = "&" if i + 1 < len(pieces) or comment else ""
        lines.append(f"{lead}'{piece}{more}'")
    rows = _rows(comment, 60)
    for i, row in enumerate(rows):
        lines.append(f"CONTINUE  '{'&' if i + 1 < len(rows) else ''}' / {row}")
    return "".join(line.ljust(CARD) for line in lines)


def _rows(comment: str, width: int) -> list[str]:
    """Break a comment into rows, at blanks where there are any."""
    rows = []
    while len(comment) > width:
        cut = comment.rfind(" ", 1, width + 1)
        cut = cut if cut > 0 else width
        rows.append(comment[:cut].rstrip())
        comment = comment[cut:].lstrip()
    return [*rows, comment] if comment else rows


def _pieces(text: str, first: int, rest: int) -> list[str]:
    """Cut the quoted text into pieces, none of which ends within a doubled quote."""
    pieces, piece, room = [], "", first
    for letter in text:
        quoted = "''" if letter == "'" else letter
        if len(piece) + len(quoted) > room:
            pieces.append(piece)
            piece, room = "", rest
        piece += quoted
    return [*pieces, piece]


def _number(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _real_text(value)
    assert isinstance(value, complex)
    return f"({_real_text(value.real)}, {_real_text(value.imag)})"


def _real_text(value: float) -> str:
    if not math.isfinite(value):  # FITS has no such number: it is written as text
        return f"'{value}'"
    text = repr(value).upper()
    return text if "." in text else text.replace("E", ".0E", 1)
