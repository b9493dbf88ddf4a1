"""The filter of a raw frame, from the keywords that an instrument names; all cards that speak of filters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from ccdfx.night.instruments.conditions import Condition
from ccdfx.records.header import Header

FilterLookup = tuple[str | tuple[str, ...], ...]
"""Keywords of filters; a tuple of keywords are the wheels of one camera, through all of which light goes."""

_EMPTY = Condition("FILTER", ("clear*", "open*", "empty*", "free*", "none", "no filter", "air", "hole"))
_UNKNOWN = re.compile(
    r"[<(\[]?\s*(?:|none|no[ _-]?filter|n/?a|unknown|undef(?:ined)?|null|\?)\s*[>)\]]?", re.IGNORECASE
)
_FILTER_CARD = re.compile(r"FILT|FLTNM")
# Encoders, focus offsets, times and the like differ between frames of one filter.
_NO_NAME = re.compile(r"ENC|FOC|OFF|DATE|TIM|TEMP|STAT|SWSIM|MOV|ROT|THICK|WAV|WL|FWHM|COMM")
_PLACE = re.compile(r"POS")  # a small whole number is that of a slot, anything else the reading of an encoder
_MOST_SLOTS = 100


def join_wheels(keywords: Iterable[str | tuple[str, ...]]) -> FilterLookup:
    """Join neighbouring keywords that differ by their number only: they are the wheels of one camera.

    >>> join_wheels(["FILTER", "FILTER1", "FILTER2", "FILTNAME"])
    ('FILTER', ('FILTER1', 'FILTER2'), 'FILTNAME')
    """
    joined: list[str | tuple[str, ...]] = []
    for family, members in groupby(keywords, key=_family):
        found = list(members)
        if family is None or len(found) == 1:
            joined += found
        else:
            joined.append(tuple(str(keyword) for keyword in found))
    return tuple(joined)


def _family(keyword: str | tuple[str, ...]) -> str | None:
    """Return a numbered keyword without its number, None for any other one."""
    if isinstance(keyword, tuple) or not re.search(r"\d", keyword):
        return None
    return re.sub(r"\d+", "#", keyword)


def filter_of(header: Header, lookup: FilterLookup, empty: Condition | None = None) -> str | None:
    """Return the name of the filter: that of the first keyword, or of the first wheels, that hold one.

    The names of wheels are joined by `` + ``, without those of empty slots: what meets `empty`, and what says
    so (clear, open, empty, free, air). Where all wheels are empty, the name is that of the first slot
    that `empty` does not leave out. "None", "no filter", N/A and the like are no name.

    >>> filter_of(Header({"FILTER1": "V", "FILTER2": "ND1"}), (("FILTER1", "FILTER2"),))
    'V + ND1'
    >>> filter_of(Header({"FILTER1": "Clear", "FILTER2": "R"}), (("FILTER1", "FILTER2"),))
    'R'
    """
    names = _named(header, lookup, empty)[0]
    filled = [name for name in names if not _is(_EMPTY, name)]
    return " + ".join(dict.fromkeys(filled)) or (names[0] if names else None)


def other_filter_cards(
    header: Header, lookup: FilterLookup, empty: Condition | None = None
) -> tuple[tuple[str, str], ...]:
    """Return the cards that may name a filter or the slot of a wheel, without those of `filter_of`.

    These are the cards whose keyword contains FILT or FLTNM and whose value is a text or a small whole number,
    as (keyword, text), sorted by keyword.

    >>> other_filter_cards(Header({"FILTNAME": "VR", "TELFILT": 1, "FILTFOC": 12}), ("FILTER",))
    (('FILTNAME', 'VR'), ('TELFILT', '1'))
    """
    used = _named(header, lookup, empty)[1]
    found = {}
    for card in header.cards:
        keyword, value = card.keyword, card.value
        if not _FILTER_CARD.search(keyword):
            continue
        named = not _NO_NAME.search(keyword)
        slot = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_SLOTS
        text = isinstance(value, str) and not _PLACE.search(keyword)
        if keyword not in used and named and (slot or text) and str(value).strip():
            found[keyword] = " ".join(str(value).split())
    return tuple(sorted(found.items()))


def _named(
    header: Header, lookup: FilterLookup, empty: Condition | None
) -> tuple[list[str], tuple[str, ...]]:
    """Return the names in the first keyword or wheels that hold one, and these keywords."""
    for item in lookup:
        keywords = item if isinstance(item, tuple) else (item,)
        names = [name for name in _texts(header, keywords) if not _is(empty, name)]
        if names:
            return names, keywords
    return [], ()


def _texts(header: Header, keywords: Iterable[str]) -> Iterator[str]:
    for keyword in keywords:
        value = header.get(keyword)  # 0 is the name of a slot too
        text = "" if value is None else " ".join(str(value).split())
        if not _UNKNOWN.fullmatch(text):
            yield text


def _is(condition: Condition | None, name: str) -> bool:
    return condition is not None and condition.holds({condition.keyword: name})
