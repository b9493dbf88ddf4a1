"""Axes of a picture: pixels of the parent frame, or positions on the sky."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ccdfx.errors import ArgumentError, ArgumentTypeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ccdfx.records.image import Image

AXES = ("image", "sky")
FLIPS = ("", "x", "y", "xy")
_REMEDY = 'give "image", "sky", PixelAxes() or SkyAxes()'
_ARCMIN_FROM = 300.0  # arcsec: axes longer than this are in arcmin


@dataclass(frozen=True, slots=True)
class PixelAxes:
    """Axes in pixels of the parent frame: pixel (x, y) of the detector is at (x, y), also in a window.

    Parameters
    ----------
    flip : {"", "x", "y", "xy"}
        Axes to reverse: x to the left, y downwards.
    """

    flip: str = ""

    def __post_init__(self) -> None:
        _check_flip(self.flip)


@dataclass(frozen=True, slots=True)
class SkyAxes:
    """Axes on the sky: right ascension and declination by the WCS, else offsets by the pixel scale.

    Parameters
    ----------
    flip : {"", "x", "y", "xy"}
        Axes to reverse relative to the pixels.
    grid : bool
        Draw lines of equal coordinates.
    offsets : bool
        Draw offsets from the centre in arcsec or arcmin even if there is a WCS. They follow rows and columns.
    """

    flip: str = ""
    grid: bool = False
    offsets: bool = False

    def __post_init__(self) -> None:
        _check_flip(self.flip)


def axes_of(spec: Any) -> PixelAxes | SkyAxes:
    """Convert "image", "sky" or a record of axes to the record."""
    if isinstance(spec, PixelAxes | SkyAxes):
        return spec
    if not isinstance(spec, str):
        raise ArgumentTypeError("axes", "must be a name or a record of axes", value=spec, remedy=_REMEDY)
    if spec not in AXES:
        raise ArgumentError("axes", 'must be "image" or "sky"', value=spec, remedy=_REMEDY)
    return SkyAxes() if spec == "sky" else PixelAxes()


def projection_of(picture: Image, kind: PixelAxes | SkyAxes) -> Any:
    """Return the WCS that new axes need, or None for plain ones."""
    if isinstance(kind, PixelAxes):
        return None
    wcs = None if kind.offsets else picture.wcs
    if wcs is None and picture.pixel_scale is None:
        raise ArgumentError(
            "axes",
            "need a WCS or a pixel scale in the header to be on the sky",
            remedy="set one with image.replace(pixel_scale=...), in arcsec, or take axes='image'",
        )
    return wcs


def extent_of(
    picture: Image, kind: PixelAxes | SkyAxes, wcs: Any
) -> tuple[tuple[float, float, float, float], float]:
    """Return the extent of the picture on its axes (left, right, bottom, top), and the width of a pixel."""
    ny, nx = picture.shape
    if wcs is not None:  # these axes are in pixels of the array, and only their labels in sky coordinates
        return (-0.5, nx - 0.5, -0.5, ny - 0.5), 1.0
    if isinstance(kind, PixelAxes):
        x, y = picture.range.x_lower - 0.5, picture.range.y_lower - 0.5
        return (x, x + nx, y, y + ny), 1.0
    assert picture.pixel_scale is not None  # checked by projection_of
    unit = _offset_unit(picture)[1]
    half_x, half_y = nx * picture.pixel_scale[0] / unit / 2, ny * picture.pixel_scale[1] / unit / 2
    return (-half_x, half_x, -half_y, half_y), picture.pixel_scale[0] / unit


def dress(axes: Axes, picture: Image, kind: PixelAxes | SkyAxes, wcs: Any) -> None:
    """Label the axes and reverse those to flip."""
    if wcs is not None:
        _dress_sky(axes, wcs)
    elif isinstance(kind, PixelAxes):
        axes.set_xlabel("x [pixel]")
        axes.set_ylabel("y [pixel]")
    else:
        name = _offset_unit(picture)[0]
        axes.set_xlabel(f"x offset [{name}]")
        axes.set_ylabel(f"y offset [{name}]")
    if isinstance(kind, SkyAxes) and kind.grid:
        axes.grid(color="white", alpha=0.4, linewidth=0.6)
    if "x" in kind.flip:
        axes.invert_xaxis()
    if "y" in kind.flip:
        axes.invert_yaxis()


def _dress_sky(axes: Any, wcs: Any) -> None:
    names = {"ra": "right ascension", "dec": "declination", "glon": "galactic longitude",
             "glat": "galactic latitude", "elon": "ecliptic longitude", "elat": "ecliptic latitude"}  # fmt: skip
    for number, kind in enumerate(wcs.wcs.ctype):
        coordinate = axes.coords[number]
        name = str(kind)[:4].rstrip("-").lower()
        coordinate.set_axislabel(names.get(name, name))
        coordinate.tick_params(direction="in", color="0.7")
        coordinate.set_ticklabel(exclude_overlapping=True)


def _offset_unit(picture: Image) -> tuple[str, float]:
    scale = picture.pixel_scale or (1.0, 1.0)
    size = max(length * step for length, step in zip(picture.shape[::-1], scale, strict=True))
    return ("arcmin", 60.0) if size > _ARCMIN_FROM else ("arcsec", 1.0)


def _check_flip(flip: Any) -> None:
    if flip not in FLIPS:
        raise ArgumentError(
            "flip", 'must be "", "x", "y" or "xy"', value=flip, remedy="name the axes to turn"
        )
