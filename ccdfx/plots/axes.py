"""Axes of a picture: pixels of the parent frame, or positions on the sky."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError, did_you_mean

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
    first : {0, 1}
        The number of the first pixel on the labels: 0 as in Python, or 1 as in FITS. Positions in the axes of matplotlib
        count from 0 in any case.

    Examples
    --------
    >>> from ccdfx.plots import image
    >>> axes = image([[1.0, 2.0, 3.0, 4.0]], axes=PixelAxes(first=1))
    >>> axes.get_xlabel(), axes.xaxis.get_major_formatter().format_data_short(2)
    ('x [pixel, from 1]', '3')
    """

    flip: str = ""
    first: int = 0

    def __post_init__(self) -> None:
        _check_flip(self.flip)
        if self.first not in (0, 1) or isinstance(self.first, bool):
            raise ArgumentError(
                "first",
                "must be 0 or 1, the number of the first pixel",
                value=self.first,
                remedy="give one of them",
            )


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
        remedy = did_you_mean(spec, AXES, _REMEDY)
        raise ArgumentError("axes", 'must be "image" or "sky"', value=spec, remedy=remedy)
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
        axes.set_xlabel(pixel_label("x", kind.first))
        axes.set_ylabel(pixel_label("y", kind.first))
        for axis in (axes.xaxis, axes.yaxis) if kind.first else ():
            count_from(axis, kind.first)
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


def pixel_label(name: str, first: int) -> str:
    """Return the label of an axis of pixels.

    >>> pixel_label("x", 0), pixel_label("y", 1)
    ('x [pixel]', 'y [pixel, from 1]')
    """
    return f"{name} [pixel]" if first == 0 else f"{name} [pixel, from {first}]"


def count_from(axis: Any, first: int) -> None:
    """Let the ticks of an axis be round where its positions are counted from `first`, and label them so."""
    locator, formatter = _counting_classes()
    axis.set_major_locator(locator(first))
    axis.set_major_formatter(formatter(first))


@cache
def _counting_classes() -> tuple[Any, Any]:
    """Make the classes, when matplotlib is first needed."""
    from matplotlib.ticker import AutoLocator, ScalarFormatter

    class CountedLocator(AutoLocator):
        """Ticks at numbers that are round when the first is `first`."""

        def __init__(self, first: int) -> None:
            super().__init__()
            self.first = first

        def tick_values(self, vmin: float, vmax: float) -> Any:
            return np.asarray(super().tick_values(vmin + self.first, vmax + self.first)) - self.first

    class CountedFormatter(ScalarFormatter):
        """Labels of positions when the first is `first`, under the pointer too."""

        def __init__(self, first: int) -> None:
            super().__init__()
            self.first = first

        def __call__(self, x: float, pos: int | None = None) -> str:
            return super().__call__(x + self.first, pos)

        def set_locs(self, locs: Any) -> None:
            super().set_locs([place + self.first for place in locs])

        def format_data_short(self, value: Any) -> str:
            return super().format_data_short(value + self.first)

    return CountedLocator, CountedFormatter


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
