"""Linearity: the true signal of a readout from the one that it gives, as a polynomial or a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import Polynomial

from ccdfx.errors import ArgumentError
from ccdfx.records.checks import real

_IN_ADU = "give ADU above the bias level"
_POINTS = 1025  # at which a polynomial must rise


@dataclass(frozen=True, slots=True, kw_only=True)
class Linearity:
    """Describe how the signal that a readout gives, in ADU above its bias level, depends on the true one.

    Parameters
    ----------
    polynomial : tuple of float
        Coefficients c1, c2, c3... of ``true = c1 x + c2 x**2 + c3 x**3 + ...``; c1 is above 0.
    table : tuple of (float, float)
        At least two pairs (signal that is given, true signal), both rising, in place of a polynomial; between them a
        monotone cubic interpolates (PCHIP).
    limit : float or None
        The largest signal for which this holds; by default the last one of the table, and any for a polynomial.

    Raises
    ------
    ArgumentError
        Neither or both are given, or the true signal does not rise with the one that is given.

    Examples
    --------
    >>> Linearity(polynomial=(1.0, 1e-6), limit=60000.0).limit
    60000.0
    """

    polynomial: tuple[float, ...] = ()
    table: tuple[tuple[float, float], ...] = ()
    limit: float | None = None

    def __post_init__(self) -> None:
        if bool(self.polynomial) == bool(self.table):
            raise ArgumentError(
                "linearity", "must be a polynomial or a table", value=(self.polynomial, self.table),
                remedy="give one of the two",
            )  # fmt: skip
        numbers = tuple(real("polynomial", one, remedy="give c1, c2...") for one in self.polynomial)
        pairs = tuple(_pair(one) for one in self.table)
        object.__setattr__(self, "polynomial", numbers)
        object.__setattr__(self, "table", pairs)
        if self.limit is not None:
            object.__setattr__(self, "limit", real("limit", self.limit, above=0, remedy=_IN_ADU))
        elif pairs:
            object.__setattr__(self, "limit", pairs[-1][0])
        self._require_rising()

    def _require_rising(self) -> None:
        if self.table:
            steps = np.diff(np.array(self.table), axis=0)
            rises, reach = len(self.table) > 1 and (steps > 0).all(), self.table[-1][0]
            if self.limit is not None and self.limit > reach:
                raise ArgumentError("limit", f"must lie in the table, which ends at {reach:g}", value=self.limit,
                                    remedy="leave it out, or measure further")  # fmt: skip
        else:
            ends = np.linspace(0.0, self.limit or 0.0, _POINTS)
            rises = (Polynomial((0.0, *self.polynomial)).deriv()(ends) > 0).all()
        if not rises:
            raise ArgumentError(
                "linearity", "must give a true signal that rises", value=self.polynomial or self.table,
                remedy="correct it, or give the limit up to which it holds",
            )  # fmt: skip

    @property
    def pieces(self) -> np.ndarray:
        """The cubics between the pairs of the table, (n, 5): where each starts, and the factors of its powers 3, 2, 1, 0.

        They are monotone (Fritsch & Butland 1984, SIAM J. Sci. Stat. Comput. 5, 300).
        """
        from scipy.interpolate import PchipInterpolator

        curve = PchipInterpolator(*np.array(self.table).T)
        return np.ascontiguousarray(np.column_stack([curve.x[:-1], curve.c.T]), np.float64)


def _pair(value: Any) -> tuple[float, float]:
    remedy = "give pairs (signal that is given, true signal)"
    try:
        one, two = value
    except (TypeError, ValueError):
        raise ArgumentError("table", "must hold pairs", value=value, remedy=remedy) from None
    return real("table", one, remedy=remedy), real("table", two, remedy=remedy)
