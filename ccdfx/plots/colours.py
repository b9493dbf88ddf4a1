"""Colours of a picture: the colour map, the colour of masked pixels, and the colour bar."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ccdfx import registry
from ccdfx.errors import ArgumentError, ArgumentTypeError, did_you_mean
from ccdfx.scalings import Scaling, asinh, exp, linear, log

if TYPE_CHECKING:
    from matplotlib.colors import Colormap, Normalize

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
                remedy=did_you_mean(self.map, colormaps, 'for example "gray", "viridis" or "inferno"'),
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


# Scalings of positions 0 to 1 for bare names, as in SAOImage DS9; other names have their defaults.
_OF_POSITIONS = {
    "linear": linear(),
    "log": log(base=1000.0, minimum=0.0, maximum=1.0),
    "asinh": asinh(softening=0.1),
    "exp": exp(base=1000.0),
}
_STEPS = 4097  # of the table that is used as an inverse


def scaling_of(spec: Any) -> tuple[Scaling, bool]:
    """Return the scaling of a record or a name, and whether it applies to positions, not pixel values."""
    if isinstance(spec, Scaling):
        return spec, False
    if not isinstance(spec, str):
        raise ArgumentTypeError(
            "scaling", "must be a name or a Scaling", value=spec, remedy='for example "asinh"'
        )
    return _OF_POSITIONS.get(spec) or registry.lookup("scaling", spec), True


def domain_of(spec: Any) -> tuple[float, float]:
    """Return the interval of the pixel values that have colours with this scaling."""
    scaling, of_positions = scaling_of(spec)
    if of_positions or scaling.domain is None:
        return -math.inf, math.inf
    return scaling.domain(**scaling.parameters)


def norm_of(spec: Any, low: float, high: float) -> Normalize:
    """Make the matplotlib norm that maps pixel values `low` to 0 and `high` to 1."""
    from matplotlib.colors import Normalize

    scaling, of_positions = scaling_of(spec)
    if scaling.name == "linear":  # every straight line gives the same colours
        return Normalize(low, high)
    return _norm_class()(scaling, low, high, of_positions)


@cache
def _norm_class() -> Any:
    """Make the class of norms, when matplotlib is first needed."""
    from matplotlib.colors import Normalize

    class ScaledNorm(Normalize):
        """A norm that maps values between two limits to 0 to 1, after a scaling."""

        def __init__(self, scaling: Scaling, low: float, high: float, of_positions: bool) -> None:
            self.scaling, self.of_positions = scaling, of_positions
            super().__init__(low, high)
            ends = self._scaled(np.array([low, high]))
            if not (np.isfinite(ends).all() and ends[0] != ends[1]):
                raise ArgumentError(
                    "limits",
                    f"must lie in the domain of the scaling {scaling.name}",
                    value=(low, high),
                    remedy=f"give others, or the name {scaling.name!r}, which is fitted to the limits",
                )

        @property
        def ends(self) -> tuple[float, float]:
            """The limits, which matplotlib's `set_clim` may have changed."""
            return cast("tuple[float, float]", (self.vmin, self.vmax))

        def _scaled(self, values: np.ndarray) -> np.ndarray:
            values = np.asarray(values, np.float64)
            if self.of_positions:
                values = np.clip((values - self.ends[0]) / (self.ends[1] - self.ends[0]), 0.0, 1.0)
            with np.errstate(all="ignore"):
                # A scaling takes arrays, but matplotlib also passes single values.
                found = self.scaling.transform(np.atleast_1d(values), **self.scaling.parameters)
            return np.asarray(found).reshape(values.shape)

        def __call__(self, value: Any, clip: bool | None = None) -> Any:
            """Map values to positions 0 to 1, masked where the scaling has no value."""
            low, high = self._scaled(np.array(self.ends))
            position = (self._scaled(np.ma.getdata(value)) - low) / (high - low)
            return np.ma.masked_array(position, np.ma.getmaskarray(np.ma.asarray(value)) | np.isnan(position))

        def inverse(self, value: Any) -> Any:
            """Invert by a table, so that scalings without an inverse can have a colour bar too."""
            grid = np.linspace(*self.ends, _STEPS)
            return np.interp(np.asarray(value), np.asarray(self(grid)), grid)

    return ScaledNorm
