"""Cards that stand in a header more than once and disagree, where the reduction depends on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.instrument import Instrument
from ccdfx.records.header import Header


def refuse_contradictions(header: Header, instrument: Instrument) -> None:
    """Raise an `ArgumentError` where a keyword that the instrument uses has several values; it names the first such.

    Keywords of exposure, filter, gain, read noise, saturation, binning, sections, settings and kind are used. The
    FITS standard (4.1.2.1) leaves the value of a keyword that stands there twice undefined.

    >>> from ccdfx.night.instruments.known import known_instruments
    >>> [iraf] = [item for item in known_instruments() if item.name == "iraf"]
    >>> refuse_contradictions(Header([("EXPTIME", 60.0), ("EXPTIME", 30.0)]), iraf)
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: header keyword EXPTIME: must have one value (got '60.0, 30.0'); correct the header, or remove a card
    """
    counted = [card.keyword for card in header.cards]
    if len(counted) == len(set(counted)):
        return
    for keyword in dict.fromkeys(_used(instrument)):
        values = dict.fromkeys(map(str, header.all(keyword))) if counted.count(keyword) > 1 else {}
        if len(values) > 1:
            raise ArgumentError(
                f"header keyword {keyword}",
                "must have one value",
                value=", ".join(values),
                remedy="correct the header, or remove a card",
            )


def disagreements(
    values: Mapping[str, float | tuple[int, int]], *, tolerance: float = 0.0
) -> tuple[str, ...]:
    """Describe cards that say another value than the first, which is used, by their keywords.

    >>> disagreements({"EXPTIME": 60.0, "EXPOSURE": 30.0}, tolerance=0.02)
    ('EXPOSURE is 30 where EXPTIME is 60',)
    >>> disagreements({"CCDSUM": (2, 2), "BINNING": (2, 2)}), disagreements({"EXPTIME": 60.0, "EXPOSURE": 60.4}, tolerance=0.02)
    ((), ())
    """
    found = [(keyword, np.atleast_1d(value)) for keyword, value in values.items()]
    return tuple(
        f"{keyword} is {_shown(value)} where {found[0][0]} is {_shown(found[0][1])}"
        for keyword, value in found
        if not np.allclose(value, found[0][1], rtol=tolerance, atol=tolerance)
    )


def _shown(values: np.ndarray) -> str:
    return " x ".join(f"{value:g}" for value in values)


def _used(instrument: Instrument) -> Iterator[str]:
    """Yield the keywords on which the reduction depends, in upper case."""
    names = ("exptime", "filter", "gain", "readnoise", "saturation", "binning", "overscan", "data", "setup")
    for name in names:
        yield from _texts(getattr(instrument, name))
    for _, conditions in instrument.rules:
        for condition in conditions:
            yield from map(str.upper, condition.keywords)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value.upper()
    elif isinstance(value, tuple):
        for item in value:
            yield from _texts(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _texts(getattr(value, field.name))
