"""Bias, dark, flat and gain of one frame, and its uncertainty."""

from __future__ import annotations

import logging
from numbers import Number
from typing import Any

import numpy as np
from astropy import units
from astropy.nddata import CCDData, StdDevUncertainty

from ccdfx_ccdproc.arithmetic import (
    copied,
    deviations,
    divide,
    floating,
    multiply,
    require_ccddata,
    require_shape,
    subtract,
)
from ccdfx_ccdproc.keyword import Keyword
from ccdfx_ccdproc.log_meta import log_to_metadata

log = logging.getLogger(__name__)


@log_to_metadata
def create_deviation(
    ccd_data: CCDData, gain: Any = None, readnoise: Any = None, disregard_nan: bool = False
) -> CCDData:
    """Compute the uncertainty of a frame from gain and read noise.

    sigma = sqrt(g x + r^2) / g in the unit of the data, where x is not below 0. Where x is below 0 it is NaN, or
    r / g with ``disregard_nan``.

    Parameters
    ----------
    ccd_data : CCDData
        Of any shape, bias and overscan subtracted. Its values are unchanged.
    gain : Quantity, optional
        Such as 2 electron / adu; needed where data and read noise have other units.
    readnoise : Quantity
        Of one pixel.
    disregard_nan : bool

    Raises
    ------
    TypeError, ValueError, astropy.units.UnitsError
        Gain or read noise has no unit, there is no read noise, or the unit of gain times data is not that of the
        read noise.

    Examples
    --------
    >>> frame = CCDData([[200.0, -1.0]], unit="adu")
    >>> noise = create_deviation(
    ...     frame, gain=2 * units.electron / units.adu, readnoise=5 * units.electron, disregard_nan=True
    ... )
    >>> noise.uncertainty.array.round(3)
    array([[10.308,  2.5  ]])
    """
    if gain is not None and not isinstance(gain, units.Quantity):
        raise TypeError(f"gain {gain!r} must be a Quantity, such as 2 * u.electron / u.adu")
    if readnoise is None:
        raise ValueError("create_deviation needs readnoise")
    if not isinstance(readnoise, units.Quantity):
        raise TypeError(f"readnoise {readnoise!r} must be a Quantity, such as 5 * u.electron")
    factor = 1.0 * units.dimensionless_unscaled if gain is None else gain
    if factor.unit * ccd_data.unit != readnoise.unit:
        raise units.UnitsError(
            f"data in {ccd_data.unit}, gain in {factor.unit}: the product must have the unit of readnoise,"
            f" {readnoise.unit}"
        )
    data = floating(ccd_data.data)
    g, r = data.dtype.type(factor.value), data.dtype.type(readnoise.value)
    with np.errstate(invalid="ignore"):
        below = ~(data >= 0)
        sigma = np.sqrt(g * data + r * r) / g
    if below.any():
        if disregard_nan:
            sigma[below] = r / g
        else:
            log.warning("the deviation of %d values below 0 is NaN", np.count_nonzero(below))
            sigma[below] = np.nan
    result = copied(ccd_data)
    result.uncertainty = StdDevUncertainty(sigma, copy=False)
    return result


@log_to_metadata
def subtract_bias(ccd: CCDData, master: CCDData) -> CCDData:
    """Subtract a master bias.

    Masks are OR-ed, uncertainties added in squares. Integers become float64, so that nothing wraps around.

    Parameters
    ----------
    ccd, master : CCDData
        Of one shape and of units of one kind.

    Raises
    ------
    TypeError, ValueError, astropy.units.UnitsError
        No CCDData; other shapes; other units.

    Examples
    --------
    >>> import numpy as np
    >>> raw, bias = (CCDData(np.array([[n]], np.uint16), unit="adu") for n in (100, 300))
    >>> subtract_bias(raw, bias).data
    array([[-200.]])
    """
    require_ccddata(ccd, "ccd")
    require_ccddata(master, "master")
    return subtract(ccd, master)


