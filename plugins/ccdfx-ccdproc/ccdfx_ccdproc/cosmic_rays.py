"""Cosmic rays of a single frame: by the Laplacian, and by the median around each pixel."""

from __future__ import annotations

import warnings
from numbers import Number
from typing import Any

import numpy as np
from astropy import units
from astropy.nddata import CCDData
from astropy.utils.exceptions import AstropyDeprecationWarning

import ccdfx
from ccdfx_ccdproc.arithmetic import copied, deviations, floating
from ccdfx_ccdproc.cleaning import CLEANERS, cleaned, replaced_by_median
from ccdfx_ccdproc.resampling import median_filter


def cosmicray_lacosmic(
    ccd: Any,
    sigclip: float = 4.5,
    sigfrac: float = 0.3,
    objlim: float = 5.0,
    gain: Any = 1.0,
    readnoise: Any = 6.5,
    satlevel: Any = 65535.0,
    pssl: float = 0.0,
    niter: int = 4,
    sepmed: bool = True,
    cleantype: str = "meanmask",
    fsmode: str = "median",
    psfmodel: str = "gauss",
    psffwhm: float = 2.5,
    psfsize: int = 7,
    psfk: np.ndarray | None = None,
    psfbeta: float = 4.765,
    verbose: bool = False,
    gain_apply: bool = True,
    inbkg: np.ndarray | None = None,
    invar: np.ndarray | None = None,
) -> Any:
    """Find cosmic rays by the Laplacian (L.A.Cosmic, van Dokkum 2001, PASP 113, 1420), and replace them.

    The search is `ccdfx.mask_cosmic_rays`.

    Parameters
    ----------
    ccd : CCDData or array, shape (ny, nx)
        Masked pixels are neither found nor used nor changed.
    sigclip, sigfrac, objlim : float
        Limits of the Laplacian in sigma, of its neighbours as a fraction, and over the fine structure.
    gain, readnoise, satlevel : float or Quantity
        Electrons per unit of the data, electrons, electrons. Pixels at `satlevel` or above, and the stars that
        they are in, hold no rays.
    pssl : float
        A constant sky that was subtracted. Deprecated: use `inbkg`.
    niter : int
        Largest number of passes.
    sepmed : bool
        Medians of rows, then of columns; else of squares.
    cleantype : {"meanmask", "medmask", "median", "idw"}
        What takes the place of a ray: mean or median of the good pixels of 5 x 5, median of all pixels, or a mean
        weighted by 1 / distance of the good ones.
    fsmode : {"median"}
        "convolve" is refused: the fine structure is that of medians alone, and `psfmodel`, `psffwhm`, `psfsize`,
        `psfk` and `psfbeta` describe what it would be convolved with.
    verbose : bool
        Whether to print how many pixels were found.
    gain_apply : bool
        Whether the result is multiplied by the gain, with its uncertainty.
    inbkg : array, optional
        A background that is subtracted for the search and counts for the noise.
    invar : array, optional
        The variance of the data, in their unit squared, instead of that of gain and read noise.

    Returns
    -------
    CCDData, or (array, bool array)
        Without rays, their pixels masked; of an array, the rays beside it.

    Raises
    ------
    TypeError, ValueError
        Neither CCDData nor array; unknown words; units that contradict each other; `pssl` with `inbkg`.
    NotImplementedError
        fsmode="convolve".

    Examples
    --------
    >>> frame = np.full((15, 15), 100.0)
    >>> frame[7, 6:9] = 2000.0
    >>> clean, rays = cosmicray_lacosmic(frame)
    >>> int(rays.sum()), float(clean.max())
    (3, 100.0)
    """
    if not isinstance(ccd, CCDData | np.ndarray):
        raise TypeError("ccd must be a CCDData or an array")
    if cleantype not in CLEANERS:
        raise ValueError(f"cleantype {cleantype!r} must be one of {', '.join(CLEANERS)}")
    if fsmode not in ("median", "convolve"):
        raise ValueError(f"fsmode {fsmode!r} must be median or convolve")
    if fsmode == "convolve":
        if psfk is None and psfmodel not in ("gauss", "moffat", "gaussx", "gaussy"):
            raise ValueError(f"psfmodel {psfmodel!r} must be gauss, moffat, gaussx or gaussy")
        raise NotImplementedError(
            "fsmode='convolve' is not available; fsmode='median' is the default of ccdproc"
        )
    if pssl != 0:
        text = "pssl is deprecated: give the background that was subtracted as inbkg"
        warnings.warn(text, AstropyDeprecationWarning, stacklevel=2)
        if inbkg is not None:
            raise ValueError("pssl and inbkg cannot both be given")
    for name, given in (("inbkg", inbkg), ("invar", invar)):
        if given is not None and np.shape(given) != ccd.shape:
            raise TypeError(f"{name} must be an array of the shape {ccd.shape}")
    factor, noise, saturation = _in_electrons(ccd, gain, readnoise, satlevel)
    values = floating(np.asarray(ccd.data if isinstance(ccd, CCDData) else ccd))
    mask = np.asarray(ccd.mask, bool) if isinstance(ccd, CCDData) and ccd.mask is not None else None
    found = _search(values * factor + pssl * factor, mask, noise, saturation, inbkg, invar, factor, niter, sepmed,
                    (sigclip, sigfrac, objlim))  # fmt: skip
    if verbose:
        print(f"{np.count_nonzero(found)} pixels of cosmic rays")
    clean = cleaned(values, found, mask, cleantype)
    multiple = factor if gain_apply else 1.0
    if not isinstance(ccd, CCDData):
        return clean * multiple, found
    result = copied(ccd)
    result.data = clean * clean.dtype.type(multiple)
    result.mask = found if mask is None else found | mask
    if gain_apply:
        if isinstance(gain, units.Quantity) and ccd.unit == units.adu:
            result.unit = ccd.unit * gain.unit
        elif ccd.unit == units.adu:
            result.unit = units.electron
        if result.uncertainty is not None and multiple != 1:
            power = {"var": 2, "ivar": -2}.get(result.uncertainty.uncertainty_type, 1)
            result.uncertainty.array = result.uncertainty.array * multiple**power
    return result


