"""Metadata of sky and detector in a header (WCS, pixel scale, zero point), and their change with a window."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from typing import Any

from ccdfx.errors import ArgumentError, printable
from ccdfx.records.card import Card
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.range import DETECTOR_SECTIONS, SECTIONS, Range, is_section

ALTERNATES = ("", *string.ascii_uppercase)


def moved(header: Header, dx: float, dy: float) -> Header:
    """Adjust the header after the content has moved by (dx, dy) pixels: add the shift to the reference pixel.

    Every alternate WCS (CRPIX1A...) is adjusted; an absent CRPIX, which means 0, is added. Stated physical
    coordinates (LTV, LTM) are adjusted too. The section keywords are removed, because they refer to the raw
    frame.

    >>> moved(Header({"CRPIX1": 10.0, "CRPIX2": 4.0}), -2, 0.5)["CRPIX1"]
    8.0
    """
    if not (dx or dy):
        return header
    header = header.remove(*SECTIONS)
    for axis, step in (("1", dx), ("2", dy)) if states_physical(header) else ():
        value = lenient_number(header, f"LTV{axis}") if f"LTV{axis}" in header else 0.0
        if step and value is not None:
            header = header.set(f"LTV{axis}", value + step)
    for alternate in ALTERNATES:
        for axis, step in (("1", dx), ("2", dy)):
            keyword = f"CRPIX{axis}{alternate}"
            described = keyword in header or f"CTYPE{axis}{alternate}" in header
            value = lenient_number(header, keyword) if keyword in header else 0.0
            if step and described and value is not None:
                header = header.set(keyword, value + step)
    return header


def windowed(header: Header, old: Range, new: Range) -> Header:
    """Return the header of a window cut out of a frame, for formats that read windows themselves.

    Parameters
    ----------
    header : Header
        Header of the frame.
    old, new : Range
        Positions of the frame and of the window, in pixels of the parent frame.

    Returns
    -------
    Header
        With the reference pixels of every WCS and the physical coordinates (LTV) shifted, without BIASSEC,
        TRIMSEC and DATASEC, and with CCDSEC, AMPSEC and DETSEC of the window, if it lies in DATASEC; else
        these go too. The same header if the window is the whole frame.

    See Also
    --------
    select

    Examples
    --------
    >>> windowed(Header({"CRPIX1": 10.0, "TRIMSEC": "[1:8,1:8]"}), Range(0, 8, 0, 8), Range(2, 6, 0, 8)).cards
    (Card(keyword='CRPIX1', value=8.0, comment=''),)
    >>> windowed(Header({"DETSEC": "[16:1,1:8]"}), Range(0, 8, 0, 8), Range(2, 6, 0, 8))["DETSEC"]
    '[12:5,1:8]'
    """
    if old == new:
        return header
    sections = _on_detector(header, old, new)
    x, y = new.x_lower - old.x_lower, new.y_lower - old.y_lower
    header = moved(header, -x, -y)
    header = moved_mosaic(header, x, y, old.y_upper - new.y_upper)
    origin = [lenient_number(header, keyword) for keyword in LTV]
    if origin == [-new.x_lower, -new.y_lower] and not states_physical(header.remove(*LTV)):
        header = header.remove(*LTV)  # the window says it
    kept = header.remove(*(keyword for keyword in SECTIONS if keyword not in sections))
    for keyword, text in sections.items():
        kept = kept.set(keyword, text)
    return kept


PATTERNS = ("BAYERPAT", "COLORTYP", "CFAIMAGE")
"""Cards that name a mosaic of colour filters."""
_NO_MOSAIC = ("none", "no", "mono", "false", "f", "0")
MOSAIC_OFFSETS = ("XBAYROFF", "YBAYROFF")


def stated_pattern(header: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the first card that names a mosaic of colours, as keyword and text; None where there is none.

    >>> stated_pattern({"BAYERPAT": "RGGB"}), stated_pattern({"CFAIMAGE": "no"})
    (('BAYERPAT', 'RGGB'), None)
    """
    for keyword in PATTERNS:
        value = header.get(keyword)
        text = "" if value is None else " ".join(str(value).split())
        if text:
            return None if text.casefold() in _NO_MOSAIC else (keyword, text)
    return None


