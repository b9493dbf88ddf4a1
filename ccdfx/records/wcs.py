"""Metadata of sky and detector in a header (WCS, pixel scale, zero point), and their change with a window."""

from __future__ import annotations

import string
from typing import Any

from ccdfx.errors import ArgumentError, printable
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.range import SECTIONS, Range

ALTERNATES = ("", *string.ascii_uppercase)


def moved(header: Header, dx: float, dy: float) -> Header:
    """Adjust the header after the content has moved by (dx, dy) pixels: add the shift to the reference pixel.

    Every alternate WCS (CRPIX1A...) is adjusted; an absent CRPIX, which means 0, is added. The section
    keywords are removed, because they refer to the raw frame.

    >>> moved(Header({"CRPIX1": 10.0, "CRPIX2": 4.0}), -2, 0.5)["CRPIX1"]
    8.0
    """
    if not (dx or dy):
        return header
    header = header.remove(*SECTIONS)
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
        With the reference pixels of every WCS shifted, and without the section keywords of the raw frame; the
        same header if the window is the whole frame.

    Examples
    --------
    >>> windowed(Header({"CRPIX1": 10.0, "TRIMSEC": "[1:8,1:8]"}), Range(0, 8, 0, 8), Range(2, 6, 0, 8)).cards
    (Card(keyword='CRPIX1', value=8.0, comment=''),)
    """
    header = moved(header, old.x_lower - new.x_lower, old.y_lower - new.y_lower)
    return header if old == new else header.remove(*SECTIONS)


def with_range(header: Header, range: Range) -> Header:
    """Record the origin of the window in LTV1 and LTV2, as IRAF does."""
    if (range.x_lower, range.y_lower) == (0, 0):
        return header.remove("LTV1", "LTV2")
    return header.set("LTV1", float(-range.x_lower)).set("LTV2", float(-range.y_lower))


def range_of(header: Header, shape: tuple[int, int]) -> Range:
    """Return the window of an array of `shape` from LTV1 and LTV2; at the origin if they are unusable."""
    offsets = []
    for axis in "12":
        scale, offset = lenient_number(header, f"LTM{axis}_{axis}"), lenient_number(header, f"LTV{axis}")
        if offset is None or offset > 0 or not offset.is_integer() or scale not in (None, 1.0):
            return Range.whole(shape)
        offsets.append(int(-offset))
    return Range.whole(shape).moved(*offsets)


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
