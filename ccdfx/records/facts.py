"""Metadata in the header that an image has as properties: unit, band, zero point, pixel scale."""

from __future__ import annotations

from typing import Any

from ccdfx.errors import ArgumentTypeError
from ccdfx.records.header import Header
from ccdfx.records.numbers import real
from ccdfx.records.wcs import PIXEL_SCALES, ZERO_POINTS

_TEXTS = {"unit": "BUNIT", "band": "FILTER"}


def text_of(header: Header, keyword: str, lower: bool = False) -> str | None:
    """Return the text of a card, or None where it is absent, undefined or empty."""
    value = header.get(keyword)
    text = "" if value is None else str(value).strip()
    return (text.lower() if lower else text) or None


def told(header: Header, name: str, value: Any) -> Header:
    """Set unit, band, zero point or pixel scale in a header; remove other keywords of that meaning."""
    if name in _TEXTS:
        if not (value is None or isinstance(value, str)):
            raise ArgumentTypeError(name, "must be a str or None", value=value, remedy="give its name")
        return header.remove(_TEXTS[name]) if value is None else header.set(_TEXTS[name], value)
    if name == "zero_point":
        header = header.remove(*ZERO_POINTS)
        return header if value is None else header.set("ZEROPT", real(name, value, remedy="give magnitudes"))
    header = header.remove(*PIXEL_SCALES)
    if value is None:
        return header
    pair = value if isinstance(value, tuple | list) and len(value) == 2 else (value, value)
    x, y = (real(name, number, above=0, remedy="give arcsec, one number or (x, y)") for number in pair)
    return header.set("PIXSCAL1", x, "arcsec").set("PIXSCAL2", y, "arcsec")