def refuse_mosaic(header: Header, purpose: str) -> None:
    """Refuse to use the pixels of a mosaic of colours together, as those of one colour.

    `purpose` ends the sentence, such as "to be moved by parts of pixels".

    Raises
    ------
    ArgumentError
        The header names a mosaic.

    >>> refuse_mosaic(Header({"BAYERPAT": "RGGB"}), "to be filtered")
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: image: must not be a mosaic of colours to be filtered: that would mix the colours (got 'BAYERPAT = RGGB'); take its colours apart first, with split_colours or debayer; if it is none, remove the card
    """
    stated = stated_pattern(header)
    if stated is not None:
        raise ArgumentError(
            "image",
            f"must not be a mosaic of colours {purpose}: that would mix the colours",
            value=f"{stated[0]} = {stated[1]}",
            remedy="take its colours apart first, with split_colours or debayer; if it is none, remove the card",
        )


def rows_from_top(header: Header) -> bool:
    """Return whether the first row of the file is the top of the picture; not so with ROWORDER = BOTTOM-UP."""
    return str(header.get("ROWORDER") or "").strip().upper() != "BOTTOM-UP"


def moved_mosaic(header: Header, x: int, y: int, above: int) -> Header:
    """Adjust the offsets of a mosaic of colours for a window, so that each pixel keeps its colour.

    Parameters
    ----------
    header : Header
    x, y : int
        The first pixel of the window in the array.
    above : int
        Number of rows of the array behind the last one of the window.

    Examples
    --------
    >>> moved_mosaic(Header({"BAYERPAT": "RGGB"}), 3, 2, 0)["XBAYROFF"]
    1
    """
    if not any(keyword in header for keyword in PATTERNS):
        return header
    for keyword, step in zip(MOSAIC_OFFSETS, (x, y if rows_from_top(header) else above), strict=True):
        value = lenient_number(header, keyword) if header.get(keyword) is not None else 0.0
        if step % 2 and value is not None:
            header = header.set(keyword, (int(value) + step) % 2)
    return header


def _on_detector(header: Header, old: Range, new: Range) -> dict[str, str]:
    """Return the detector sections of a window, from those of DATASEC; none where it is not inside DATASEC."""
    cut = new.relative_to(old)
    inside = [(cut.x_lower + 1, cut.x_upper), (cut.y_lower + 1, cut.y_upper)]
    data = _ends_of(header.get("DATASEC")) if is_section(header.get("DATASEC")) else None
    if data is None:
        if is_section(header.get("DATASEC")):
            return {}
        data = [(1, old.shape[1]), (1, old.shape[0])]
    found = {}
    for keyword in DETECTOR_SECTIONS:
        there = _ends_of(header.get(keyword))
        axes = [] if there is None else list(map(_mapped, inside, data, there))
        if axes and None not in axes:
            found[keyword] = "[" + ",".join(f"{axis[0]}:{axis[1]}" for axis in axes if axis) + "]"
    return found


def _mapped(inside: tuple[int, int], data: tuple[int, int], there: tuple[int, int]) -> tuple[int, int] | None:
    """Map pixels of one axis to the detector, where `data` is `there`: mirrored and binned as these are."""
    low, high = sorted(data)
    size, step = high - low + 1, 1 if there[1] >= there[0] else -1
    bins, rest = divmod(abs(there[1] - there[0]) + 1, size)
    if rest or not bins or not low <= inside[0] <= inside[1] <= high:
        return None
    if data[1] < data[0]:
        there, step = (there[1], there[0]), -step
    first, last = (inside[0] - low) * bins, (inside[1] - low + 1) * bins - 1
    return there[0] + step * first, there[0] + step * last


