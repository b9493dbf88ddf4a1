"""Header keywords that an image has as properties: unit, band, zero point, pixel scale; and those that state values of pixels."""

from __future__ import annotations

import math
import re
from typing import Any

from ccdfx.errors import ArgumentTypeError
from ccdfx.records.checks import real
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.wcs import celestial_wcs

_TEXTS = {"unit": "BUNIT", "band": "FILTER"}
_COUNTING = frozenset(
    {"adu", "dn", "ct", "count", "counts", "electron", "electrons", "e"}
    | {"s", "sec", "second", "seconds", "pix", "pixel", "pixels"}
)


def text_of(header: Header, keyword: str) -> str | None:
    """Return the text of a card, or None where it is absent, undefined or empty."""
    value = header.get(keyword)
    return ("" if value is None else str(value).strip()) or None


def unit_of(header: Header) -> str | None:
    """Return BUNIT; units of counts and electrons in lower case, others as written, where case has a meaning.

    >>> unit_of(Header({"BUNIT": "ADU/S"})), unit_of(Header({"BUNIT": "MJy/sr"})), unit_of(Header({"BUNIT": "K"}))
    ('adu/s', 'MJy/sr', 'K')
    """
    text = text_of(header, "BUNIT")
    if text is None:
        return None
    words = re.findall(r"[a-z]+", text.lower())
    return text.lower() if _COUNTING.issuperset(words) else text


def with_keyword(header: Header, name: str, value: Any) -> Header:
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


ZERO_POINTS = ("ZEROPOINT", "ZEROPNT", "ZEROPT")
PIXEL_SCALES = ("PIXSCAL1", "PIXSCAL2", "PIXSCALE")


LEVELS = ("SATURATE", "SATLEVEL", "MAXLIN", "SKYLEVEL")
EXTREMES = ("DATAMIN", "DATAMAX")
_CONVERSION = re.compile(
    r"\be(-|lec\w*)?\s*(/|per|to)\s*(adu|dn|counts?)|\b(adus?|dn|counts?)\s*(/|per|to)\s*e(-|lec|\b)",
    re.IGNORECASE,
)
_IN_COUNTS = re.compile(r"\[\s*(adu|dn|counts?)\s*\]", re.IGNORECASE)
_READ_NOISES = ("RDNOISE", "READNOIS", "ENOISE")
_LARGEST = 20.0  # e-/ADU of one frame; a larger number is a setting of the camera
_COUNTS = re.compile(r"\b(adu|dn|counts?)\b", re.IGNORECASE)


def without_levels(header: Header) -> Header:
    """Remove the cards that state values of pixels, after pixels changed by different amounts: LEVELS and EXTREMES."""
    return header.remove(*LEVELS, *EXTREMES)


def without_extremes(header: Header) -> Header:
    """Remove DATAMIN and DATAMAX, the least and greatest value present (FITS 4.4.2.5), after some pixels changed."""
    return header.remove(*EXTREMES)


def followed_levels(header: Header, factor: float = 1.0, zero: float = 0.0) -> Header:
    """Convert the cards that state values of pixels, x, to ``factor x + zero``, as all pixels were.

    A card without a number is removed; a comment that speaks of ADU, DN or counts is replaced.

    >>> followed_levels(Header({"SATURATE": (60000, "[ADU]")}), 2.0).cards[0]
    Card(keyword='SATURATE', value=120000.0, comment='[unit of the data]')
    """
    for card in header.cards:
        if card.keyword in LEVELS + EXTREMES:
            value = lenient_number(header, card.keyword)
            if value is None or not math.isfinite(factor * value + zero):
                header = header.remove(card.keyword)
            else:
                header = header.set(card.keyword, factor * value + zero, _neutral(card.comment))
    return header


