"""A smooth function through the levels of the lines of an overscan."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.numbers import real, whole
from ccdfx.records.parameters import check_names

_FUNCTIONS = ("legendre", "chebyshev", "spline", "spline1")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverscanFit:
    """How the levels of the lines are smoothed.

    Parameters
    ----------
    function : "legendre", "chebyshev", "spline" (cubic) or "spline1" (linear)
    order : int
        As in IRAF: the number of terms of a polynomial (1 is a constant, 2 a straight line), or the number of
        equal pieces of a spline.
    low, high : float
        Lines that lie more than this multiple of the rms of the residuals below or above the fit are
        rejected; `math.inf` rejects none.
    iterations : int
        The largest number of rounds of rejection; 0 rejects nothing.

    Examples
    --------
    >>> OverscanFit(function="chebyshev", order=2).terms
    2
    """

    function: str = "legendre"
    order: int = 3
    low: float = 3.0
    high: float = 3.0
    iterations: int = 3

    def __post_init__(self) -> None:
        if self.function not in _FUNCTIONS:
            raise ArgumentError(
                "function",
                f"must be one of {', '.join(_FUNCTIONS)}",
                value=self.function,
                remedy="give a polynomial or a spline",
            )
        whole("order", self.order, least=1, remedy="give the number of terms, or of pieces of a spline")
        whole("iterations", self.iterations, least=0, remedy="give 0 to reject nothing")
        for name in ("low", "high"):
            if getattr(self, name) != math.inf:
                real(name, getattr(self, name), above=0, remedy="give math.inf to reject nothing")

    @property
    def terms(self) -> int:
        """The number of free parameters."""
        return self.order + {"spline": 3, "spline1": 1}.get(self.function, 0)


def as_fit(fit: Any) -> OverscanFit | None:
    """A fit from an OverscanFit or from a mapping of its options, as a recipe holds them.

    >>> as_fit({"function": "spline", "order": 4}).terms
    7
    """
    if fit is None or isinstance(fit, OverscanFit):
        return fit
    known = [item.name for item in fields(OverscanFit)]
    if not isinstance(fit, Mapping):
        raise ArgumentTypeError(
            "fit", "must be an OverscanFit or its options", value=fit, remedy="give OverscanFit(order=3)"
        )
    check_names("fit", known, fit)
    return OverscanFit(**fit)


def fit_levels(
    fit: OverscanFit, lines: np.ndarray, levels: np.ndarray, errors: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Value and squared error of the fit at the lines 0 to count - 1.

    `lines` have a level, with squared error `errors`. Beyond the first and the last of them the fit keeps its
    value there.
    """
    design = _design(fit, np.clip(np.arange(count), lines[0], lines[-1]), lines[0], lines[-1])
    used = np.ones(lines.size, bool)
    coefficients = _solve(fit, design[lines], levels)
    for _ in range(fit.iterations):
        residuals = levels - design[lines] @ coefficients
        rms = math.sqrt(np.mean(residuals[used] ** 2))
        kept = used & (residuals <= fit.high * rms) & (residuals >= -fit.low * rms)
        if kept.sum() == used.sum() or kept.sum() < fit.terms:
            break
        used = kept
        coefficients = _solve(fit, design[lines[used]], levels[used])
    residuals = (levels - design[lines] @ coefficients)[used]
    free = residuals.size - fit.terms
    scatter = float(residuals @ residuals) / free if free > 0 else float(errors[used].mean())
    covariance = np.linalg.pinv(design[lines[used]].T @ design[lines[used]])
    return design @ coefficients, scatter * np.einsum("ij,jk,ik->i", design, covariance, design)


def _solve(fit: OverscanFit, design: np.ndarray, levels: np.ndarray) -> np.ndarray:
    if levels.size >= fit.terms:
        coefficients, _, rank, _ = np.linalg.lstsq(design, levels, rcond=None)
        if rank == fit.terms:
            return coefficients
    raise ArgumentError(
        "fit",
        f"has {fit.terms} terms, and the lines with a level do not settle them",
        value=f"{levels.size} lines",
        remedy="lower the order",
    )


def _design(fit: OverscanFit, lines: np.ndarray, first: int, last: int) -> np.ndarray:
    """The value of every term at every line, (lines, terms)."""
    x = 2 * (lines - first) / max(last - first, 1) - 1
    if fit.function == "legendre":
        return np.polynomial.legendre.legvander(x, fit.order - 1)
    if fit.function == "chebyshev":
        return np.polynomial.chebyshev.chebvander(x, fit.order - 1)
    from scipy.interpolate import BSpline

    degree = 3 if fit.function == "spline" else 1
    knots = np.concatenate([[-1.0] * degree, np.linspace(-1, 1, fit.order + 1), [1.0] * degree])
    return BSpline.design_matrix(x, knots, degree).toarray()