_ENDS = re.compile(r"\[(\d+):(\d+),(\d+):(\d+)\]\Z")


def _ends_of(value: Any) -> list[tuple[int, int]] | None:
    """Return the ends of a section on both axes, in the order in which they are written, or None."""
    match = _ENDS.match(str(value).replace(" ", "")) if is_section(value) else None
    if match is None:
        return None
    x1, x2, y1, y2 = map(int, match.groups())
    return [(x1, x2), (y1, y2)]


LTV = ("LTV1", "LTV2")
LTM = ("LTM1_1", "LTM1_2", "LTM2_1", "LTM2_2")
RANGE = "RANGESEC"
"""The window of an image whose LTV and LTM state other physical coordinates."""


def states_physical(header: Header) -> bool:
    """Return whether LTV, or an LTM that is not 1, states the physical coordinates of the pixels."""
    unit = (1.0, 0.0, 0.0, 1.0)
    other = any(lenient_number(header, key) not in (None, one) for key, one in zip(LTM, unit, strict=True))
    return other or any(keyword in header for keyword in LTV)


def with_physical(header: Header, range: Range) -> Header:
    """Record the physical coordinates that the window of the pixels implies, before they are moved."""
    if states_physical(header) or (range.x_lower, range.y_lower) == (0, 0):
        return header
    return header.set("LTV1", float(-range.x_lower)).set("LTV2", float(-range.y_lower))


def with_range(header: Header, range: Range) -> Header:
    """Record the origin of the window in LTV1 and LTV2, as IRAF does; in RANGESEC where these say something else."""
    header = with_physical(header.remove(RANGE), range)
    if range_of(header, range.shape) == range:
        return header
    return header.set(RANGE, range.to_fits(), "window in the parent frame")


def range_of(header: Header, shape: tuple[int, int]) -> Range:
    """Return the window of an array of `shape` from RANGESEC, LTV1 and LTV2; at the origin if they are unusable."""
    ends = _ends_of(header.get(RANGE))
    if ends is not None:
        window = Range.from_fits(str(header[RANGE]))
        if window.shape == shape:
            return window
    offsets = []
    for axis in "12":
        scale, offset = lenient_number(header, f"LTM{axis}_{axis}"), lenient_number(header, f"LTV{axis}")
        if offset is None or offset > 0 or not offset.is_integer() or scale not in (None, 1.0):
            return Range.whole(shape)
        offsets.append(int(-offset))
    return Range.whole(shape).moved(*offsets)


def without_range(header: Header, range: Range) -> Header:
    """Remove the cards that record the window `range` of an image, and nothing else."""
    if RANGE in header:
        return header.remove(RANGE)
    return header.remove(*LTV) if range.x_lower or range.y_lower else header


_SKY_CARD = re.compile(
    r"(CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA|CNAME)[12][A-Z]?\Z|(CD|PC)[12]_[12][A-Z]?\Z|(PV|PS)[12]_\d+[A-Z]?\Z"
    r"|(A|B|AP|BP)_(ORDER|DMAX|\d+_\d+)\Z|(WCSAXES|WCSNAME|LONPOLE|LATPOLE|RADESYS|EQUINOX)[A-Z]?\Z"
    r"|(RADECSYS|EPOCH|PIXSCALE|PIXSCAL[12]|LTV[12]|LTM[12]_[12]|RANGESEC)\Z"
)


def sky_cards(header: Header) -> tuple[Card, ...]:
    """Return the cards that say where the pixels are: WCS, pixel scale and physical coordinates.

    >>> [card.keyword for card in sky_cards(Header({"CRPIX1": 1.0, "OBJECT": "M 13", "LTV1": -4.0}))]
    ['CRPIX1', 'LTV1']
    """
    return tuple(card for card in header.cards if _SKY_CARD.match(card.keyword))