@log_to_metadata
def subtract_dark(
    ccd: CCDData,
    master: CCDData,
    dark_exposure: Any = None,
    data_exposure: Any = None,
    exposure_time: Any = None,
    exposure_unit: Any = None,
    scale: bool = False,
) -> CCDData:
    """Subtract a dark frame, with `scale` multiplied by the ratio of the exposure times.

    Parameters
    ----------
    ccd, master : CCDData
        Of one shape and unit.
    dark_exposure, data_exposure : Quantity, optional
        Both, or neither.
    exposure_time : str or Keyword, optional
        Instead of these, the keyword that has the exposure time of each.
    exposure_unit : astropy unit, optional
        Of the values of the keyword, where it is text.
    scale : bool

    Raises
    ------
    TypeError, KeyError, ValueError, astropy.units.UnitsError
        Exposure times are missing, given twice or have no unit; a header lacks the keyword; shapes or units differ.

    Examples
    --------
    >>> frame, dark = CCDData([[5.0]], unit="adu"), CCDData([[2.0]], unit="adu")
    >>> times = {"dark_exposure": 60 * units.s, "data_exposure": 0.5 * units.min}
    >>> subtract_dark(frame, dark, scale=True, **times).data
    array([[4.]])
    """
    require_ccddata(ccd, "ccd")
    require_ccddata(master, "master")
    require_shape(ccd, master)
    given = (dark_exposure is not None, data_exposure is not None)
    if exposure_time is not None and any(given):
        raise TypeError("give exposure_time, or dark_exposure and data_exposure, not both")
    if exposure_time is None and not all(given):
        raise TypeError("give exposure_time, or both dark_exposure and data_exposure")
    if exposure_time is not None:
        dark_exposure = _exposure(master, exposure_time, exposure_unit)
        data_exposure = _exposure(ccd, exposure_time, exposure_unit)
    if not (isinstance(dark_exposure, units.Quantity) and isinstance(data_exposure, units.Quantity)):
        raise TypeError("exposure times must be Quantities, such as 30 * u.second")
    if ccd.unit != master.unit:
        raise units.UnitsError(
            f"unit {ccd.unit} of the uncalibrated image is not that of the dark frame, {master.unit}"
        )
    ratio = float((data_exposure / dark_exposure).to(units.dimensionless_unscaled).value) if scale else 1.0
    return subtract(ccd, master, times=ratio)


def _exposure(ccd: CCDData, keyword: Any, unit: Any) -> Any:
    """Return the exposure time in the header of a frame."""
    if isinstance(keyword, Keyword):
        return Keyword(keyword.name, unit=keyword.unit).value_from(ccd.header)
    if unit is None:
        raise TypeError("exposure_time needs exposure_unit, the unit of its values")
    return Keyword(keyword, unit=unit).value_from(ccd.header)


@log_to_metadata
def gain_correct(ccd: CCDData, gain: Any, gain_unit: Any = None) -> CCDData:
    """Multiply values and uncertainties by the gain.

    Parameters
    ----------
    ccd : CCDData
    gain : number, Quantity or Keyword
        A keyword is taken from the header of the frame.
    gain_unit : astropy unit, optional
        Of a gain that is a number.

    Raises
    ------
    TypeError, KeyError
        The gain is no number, or not in the header.

    Examples
    --------
    >>> gain_correct(CCDData([[3.0]], unit="adu"), 2.0, gain_unit="electron / adu")
    CCDData([[6.]], unit='electron')
    """
    require_ccddata(ccd, "ccd")
    if isinstance(gain, Keyword):
        gain = gain.value_from(ccd.header)
    if isinstance(gain, units.Quantity):
        return multiply(ccd, float(gain.value), ccd.unit * gain.unit)
    if not isinstance(gain, Number | np.number):
        raise TypeError(f"gain {gain!r} must be a number, a Quantity or a Keyword")
    unit = ccd.unit if gain_unit is None else ccd.unit * units.Unit(gain_unit)
    return multiply(ccd, float(gain), unit)  # type: ignore[arg-type]


@log_to_metadata
def flat_correct(
    ccd: CCDData, flat: CCDData, min_value: float | None = None, norm_value: float | None = None
) -> CCDData:
    """Divide by a flat, which is normalised to its mean first.

    The mean is that of the finite values that are not masked. Masks are OR-ed; uncertainties as in
    `ccdfx_ccdproc.arithmetic.divide`, the mean without error.

    Parameters
    ----------
    ccd, flat : CCDData
        Of one shape.
    min_value : float, optional
        Smaller values of the flat are replaced by this one, before the mean is taken.
    norm_value : float, optional
        Instead of the mean, in the unit of the flat; above 0.

    Raises
    ------
    TypeError, ValueError
        No CCDData; other shapes; a norm_value that is not above 0.

    Examples
    --------
    >>> frame, flat = (CCDData([[a, b]], unit="adu") for a, b in ((5.0, 6.0), (0.5, 1.5)))
    >>> flat_correct(frame, flat).data
    array([[10.,  4.]])
    """
    require_ccddata(ccd, "ccd")
    require_ccddata(flat, "flat")
    require_shape(ccd, flat)
    if norm_value is not None and not norm_value > 0:
        raise ValueError(f"norm_value must be greater than zero, and is {norm_value}")
    values = floating(flat.data)
    if min_value is not None:
        values = np.where(values < min_value, values.dtype.type(min_value), values)
    level = norm_value if norm_value is not None else _mean(values, flat.mask)
    error = deviations(flat)
    with np.errstate(divide="ignore", invalid="ignore"):
        shape = values / values.dtype.type(level)
        return divide(ccd, shape, None if error is None else error / abs(level), flat.mask)


def _mean(values: np.ndarray, mask: Any) -> float:
    """Return the mean of the good values; NaN where there is none."""
    found = float(values.mean(dtype=np.float64))
    if mask is None and np.isfinite(found):
        return found
    good = np.isfinite(values)
    if mask is not None:
        good &= ~np.broadcast_to(np.asarray(mask, bool), values.shape)
    count = np.count_nonzero(good)
    return float(np.sum(values, where=good, dtype=np.float64)) / count if count else float("nan")
