"""Linearity: the true signal of a readout from the one that it gives, as a polynomial or a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

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
            rises = (self.curve(ends)[1] > 0).all()
        if not rises:
            raise ArgumentError(
                "linearity", "must give a true signal that rises", value=self.polynomial or self.table,
                remedy="correct it, or give the limit up to which it holds",
            )  # fmt: skip

    @property
    def curve(self) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """The function that returns the true signal and its derivative; outside of the table it goes on straight."""
        return _Curve(self.polynomial) if self.polynomial else _interpolated(self.table)


@dataclass(frozen=True, slots=True)
class _Curve:
    """A polynomial without a constant, and its derivative, by Horner's rule."""

    coefficients: tuple[float, ...]

    def __call__(self, signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        kind = signal.dtype.type
        true, slope = np.zeros_like(signal), np.zeros_like(signal)
        for power in range(len(self.coefficients), 0, -1):
            true = (true + kind(self.coefficients[power - 1])) * signal
            slope = slope * signal + kind(power * self.coefficients[power - 1])
        return true, slope


def _interpolated(
    table: tuple[tuple[float, float], ...],
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    from scipy.interpolate import PchipInterpolator

    given, true = np.array(table).T
    curve = PchipInterpolator(given, true)
    derivative = curve.derivative()

    def evaluate(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inside = np.clip(signal, given[0], given[-1])
        slope = derivative(inside)
        return curve(inside) + slope * (signal - inside), slope

    return evaluate


def _pair(value: Any) -> tuple[float, float]:
    remedy = "give pairs (signal that is given, true signal)"
    try:
        one, two = value
    except (TypeError, ValueError):
        raise ArgumentError("table", "must hold pairs", value=value, remedy=remedy) from None
    return real("table", one, remedy=remedy), real("table", two, remedy=remedy)