_WCS_FORMS = r"(CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA|CNAME|CRDER|CSYER)[12]|(CD|PC)[12]_[12]|(PV|PS)[12]_\d+|WCSAXES|WCSNAME"
_SKY_FORMS = rf"({_WCS_FORMS}|LONPOLE|LATPOLE|RADESYS|EQUINOX)"
_POINTING = ("RADECSYS", "EPOCH", "RA", "DEC", "HA", "OBJCTRA", "OBJCTDEC")


def without_sky(header: Header) -> Header:
    """Remove the celestial WCS and the pointing; other coordinates, such as those of the CCD, stay.

    >>> dict(without_sky(Header({"CTYPE2": "DEC--TAN", "CRPIX1": 5.0, "CTYPE1C": "linear", "CRPIX1C": 0.5})))
    {'CTYPE1C': 'linear', 'CRPIX1C': 0.5}
    """
    gone = [keyword for keyword in _POINTING if keyword in header]
    for alternate in ALTERNATES:
        types = [str(header.get(f"CTYPE{axis}{alternate}") or "") for axis in "12"]
        if any(text[:4].rstrip("-") in ("DEC", "GLAT", "ELAT") for text in types):
            form = re.compile(_SKY_FORMS + alternate + r"\Z")
            gone += [keyword for keyword in header if form.match(keyword)]
            if not alternate:
                gone += [
                    keyword for keyword in header if re.match(r"(A|B|AP|BP)_(ORDER|DMAX|\d+_\d+)\Z", keyword)
                ]
    return header.remove(*gone)


def astropy_wcs(header: Header) -> Any:
    """Return the `astropy.wcs.WCS` of the header, or None where it has no celestial axes.

    Raises
    ------
    ArgumentError
        The WCS cards contradict each other.
    """
    if not celestial_wcs(header):
        return None
    import warnings

    from astropy.wcs import WCS, FITSFixedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        try:
            return WCS(header.to_astropy(), naxis=2)
        except Exception as error:  # wcslib has many exception classes of its own
            reason = str(error).strip().splitlines()[-1]
            raise ArgumentError(
                "header",
                f"must describe one WCS: {printable(reason)}",
                remedy="mend or remove CTYPE1, CTYPE2",
            ) from error


def world_axes(system: Any, longitude: Any, latitude: Any) -> tuple[Any, Any]:
    """Order longitudes and latitudes like the axes of an `astropy.wcs.WCS`."""
    return (longitude, latitude) if system.wcs.lng == 0 else (latitude, longitude)


def converted(system: Any, other: Any, world: Any) -> tuple[Any, Any]:
    """Convert world coordinates of one `astropy.wcs.WCS` to another one with other axes or equinox."""
    facts = [(one.wcs.lng, one.wcs.lngtyp, one.wcs.radesys, str(one.wcs.equinox)) for one in (system, other)]
    if facts[0] == facts[1]:
        return tuple(world)
    from astropy.coordinates import SkyCoord

    longitude, latitude = world_axes(system, *world)
    here = SkyCoord(longitude, latitude, unit="deg", frame=celestial_frame(system))
    there = here.transform_to(celestial_frame(other)).spherical
    return world_axes(other, there.lon.deg, there.lat.deg)


def celestial_frame(system: Any) -> Any:
    """Return the celestial frame of an `astropy.wcs.WCS` as a frame of `astropy.coordinates`.

    Raises
    ------
    ArgumentError
        The frame is unknown to astropy.
    """
    from astropy.wcs.utils import wcs_to_celestial_frame

    try:
        return wcs_to_celestial_frame(system)
    except ValueError:
        raise ArgumentError(
            "header",
            "must say which coordinates its WCS means",
            value=f"{system.wcs.ctype[0]}, RADESYS {system.wcs.radesys!r}",
            remedy="set RADESYS, such as to 'ICRS'",
        ) from None


def celestial_wcs(header: Header) -> bool:
    axes = [str(header.get(f"CTYPE{axis}") or "")[:4].rstrip("-") for axis in "12"]
    return any(axis in ("DEC", "GLAT", "ELAT") for axis in axes)
