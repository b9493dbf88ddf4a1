"""Pixels and columns that deviate from their surroundings, as IRAF's ccdmask finds them."""

from __future__ import annotations

from functools import partial

import numpy as np

from ccdfx.engines import map_here
from ccdfx.errors import ArgumentError
from ccdfx.kernels.compile.kernel import PassedKernel
from ccdfx.kernels.image.bad_pixels import filled
from ccdfx.kernels.image.column_sums import close_gaps, flag_sums
from ccdfx.kernels.image.medians import window_medians, window_sorter
from ccdfx.records.checks import real, whole
from ccdfx.records.image import ImageLike, as_image
from ccdfx.records.planes import working_dtype

MEDIAN_BOX, SIGMA_BOX, GAP = 7, 15, 5
LIMIT = 6.0
LARGEST_BOX = 15
# Percentiles half a sigma below and above the median of a normal distribution: their difference is sigma.
_PERCENTILES = (30.9, 69.1)
ROUNDING = 12**-0.5
"""Standard deviation of the rounding to integers."""
_ROWS = 128  # of a tile
_ALIKE = 3.0  # sigma
_LONG = 16  # pixels: shorter runs are single defects beside each other


def find_deviant(
    image: ImageLike,
    *,
    low: float = LIMIT,
    high: float = LIMIT,
    median_box: int = MEDIAN_BOX,
    sigma_box: int = SIGMA_BOX,
    gap: int = GAP,
) -> np.ndarray:
    """Find the pixels, and the parts of columns, that deviate from the median of their surroundings.

    It is meant for the ratio of two flats of different level, in which only what no flat corrects is left.
    Stars are found too: see `find_bad_pixels` for frames of the sky.

    Parameters
    ----------
    image : Image or 2-D array
    low, high : float
        Multiples of the local standard deviation below and above the local median; above zero.
    median_box : int
        Side of the square of the local median, odd, 3 to 15: at least twice the width of a defect, and one.
    sigma_box : int
        Side of the blocks in which the standard deviation is measured, at least 10.
    gap : int
        Fewer good pixels than this between bad ones of a column are bad too.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        Flagged and non-finite pixels are neither used nor found. The variance is not used.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        A limit is not positive, a box not allowed, or the image smaller than the box of the median.

    Notes
    -----
    The algorithm is that of the task ccdmask of IRAF (Valdes 1996, noao.imred.ccdred). The residual of a pixel is
    its value less the median of the box, which is moved inwards at the edges. Sigma is the difference of the
    percentiles 69.1 and 30.9 of the values in each block. Single pixels are compared with the limits first,
    then the sums of all runs of 2, 3 ... 10, 20, 40 ... pixels of a column, without those found before,
    against the limit times the root of the summed variances. Pixels beyond the last whole block have the sigma
    of that block; IRAF leaves out a block that ends at the last column as well. Integers have at least the
    sigma of their rounding, and a block without scatter the median of the others.

    Examples
    --------
    >>> import numpy as np
    >>> ratio = np.random.default_rng(1).normal(1.0, 0.01, (90, 90))
    >>> ratio[:, 40] -= 0.02  # two sigma
    >>> found = find_deviant(ratio)
    >>> int(found[:, 40].sum()), int(found.sum())
    (90, 90)
    """
    image = as_image(image)
    lower = real("low", low, above=0, remedy="give sigmas, such as 6")
    upper = real("high", high, above=0, remedy="give sigmas, such as 6")
    median_box = whole("median_box", median_box, least=3, remedy="give an odd number of pixels, such as 7")
    if median_box % 2 == 0 or median_box > LARGEST_BOX:
        rule = f"must be odd and at most {LARGEST_BOX}"
        raise ArgumentError("median_box", rule, value=median_box, remedy="give such as 7")
    sigma_box = whole("sigma_box", sigma_box, least=10, remedy="give pixels, such as 15")
    gap = whole("gap", gap, least=1, remedy="give pixels, such as 5")
    good = image.good
    residual = residual_of(image.array, good, median_box)
    sigma = block_sigma(image.array, good, sigma_box)
    return deviant(residual, sigma, good, low=lower, high=upper, gap=gap)


