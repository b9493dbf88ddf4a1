"""Scalings by formulas of the pixel value: linear, log, sqrt, asinh, power, exp."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.records.checks import real
from ccdfx.scalings.scaling import Scaling, by_kernel

_ORDER = "exchange the two"
_MOST_DIGITS = 80.0  # natural logarithm of the largest float32, with a margin


def linear(slope: float = 1.0, offset: float = 0.0) -> Scaling:
    """Make the scaling ``y = slope * x + offset`` with slope > 0.

    Examples
    --------
    >>> from ccdfx.scalings import scale
    >>> scale([[1.0, 2.0]], scaling=linear(2.0, 1.0)).array
    array([[3., 5.]])
    """
    return Scaling(
        "linear", {"slope": slope, "offset": offset},
        _linear, _linear_inverse, _linear_derivative, check=_check_linear,
    )  # fmt: skip


def log(
    base: float = 10.0,
    minimum: float | None = None,
    maximum: float | None = None,
    lower: float = 0.0,
    upper: float = 1.0,
) -> Scaling:
    """Make a logarithmic scaling with a base above 1, or with `minimum` and `maximum` a map of that range.

    ``y = log(x) / log(base)`` for x > 0. A range minimum ... maximum, if given, is mapped to lower ... upper:
    ``y = lower + (upper - lower) * log(1 + (base - 1) * (x - minimum) / (maximum - minimum)) / log(base)``,
    which continues outside the range where the logarithm is defined. With `minimum` alone the values are
    offset so that it is mapped to `lower`: ``y = log(x - minimum + base**lower) / log(base)``. `lower` and
    `upper` are not used without a range.

    Examples
    --------
    >>> from ccdfx.scalings import scale
    >>> scale([[0.0, 9.0, 99.0]], scaling=log(100.0, minimum=0.0, maximum=99.0, upper=4.0)).array
    array([[0., 2., 4.]])
    """
    options = {"base": base, "minimum": minimum, "maximum": maximum, "lower": lower, "upper": upper}
    return Scaling("log", options, _log, _log_inverse, _log_derivative, _log_domain, _check_log)


def sqrt() -> Scaling:
    """Make the scaling ``y = sqrt(x)`` for x >= 0.

    Examples
    --------
    >>> from ccdfx.scalings import scale
    >>> scale([[4.0, 9.0]], scaling=sqrt()).array
    array([[2., 3.]])
    """
    return Scaling("sqrt", {}, _sqrt, _sqrt_inverse, _sqrt_derivative, _not_negative)


def asinh(softening: float = 1.0) -> Scaling:
    """Make the scaling ``y = asinh(x / softening)``: linear within the softening, logarithmic beyond it.

    It is defined on both sides of 0; see Lupton, Gunn & Szalay (1999, AJ 118, 1406).

    Examples
    --------
    >>> from ccdfx.scalings import scale
    >>> scale([[0.0, 10.0]], scaling=asinh(10.0)).array.round(4)
    array([[0.    , 0.8814]])
    """
    return Scaling(
        "asinh", {"softening": softening}, _asinh, _asinh_inverse, _asinh_derivative, check=_check_asinh
    )


def power(exponent: float = 2.0) -> Scaling:
    """Make the scaling ``y = x ** exponent`` for x >= 0, exponent > 0.

    Examples
    --------
    >>> from ccdfx.scalings import scale
    >>> scale([[3.0]], scaling=power(2.0)).array
    array([[9.]])
    """
    return Scaling(
        "power",
        {"exponent": exponent},
        _power,
        _power_inverse,
        _power_derivative,
        _not_negative,
        _check_power,
    )


def exp(base: float = math.e) -> Scaling:
    """Make the scaling ``y = base ** x`` with base > 1; pixels that overflow are flagged.

    Examples
    --------
    >>> from ccdfx.scalings import scale
    >>> scale([[0.0, 3.0]], scaling=exp(2.0)).array
    array([[1., 8.]])
    """
    return Scaling("exp", {"base": base}, _exp, _exp_inverse, _exp_derivative, check=_check_exp)


def _check_linear(slope: float, offset: float) -> None:
    real("slope", slope, above=0, remedy="a scaling increases")
    real("offset", offset, remedy="give what is added")


def _check_log(base: float, minimum: float | None, maximum: float | None, lower: float, upper: float) -> None:
    real("base", base, above=1, remedy="give 10 for decades")
    lowest = real("lower", lower, remedy="give what the minimum becomes")
    if minimum is None and maximum is not None:
        raise ArgumentError("minimum, maximum", "must be given together", value=(minimum, maximum),
                            remedy="give both, a minimum alone, or none")  # fmt: skip
    if minimum is not None:
        real("minimum", minimum, remedy="give a number")
    if maximum is not None:
        real("maximum", maximum, above=float(minimum), remedy=_ORDER)  # type: ignore[arg-type]
        real("upper", upper, above=lowest, remedy=_ORDER)
        return
    real("upper", upper, remedy="give what the maximum becomes")
    if abs(lowest * math.log(base)) > _MOST_DIGITS:
        raise ArgumentError("lower", "must be the logarithm of a number", value=lower, remedy="give 0")


def _check_asinh(softening: float) -> None:
    real(
        "softening", softening, above=0, remedy="give where linear turns into logarithmic, such as the noise"
    )


def _check_power(exponent: float) -> None:
    real("exponent", exponent, above=0, remedy="a scaling increases")


def _check_exp(base: float) -> None:
    real("base", base, above=1, remedy="a scaling increases")


def _linear(array: np.ndarray, slope: float, offset: float) -> np.ndarray:
    result = array * slope
    result += offset
    return result


def _linear_inverse(array: np.ndarray, slope: float, offset: float) -> np.ndarray:
    return (array - offset) / slope


def _linear_derivative(array: np.ndarray, slope: float, offset: float) -> np.ndarray:
    return np.full_like(array, slope)


def _log_steps(
    base: float, minimum: float | None, maximum: float | None, lower: float, upper: float
) -> tuple[float, float, float, float]:
    """Return origin, rate, shift and height of ``y = shift + height * log(1 + rate * (x - origin))``.

    In this form y is exact near the origin.
    """
    if minimum is None:
        return 1.0, 1.0, 0.0, 1.0 / math.log(base)
    if maximum is None:
        return minimum, base**-lower, lower, 1.0 / math.log(base)
    return minimum, (base - 1.0) / (maximum - minimum), lower, (upper - lower) / math.log(base)


def _log(array: np.ndarray, **options: Any) -> np.ndarray:
    origin, rate, shift, height = _log_steps(**options)
    if array.dtype == np.float32:
        from ccdfx.kernels.image.transcendental import logarithms, offset_logarithms

        if options["minimum"] is None:
            return by_kernel(logarithms, array, shift, height)
        return by_kernel(offset_logarithms, array, origin, rate, shift, height)
    if options["minimum"] is None:
        return np.log10(array) if options["base"] == 10.0 else np.log(array) * height
    return shift + height * np.log1p(rate * (array - origin))


def _log_inverse(array: np.ndarray, **options: Any) -> np.ndarray:
    if options["minimum"] is None:
        return np.exp(array * math.log(options["base"]))
    origin, rate, shift, height = _log_steps(**options)
    return origin + np.expm1((array - shift) / height) / rate


def _log_derivative(array: np.ndarray, **options: Any) -> np.ndarray:
    origin, rate, _, height = _log_steps(**options)
    return height * rate / (1.0 + rate * (array - origin))


def _log_domain(**options: Any) -> tuple[float, float]:
    origin, rate, _, _ = _log_steps(**options)
    return origin - 1.0 / rate, math.inf


def _not_negative(**_options: Any) -> tuple[float, float]:
    return 0.0, math.inf


def _sqrt(array: np.ndarray) -> np.ndarray:
    return np.sqrt(array)


def _sqrt_inverse(array: np.ndarray) -> np.ndarray:
    return np.where(array < 0, np.nan, array * array)


def _sqrt_derivative(array: np.ndarray) -> np.ndarray:
    return 0.5 / np.sqrt(array)


def _asinh(array: np.ndarray, softening: float) -> np.ndarray:
    if array.dtype == np.float32:
        from ccdfx.kernels.image.transcendental import inverse_sinhs

        return by_kernel(inverse_sinhs, array, 1.0 / softening)
    return np.arcsinh(array / softening)


def _asinh_inverse(array: np.ndarray, softening: float) -> np.ndarray:
    return np.sinh(array) * softening


def _asinh_derivative(array: np.ndarray, softening: float) -> np.ndarray:
    return 1.0 / np.hypot(array, softening)


def _power(array: np.ndarray, exponent: float) -> np.ndarray:
    if exponent == 0.5:
        return np.sqrt(array)
    if exponent == 2.0:
        result = array * array
        result[array < 0] = np.nan
        return result
    if array.dtype == np.float32:
        from ccdfx.kernels.image.transcendental import powers

        return by_kernel(powers, array, exponent)
    return np.where(array < 0, np.nan, np.abs(array) ** exponent)


def _power_inverse(array: np.ndarray, exponent: float) -> np.ndarray:
    return _power(array, 1.0 / exponent)


def _power_derivative(array: np.ndarray, exponent: float) -> np.ndarray:
    return exponent * array ** (exponent - 1.0)


def _exp(array: np.ndarray, base: float) -> np.ndarray:
    return np.exp(array) if base == math.e else np.exp(array * math.log(base))


def _exp_inverse(array: np.ndarray, base: float) -> np.ndarray:
    return np.log(array) if base == math.e else np.log(array) / math.log(base)


def _exp_derivative(array: np.ndarray, base: float) -> np.ndarray:
    return math.log(base) * _exp(array, base)
