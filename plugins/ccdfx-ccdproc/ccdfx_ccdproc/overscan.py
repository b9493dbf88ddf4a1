"""The overscan of a frame, and its trimming."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.nddata import CCDData

from ccdfx_ccdproc.arithmetic import copied, floating, require_ccddata
from ccdfx_ccdproc.log_meta import log_to_metadata
from ccdfx_ccdproc.sections import slice_from_string


@log_to_metadata
def subtract_overscan(
    ccd: CCDData,
    overscan: CCDData | None = None,
    overscan_axis: int | None = 1,
    fits_section: str | None = None,
    median: bool = False,
    model: Any = None,
) -> CCDData:
    """Subtract the level of the overscan from each line.

    Masked and non-finite values of the overscan are left out; a line without a good value has the level of the
    model. The uncertainty of the frame is unchanged.

    Parameters
    ----------
    ccd : CCDData
        Not yet trimmed.
    overscan : CCDData, optional
        A part of it, such as ``ccd[:, 0:10]``.
    overscan_axis : {1, 0, None}
        The axis along which the overscan is averaged: 1 gives a level for each row. None is the shorter
        one, 1 where both are equal.
    fits_section : str, optional
        Instead of `overscan`, such as "[1:10, :]".
    median : bool
        The median of a line instead of its mean.
    model : astropy.modeling.Model, optional
        Fitted to the levels by least squares as a function of the number of the line, from 0; its values are subtracted.

    Raises
    ------
    TypeError, ValueError
        No CCDData; neither or both of `overscan` and `fits_section`; levels that do not fit the frame; a line without
        a good value and no model.

    Examples
    --------
    >>> frame = CCDData([[1.0, 3.0, 10.0], [4.0, 6.0, 20.0]], unit="adu")
    >>> subtract_overscan(frame, overscan=frame[:, :2]).data
    array([[-1.,  1.,  8.],
           [-1.,  1., 15.]])
    """
    require_ccddata(ccd, "ccd")
    if (overscan is None) == (fits_section is None):
        raise TypeError("give either overscan or fits_section, and not both")
    if fits_section is not None:
        if not isinstance(fits_section, str):
            raise TypeError(f"fits_section {fits_section!r} must be text, such as '[1:10,:]'")
        overscan = ccd[slice_from_string(fits_section, fits_convention=True)]
    require_ccddata(overscan, "overscan")
    assert overscan is not None
    axis = overscan_axis
    if axis is None:
        axis = 0 if overscan.shape[1] > overscan.shape[0] else 1
    levels = np.atleast_1d(_levels(overscan, axis, median))
    if model is not None:
        levels = _fitted(model, levels)
    data = floating(ccd.data)
    across = levels[:, np.newaxis] if axis == 1 else levels[np.newaxis, :]
    result = copied(ccd)
    if not np.isfinite(levels).all():
        raise ValueError(
            f"overscan: {np.count_nonzero(~np.isfinite(levels))} lines have no good value;"
            " a model gives these a level"
        )
    result.data = data - across.astype(data.dtype)
    if result.shape != ccd.shape:
        raise ValueError(f"overscan: {levels.size} levels do not fit a frame of the shape {ccd.shape}")
    return result


def _levels(overscan: CCDData, axis: int, median: bool) -> np.ndarray:
    """Return the median or mean of the good values along an axis; NaN where there is none."""
    values = np.array(overscan.data, np.float64)
    if overscan.mask is not None:
        values[np.broadcast_to(np.asarray(overscan.mask, bool), values.shape)] = np.nan
    values[~np.isfinite(values)] = np.nan
    if not np.isnan(values).any():
        return np.median(values, axis=axis) if median else values.mean(axis=axis)
    good = np.ma.masked_invalid(values)
    found = np.ma.median(good, axis=axis) if median else good.mean(axis=axis)
    return np.ma.filled(found, np.nan)


def _fitted(model: Any, levels: np.ndarray) -> np.ndarray:
    """Return the values of a model that is fitted to the levels that are finite."""
    from astropy.modeling.fitting import LevMarLSQFitter, LinearLSQFitter

    lines = np.arange(levels.size)
    good = np.isfinite(levels)
    fitter = LinearLSQFitter() if model.linear else LevMarLSQFitter()
    return np.asarray(fitter(model, lines[good], levels[good])(lines))


@log_to_metadata
def trim_image(ccd: CCDData, fits_section: str | None = None) -> CCDData:
    """Cut out a section, as a copy; its WCS, mask, uncertainty and flags are cut out too.

    Parameters
    ----------
    ccd : CCDData
        Sliced already, or whole.
    fits_section : str, optional
        Such as "[11:100, :]"; None keeps all.

    Raises
    ------
    TypeError, ValueError
        No CCDData, or no section.

    Examples
    --------
    >>> trim_image(CCDData([[1.0, 2.0, 3.0]], unit="adu"), fits_section="[2:3,:]").data
    array([[2., 3.]])
    """
    require_ccddata(ccd, "ccd")
    if fits_section is None:
        return copied(ccd)
    if not isinstance(fits_section, str):
        raise TypeError(f"fits_section {fits_section!r} must be text, such as '[1:100,:]'")
    return copied(ccd[slice_from_string(fits_section, fits_convention=True)])
