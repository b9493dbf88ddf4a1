"""Text of a FITS header, made from cards.

What the standard does not allow is converted: letters lose their accents, other characters become '?', and a
long string continues on CONTINUE lines.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from ccdfx.errors import ArgumentError
from ccdfx.io.cards import CARD
from ccdfx.records.card import COMMENTARY, Card, Value, plain_ascii

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
    pieces = [line[i : i + 72] for line in lines for i in range(0, max(len(line), 1), 72)]
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
        return _real(value)
    assert isinstance(value, complex)
    return f"({_real(value.real)}, {_real(value.imag)})"


def _real(value: float) -> str:
    if not math.isfinite(value):  # FITS has no such number: it is written as text
        return f"'{value}'"
    text = repr(value).upper()
    return text if "." in text else text.replace("E", ".0E", 1)
