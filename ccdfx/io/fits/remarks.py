"""Remarks of FITS files: what is read all the same, and is still worth a line."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ccdfx.errors import printable
from ccdfx.io.content import Content, opened
from ccdfx.io.fits.cards import BLOCK, CARD
from ccdfx.io.fits.compressed.tiles import image_header
from ccdfx.io.fits.hdus import Hdu
from ccdfx.records.card import COMMENTARY
from ccdfx.records.header import Header

_DATES = ("DATE", "DATE-OBS", "DATE-BEG", "DATE-AVG", "DATE-END")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d(?:\.\d*)?))?Z?)?\Z")
_OLD = re.compile(r"(\d\d)/(\d\d)/(\d\d)\Z")  # before the year 2000
_SKY = re.compile(r"(?:(?:CRVAL|CRPIX|CDELT|CROTA)\d|(?:CD|PC)\d_\d)[A-Z]?\Z")
_SHOWN = 4  # keywords in one remark
_MOST_BLOCKS = 1 << 12  # of a header, before it is refused when it is read
_BEHIND = 1 << 20  # bytes behind the last HDU that are looked at


def fits_remarks(content: Content, hdus: Sequence[Hdu]) -> list[str]:
    """List the remarks of the headers of a file, and of what follows its last HDU."""
    found = []
    for hdu in hdus:
        header = image_header(hdu) if hdu.kind == "tiles" else hdu.header
        remarks = [*text_remarks(content, hdu), *header_remarks(header)]
        found += [f"HDU {hdu.index}: {remark}" for remark in remarks]
    return [*found, *behind_remarks(content, hdus)]


def behind_remarks(content: Content, hdus: Sequence[Hdu]) -> list[str]:
    """List the remark of bytes behind the last HDU, where there are others than zeros."""
    behind = bytes(content.read_at(hdus[-1].end, _BEHIND)).strip(b"\0")
    return [f"other bytes follow the last HDU, {hdus[-1].index}"] if behind else []


def begin_remarks(file: Any) -> list[str]:
    """List the remarks of the text of the first header of a file; nothing behind it is read."""
    with opened(file) as content:
        text, blocks = b"", 0
        while blocks < _MOST_BLOCKS and not any(
            text[at : at + CARD].rstrip() == b"END" for at in range(len(text) - BLOCK, len(text), CARD)
        ):
            more = bytes(content.read_at(blocks * BLOCK, BLOCK))
            if not more:
                break
            text, blocks = text + more, blocks + 1
    return list(_of_text(text))


def header_remarks(header: Header) -> list[str]:
    """List the remarks of the cards of a header: dates, positions on the sky, keywords that come twice, CONTINUE, BLANK.

    Examples
    --------
    >>> header_remarks(Header({"DATE-OBS": "2024-02-30", "CRVAL1": "NaN"}))
    ['DATE-OBS is no date: 2024-02-30', 'the WCS has values that are no numbers: CRVAL1']
    """
    found = [
        f"{name} is no date: {printable(str(header[name]))}"
        for name in _DATES
        if str(header.get(name) or "").strip() and not _is_date(str(header[name]).strip())
    ]
    sky = [card.keyword for card in header.cards if _SKY.match(card.keyword) and not _is_number(card.value)]
    found += [f"the WCS has values that are no numbers: {_listed(sky)}"] if sky else []
    twice = _contradictions(header)
    found += [f"keywords come twice with different values: {_listed(twice)}"] if twice else []
    if any(card.keyword == "CONTINUE" for card in header.cards):
        found.append("a CONTINUE card continues no string")
    if header.get("BLANK") is not None and (header.number("BITPIX") or 0) < 0:
        found.append("BLANK has no meaning for floats, and is ignored")
    return found


def _contradictions(header: Header) -> list[str]:
    """Return the keywords whose cards have different values; the first card counts."""
    if len(header) == len(header.cards):
        return []
    values = (card for card in header.cards if card.keyword not in (*COMMENTARY, "CONTINUE", ""))
    return list(dict.fromkeys(card.keyword for card in values if card.value != header[card.keyword]))


def text_remarks(content: Content, hdu: Hdu) -> Iterator[str]:
    """Yield the remarks of the text of a header: what is not ASCII, and control characters."""
    yield from _of_text(content.read_at(hdu.header_at, hdu.data_at - hdu.header_at))


def _of_text(header: bytes | memoryview) -> Iterator[str]:
    text = np.frombuffer(header, np.uint8)
    for wrong, what in ((text > 126, "is not ASCII"), (text < 32, "has control characters")):
        if wrong.any():
            cards = sorted(set((np.flatnonzero(wrong) // CARD).tolist()))[: _SHOWN + 1]
            names = [bytes(text[i * CARD : i * CARD + 8]).decode("latin-1").strip() for i in cards]
            yield f"text of its header {what}: {_listed(names)}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_date(text: str) -> bool:
    iso, old = _ISO.match(text), _OLD.match(text)
    try:
        if iso:
            datetime.date(*(int(n) for n in iso.groups()[:3]))
            hour, minute, second = (float(n or 0) for n in iso.groups()[3:])
            return hour < 24 and minute < 60 and second < 61  # a leap second
        if old:
            datetime.date(1900 + int(old[3]), int(old[2]), int(old[1]))
    except ValueError:
        return False
    return bool(old)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name) or "(no keyword)" for name in names[:_SHOWN])
    return f"{shown} and more" if len(names) > _SHOWN else shown
