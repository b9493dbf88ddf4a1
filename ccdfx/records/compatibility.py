"""Checks that two frames match: shape, window, unit and binning."""

from __future__ import annotations

import re
from typing import Any, Protocol

from ccdfx.errors import MismatchError, WindowError
from ccdfx.records.header import Header
from ccdfx.records.range import Range

_UNITS = {
    "electrons": "electron",
    "e-": "electron",
    "e": "electron",
    "counts": "adu",
    "count": "adu",
    "ct": "adu",
    "dn": "adu",
}


class HasPixels(Protocol):
    """An image, by the attributes that are compared."""

    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def header(self) -> Header: ...
    @property
    def range(self) -> Range: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def variance(self) -> Any: ...


def require_match(image: HasPixels, other: HasPixels, name: str) -> None:
    """Raise `MismatchError` unless `other` has the shape, window, unit and binning of `image`.

    A window at the origin is not compared, nor is an absent unit or binning.
    """
    require_same_pixels(image, other, name)
    require_same_unit(image, other, name)


def require_same_pixels(image: HasPixels, other: HasPixels, name: str) -> None:
    """Raise `MismatchError` unless `other` matches `image` in shape, window and binning."""
    if image.shape != other.shape:
        raise MismatchError(
            name,
            f"must have the image's shape (ny, nx) = {image.shape}",
            value=other.shape,
            remedy="trim or select both the same way",
        )
    corners = [(r.x_lower, r.y_lower) for r in (image.range, other.range)]
    if (0, 0) not in corners and corners[0] != corners[1]:
        raise MismatchError(
            name,
            f"must cover the image's window {image.range.to_fits()}",
            value=other.range.to_fits(),
            remedy="select the same window of both",
        )
    _require_same_binning(image, other, name)


def require_alike(image: HasPixels, other: HasPixels, name: str) -> None:
    """Raise `MismatchError` unless `other` has the unit and binning of `image`; unknown ones match."""
    require_same_unit(image, other, name)
    _require_same_binning(image, other, name)


def require_same_unit(image: HasPixels, other: HasPixels, name: str) -> None:
    """Raise `MismatchError` unless `other` is in the unit of `image`; an unknown unit matches."""
    if image.unit and other.unit and unit_name(image.unit) != unit_name(other.unit):
        raise MismatchError(
            name,
            f"must be in the image's unit {image.unit!r}",
            value=other.unit,
            remedy="convert one with to_electrons",
        )


def require_inside(window: Range, part: HasPixels) -> None:
    """Raise `WindowError` unless `part` lies inside a window."""
    if not window.contains(part.range):
        raise WindowError(
            "part",
            f"must lie inside the window {window.to_fits()}",
            value=part.range.to_fits(),
            remedy="give the frame that the part was cut from",
        )


def require_part(full: HasPixels, part: HasPixels) -> None:
    """Raise an error unless `part` can replace its window in `full`.

    Raises
    ------
    WindowError
        `part` does not lie inside `full`.
    MismatchError
        Units or binning differ, or only one of the two has a variance.
    """
    require_inside(full.range, part)
    require_alike(full, part, "part")
    if (full.variance is None) != (part.variance is None):
        raise MismatchError(
            "part",
            "must have a variance if and only if the frame has one",
            remedy="add_variance to both, or drop one with replace(variance=None)",
        )


def binning(header: Header) -> tuple[int, int] | None:
    """Return (x, y) from XBINNING/YBINNING, CCDXBIN/CCDYBIN or CCDSUM ('2 2'), or None."""
    for x, y in (("XBINNING", "YBINNING"), ("CCDXBIN", "CCDYBIN")):
        if x in header and y in header:
            return _binning(header.get(x), header.get(y))
    words = str(header.get("CCDSUM") or "").replace(",", " ").split()
    return _binning(*words) if len(words) == 2 else None


def _require_same_binning(image: HasPixels, other: HasPixels, name: str) -> None:
    one, two = binning(image.header), binning(other.header)
    if one and two and one != two:
        raise MismatchError(
            name,
            f"must have the image's binning (x, y) = {one}",
            value=two,
            remedy="give a frame of that binning",
        )


def unit_name(unit: str) -> str:
    """Return the standard name of a unit that has several names.

    >>> unit_name("ct"), unit_name("e-"), unit_name("mjy/sr")
    ('adu', 'electron', 'mjy/sr')
    """
    return _UNITS.get(unit, unit)


_RATE = re.compile(r"/\s*s(ec(onds?)?)?$|\bs(ec)?\s*(\^|\*\*)?\s*\(?-1\)?$| per s")


def is_rate(unit: str) -> bool:
    """Return whether a unit is one per second.

    >>> is_rate("adu/s"), is_rate("electron s-1"), is_rate("electron / s"), is_rate("adu")
    (True, True, True, False)
    """
    return _RATE.search(unit.strip().lower()) is not None


def _binning(x: Any, y: Any) -> tuple[int, int] | None:
    try:
        return int(x), int(y)
    except (TypeError, ValueError, OverflowError):
        return None
