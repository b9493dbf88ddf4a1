"""The exposure time of a raw frame in seconds: numbers, decimal commas and other units."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.records.header import Header

_WORDS = {
    1e-6: ("us", "µs", "usec", "microsec", "microsecond", "microseconds"),
    1e-3: ("ms", "msec", "msecs", "millisec", "millisecs", "millisecond", "milliseconds"),
    1.0: ("s", "sec", "secs", "second", "seconds"),
    60.0: ("min", "mins", "minute", "minutes"),
    3600.0: ("h", "hr", "hrs", "hour", "hours"),
}
UNITS = {word: factor for factor, words in _WORDS.items() for word in words}
"""Seconds of each unit of time that headers name."""

_WORD = "|".join(sorted(UNITS, key=len, reverse=True))
_NUMBER = re.compile(rf"([-+]?[\d.,]+(?:[ed][-+]?\d+)?)\s*({_WORD})?\.?", re.IGNORECASE)
_IN_COMMENT = re.compile(rf"\[\s*({_WORD})\s*\]|\(\s*({_WORD})\.?\s*\)|\bin\s+({_WORD})\b", re.IGNORECASE)
_LONGEST = 1e9  # s
_REMEDY = "correct the header, or name its keyword or unit (exptime_unit) in an instrument file"


def exptime_of(
    header: Header, keywords: Iterable[str | float], kind: str | None = None, unit: str = "s"
) -> float | None:
    """Return the exposure time in s, by the first of the keywords that has a value.

    A unit behind the number goes before one that the comment of the card names, as ``[ms]`` or ``in ms``, and that
    before `unit`.

    Parameters
    ----------
    header : Header
    keywords : iterable of str
    kind : str, optional
        A bias and a frame of kind other need no exposure time; None is returned where they have none.
    unit : str
        One of `UNITS`.

    Raises
    ------
    ArgumentError
        The header has none of the keywords, or the value is no time of 0 or more.

    Examples
    --------
    >>> [exptime_of(Header({"EXPTIME": text}), ("EXPTIME",)) for text in ("0,5", "300 s", "250ms", "1.5 min")]
    [0.5, 300.0, 0.25, 90.0]
    >>> exptime_of(Header([("EXPTIME", 160000, "exposure time in ms")]), ("EXPTIME",))
    160.0
    """
    names = [str(keyword) for keyword in keywords]
    keyword = next((name for name in names if str(header.get(name, "")).strip()), None)
    if keyword is None:
        if kind in ("bias", "other", None):
            return None
        raise ArgumentError(
            "exposure time",
            f"the header has no {' or '.join(names)}",
            remedy="add it to the header, or name its keyword in an instrument file",
        )
    value = header[keyword]
    number, stated = _number(header, keyword, value)
    factor = UNITS[stated or _unit_of_comment(header, keyword) or unit]
    seconds = -1.0 if number is None else number * factor if factor >= 1 else number / round(1 / factor)
    if not 0 <= seconds <= _LONGEST:
        rule = f"must be a time, 0 or more and {_LONGEST:g} s at most"
        raise ArgumentError(f"header keyword {keyword}", rule, value=value, remedy=_REMEDY)
    return seconds


def _number(header: Header, keyword: str, value: Any) -> tuple[float | None, str | None]:
    """Return the number of a card, and the unit behind it."""
    found = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return header.number(keyword), None
    text, unit = found.groups()
    return header.set(keyword, text).number(keyword), unit.lower() if unit else None


def _unit_of_comment(header: Header, keyword: str) -> str | None:
    found = _IN_COMMENT.search(header.comment(keyword) or "")
    return next(filter(None, found.groups())).lower() if found else None