def _in_electrons(ccd: Any, gain: Any, readnoise: Any, satlevel: Any) -> tuple[float, float, float]:
    """Return gain, read noise and saturation as numbers; refuse units that contradict each other."""
    values = [
        item.value if isinstance(item, units.Quantity) else item for item in (gain, readnoise, satlevel)
    ]
    factor, noise, saturation = (float(value) for value in values)
    if not isinstance(ccd, CCDData):
        return factor, noise, saturation
    if ccd.unit == units.electron:
        if factor != 1.0:
            text = "Image unit is electron, and the gain is not 1: the gain may be applied twice"
            warnings.warn(text, UserWarning, stacklevel=3)
    elif isinstance(gain, units.Quantity):
        made = gain.unit * ccd.unit
        read = readnoise.unit if isinstance(readnoise, units.Quantity) else made
        if made != read:
            raise ValueError(f"Inconsistent units: gain ({gain.unit}), data ({ccd.unit}), readnoise ({read})")
    return factor, noise, saturation


def _search(
    electrons: np.ndarray,
    mask: np.ndarray | None,
    readnoise: float,
    saturation: float,
    background: np.ndarray | None,
    variance: np.ndarray | None,
    gain: float,
    passes: int,
    separable: bool,
    limits: tuple[float, float, float],
) -> np.ndarray:
    """Return where the rays are."""
    if variance is not None:
        known = np.asarray(variance, electrons.dtype) * gain**2
    else:
        known = np.maximum(electrons, 0) + readnoise**2
    if background is not None:
        electrons = electrons - np.asarray(background, electrons.dtype) * gain
    image = ccdfx.Image(electrons, mask=mask, variance=known)
    level = saturation if background is None else None
    if level is not None and level > 0:
        image = ccdfx.mask_saturated(image, saturation=level)
    elif background is not None:
        full = electrons + np.asarray(background, electrons.dtype) * gain >= saturation
        flags = np.where(full, int(ccdfx.Flag.SATURATED), 0).astype(np.uint8)
        image = image.replace(mask=flags if image.mask is None else image.mask | flags)
    found = ccdfx.mask_cosmic_rays(
        image,
        sigma_limit=limits[0],
        neighbour_fraction=limits[1],
        object_limit=limits[2],
        iterations=passes,
        medians="separable" if separable else "exact",
    )
    assert found.mask is not None
    return (found.mask & int(ccdfx.Flag.COSMIC_RAY)) != 0


def cosmicray_median(
    ccd: Any, error_image: Any = None, thresh: float = 5, mbox: int = 11, gbox: int = 0, rbox: int = 0
) -> Any:
    """Find cosmic rays as pixels above the median around them.

    A ray is where x - median > thresh * error.

    Parameters
    ----------
    ccd : CCDData, array or masked array, shape (ny, nx)
    error_image : float or array, optional
        Of a CCDData its uncertainty by default; else the standard deviation of the good values.
    thresh : float
        In errors.
    mbox : int
        Width of the window of the median.
    gbox : int
        Width of the square that each ray grows to; 0 does not grow.
    rbox : int
        Width of the window whose median replaces rays; 0 replaces none.

    Returns
    -------
    CCDData, or (array, bool array)
        Rays are masked; of an array, the rays beside it.

    Raises
    ------
    TypeError, ValueError
        Neither CCDData nor array, or an error of another kind or shape.

    Examples
    --------
    >>> frame = np.full((15, 15), 100.0)
    >>> frame[7, 7] = 500.0
    >>> clean, rays = cosmicray_median(frame, error_image=10.0, rbox=5)
    >>> int(rays.sum()), float(clean.max())
    (1, 100.0)
    """
    if isinstance(ccd, CCDData):
        if error_image is None and ccd.uncertainty is not None:
            error_image = deviations(ccd)
        mask = None if ccd.mask is None else np.asarray(ccd.mask, bool)
        values, found = _by_median(np.asarray(ccd.data), mask, error_image, thresh, mbox, gbox, rbox)
        result = copied(ccd)
        result.data = values
        result.mask = found if mask is None else found | mask
        return result
    if not isinstance(ccd, np.ndarray):
        raise TypeError("ccd must be a CCDData or an array")
    return _by_median(np.asarray(ccd), None, error_image, thresh, mbox, gbox, rbox)


def _by_median(
    data: np.ndarray, mask: np.ndarray | None, error: Any, thresh: float, mbox: int, gbox: int, rbox: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the values, with rays replaced if `rbox` is not 0, and where the rays are."""
    from scipy.ndimage import maximum_filter

    values = floating(data)
    if error is None:
        good = np.isfinite(values) if mask is None else np.isfinite(values) & ~mask
        error = values.std() if good.all() else values[good].std()
    elif not isinstance(error, Number | np.ndarray) or isinstance(error, str):
        raise TypeError("error_image must be a number or an array")
    if np.ndim(error) and np.shape(error) != values.shape:
        raise ValueError(f"error_image has the shape {np.shape(error)}, and the image {values.shape}")
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (values - median_filter(values, size=mbox)) / error > thresh
    if mask is not None:
        found &= ~mask
    if gbox > 0:
        found = maximum_filter(found, gbox)
    if rbox > 0:
        bad = found if mask is None else found | mask
        return replaced_by_median(values, found, bad, rbox), found
    return np.array(data), found