def in_electrons(header: Header, gain: float) -> Header:
    """Convert the cards that speak of ADU to electrons.

    BUNIT becomes "electron" and GAIN 1, if it was there; the effective gain of a mean (NCOMBINE above 1) is divided by
    the gain, so that values / GAIN are still the electrons that were counted; EGAIN goes, as all numbers do whose comment
    says e-/ADU; a zero point is that of electrons; values of pixels are multiplied by the gain, and so is a read noise whose comment says that it is in
    ADU, and any number whose unit in the comment is [ADU].

    >>> list(in_electrons(Header({"GAIN": 100, "EGAIN": 2.0, "RDNOISE": 5.0, "DATAMAX": 60.0}), 2.0).items())
    [('GAIN', 1.0), ('RDNOISE', 5.0), ('DATAMAX', 120.0), ('BUNIT', 'electron')]
    """
    header = followed_levels(header, gain).remove("EGAIN")
    if "GAIN" in header:
        known = _gain_left(header, gain)
        header = (
            header.remove("GAIN") if known is None else header.set("GAIN", known, "[e-/unit of the data]")
        )
    for card in header.cards:
        value = lenient_number(header, card.keyword) if card.comment else None
        if value is not None and _CONVERSION.search(card.comment):
            header = header.remove(card.keyword)
        elif value is not None and _IN_COUNTS.search(card.comment):
            header = header.set(card.keyword, value * gain, _IN_COUNTS.sub("[e-]", card.comment))
        elif card.keyword in _READ_NOISES and _COUNTS.search(card.comment):
            header = (
                header.remove(card.keyword)
                if value is None
                else header.set(card.keyword, value * gain, "[e-]")
            )
    known = zero_point(header)
    if known is not None and gain > 0:
        header = with_keyword(header, "zero_point", known + 2.5 * math.log10(gain))
    return header.set("BUNIT", "electron", "unit of the pixel values")


def _gain_left(header: Header, gain: float) -> float | None:
    """Return the gain after the conversion: 1, of a combined frame the effective one by `gain`, None if not known."""
    number = lenient_number(header, "NCOMBINE")
    if number is None or number <= 1:
        return 1.0
    effective = lenient_number(header, "GAIN")
    return effective / gain if effective is not None and 0 < effective <= _LARGEST * number else None


def _neutral(comment: str) -> str:
    return "[unit of the data]" if _COUNTS.search(comment) else comment


def pixel_scale(header: Header) -> tuple[float, float] | None:
    """Return arcsec per pixel (x, y) from PIXSCAL1/2, PIXSCALE or the celestial WCS; None if unknown.

    >>> pixel_scale(Header({"PIXSCALE": 0.37}))
    (0.37, 0.37)
    """
    pair = lenient_number(header, "PIXSCAL1"), lenient_number(header, "PIXSCAL2")
    if pair[0] and pair[1]:
        return abs(pair[0]), abs(pair[1])
    single = lenient_number(header, "PIXSCALE")
    if single:
        return abs(single), abs(single)
    matrix = _matrix(header)
    if matrix is None or not celestial_wcs(header):
        return None
    (xx, xy), (yx, yy) = matrix
    factors = {"deg": 3600.0, "": 3600.0, "arcmin": 60.0, "arcsec": 1.0}
    unit = str(header.get("CUNIT1") or "deg").strip().lower()
    if unit not in factors:
        return None
    scale = math.hypot(xx, yx) * factors[unit], math.hypot(xy, yy) * factors[unit]
    return scale if min(scale) > 0 and all(map(math.isfinite, scale)) else None


def zero_point(header: Header) -> float | None:
    """Return the photometric zero point in mag, from ZEROPOINT (as HIERARCH), ZEROPNT or ZEROPT."""
    for keyword in ZERO_POINTS:
        value = lenient_number(header, keyword)
        if value is not None:
            return value
    return None


def _matrix(header: Header) -> tuple[tuple[float, float], tuple[float, float]] | None:
    cd = [[lenient_number(header, f"CD{i}_{j}") for j in "12"] for i in "12"]
    if any(value is not None for row in cd for value in row):
        return tuple(tuple(value or 0.0 for value in row) for row in cd)  # type: ignore[return-value]
    step = lenient_number(header, "CDELT1"), lenient_number(header, "CDELT2")
    if step[0] is None or step[1] is None:
        return None
    pc = [[lenient_number(header, f"PC{i}_{j}") for j in "12"] for i in "12"]
    identity = ((1.0, 0.0), (0.0, 1.0))
    return tuple(  # type: ignore[return-value]
        tuple((identity[i][j] if pc[i][j] is None else pc[i][j]) * (step[i] or 0.0) for j in (0, 1))  # type: ignore[operator]
        for i in (0, 1)
    )
