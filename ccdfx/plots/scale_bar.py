"""The scale bar of a picture: a bar of a round length on the sky or in pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.checks import one_of, real

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ccdfx.records.image import Image

_ARCSEC = {"arcsec": 1.0, "arcmin": 60.0, "deg": 3600.0}
_SIGNS = {"arcsec": "″", "arcmin": "′", "deg": "°", "pixel": " pixels"}
UNITS = ("auto", *_SIGNS)
_CORNERS = ("lower left", "lower right", "upper left", "upper right")
_SHARE = 0.25  # of the width that the bar may take
_REMEDY = "give True, (colour, unit) or ScaleBar(...)"


@dataclass(frozen=True, slots=True)
class ScaleBar:
    """A bar of a round length in a corner of a picture.

    Parameters
    ----------
    length : float, optional
        In the unit; by default the largest round length that fits into a quarter of the width.
    unit : {"auto", "arcsec", "arcmin", "deg", "pixel"}
        "auto" is the largest of arcsec, arcmin and deg that suits, or pixels where there is no pixel scale.
    colour : str
        In the notation of matplotlib.
    corner : {"lower left", "lower right", "upper left", "upper right"}
    """

    length: float | None = None
    unit: str = "auto"
    colour: str = "white"
    corner: str = "lower left"

    def __post_init__(self) -> None:
        if self.length is not None:
            real("length", self.length, above=0, remedy="give the length of the scale bar in its unit")
        for name, known in (("unit", UNITS), ("corner", _CORNERS)):
            one_of(name, getattr(self, name), known)

    @classmethod
    def of(cls, spec: Any) -> ScaleBar | None:
        """Convert True, a pair (colour, unit) or a `ScaleBar` to a `ScaleBar`; False and None to None."""
        if spec is None or isinstance(spec, ScaleBar):
            return spec
        if isinstance(spec, bool):
            return cls() if spec else None
        if isinstance(spec, tuple) and len(spec) == 2 and all(isinstance(part, str) for part in spec):
            return cls(unit=spec[1], colour=spec[0])
        raise ArgumentTypeError("scale_bar", "is no scale bar", value=spec, remedy=_REMEDY)


def round_length(bar: ScaleBar, width: float, pixel_scale: float | None) -> tuple[float, float, str]:
    """Compute the length of a bar in pixels and in its unit, for a picture `width` pixels wide.

    >>> round_length(ScaleBar(), 1000, 0.37)
    (162.16216216216216, 1.0, 'arcmin')
    >>> round_length(ScaleBar(), 1000, None)
    (200.0, 200.0, 'pixel')
    """
    unit = bar.unit
    if unit == "auto":
        reach = 0.0 if pixel_scale is None else _SHARE * width * pixel_scale
        unit = "pixel" if pixel_scale is None else "arcsec"
        unit = "deg" if reach >= 3600.0 else "arcmin" if reach >= 60.0 else unit
    if unit != "pixel" and pixel_scale is None:
        raise ArgumentError(
            "scale_bar",
            f"needs a pixel scale for {unit}",
            remedy="set one with image.replace(pixel_scale=...), in arcsec, or take the unit pixel",
        )
    pixels = 1.0 if unit == "pixel" else _ARCSEC[unit] / (pixel_scale or 1.0)
    length = _rounded(_SHARE * width / pixels) if bar.length is None else float(bar.length)
    return length * pixels, length, unit


def add_scale_bar(axes: Axes, picture: Image, bar: ScaleBar, pixel: float) -> None:
    """Draw the bar; `pixel` is the width of a pixel on the axes."""
    from matplotlib.colors import is_color_like
    from matplotlib.patheffects import withStroke
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

    if not is_color_like(bar.colour):
        raise ArgumentError("scale_bar", "must have a colour", value=bar.colour, remedy='for example "white"')
    scale = picture.pixel_scale[0] if picture.pixel_scale else None
    pixels, length, unit = round_length(bar, picture.shape[1], scale)
    text = f"{length:g}{_SIGNS[unit]}"
    left, right = axes.get_xlim()
    artist = AnchoredSizeBar(
        axes.transData,
        pixels * pixel * math.copysign(1.0, right - left),
        text.removesuffix("s") if text == "1 pixels" else text,
        bar.corner,
        pad=0.2,
        borderpad=0.8,
        sep=4,
        frameon=False,
        color=bar.colour,
        label_top=True,
    )
    # A rim of contrasting brightness keeps the bar readable on both stars and sky.
    rim = "black" if _is_light(bar.colour) else "white"
    artist.size_bar.get_children()[0].set(
        path_effects=[withStroke(linewidth=3.5, foreground=rim)], linewidth=2.0
    )
    artist.txt_label.get_children()[0].set_path_effects([withStroke(linewidth=2.0, foreground=rim)])
    axes.add_artist(artist)


def _rounded(length: float) -> float:
    """Round a length down to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(length))
    return next(step * power for step in (5.0, 2.0, 1.0) if step * power <= length * (1 + 1e-9))


def _is_light(colour: str) -> bool:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    return 0.3 * red + 0.59 * green + 0.11 * blue > 0.4
