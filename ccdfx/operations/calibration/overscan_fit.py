"""Fits of smooth functions to the overscan levels of lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NoReturn

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.checks import limit, one_of, whole
from ccdfx.records.parameters import check_names

FUNCTIONS = ("legendre", "chebyshev", "spline", "spline1")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverscanFit:
    """The options of the fit that smooths the levels of the lines.

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
        The largest number of rejection passes; 0 rejects nothing.
    excluded : sequence of (first, stop)
        Lines excluded by the user, as half-open ranges of 0-based line numbers of the image.

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
    excluded: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        one_of("function", self.function, FUNCTIONS)
        whole("order", self.order, least=1, remedy="give the number of terms, or of pieces of a spline")
        whole("iterations", self.iterations, least=0, remedy="give 0 to reject nothing")
        for name in ("low", "high"):
            limit(name, getattr(self, name))
        object.__setattr__(self, "excluded", _ranges(self.excluded))

    @property
    def terms(self) -> int:
        """The number of free parameters."""
        return self.order + {"spline": 3, "spline1": 1}.get(self.function, 0)


def as_fit(fit: Any) -> OverscanFit | None:
    """Make an OverscanFit from a mapping of its options, as in a recipe; pass on an OverscanFit or None.

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


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Measured levels of lines: line numbers, levels, squared errors, and the number of all lines."""

    lines: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A fit: values and squared errors at all lines, which measured lines it used, and their rms residual."""

    values: np.ndarray
    errors: np.ndarray
    used: np.ndarray
    rms: float


@np.errstate(over="ignore")  # squares of extremely large levels
def fitted_levels(fit: OverscanFit, levels: Levels) -> Fitted:
    """Fit the levels, without the excluded lines and with rejection of deviant lines.

    Before the first and after the last line that is not excluded, the fit is constant.
    """
    allowed = included(fit, levels.lines)
    lines, values = levels.lines[allowed], levels.values[allowed]
    if lines.size < fit.terms:
        _refuse(fit, lines.size)
    design = _design(fit, np.clip(np.arange(levels.count), lines[0], lines[-1]), lines[0], lines[-1])
    used = np.ones(lines.size, bool)
    coefficients = _solve(fit, design[lines], values)
    for _ in range(fit.iterations):
        residuals = values - design[lines] @ coefficients
        rms = math.sqrt(np.mean(residuals[used] ** 2))
        kept = used & (residuals <= fit.high * rms) & (residuals >= -fit.low * rms)
        if kept.sum() == used.sum() or kept.sum() < fit.terms:
            break
        used = kept
        coefficients = _solve(fit, design[lines[used]], values[used])
    residuals = (values - design[lines] @ coefficients)[used]
    free = residuals.size - fit.terms
    scatter = float(residuals @ residuals) / free if free > 0 else float(levels.errors[allowed][used].mean())
    covariance = np.linalg.pinv(design[lines[used]].T @ design[lines[used]])
    everywhere = np.zeros(levels.lines.size, bool)
    everywhere[allowed] = used
    errors = scatter * np.einsum("ij,jk,ik->i", design, covariance, design)
    return Fitted(design @ coefficients, errors, everywhere, math.sqrt(np.mean(residuals**2)))


def included(fit: OverscanFit, lines: np.ndarray) -> np.ndarray:
    """Mark the lines that are in none of the excluded ranges."""
    kept = np.ones(lines.size, bool)
    for first, stop in fit.excluded:
        kept &= (lines < first) | (lines >= stop)
    return kept


def chosen_fit(levels: Levels, *, most: int = 10) -> OverscanFit:
    """Choose the Legendre polynomial of 1 ... `most` terms with the least Bayesian information criterion.

    It is n log(rms**2) + k log(n) for k terms fitted to the n lines that the fit with most terms does not
    reject; the second term penalises a higher order.
    """
    most = min(most, max(1, levels.lines.size // 3))
    kept = fitted_levels(OverscanFit(order=most), levels).used
    sound = Levels(levels.lines[kept], levels.values[kept], levels.errors[kept], levels.count)
    number = int(kept.sum())
    floor = 1e-12 * (1.0 + float(np.abs(levels.values).max()))  # without noise the rms is 0

    def criterion(order: int) -> float:
        rms = fitted_levels(OverscanFit(order=order, iterations=0), sound).rms
        return 2 * number * math.log(max(rms, floor)) + order * math.log(number)

    return OverscanFit(order=min(range(1, most + 1), key=criterion))


def _ranges(excluded: Any) -> tuple[tuple[int, int], ...]:
    remedy = "give pairs of line numbers such as [(0, 5), (90, 100)]"
    found = []
    try:
        pairs = [tuple(pair) for pair in excluded]
    except TypeError:
        raise ArgumentTypeError(
            "excluded", "must be ranges of lines", value=excluded, remedy=remedy
        ) from None
    for pair in pairs:
        if len(pair) != 2:
            raise ArgumentError("excluded", "must be ranges (first, stop)", value=pair, remedy=remedy)
        first = whole("excluded", pair[0], least=0, remedy=remedy)
        found.append((first, whole("excluded", pair[1], least=first + 1, remedy=remedy)))
    return tuple(found)


def _solve(fit: OverscanFit, design: np.ndarray, levels: np.ndarray) -> np.ndarray:
    if levels.size >= fit.terms:
        coefficients, _, rank, _ = np.linalg.lstsq(design, levels, rcond=None)
        if rank == fit.terms:
            return coefficients
    return _refuse(fit, levels.size)


def _refuse(fit: OverscanFit, count: int) -> NoReturn:
    raise ArgumentError(
        "fit",
        f"has {fit.terms} terms, and the lines with a level do not settle them",
        value=f"{count} lines",
        remedy="lower the order or exclude fewer lines",
    )


def _design(fit: OverscanFit, lines: np.ndarray, first: int, last: int) -> np.ndarray:
    """Evaluate every term at every line, (lines, terms)."""
    x = 2 * (lines - first) / max(last - first, 1) - 1
    if fit.function == "legendre":
        return np.polynomial.legendre.legvander(x, fit.order - 1)
    if fit.function == "chebyshev":
        return np.polynomial.chebyshev.chebvander(x, fit.order - 1)
    from scipy.interpolate import BSpline

    degree = 3 if fit.function == "spline" else 1
    knots = np.concatenate([[-1.0] * degree, np.linspace(-1, 1, fit.order + 1), [1.0] * degree])
    return BSpline.design_matrix(x, knots, degree).toarray()
