"""Frames on other pixels: projected, transformed, in blocks; and filtered."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from astropy import nddata
from astropy.nddata import CCDData
from astropy.utils.exceptions import AstropyDeprecationWarning

import ccdfx
from ccdfx_ccdproc.arithmetic import copied, made_of, require_ccddata
from ccdfx_ccdproc.log_meta import log_to_metadata

SIZES = range(3, 16, 2)
"""The windows of which ccdfx takes medians."""


def median_filter(data: Any, *args: Any, **kwargs: Any) -> Any:
    """Replace each pixel by the median of the window around it; arguments are those of `scipy.ndimage.median_filter`.

    Square windows of odd size up to 15 with reflected edges are computed by ccdfx, which leaves out values that are
    not finite; others by scipy.

    Parameters
    ----------
    data : CCDData or array
        Of a CCDData, unit and metadata are kept, and nothing else.

    Examples
    --------
    >>> median_filter(np.eye(3), size=3)
    array([[1., 0., 0.],
           [0., 0., 0.],
           [0., 0., 1.]])
    """
    if isinstance(data, CCDData):
        result = CCDData(_median(np.asarray(data.data), *args, **kwargs), unit=data.unit)
        result.meta = deepcopy(data.meta)
        return result
    return _median(np.asarray(data), *args, **kwargs)


def _median(values: np.ndarray, *args: Any, **kwargs: Any) -> np.ndarray:
    from scipy.ndimage import median_filter as filtered

    size = args[0] if len(args) == 1 else kwargs.get("size")
    if isinstance(size, tuple) and len(set(size)) == 1:
        size = size[0]
    plain = len(args) + len(kwargs) == 1 and values.ndim == 2 and values.dtype.kind in "fiu"
    if not (plain and isinstance(size, int | np.integer) and size in SIZES):
        return filtered(values, *args, **kwargs)
    found = np.asarray(ccdfx.median_filter(ccdfx.Image(values), size=int(size)).array)
    return found.astype(values.dtype)


@log_to_metadata
def transform_image(ccd: CCDData, transform_func: Callable[..., Any], **kwargs: Any) -> CCDData:
    """Transform values, mask and uncertainty with one function.

    Parameters
    ----------
    ccd : CCDData
    transform_func : function
        Called with an array and `kwargs`: a geometric transformation, such as `scipy.ndimage.shift`. A pixel is
        masked where what it makes of the mask is above 0.

    Raises
    ------
    TypeError
        No CCDData, or no function.

    Examples
    --------
    >>> transform_image(CCDData([[1.0, 2.0]], unit="adu"), np.fliplr).data
    array([[2., 1.]])
    """
    require_ccddata(ccd, "ccd")
    if not callable(transform_func):
        raise TypeError("transform_func is not callable")
    if ccd.wcs is not None:
        text = "the image is transformed, and its WCS is not: WCS information may be incorrect"
        warnings.warn(text, UserWarning, stacklevel=3)
    result = copied(ccd)
    result.data = transform_func(ccd.data, **kwargs)
    if ccd.uncertainty is not None:
        result.uncertainty.array = transform_func(ccd.uncertainty.array, **kwargs)
    if ccd.mask is not None:
        result.mask = transform_func(np.asarray(ccd.mask), **kwargs) > 0
    return result


@log_to_metadata
def wcs_project(
    ccd: CCDData, target_wcs: Any, target_shape: Sequence[int] | None = None, order: str = "bilinear"
) -> CCDData:
    """Reproject a frame to another WCS, by `reproject.reproject_interp`.

    Values are counts a pixel: they are multiplied by the area of a pixel of the target in pixels of the frame.

    Parameters
    ----------
    ccd : CCDData
        With a celestial WCS. Its uncertainty and flags are left out.
    target_wcs : astropy.wcs.WCS
    target_shape : (ny, nx), optional
        By default that of the frame.
    order : {"bilinear", "nearest-neighbor", "biquadratic", "bicubic"}

    Returns
    -------
    CCDData
        NaN and masked outside the frame; masked where a masked pixel contributes.

    Raises
    ------
    ImportError
        The package reproject is missing.
    TypeError, ValueError
        No CCDData, or no WCS.
    """
    try:
        from reproject import reproject_interp
    except ImportError as error:
        raise ImportError(
            "wcs_project needs the package reproject: pip install 'ccdfx-ccdproc[wcs]'"
        ) from error
    from astropy.wcs.utils import proj_plane_pixel_area

    require_ccddata(ccd, "ccd")
    if ccd.wcs is None or target_wcs is None or not (ccd.wcs.is_celestial and target_wcs.is_celestial):
        raise ValueError("wcs_project needs a celestial WCS of the image and of the target")
    shape = tuple(ccd.shape if target_shape is None else target_shape)
    masked = ccd.mask is not None and bool(np.any(ccd.mask))
    planes = np.empty((1 + masked, *ccd.shape))  # projected together, as the positions take most of the time
    planes[0] = ccd.data
    if masked:
        planes[1] = ccd.mask
    found, _ = reproject_interp((planes, ccd.wcs), target_wcs, shape_out=shape, order=order)
    area = proj_plane_pixel_area(target_wcs.celestial) / proj_plane_pixel_area(ccd.wcs.celestial)
    outside = np.isnan(found[0])
    if masked:
        with np.errstate(invalid="ignore"):
            outside |= np.abs(found[1]) > 1e-6
    result = made_of(ccd, found[0] * area, mask=outside)
    for key in set(ccd.wcs.to_header()) & set(result.meta):
        del result.meta[key]
    result.wcs = target_wcs
    return result


def block_reduce(ccd: Any, block_size: Any, func: Callable[..., Any] = np.sum) -> Any:
    """Combine blocks of pixels by a function; see `astropy.nddata.block_reduce`.

    Of a CCDData, unit and metadata are kept; mask, uncertainty and WCS are left out.

    Examples
    --------
    >>> block_reduce(np.arange(16).reshape(4, 4), 2)
    array([[10, 18],
           [42, 50]])
    """
    return _in_blocks(ccd, nddata.block_reduce, block_size, func)


def block_average(ccd: Any, block_size: Any) -> Any:
    """Average blocks of pixels, as `block_reduce` with `numpy.mean`."""
    return _in_blocks(ccd, nddata.block_reduce, block_size, np.mean)


def block_replicate(ccd: Any, block_size: Any, conserve_sum: bool = True) -> Any:
    """Replace each pixel by a block; see `astropy.nddata.block_replicate`.

    Of a CCDData, unit and metadata are kept; mask, uncertainty and WCS are left out.
    """
    return _in_blocks(ccd, nddata.block_replicate, block_size, conserve_sum)


def _in_blocks(ccd: Any, function: Callable[..., Any], *args: Any) -> Any:
    """Apply a function of astropy to the values; warn of what is left out."""
    if not isinstance(ccd, CCDData):
        return function(ccd, *args)
    lost = [name for name in ("mask", "uncertainty", "wcs", "flags") if getattr(ccd, name) is not None]
    if lost:
        from astropy.utils.exceptions import AstropyUserWarning

        text = f"The following attributes were set on the data object, but will be ignored: {', '.join(lost)}"
        warnings.warn(text, AstropyUserWarning, stacklevel=3)
    result = CCDData(function(np.asarray(ccd.data), *args), unit=ccd.unit)
    result.meta = deepcopy(ccd.meta)
    return result


def rebin(ccd: Any, newshape: Sequence[int]) -> Any:
    """Take the nearest pixels for an array of another shape. Deprecated: use `block_reduce` or `block_replicate`.

    Parameters
    ----------
    ccd : CCDData or array
        Mask and uncertainty are taken in the same way; they are not those of combined pixels.
    newshape : tuple of int

    Raises
    ------
    TypeError, ValueError
        Neither CCDData nor array, or another number of axes.
    """
    text = "rebin is deprecated: use block_reduce or block_replicate"
    warnings.warn(text, AstropyDeprecationWarning, stacklevel=2)
    if not isinstance(ccd, CCDData | np.ndarray):
        raise TypeError("ccd must be a CCDData or an array")
    if len(ccd.shape) != len(newshape):
        raise ValueError(f"newshape {tuple(newshape)} must have {len(ccd.shape)} numbers")
    indices = np.ix_(*(np.arange(new) * old // new for old, new in zip(ccd.shape, newshape, strict=True)))
    if isinstance(ccd, np.ndarray):
        return ccd[indices]
    error = (
        None if ccd.uncertainty is None else type(ccd.uncertainty)(np.asarray(ccd.uncertainty.array)[indices])
    )
    mask = None if ccd.mask is None else np.asarray(ccd.mask)[indices]
    result = CCDData(ccd.data[indices], unit=ccd.unit, mask=mask, uncertainty=error)
    result.meta = deepcopy(ccd.meta)
    return result
