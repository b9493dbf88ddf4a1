"""How the values between the limits are spread over the colours: scalings as matplotlib norms."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ccdfx import registry
from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.scalings import Scaling, asinh, exp, linear, log

if TYPE_CHECKING:
    from matplotlib.colors import Normalize

# What a bare name means for positions 0 to 1, as SAOImage DS9 has it; other names have their defaults.
_OF_POSITIONS = {
    "linear": linear(),
    "log": log(base=1000.0, minimum=0.0, maximum=1.0),
    "asinh": asinh(softening=0.1),
    "exp": exp(base=1000.0),
}
_STEPS = 4097  # of the table that stands in for an inverse


def scaling_of(spec: Any) -> tuple[Scaling, bool]:
    """The scaling that a record or a name means, and whether it is of positions instead of pixel values."""
    if isinstance(spec, Scaling):
        return spec, False
    if not isinstance(spec, str):
        raise ArgumentTypeError(
            "scaling", "must be a name or a Scaling", value=spec, remedy='for example "asinh"'
        )
    return _OF_POSITIONS.get(spec) or registry.lookup("scaling", spec), True


def domain_of(spec: Any) -> tuple[float, float]:
    """Between which pixel values a picture with this scaling has colours."""
    scaling, of_positions = scaling_of(spec)
    if of_positions or scaling.domain is None:
        return -math.inf, math.inf
    return scaling.domain(**scaling.parameters)


def norm_of(spec: Any, low: float, high: float) -> Normalize:
    """The matplotlib norm for pixel values `low` (0) to `high` (1)."""
    from matplotlib.colors import Normalize

    scaling, of_positions = scaling_of(spec)
    if scaling.name == "linear":  # any straight line shows the same
        return Normalize(low, high)
    return _norm_class()(scaling, low, high, of_positions)


@cache
def _norm_class() -> Any:
    """The class of norms, made when matplotlib is first needed."""
    from matplotlib.colors import Normalize

    class ScaledNorm(Normalize):
        """Positions 0 to 1 of values between two limits, after a scaling."""

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
                # A scaling takes arrays; matplotlib asks for single values too.
                found = self.scaling.transform(np.atleast_1d(values), **self.scaling.parameters)
            return np.asarray(found).reshape(values.shape)

        def __call__(self, value: Any, clip: bool | None = None) -> Any:
            """Masked where the scaling has no value."""
            low, high = self._scaled(np.array(self.ends))
            position = (self._scaled(np.ma.getdata(value)) - low) / (high - low)
            return np.ma.masked_array(position, np.ma.getmaskarray(np.ma.asarray(value)) | np.isnan(position))

        def inverse(self, value: Any) -> Any:
            """By a table, so that scalings without an inverse have a colour bar too."""
            grid = np.linspace(*self.ends, _STEPS)
            return np.interp(np.asarray(value), np.asarray(self(grid)), grid)

    return ScaledNorm
