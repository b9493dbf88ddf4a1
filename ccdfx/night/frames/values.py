"""What is known of a frame, by name: the facts that `scan` finds, and the keywords of its header."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.night.frames.frame import Frame
from ccdfx.night.instruments.conditions import number_of
from ccdfx.night.instruments.dates import night_of
from ccdfx.records.card import as_keyword

_AIRMASS = ("AIRMASS", "SECZ", "AMASS", "AIRMASS1", "AMSTART")
_AIRMASSES = ("ESO TEL AIRM START", "ESO TEL AIRM END")
_LOWEST = 0.99  # of an airmass, rounded; 0 and -1 are those of programs that do not know it
_PREFIX = "header."


def value_of(frame: Frame, name: str) -> Any:
    """Return what is known of a frame: a fact, or the value of a keyword of its header; None where it is not known.

    Names of facts (see `FACT_NAMES`) go before keywords, and case is ignored; ``header.FILTER`` is the keyword.

    Examples
    --------
    >>> from pathlib import Path
    >>> from ccdfx.night.frames.header_values import HeaderValues
    >>> header = HeaderValues({"FILTER": "B", "SECZ": 1.5, "SEEING": 2.1})
    >>> frame = Frame(path=Path("a.fits"), file="a.fits", filter="B + ND1", binning=(2, 2), header=header)
    >>> [value_of(frame, name) for name in ("filter", "header.filter", "airmass", "binning", "seeing", "object")]
    ['B + ND1', 'B', 1.5, '2x2', 2.1, None]
    """
    key = name.strip().casefold()
    if key in _FACTS:
        return _FACTS[key](frame)
    return frame.header.get(name.strip()[len(_PREFIX) :] if key.startswith(_PREFIX) else name)


def ways_of_value(frame: Frame, name: str) -> Any:
    """Return the same for conditions: an equal binning of both axes is its number too.

    >>> from pathlib import Path
    >>> ways_of_value(Frame(path=Path("a"), file="a", binning=(2, 2)), "binning")
    ('2x2', 2)
    """
    if name.strip().casefold() == "binning" and frame.binning and len(set(frame.binning)) == 1:
        return value_of(frame, name), frame.binning[0]
    return value_of(frame, name)


def is_fact(name: str) -> bool:
    """Return whether a name is that of a fact, and not of a keyword.

    >>> is_fact("Exptime"), is_fact("SEEING"), is_fact("header.EXPTIME")
    (True, False, False)
    """
    return name.strip().casefold() in _FACTS


def _airmass(frame: Frame) -> float | None:
    for keyword in _AIRMASS:
        value = number_of(frame.header.get(keyword))
        if value is not None and value >= _LOWEST:
            return value
    values = [number_of(frame.header.get(as_keyword(keyword))) for keyword in _AIRMASSES]
    known = [value for value in values if value is not None and value >= _LOWEST]
    return sum(known) / len(known) if known else None


def _field(name: str) -> Callable[[Frame], Any]:
    return lambda frame: getattr(frame, name)


def _number(name: str) -> Callable[[Frame], float | None]:
    return lambda frame: None if getattr(frame, name) is None else getattr(frame, name).value


def _joined(name: str) -> Callable[[Frame], str | None]:
    return lambda frame: "; ".join(getattr(frame, name)) or None


_FACTS: Mapping[str, Callable[[Frame], Any]] = {
    **{
        name: _field(name)
        for name in (
            "file",
            "kind",
            "object",
            "filter",
            "exptime",
            "date",
            "instrument",
            "problem",
            "colours",
        )
    },
    **{name: _field(name) for name in ("unit", "hdu")},
    **{name: _number(name) for name in ("temperature", "gain", "readnoise", "saturation")},
    **{name: _joined(name) for name in ("doubts", "remarks")},
    "airmass": _airmass,
    "night": lambda frame: night_of(frame.header, frame.date),
    "binning": lambda frame: frame.binning and f"{frame.binning[0]}x{frame.binning[1]}",
    "size": lambda frame: frame.shape and f"{frame.shape[1]}x{frame.shape[0]}",
    "width": lambda frame: frame.shape and frame.shape[1],
    "height": lambda frame: frame.shape and frame.shape[0],
}
FACT_NAMES = tuple(_FACTS)
"""The facts: file, kind, object, filter, exptime (s), airmass, date, night, temperature, binning (2x1), size (width x height,
pixels) and others."""


def check_names(subject: str, names: tuple[str, ...], taken: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return names of facts and keywords; raise unless each is text with something in it, given once and not taken.

    Raises
    ------
    ArgumentError
        A name is empty, given twice or taken.

    Examples
    --------
    >>> check_names("columns", ("file", " SEEING"))
    ('file', 'SEEING')
    """
    remedy = f"give facts ({', '.join(FACT_NAMES)}) or keywords of the header"
    found: list[str] = []
    for name in names:
        if not isinstance(name, str) or not name.strip() or name.strip() in (*found, *taken):
            raise ArgumentError(
                subject,
                "must be names, each once" + (f", and not {' or '.join(taken)}" if taken else ""),
                value=name,
                remedy=remedy,
            )
        found.append(name.strip())
    return tuple(found)
