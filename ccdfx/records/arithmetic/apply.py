"""Application of an operation to images, arrays and numbers: every field of the result.

Errors of different images are taken as independent; those of one image that occurs twice, as in ``a * a``, are not.
"""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxWarning, MismatchError
from ccdfx.records.arithmetic.rules import OPERATIONS, Plane
from ccdfx.records.arithmetic.units import unit_of_power, unit_of_product, unit_of_ratio, unit_of_sum
from ccdfx.records.compatibility import require_same_pixels
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.keywords import followed_levels, without_levels
from ccdfx.records.planes import working_dtype
from ccdfx.records.range import Range

_ADDITIVE = ("add", "subtract", "negative", "positive", "absolute")
_GAINS = ("GAIN", "EGAIN")
_BIAS_VARIANCE, _PARTIAL = "BIASVAR", "VARPART"  # what records.history calls so


@dataclass(frozen=True, slots=True)
class Operand:
    """An operand: an image, or an exact array or number that may have a unit."""

    values: Plane
    unit: str | None
    image: Any = None

    @property
    def is_number(self) -> bool:
        """Whether it is one number."""
        return isinstance(self.values, float)


@dataclass(frozen=True, slots=True)
class Result:
    """The fields of the result, and the slopes by each operand."""

    array: np.ndarray
    header: Header
    mask: np.ndarray | None
    range: Range
    variance: np.ndarray | None
    slopes: tuple[Plane, ...]


def exact_operand(value: Any, shape: tuple[int, int]) -> Operand | None:
    """Convert a number, an array or a Quantity to an operand without errors; None for other things.

    An array has the shape of the image or one that numpy can repeat to it, such as (ny, 1).

    >>> exact_operand(2, (1, 2)).values, exact_operand("2", (1, 2)) is None
    (2.0, True)
    """
    if hasattr(value, "bases") and hasattr(value, "powers"):  # a unit of astropy
        return Operand(1.0, str(value) or None)
    unit = str(getattr(value, "unit", "") or "") or None
    value = getattr(value, "value", value) if unit is not None or hasattr(value, "unit") else value
    if isinstance(value, str | bytes | dict | set) or value is None:
        return None
    if isinstance(value, numbers.Number) or getattr(value, "shape", None) == ():
        number = value.item() if hasattr(value, "item") else value
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise ArgumentError(
                "the number", "must be real and finite", value=value, remedy="give one that is"
            )
        return Operand(float(number), unit)
    if not (hasattr(value, "__array__") or isinstance(value, list | tuple)):
        return None
    array = np.asarray(value)
    if array.dtype.kind not in "buif":
        raise ArgumentTypeError(
            "the array", "must hold real numbers", value=str(array.dtype), remedy="give numbers"
        )
    try:
        return Operand(np.broadcast_to(array, shape), unit)
    except ValueError:
        raise MismatchError(
            "the array", f"must have the image's shape (ny, nx) = {shape}", value=array.shape,
            remedy="give one value for each pixel, or a row or column",
        ) from None  # fmt: skip


def applied(name: str, operands: Sequence[Operand]) -> Result:
    """Apply the operation of a name to one or two operands, of which one is an image at least.

    Returns
    -------
    Result
        Floats (float32 unless an operand needs float64). Masks are OR-ed; where good pixels give a value that is
        not finite, NO_DATA is set. The variance is None unless every image has one.

    Raises
    ------
    ArgumentError
        For a division by the number 0, and an exponent with a unit.
    MismatchError
        When shape, window, binning or, in sums, the units of two images differ.
    """
    images = [one.image for one in operands if one.image is not None]
    if len(images) == 2:
        require_same_pixels(images[0], images[1], "the second image")
    if name == "divide" and operands[1].is_number and operands[1].values == 0:
        raise ArgumentError("the divisor", "must not be 0", value=0, remedy="give another number")
    unit = unit_of_result(name, operands)
    operation, dtype = OPERATIONS[name], _dtype(operands)
    values = [one.values if one.is_number else one.values.astype(dtype, copy=False) for one in operands]
    with np.errstate(all="ignore"):
        array = np.asarray(operation.value(*values), dtype)
        slopes = operation.slopes(*values, array)
    lead = images[0]
    if len(images) == 2 and (lead.range.x_lower, lead.range.y_lower) == (0, 0):
        window = images[1].range  # a window at the origin is not compared, and may be that of a cut-out
    else:
        window = lead.range
    return Result(
        array,
        _header(name, operands, unit),
        _mask(images, array),
        window,
        variance_of(array, [(one.image, slope) for one, slope in zip(operands, slopes, strict=True)]),
        slopes,
    )


