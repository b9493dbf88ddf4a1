"""The usual steps of one frame, in order."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units
from astropy.nddata import CCDData

from ccdfx_ccdproc.arithmetic import copied, joined, require_ccddata
from ccdfx_ccdproc.calibration import (
    create_deviation,
    flat_correct,
    gain_correct,
    subtract_bias,
    subtract_dark,
)
from ccdfx_ccdproc.log_meta import log_to_metadata
from ccdfx_ccdproc.overscan import subtract_overscan, trim_image
from ccdfx_ccdproc.sections import slice_from_string


@log_to_metadata
def ccd_process(
    ccd: CCDData,
    oscan: CCDData | str | None = None,
    trim: str | None = None,
    error: bool = False,
    master_bias: CCDData | None = None,
    dark_frame: CCDData | None = None,
    master_flat: CCDData | None = None,
    bad_pixel_mask: np.ndarray | None = None,
    gain: Any = None,
    readnoise: Any = None,
    oscan_median: bool = True,
    oscan_model: Any = None,
    min_value: float | None = None,
    dark_exposure: Any = None,
    data_exposure: Any = None,
    exposure_key: Any = None,
    exposure_unit: Any = None,
    dark_scale: bool = False,
    gain_corrected: bool = True,
) -> CCDData:
    """Calibrate a raw frame: overscan, trim, deviation, mask, gain, bias, dark, flat.

    Parameters
    ----------
    ccd : CCDData
    oscan : CCDData or str, optional
        The part with the overscan, or its section in the convention of FITS: a level for each row, or for each
        column where it does not have the height of the frame.
    trim : str, optional
        Section that is kept.
    error : bool
        Whether to make the uncertainty from `gain` and `readnoise`.
    master_bias, dark_frame, master_flat : CCDData, optional
        After `gain_correct` if `gain_corrected`; else the gain comes last.
    bad_pixel_mask : ndarray, optional
        Not 0 where a pixel is bad; the mask of the frame stays.
    gain, readnoise : Quantity, optional
    oscan_median, oscan_model
        As `median` and `model` of `subtract_overscan`.
    min_value : float, optional
        As in `flat_correct`.
    dark_exposure, data_exposure, exposure_key, exposure_unit, dark_scale
        As in `subtract_dark`, where `exposure_key` is `exposure_time` and `dark_scale` is `scale`.
    gain_corrected : bool

    Raises
    ------
    TypeError, ValueError, KeyError, astropy.units.UnitsError
        As the steps do.

    Examples
    --------
    >>> frame = CCDData([[3.0, 3.0, 10.0]], unit="adu")
    >>> ccd_process(frame, oscan="[1:2,:]", trim="[3:3,:]", gain=2 * units.electron / units.adu)
    CCDData([[14.]], unit='electron')
    """
    require_ccddata(ccd, "ccd")
    for name, given in (
        ("master_bias", master_bias),
        ("dark_frame", dark_frame),
        ("master_flat", master_flat),
    ):
        if given is not None:
            require_ccddata(given, name)
    if gain is not None and error is False and not isinstance(gain, units.Quantity):
        raise TypeError(f"gain {gain!r} must be a Quantity, such as 2 * u.electron / u.adu")
    frame = ccd
    if oscan is not None:
        if not isinstance(oscan, str | CCDData):
            raise TypeError(f"oscan {oscan!r} must be a section as text, or a CCDData")
        part = ccd[slice_from_string(oscan, fits_convention=True)] if isinstance(oscan, str) else oscan
        axis = 0 if part.shape[0] != ccd.shape[0] and part.shape[-1] == ccd.shape[-1] else 1
        levels = {"overscan_axis": axis, "median": oscan_median, "model": oscan_model}
        frame = subtract_overscan(frame, overscan=part, **levels)
    if trim is not None:
        if not isinstance(trim, str):
            raise TypeError(f"trim {trim!r} must be a section as text")
        frame = trim_image(frame, fits_section=trim)
    if error:
        if gain is None or readnoise is None:
            raise ValueError("error=True needs gain and readnoise")
        frame = create_deviation(frame, gain=gain, readnoise=readnoise)
    if bad_pixel_mask is not None:
        if not isinstance(bad_pixel_mask, np.ndarray):
            raise TypeError("bad_pixel_mask must be a numpy array")
        frame = copied(frame) if frame is ccd else frame
        frame.mask = joined(frame.mask, bad_pixel_mask.astype(bool))
    if gain is not None and gain_corrected:
        frame = gain_correct(frame, gain)
    if master_bias is not None:
        frame = subtract_bias(frame, master_bias)
    if dark_frame is not None:
        times = {"dark_exposure": dark_exposure, "data_exposure": data_exposure}
        by_key = {"exposure_time": exposure_key, "exposure_unit": exposure_unit}
        frame = subtract_dark(frame, dark_frame, **times, **by_key, scale=dark_scale)
    if master_flat is not None:
        frame = flat_correct(frame, master_flat, min_value=min_value)
    if gain is not None and not gain_corrected:
        frame = gain_correct(frame, gain)
    return copied(ccd) if frame is ccd else frame
