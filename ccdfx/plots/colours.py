"""Colours of a picture: the colour map, the colour of masked pixels, and the colour bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ccdfx.errors import ArgumentError, ArgumentTypeError

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

MASKED_COLOUR = "#e4572e"
"""Colour of masked and non-finite pixels in every picture."""


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of a picture.

    Parameters
    ----------
    map : str
        Name of a matplotlib colour map.
    invert : bool
        Reverse the map: with "gray", bright pixels are drawn dark.
    masked : str
        Colour of masked and non-finite pixels, in the notation of matplotlib.
    bar : bool or str
        Draw a colour bar, labelled with the unit of the image or with this text.

    Examples
    --------
    >>> Colours("viridis", invert=True).colour_map().name
    'viridis_r'
    """

    map: str = "gray"
    invert: bool = False
    masked: str = MASKED_COLOUR
    bar: bool | str = False

    @classmethod
    def of(cls, spec: Any) -> Colours:
        """Convert a `Colours` or the name of a colour map to a `Colours`."""
        if isinstance(spec, Colours):
            return spec
        if isinstance(spec, str):
            return cls(spec)
        raise ArgumentTypeError(
            "colours", "must be Colours or the name of a colour map", value=spec, remedy='for example "gray"'
        )

    def colour_map(self) -> Colormap:
        """Return the matplotlib colour map, with the colour of masked pixels set."""
        from matplotlib import colormaps
        from matplotlib.colors import is_color_like

        if self.map not in colormaps:
            raise ArgumentError(
                "colours",
                "are no colour map of matplotlib",
                value=self.map,
                remedy='for example "gray", "viridis" or "inferno"',
            )
        if not is_color_like(self.masked):
            raise ArgumentError(
                "colours",
                "must have a colour for masked pixels",
                value=self.masked,
                remedy='for example "red"',
            )
        found = colormaps[self.map]
        return (found.reversed() if self.invert else found).with_extremes(bad=self.masked)