def variance_of(array: np.ndarray, terms: Sequence[tuple[Any, Plane]]) -> np.ndarray | None:
    """Return the variance of a result from its images and the slopes by them; infinite where it is unknown.

    Slopes by one image are summed before they are squared. An image of None is exact. Without a variance of every
    image that of the result is unknown: None, with a CcdfxWarning where another image has one.
    """
    slopes: dict[int, Plane] = {}
    images: dict[int, Any] = {}
    for image, slope in terms:
        if image is not None:
            images[id(image)] = image
            slopes[id(image)] = slopes.get(id(image), 0.0) + slope
    known = [image.variance is not None for image in images.values()]
    if not all(known) or not known:
        if any(known):
            warn_of_unknown_variance(stacklevel=6)
        return None
    total: Any = None
    with np.errstate(all="ignore"):
        for key, one in images.items():
            slope, variance = slopes[key], one.variance.astype(array.dtype, copy=False)
            exact = isinstance(slope, float)  # a float of Python does not widen the array
            term = (
                variance
                if exact and abs(slope) == 1
                else (slope**2 if exact else np.square(slope)) * variance
            )
            total = term if total is None else total + term
    unknown = ~(np.isfinite(total) & np.isfinite(array))
    if unknown.any():
        total = np.where(unknown, np.array(np.inf, array.dtype), total)
    return np.asarray(total, array.dtype)


def warn_of_unknown_variance(stacklevel: int) -> None:
    """Raise a CcdfxWarning: the result has no variance, as one of several images has none."""
    warnings.warn(
        "the variance of the result is unknown, as one of the images has none: add_variance gives it one, and an array"
        " instead of the image is taken as exact",
        CcdfxWarning,
        stacklevel=stacklevel,
    )


def _dtype(operands: Sequence[Operand]) -> np.dtype:
    return working_dtype(*(one.values for one in operands if not one.is_number))


def unit_of_result(name: str, operands: Sequence[Operand]) -> str | None:
    """Return the unit of the result of an operation; raise an error where units do not go together."""
    units = [one.unit for one in operands]
    if name in ("add", "subtract"):
        return unit_of_sum(*units)
    if name in ("multiply", "divide"):
        return unit_of_product(*units) if name == "multiply" else unit_of_ratio(*units)
    if name == "power":
        base, exponent = operands
        if exponent.unit or (base.unit and not exponent.is_number):
            raise ArgumentError(
                "the exponent",
                "must be a number without a unit, as the unit of each pixel would be another",
                value=exponent.unit or "an array",
                remedy="drop the units with replace(unit=None)",
            )
        return unit_of_power(base.unit, float(exponent.values)) if exponent.is_number else None
    powers = {"sqrt": 0.5, "square": 2.0}
    return unit_of_power(units[0], powers.get(name, 1.0))


def _mask(images: Sequence[Any], array: np.ndarray) -> np.ndarray | None:
    masks = [image.mask for image in images if image.mask is not None]
    mask = None if not masks else masks[0].copy() if len(masks) == 1 else masks[0] | masks[1]
    wrong = ~np.isfinite(array)
    if wrong.any():
        mask = np.zeros(array.shape, np.uint8) if mask is None else mask
        mask[wrong & (mask == 0)] = np.uint8(Flag.NO_DATA)
    return mask


def _header(name: str, operands: Sequence[Operand], unit: str | None) -> Header:
    """Return the header of the first image without the cards that hold no longer.

    With a number, cards that state values of pixels follow; otherwise they go. The gain goes where values are
    multiplied, and what is recorded of a bias' variance where it is not that of the result.
    """
    images = [one.image for one in operands if one.image is not None]
    header = images[0].header
    factor, zero = _line(name, operands)
    if factor is None or factor <= 0:  # of what is turned round, the highest value is not the saturated one
        header = without_levels(header).remove(_BIAS_VARIANCE)
        header = header if name in _ADDITIVE else header.remove(*_GAINS)
    else:
        header = followed_levels(header, factor, zero)
        if factor != 1:  # values are other numbers of electrons, and the bias in them is a multiple of itself
            header = header.remove(*_GAINS, _BIAS_VARIANCE)
    if any(image.header.get(_PARTIAL) is True for image in images) and _PARTIAL not in header:
        header = header.set(_PARTIAL, True, "UNCERT is without the noise of a frame")
    if unit == images[0].unit:
        return header
    return header.remove("BUNIT") if unit is None else header.set("BUNIT", unit)


def _line(name: str, operands: Sequence[Operand]) -> tuple[float | None, float]:
    """Return (factor, zero) where the result is ``factor * image + zero`` with two numbers, else (None, 0)."""
    if name in ("negative", "positive"):
        return (-1.0 if name == "negative" else 1.0), 0.0
    if len(operands) != 2 or not (operands[0].is_number or operands[1].is_number):
        return None, 0.0
    first = operands[0].is_number
    number = operands[0 if first else 1].values
    if name == "add":
        return 1.0, number
    if name == "subtract":
        return (-1.0, number) if first else (1.0, -number)
    if name == "multiply":
        return number, 0.0
    return (1 / number, 0.0) if name == "divide" and not first else (None, 0.0)
