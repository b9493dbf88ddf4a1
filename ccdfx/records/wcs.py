"""Metadata of sky and detector in a header (WCS, pixel scale, zero point), and their change with a window."""

from __future__ import annotations

import math
import string
from typing import Any

from ccdfx.errors import ArgumentError, printable
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.range import Range

ALTERNATES = ("", *string.ascii_uppercase)
ZERO_POINTS = ("ZEROPOINT", "ZEROPNT", "ZEROPT")
PIXEL_SCALES = ("PIXSCAL1", "PIXSCAL2", "PIXSCALE")
SECTIONS = ("BIASSEC", "TRIMSEC", "DATASEC", "CCDSEC")


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
    if matrix is None or not _celestial(header):
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


def astropy_wcs(header: Header) -> Any:
    """Return the `astropy.wcs.WCS` of the header, or None where it has no celestial axes.

    Raises
    ------
    ArgumentError
        The WCS cards contradict each other.
    """
    if not _celestial(header):
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


def axes_of(system: Any, longitude: Any, latitude: Any) -> tuple[Any, Any]:
    """Order longitudes and latitudes like the axes of an `astropy.wcs.WCS`."""
    return (longitude, latitude) if system.wcs.lng == 0 else (latitude, longitude)


def converted(system: Any, other: Any, world: Any) -> tuple[Any, Any]:
    """Convert world coordinates of one `astropy.wcs.WCS` to another one with other axes or equinox."""
    facts = [(one.wcs.lng, one.wcs.lngtyp, one.wcs.radesys, str(one.wcs.equinox)) for one in (system, other)]
    if facts[0] == facts[1]:
        return tuple(world)
    from astropy.coordinates import SkyCoord

    longitude, latitude = axes_of(system, *world)
    here = SkyCoord(longitude, latitude, unit="deg", frame=celestial_frame(system))
    there = here.transform_to(celestial_frame(other)).spherical
    return axes_of(other, there.lon.deg, there.lat.deg)


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


def _celestial(header: Header) -> bool:
    axes = [str(header.get(f"CTYPE{axis}") or "")[:4].rstrip("-") for axis in "12"]
    return any(axis in ("DEC", "GLAT", "ELAT") for axis in axes)


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
