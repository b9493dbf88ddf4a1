"""Difference, quotient and multiple of CCDData: values, masks, uncertainties to first order."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from astropy.nddata import CCDData, StdDevUncertainty


def require_ccddata(value: Any, name: str) -> None:
    """Require that an argument is a CCDData."""
    if not isinstance(value, CCDData):
        raise TypeError(f"{name} must be a CCDData object, and is a {type(value).__name__}")


def floating(array: np.ndarray) -> np.ndarray:
    """Return an array of floats: integers, which would wrap around in a difference, become float64."""
    return array if array.dtype.kind in "fc" else array.astype(np.float64)


def copied(ccd: CCDData) -> CCDData:
    """Return a copy that shares no array with a CCDData, its metadata of the same type."""
    return made_of(ccd, np.array(ccd.data), mask=None if ccd.mask is None else np.array(ccd.mask), keep=True)


def made_of(
    ccd: CCDData,
    data: np.ndarray,
    *,
    mask: Any,
    uncertainty: Any = None,
    unit: Any = None,
    keep: bool = False,
) -> CCDData:
    """Return a CCDData with other pixels, and the metadata and WCS of `ccd`; with `keep` all else of it too."""
    if keep:
        uncertainty, flags = deepcopy(ccd.uncertainty), deepcopy(ccd.flags)
    else:
        flags = None
    result = CCDData(data, unit=ccd.unit if unit is None else unit, mask=mask, uncertainty=uncertainty)
    result.flags = flags
    result.meta = deepcopy(ccd.meta)
    result.wcs = ccd.wcs
    if keep:
        result.psf = ccd.psf
    return result


def subtract(ccd: CCDData, master: CCDData, *, times: float = 1.0) -> CCDData:
    """Subtract a frame, multiplied by a number without error.

    Values are a - t b, masks are OR-ed, uncertainties are independent: u^2 = u_a^2 + (t u_b)^2. A CCDData
    without uncertainty has none, as in astropy.

    Raises
    ------
    astropy.units.UnitConversionError
        The units differ in kind.
    ValueError
        The shapes differ.
    """
    factor = times if master.unit == ccd.unit else times * master.unit.to(ccd.unit)
    require_shape(ccd, master)
    a, b = floating(ccd.data), floating(master.data)
    data = a - (b if factor == 1 else b * b.dtype.type(factor))
    first, second = deviations(ccd), deviations(master)
    if second is not None and factor != 1:
        second = second * abs(factor)
    if first is None or second is None:
        error = np.array(first) if first is not None else second
    else:
        error = np.sqrt(first * first + second * second)
    return made_of(ccd, data, mask=joined(ccd.mask, master.mask), uncertainty=uncertain(error))


def divide(ccd: CCDData, flat: np.ndarray, error: np.ndarray | None, mask: Any) -> CCDData:
    """Divide by an array without unit, with its standard deviations and its mask.

    Values are a / f; u^2 = (u_a / f)^2 + (a u_f / f^2)^2, which is 0 + (u_a / f)^2 where a is 0. Division by 0
    gives infinity or NaN.
    """
    a = floating(ccd.data)
    with np.errstate(divide="ignore", invalid="ignore"):
        data = a / flat
        first = deviations(ccd)
        if first is not None:
            first = first / np.abs(flat)
        second = None if error is None else np.abs(data * error / flat)
        if first is not None and second is not None:
            first = np.sqrt(first * first + second * second)
    found = second if first is None else first
    return made_of(ccd, data, mask=joined(ccd.mask, mask), uncertainty=uncertain(found))


def multiply(ccd: CCDData, factor: float, unit: Any) -> CCDData:
    """Multiply values and standard deviations by a number that has no error; `unit` is that of the result."""
    a = floating(ccd.data)
    error = deviations(ccd)
    error = None if error is None else error * abs(factor)
    mask = None if ccd.mask is None else np.array(ccd.mask)
    return made_of(ccd, a * a.dtype.type(factor), mask=mask, uncertainty=uncertain(error), unit=unit)


def deviations(ccd: CCDData) -> np.ndarray | None:
    """Return the standard deviations of a CCDData in its unit, whatever kind of uncertainty it has."""
    found = ccd.uncertainty
    if found is None:
        return None
    if not isinstance(found, StdDevUncertainty):
        found = found.represent_as(StdDevUncertainty)
    array = np.asarray(found.array)
    if found.unit is not None and found.unit != ccd.unit:
        array = array * found.unit.to(ccd.unit)
    return np.broadcast_to(array, ccd.shape) if array.shape != ccd.shape else array


def uncertain(error: np.ndarray | None) -> StdDevUncertainty | None:
    """Return standard deviations as an uncertainty."""
    return None if error is None else StdDevUncertainty(error, copy=False)


def joined(first: Any, second: Any) -> np.ndarray | None:
    """Return the union of two masks, each of which may be missing; never one of them itself."""
    if first is None or second is None:
        found = second if first is None else first
        return None if found is None else np.array(found)
    return np.asarray(first).astype(bool) | np.asarray(second).astype(bool)


def require_shape(ccd: CCDData, master: CCDData) -> None:
    """Require that two frames have one shape."""
    if ccd.shape != master.shape:
        raise ValueError(
            f"operands have the shapes {ccd.shape} and {master.shape}; trim the image as the master is"
        )
