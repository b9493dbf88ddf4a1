"""Stretches for display, to the range 0 to 1: contrast and bias, and histogram equalisation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.checks import real, whole
from ccdfx.records.image import Image
from ccdfx.scalings.scaling import Scaling


def contrast_bias(
    contrast: float = 1.0, bias: float = 0.5, minimum: float = 0.0, maximum: float = 1.0
) -> Scaling:
    """Make the contrast and bias stretch of SAOImage DS9: a ramp through 0.5 at the bias, cut off at 0 and 1.

    ``y = contrast * ((x - minimum) / (maximum - minimum) - bias) + 0.5``, at least 0 and at most 1. The
    inverse restores values on the ramp; values cut off are set to the end of the ramp.

    Parameters
    ----------
    contrast : float
        The slope, positive.
    bias : float
        Position of the middle of the ramp, as a fraction of minimum ... maximum.
    minimum, maximum : float
        In the unit of the image.

    Examples
    --------
    >>> from ccdfx.scalings import scale
    >>> scale([[0.0, 40.0, 50.0, 100.0]], scaling=contrast_bias(2.0, maximum=100.0)).array
    array([[0. , 0.3, 0.5, 1. ]])
    """
    options = {"contrast": contrast, "bias": bias, "minimum": minimum, "maximum": maximum}
    return Scaling(
        "contrast_bias", options, _ramp, _ramp_inverse, _ramp_derivative, _ramp_domain, _check_ramp
    )


def histogram_equalisation(
    levels: int = 256,
    values: Sequence[float] | None = None,
    fractions: Sequence[float] | None = None,
) -> Scaling:
    """Make a histogram equalisation: the fraction of good pixels that are fainter, from 0 to 1.

    It is linear between the quantiles of the image, as many as `levels`; beyond them it is 0 and 1.
    ``settled(image)`` has the quantiles, which are needed to undo it; without them `unscale` is refused,
    because they cannot be derived from the scaled image.

    Parameters
    ----------
    levels : int
        Number of quantiles, 2 or more; equal ones count once.
    values, fractions : sequences of float, optional
        The quantiles and the fractions at them, both increasing, instead of those of the image.

    Examples
    --------
    >>> from ccdfx.scalings import scale, unscale
    >>> image = Image([[1.0, 2.0, 3.0, 100.0, 300.0]])
    >>> scaling = histogram_equalisation().settled(image)
    >>> scale(image, scaling=scaling).array
    array([[0.  , 0.25, 0.5 , 0.75, 1.  ]])
    >>> unscale(scale(image, scaling=scaling), scaling=scaling).array
    array([[  1.,   2.,   3., 100., 300.]])
    """
    options = {"levels": levels, "values": _numbers(values), "fractions": _numbers(fractions)}
    return Scaling(
        "histogram_equalisation",
        options,
        _equalised,
        _equalised_inverse,
        _equalised_derivative,
        _equalised_domain,
        _check_equalised,
        _quantiles,
    )


def _check_ramp(contrast: float, bias: float, minimum: float, maximum: float) -> None:
    real("contrast", contrast, above=0, remedy="a scaling increases")
    real("bias", bias, remedy="give the middle of the ramp, 0.5 is that of the range")
    low = real("minimum", minimum, remedy="give a value of the image")
    real("maximum", maximum, above=low, remedy="exchange the two")


def _line(contrast: float, bias: float, minimum: float, maximum: float) -> tuple[float, float]:
    """Return slope and offset of the ramp."""
    slope = contrast / (maximum - minimum)
    return slope, 0.5 - contrast * bias - slope * minimum


def _ramp(array: np.ndarray, **options: float) -> np.ndarray:
    slope, offset = _line(**options)
    result = array * slope
    result += offset
    return np.clip(result, 0.0, 1.0, out=result)


def _ramp_inverse(array: np.ndarray, **options: float) -> np.ndarray:
    slope, offset = _line(**options)
    return np.where((array < 0) | (array > 1), np.nan, (array - offset) / slope)


def _ramp_derivative(array: np.ndarray, **options: float) -> np.ndarray:
    low, high = _ramp_domain(**options)
    slope = array.dtype.type(_line(**options)[0])
    return np.where((array < low) | (array > high), array.dtype.type(0), slope)


def _ramp_domain(**options: float) -> tuple[float, float]:
    slope, offset = _line(**options)
    return -offset / slope, (1.0 - offset) / slope


def _numbers(values: Any) -> Any:
    """Convert an iterable to a tuple; return anything else unchanged."""
    return tuple(values) if isinstance(values, Iterable) else values


def _check_equalised(
    levels: int, values: tuple[float, ...] | None, fractions: tuple[float, ...] | None
) -> None:
    whole("levels", levels, least=2, remedy="give 256 for a display")
    for name, given in (("values", values), ("fractions", fractions)):
        if not (given is None or isinstance(given, Sequence)):
            raise ArgumentTypeError(name, "must be a sequence of numbers", value=given, remedy="give a tuple")
    if values is None and fractions is None:
        return
    if values is None or fractions is None or len(values) != len(fractions) or not values:
        raise ArgumentError(
            "values, fractions", "must be given together, one fraction for each value",
            value=(values, fractions), remedy="let settled(image) find them",
        )  # fmt: skip
    for name, row in (("values", values), ("fractions", fractions)):
        least = -math.inf
        for value in row:
            least = real(name, value, above=least, remedy="give increasing numbers")


def _quantiles(
    image: Image, scaled: bool, levels: int, values: Any, fractions: Any
) -> Mapping[str, Sequence[float]]:
    if values is not None:
        return {}
    if scaled:
        raise ArgumentError(
            "scaling", "must hold the quantiles of the image from before it was scaled",
            value="histogram_equalisation without values",
            remedy="scale and unscale with histogram_equalisation().settled(image)",
        )  # fmt: skip
    good = image.array[image.good]
    if good.size == 0:
        raise ArgumentError("image", "must have a good pixel", remedy="check its mask")
    count = min(levels, good.size)
    ranks = np.unique(np.linspace(0, good.size - 1, count).astype(np.int64))
    found = np.partition(good, ranks)[ranks].astype(np.float64)
    parts = ranks / max(good.size - 1, 1)
    knots, first, number = np.unique(found, return_index=True, return_counts=True)
    middle = 0.5 * (parts[first] + parts[first + number - 1])
    return {"values": tuple(knots.tolist()), "fractions": tuple(middle.tolist())}


def _equalised(array: np.ndarray, levels: int, values: Any, fractions: Any) -> np.ndarray:
    return np.interp(array, values, fractions).astype(array.dtype)


def _equalised_inverse(array: np.ndarray, levels: int, values: Any, fractions: Any) -> np.ndarray:
    return np.interp(array, fractions, values).astype(array.dtype)


def _equalised_derivative(array: np.ndarray, levels: int, values: Any, fractions: Any) -> np.ndarray:
    if len(values) == 1:
        return np.zeros_like(array)
    slopes = np.diff(fractions) / np.diff(values)
    inside = (array >= values[0]) & (array <= values[-1])
    piece = np.clip(np.searchsorted(values, array, side="right") - 1, 0, slopes.size - 1)
    return np.where(inside, slopes[piece], 0.0).astype(array.dtype)


def _equalised_domain(levels: int, values: Any, fractions: Any) -> tuple[float, float]:
    return (-math.inf, math.inf) if values is None else (values[0], values[-1])
