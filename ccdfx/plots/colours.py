"""Colours of a picture: the colour map, how values are spread over it, and the bar that explains it."""

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
        Take the map from its other end: with "gray", bright pixels are dark.
    masked : str
        Colour of masked and non-finite pixels, as matplotlib writes colours.
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
        """The colours that a `Colours` or the name of a colour map means."""
        if isinstance(spec, Colours):
            return spec
        if isinstance(spec, str):
            return cls(spec)
        raise ArgumentTypeError(
            "colours", "must be Colours or the name of a colour map", value=spec, remedy='for example "gray"'
        )

    def colour_map(self) -> Colormap:
        """The map as matplotlib has it, with the colour of masked pixels."""
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
