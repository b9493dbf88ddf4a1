"""When a raw frame was begun: a date and, where that has no time of day, the card that has it; the night."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from ccdfx.night.instruments.conditions import number_of
from ccdfx.records.card import as_keyword

TIMES = (
    "TIME-OBS", "UTSTART", "UTCSTART", "UTC-OBS", "UT-TIME", "UT-START", "UT-STR", "EXP-STRT", "EXPSTART", "UT", "UTC", "TIME-BEG",
)  # fmt: skip
"""Cards of the time of day (UT) at which an exposure began."""

NIGHTS = ("DAY-OBS", "DAYOBS", "DAY_OBS", "DTCALDAT", "OBSNIGHT")
"""Cards of the date on which a night began."""

_LOCAL = ("DATE-LOC", "LOCTIME")
_EAST = ("SITELONG", "SITE-LON", "ESO TEL GEOLON")
_EITHER = ("LONGITUD", "LONG-OBS", "GEOLON", "OBSLONG")  # a positive one is east for some, west for others
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d*)?))?")
_ISO = re.compile(r"(\d{4})([-/]?)(\d{2})\2(\d{2})")
_OLD = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{2}|\d{4})")
_WITH_SLASHES = re.compile(r"\A(\d{4})/(\d{2})/(\d{2})(?=[T ])")
_FIRST_CCD = 1970  # two digits of a year are of the twentieth century in FITS


def date_of(header: Mapping[str, Any], dates: Iterable[Any], times: Iterable[Any] = TIMES) -> str | None:
    """Return when a frame was begun, as ISO text where that can be told, or the text of the card; None without one.

    A date without a time of day takes that of the first of `times` that holds one. Hours from 24 on, of a clock
    that goes on after midnight, are of the next day. ``DD/MM/YY``, as in FITS before 2000, ``DD/MM/YYYY`` and ``YYYY/MM/DD``
    become ISO dates. A date such as 02/03/24 is none: in FITS it is of 1924, and what was meant cannot be told.

    >>> date_of({"DATE-OBS": "2019-03-26", "UTCSTART": "01:04:25.00"}, ["DATE-OBS"])
    '2019-03-26T01:04:25.00'
    >>> date_of({"DATE-OBS": "28/03/93", "UT": "25:18:51"}, ["DATE-OBS"])
    '1993-03-29T01:18:51'
    """
    text = _first(header, dates)
    if text is None or _is_ambiguous(text):
        return None
    if ":" in text:
        return _WITH_SLASHES.sub(r"\1-\2-\3", text)
    day = _day(text)
    clock = next((found for name in times if (found := _CLOCK.fullmatch(_text(header, str(name))))), None)
    if day is None:
        return text
    if clock is None:
        return day.isoformat()
    hours, minutes, seconds = clock.groups()
    days, hour = divmod(int(hours), 24)
    return f"{day + timedelta(days)}T{hour:02d}:{minutes}:{seconds or '00'}"


def doubt_about_date(header: Mapping[str, Any], dates: Iterable[Any]) -> str | None:
    """Return the reason why the date of a header is not believed, or None.

    >>> doubt_about_date({"DATE-OBS": "02/03/24"}, ["DATE-OBS"])
    "DATE-OBS = '02/03/24' is a date of 1924 in FITS (DD/MM/YY); write YYYY-MM-DD"
    """
    for keyword in dates:
        text = _text(header, str(keyword))
        if text:
            year = text.rpartition("/")[2]
            reason = f"{keyword} = {text!r} is a date of 19{year} in FITS (DD/MM/YY); write YYYY-MM-DD"
            return reason if _is_ambiguous(text) else None
    return None


def _is_ambiguous(text: str) -> bool:
    old = _OLD.fullmatch(text)
    return old is not None and len(old[3]) == 2 and 1900 + int(old[3]) < _FIRST_CCD


def night_of(header: Mapping[str, Any], begun: str | None) -> str | None:
    """Return the date on which the night of a frame began, from noon to noon; None where it cannot be told.

    It is that of a card that says so (`NIGHTS`), else by the local time (DATE-LOC, or `begun` with a time zone), else by
    `begun`, in UT, and the longitude of the site. So all frames of a night have one, before and after midnight. Where
    a longitude may be east or west and the night depends on it, it is not told.

    >>> night_of({"SITELONG": -70.7}, "2020-01-02T03:00:00"), night_of({"SITELONG": -70.7}, "2020-01-01T23:10:00")
    ('2020-01-01', '2020-01-01')
    >>> night_of({}, "2020-01-02T03:00:00") is None, night_of({"LONGITUD": 110.9}, "2020-01-02T05:00:00") is None
    (True, True)
    """
    stated = _first(header, NIGHTS)
    day = _day(stated) if stated else None
    if day is not None:
        return day.isoformat()
    start = _time(begun or "")
    times = [time for name in _LOCAL if (time := _time(_text(header, name)))][:1]
    if not times and start is not None:
        with_zone = start.tzinfo is not None and start.utcoffset() != timedelta(0)
        times = [start] if with_zone else [start + timedelta(hours=east / 15) for east in _longitudes(header)]
    nights = {(time - timedelta(hours=12)).date() for time in times}
    return nights.pop().isoformat() if len(nights) == 1 else None


def _first(header: Mapping[str, Any], keywords: Iterable[Any]) -> str | None:
    return next((text for name in keywords if (text := _text(header, str(name)))), None)


def _text(header: Mapping[str, Any], keyword: str) -> str:
    return " ".join(str(header.get(as_keyword(keyword), "")).split())


def _day(text: str) -> date | None:
    """Return a date without a time of day, None for any other text."""
    iso, old = _ISO.fullmatch(text), _OLD.fullmatch(text)
    try:
        if iso:
            return date(int(iso[1]), int(iso[3]), int(iso[4]))
        year = int(old[3]) + (1900 if len(old[3]) == 2 else 0) if old else 0
        if old and year >= _FIRST_CCD:
            return date(year, int(old[2]), int(old[1]))
    except ValueError:
        pass
    return None


def _time(text: str) -> datetime | None:
    """Return a date with its time of day, None for any other text."""
    try:
        return datetime.fromisoformat(text) if ":" in text else None
    except ValueError:
        return None


def _longitudes(header: Mapping[str, Any]) -> list[float]:
    """Return the longitudes in degrees east that the site may have, also from degrees, minutes and seconds."""
    for name in (*_EAST, *_EITHER):
        text = _text(header, name)
        degrees = number_of(text)
        parts = re.fullmatch(r"([-+]?)(\d{1,3})[: ]+(\d{1,2})[: ]+(\d{1,2}(?:\.\d*)?)", text)
        if degrees is None and parts:
            degrees = int(parts[2]) + int(parts[3]) / 60 + float(parts[4]) / 3600
            degrees = -degrees if parts[1] == "-" else degrees
        if degrees is not None and 0 < abs(degrees) <= 360:  # 0 is that of programs that do not know it
            east = (degrees + 180) % 360 - 180
            return [east, -east] if name in _EITHER and degrees > 0 else [east]
    return []
