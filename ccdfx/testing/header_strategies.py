"""Hypothesis strategies for headers: every kind of card that FITS can hold."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from ccdfx.records.card import Card, Value
from ccdfx.records.header import Header

# Keywords of the file layout. EXTNAME is reserved as well: it groups the HDUs of one image.
_LAYOUT = "SIMPLE XTENSION BITPIX EXTEND PCOUNT GCOUNT GROUPS BSCALE BZERO BLANK CHECKSUM DATASUM END CCDFXPLN CCDFXHDU"
_RESERVED = {*_LAYOUT.split(), "CONTINUE", "HISTORY", "COMMENT", "EXTNAME"}
_RESERVED_BEGINNINGS = ("NAXIS", "LTV", "LTM", "RANGESEC")


def headers(*, max_cards: int = 8) -> st.SearchStrategy[Header]:
    """Generate headers that a FITS file holds without loss.

    They may have duplicates, HISTORY, long keywords and long text.

    Parameters
    ----------
    max_cards : int
        The maximum number of cards.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(headers(), lambda header: header.history).cards
    (Card(keyword='HISTORY', value='', comment=''),)
    """
    return st.lists(_cards(), max_size=max_cards).map(Header)


@st.composite
def _cards(draw: st.DrawFn) -> Card:
    """Generate cards without trailing blanks in strings, which FITS ignores, and with finite numbers."""
    kind = draw(st.sampled_from(("number", "text", "text", "history", "hierarch")))
    if kind == "history":
        return Card(draw(st.sampled_from(("HISTORY", "COMMENT", ""))), draw(_printable(72)).rstrip(), "")
    keyword = draw(_keywords())
    if kind == "hierarch":
        keyword = f"ESO {keyword} {draw(_letters())}"
    value: Value = draw(_texts()) if kind == "text" else draw(_numbers())
    return Card(keyword, value, draw(_printable(15)).strip())


def _letters() -> st.SearchStrategy[str]:
    return st.text(string.ascii_uppercase + string.digits + "-_", min_size=1, max_size=8)


def _keywords() -> st.SearchStrategy[str]:
    return _letters().filter(lambda word: word not in _RESERVED and not word.startswith(_RESERVED_BEGINNINGS))


def _printable(maximum: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=maximum)


def _texts() -> st.SearchStrategy[str]:
    """Generate strings of all lengths; an ampersand at the end would require a CONTINUE card."""
    return _printable(200).map(lambda text: text.rstrip(" &"))


def _numbers() -> st.SearchStrategy[Value]:
    finite = st.floats(allow_nan=False, allow_infinity=False)
    whole = st.integers(-(10**19), 10**19)
    parts = st.integers(-(10**6), 10**6)
    pairs = st.builds(lambda re, im: complex(re / 1000, im / 1000), parts, parts)
    return st.none() | st.booleans() | whole | finite | pairs
