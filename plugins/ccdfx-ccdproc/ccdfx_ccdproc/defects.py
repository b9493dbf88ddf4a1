"""Bad pixels: from the ratio of two flats, and from bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.nddata import CCDData

from ccdfx_ccdproc.resampling import median_filter

_RANKS = (30.9, 69.1)  # per cent: half a standard deviation below and above the mean of normal values


def bitfield_to_boolean_mask(bitfield: np.ndarray, ignore_bits: Any = 0, flip_bits: Any = None) -> np.ndarray:
    """Convert bits that flag pixels to a mask: True where any bit that is not ignored is set.

    Parameters
    ----------
    bitfield : array of integers
    ignore_bits : int, sequence of int, str or None
        Sum or list of bits; text such as "1, 4", or "~(1, 4)" for all others; None ignores all.
    flip_bits : bool, optional
        Whether `ignore_bits` are the only ones that count.

    Examples
    --------
    >>> bitfield_to_boolean_mask(np.arange(4), ignore_bits=1)
    array([False, False,  True,  True])
    """
    from astropy.nddata.bitmask import bitfield_to_boolean_mask as convert

    return convert(bitfield, ignore_bits, flip_bits=flip_bits, good_mask_value=False, dtype=bool)


def ccdmask(
    ratio: CCDData,
    findbadcolumns: bool = False,
    byblocks: bool = False,
    ncmed: int = 7,
    nlmed: int = 7,
    ncsig: int = 15,
    nlsig: int = 15,
    lsigma: float = 9,
    hsigma: float = 9,
    ngood: int = 5,
) -> np.ndarray:
    """Find bad pixels in the ratio of two flats of different levels, as the task ccdmask of IRAF.

    The residual is the ratio less its moving median; sigma is half the difference between the values at 30.9 and
    69.1 per cent of the residuals nearby, as IRAF takes it: half the standard deviation of normal values. Pixels are
    bad below -lsigma and above hsigma times sigma, where they are masked, and where they are not finite.

    Parameters
    ----------
    ratio : CCDData, shape (ny, nx)
    findbadcolumns : bool
        Whether to fill gaps in columns.
    byblocks : bool
        Sigma of blocks instead of the window around each pixel.
    ncmed, nlmed : int
        Columns and lines of the window of the median.
    ncsig, nlsig : int
        Those of the window, or block, of sigma.
    lsigma, hsigma : float
    ngood : int
        Pixels between two bad ones of a column are bad too if they are fewer than this.

    Raises
    ------
    ValueError
        No image of two axes.

    Returns
    -------
    bool array, shape (ny, nx)

    Examples
    --------
    >>> values = np.random.default_rng(1).normal(1, 0.01, (40, 50))
    >>> values[20, 30] = 2
    >>> np.argwhere(ccdmask(CCDData(values, unit=""))).tolist()
    [[20, 30]]
    """
    if not isinstance(ratio, CCDData):
        raise ValueError("ratio must be a CCDData")
    if ratio.ndim != 2:
        raise ValueError(f"ratio must have 2 axes, and has {ratio.ndim}")
    bad = np.zeros(ratio.shape, bool) if ratio.mask is None else np.array(ratio.mask, bool)
    bad |= ~np.isfinite(ratio.data)
    if bad.all():
        return bad
    values = np.array(ratio.data, np.float64)
    values[bad] = np.median(values[~bad])
    residual = values - median_filter(values, size=(nlmed, ncmed))
    if byblocks:
        sigma = _sigma_of_blocks(residual, nlsig, ncsig)
    else:
        from ccdfx_ccdproc.windows import window_ranks

        low, high = window_ranks(residual, (nlsig, ncsig), _RANKS)
        sigma = 0.5 * (high - low)
    bad |= (residual < -lsigma * sigma) | (residual > hsigma * sigma)
    return _without_gaps(bad, ngood) if findbadcolumns else bad


def _sigma_of_blocks(residual: np.ndarray, height: int, width: int) -> np.ndarray:
    sigma = np.empty_like(residual)
    for y in range(0, residual.shape[0], height):
        for x in range(0, residual.shape[1], width):
            block = np.s_[y : y + height, x : x + width]
            low, high = np.percentile(residual[block], _RANKS)
            sigma[block] = 0.5 * (high - low)
    return sigma


def _without_gaps(bad: np.ndarray, most: int) -> np.ndarray:
    """Return the mask with gaps of fewer than `most` pixels between two bad ones of a column filled."""
    lines = np.arange(len(bad))[:, np.newaxis]
    before = np.maximum.accumulate(np.where(bad, lines, -len(bad) - most), axis=0)
    after = np.minimum.accumulate(np.where(bad, lines, 2 * len(bad) + most)[::-1], axis=0)[::-1]
    return bad | (after - before - 1 < most)
