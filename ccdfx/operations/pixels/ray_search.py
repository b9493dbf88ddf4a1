"""The options of a search for cosmic rays: defaults and checks, which nights read without kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ccdfx.errors import ArgumentError, UnknownNameError
from ccdfx.records.checks import one_of, real, whole

if TYPE_CHECKING:
    from ccdfx.kernels.defects.cosmic_rays import Windows

MEDIANS = ("exact", "separable")


@dataclass(frozen=True, kw_only=True)
class Search:
    """The checked options of a search, as `mask_cosmic_rays` takes them."""

    sigma_limit: float = 4.5
    neighbour_fraction: float = 0.3
    object_limit: float = 5.0
    iterations: int = 4
    medians: str = "exact"

    def __post_init__(self) -> None:
        checked = {
            "sigma_limit": real("sigma_limit", self.sigma_limit, above=0, remedy="give sigmas, such as 4.5"),
            "neighbour_fraction": _fraction(self.neighbour_fraction),
            "object_limit": real(
                "object_limit", self.object_limit, above=0, remedy="give a contrast, such as 5"
            ),
            "iterations": whole(
                "iterations", self.iterations, least=1, remedy="give a number of passes, such as 4"
            ),
            "medians": one_of("medians", self.medians, MEDIANS, UnknownNameError),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def windows(self) -> Windows:
        """The windows of its medians: squares, or rows and then columns."""
        from ccdfx.kernels.defects.cosmic_rays import windows

        return windows(self.medians == "exact")

    @property
    def limits(self) -> tuple[np.float32, ...]:
        """Limits for the significance of rays and of their neighbours, and for the contrast."""
        neighbours = self.neighbour_fraction * self.sigma_limit
        with np.errstate(over="ignore"):
            return tuple(map(np.float32, (self.sigma_limit, neighbours, self.object_limit)))


def _fraction(value: Any) -> float:
    fraction = real("neighbour_fraction", value, least=0, remedy="give a fraction, such as 0.3")
    if fraction > 1:
        raise ArgumentError(
            "neighbour_fraction", "must be at most 1", value=value, remedy="give a fraction, such as 0.3"
        )
    return fraction