def residual_of(values: np.ndarray, good: np.ndarray, box: int = MEDIAN_BOX) -> np.ndarray:
    """Subtract from each value the median of the box around it, in which bad pixels are filled; float64.

    At the edges the box is moved inwards.
    """
    ny, nx = values.shape
    if min(ny, nx) < box:
        rule = f"must have at least {box} x {box} pixels"
        raise ArgumentError("image", rule, value=values.shape, remedy="give a larger image, or a smaller box")
    plane = filled(values.astype(working_dtype(values), copy=True), good)
    inner = np.empty((ny - box + 1, nx - box + 1), plane.dtype)
    work = partial(_median_rows, plane, box, window_sorter(plane.dtype, box * box), inner)
    for _ in map_here(work, range(0, len(inner), _ROWS)):
        pass
    return plane.astype(np.float64) - np.pad(inner, box // 2, mode="edge")


def _median_rows(plane: np.ndarray, box: int, sort: PassedKernel, out: np.ndarray, first: int) -> None:
    last = min(first + _ROWS, len(out))
    window_medians(plane[first : last + box - 1], box, box, sort, out[first:last])


def block_sigma(values: np.ndarray, good: np.ndarray, box: int = SIGMA_BOX) -> np.ndarray:
    """Measure the standard deviation in blocks, from two percentiles of their good pixels; one value a pixel.

    0 everywhere where no block has scatter.
    """
    ny, nx = values.shape
    size_y, size_x = min(box, ny), min(box, nx)
    rows, columns = ny // size_y, nx // size_x
    cut = slice(0, rows * size_y), slice(0, columns * size_x)
    known = np.where(good[cut], values[cut], np.inf).astype(np.float64)
    blocks = known.reshape(rows, size_y, columns, size_x).swapaxes(1, 2).reshape(rows * columns, -1)
    blocks = np.sort(blocks, axis=1)
    count = np.sum(np.isfinite(blocks), axis=1)
    ranks = [np.floor(percent * count / 100 - 0.5).astype(int) for percent in _PERCENTILES]
    low, high = (blocks[np.arange(len(blocks)), np.clip(rank, 0, blocks.shape[1] - 1)] for rank in ranks)
    enough = 2 * count >= blocks.shape[1]  # half of a block
    sigma = np.where(enough, high, 0.0) - np.where(enough, low, 0.0)
    floor = ROUNDING if values.dtype.kind in "iu" else 0.0
    positive = sigma[sigma > 0]
    usual = float(np.median(positive)) if positive.size else 0.0
    sigma = np.maximum(np.where(sigma > 0, sigma, usual), floor).reshape(rows, columns)
    sigma = np.repeat(np.repeat(sigma, size_y, axis=0), size_x, axis=1)
    return np.pad(sigma, [(0, ny - sigma.shape[0]), (0, nx - sigma.shape[1])], mode="edge")


def deviant(
    residual: np.ndarray, sigma: np.ndarray, good: np.ndarray, *, low: float, high: float, gap: int = GAP
) -> np.ndarray:
    """Find the good pixels and the runs of columns whose residuals are too far from 0 (bool array)."""
    usable = good & (sigma > 0)
    with np.errstate(invalid="ignore"):
        bad = usable & ((residual < -low * sigma) | (residual > high * sigma))
    # Columns become rows, and pixels that are not used have neither a residual nor a variance.
    columns = np.ascontiguousarray(bad.T)
    values = np.ascontiguousarray(np.where(usable, residual, 0.0).T)
    variance = np.ascontiguousarray(np.where(usable, sigma**2, 0.0).T)
    flag_sums(values, variance, low, high, columns)
    close_gaps(columns, gap)
    return np.ascontiguousarray(columns.T) & good


def extended(long: np.ndarray, residual: np.ndarray, sigma: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Extend long runs over the pixels between them and beside them that deviate alike (bool array).

    Short sums are less significant than long ones, so that parts of a weak column stay unfound. A part that is
    shorter than what was found in its column is added if its sum deviates by 3 sigma to the same side.
    """
    out = long.copy()
    for x in np.flatnonzero(long.any(axis=0)):
        here, usable = long[:, x], good[:, x] & (sigma[:, x] > 0)
        side = np.sign(np.sum(residual[here, x]))
        edges = np.flatnonzero(np.diff(np.concatenate([[True], here, [True]]).astype(np.int8)))
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            part = np.arange(first, last)[usable[first:last]]
            error = np.sqrt(np.sum(sigma[part, x] ** 2))
            if 0 < part.size < here.sum() and side * np.sum(residual[part, x]) > _ALIKE * error:
                out[part, x] = True
    return out


def long_runs(bad: np.ndarray) -> np.ndarray:
    """Return which bad pixels are part of a run of 16 or more along their column (bool array)."""
    from scipy.ndimage import binary_opening

    return binary_opening(bad, np.ones((min(_LONG, len(bad)), 1), bool))
