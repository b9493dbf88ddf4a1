"""Pixels and columns that deviate from their surroundings, as IRAF's ccdmask finds them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ccdfx.engines import map_here
from ccdfx.errors import ArgumentError
from ccdfx.kernels.compile.kernel import PassedKernel
from ccdfx.kernels.defects.column_sums import LINES, flag_lines
from ccdfx.kernels.defects.medians import window_medians, window_sorter
from ccdfx.kernels.defects.paired_medians import LARGEST_PAIRED_BOX, paired_medians, paired_sorter
from ccdfx.kernels.image.bad_pixels import filled, flagged_places
from ccdfx.kernels.image.block_ranks import block_ranks, outside_blocks
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
_STRIPS = 8  # of lines, of a tile


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

    See Also
    --------
    find_bad_pixels, mask_from

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
    sigma = block_sigmas(image.array, good, sigma_box).plane(residual.dtype)
    return deviant(residual, sigma, good, low=lower, high=upper, gap=gap)


@dataclass(frozen=True, slots=True, eq=False)
class BlockSigmas:
    """The standard deviation in each block of an image.

    Parameters
    ----------
    values : float array (rows, columns)
        0 everywhere where no block has scatter.
    box : (int, int)
        Height and width of a block. Pixels beyond the last whole block have the sigma of that block.
    shape : (int, int)
        Of the image.
    """

    values: np.ndarray
    box: tuple[int, int]
    shape: tuple[int, int]

    def plane(self, dtype: np.dtype | type = np.float64) -> np.ndarray:
        """Return one value a pixel."""
        return self.rows(0, self.shape[0], dtype)

    def rows(self, first: int, last: int, dtype: np.dtype | type = np.float32) -> np.ndarray:
        """Return one value a pixel of some rows."""
        columns = self._column(np.arange(self.shape[1]))
        return self.values.astype(dtype)[:, columns][self._row(np.arange(first, last))]

    def at(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the values at places."""
        return self.values[self._row(y), self._column(x)]

    def median(self) -> float:
        """Compute the median over the pixels."""
        weights = [
            np.bincount(place(np.arange(length)), minlength=number)
            for place, length, number in zip(
                (self._row, self._column), self.shape, self.values.shape, strict=True
            )
        ]
        order = np.argsort(self.values, axis=None)
        pixels = np.cumsum(np.outer(*weights).ravel()[order])
        middle = np.searchsorted(pixels, [(pixels[-1] + 1) // 2, pixels[-1] // 2 + 1])
        return float(np.mean(self.values.ravel()[order[middle]]))

    def _row(self, y: np.ndarray) -> np.ndarray:
        return np.minimum(y // self.box[0], self.values.shape[0] - 1)

    def _column(self, x: np.ndarray) -> np.ndarray:
        return np.minimum(x // self.box[1], self.values.shape[1] - 1)


def residual_of(values: np.ndarray, good: np.ndarray, box: int = MEDIAN_BOX) -> np.ndarray:
    """Subtract from each value the median of the box around it, in which bad pixels are filled.

    At the edges the box is moved inwards. The result is float32, or float64 for wide values.
    """
    require_box(values.shape, box)
    plane = filled(values.astype(working_dtype(values), copy=True), good)
    half = box // 2
    out = np.empty_like(plane)
    inner = out[half : out.shape[0] - half, half : out.shape[1] - half]
    paired = box <= LARGEST_PAIRED_BOX
    kind = plane.dtype
    sort = paired_sorter(kind.str[1:], box) if paired else window_sorter(kind, box * box)
    work = partial(_median_rows, plane, box, sort, paired, inner)
    for _ in map_here(work, range(0, len(inner), _ROWS)):
        pass
    out[:, :half], out[:, -half:] = out[:, half : half + 1], out[:, -half - 1 : -half]
    out[:half], out[-half:] = out[half], out[-half - 1]
    return np.subtract(plane, out, out=out)


def require_box(shape: tuple[int, int], box: int) -> None:
    """Raise an error where a box does not fit into an image."""
    if min(shape) < box:
        rule = f"must have at least {box} x {box} pixels"
        raise ArgumentError("image", rule, value=shape, remedy="give a larger image, or a smaller box")


def _median_rows(
    plane: np.ndarray, box: int, sort: PassedKernel, paired: bool, out: np.ndarray, first: int
) -> None:
    last = min(first + _ROWS, len(out))
    part = plane[first : last + box - 1]
    if paired:
        paired_medians(part, box, sort, out[first:last])
    else:
        window_medians(part, box, box, sort, out[first:last])


def block_sigmas(values: np.ndarray, good: np.ndarray, box: int = SIGMA_BOX) -> BlockSigmas:
    """Measure the standard deviation in blocks, from two percentiles of their good pixels.

    A block without scatter has the median of the others, and integers at least the sigma of their rounding.
    """
    size = min(box, values.shape[0]), min(box, values.shape[1])
    low, high, count = block_ranks(values, good, size, _PERCENTILES)
    enough = 2 * count >= size[0] * size[1]  # half of a block
    sigma = np.where(enough, high, 0).astype(np.float64) - np.where(enough, low, 0).astype(np.float64)
    floor = ROUNDING if values.dtype.kind in "iu" else 0.0
    positive = sigma[sigma > 0]
    usual = float(np.median(positive)) if positive.size else 0.0
    return BlockSigmas(np.maximum(np.where(sigma > 0, sigma, usual), floor), size, values.shape)


def beyond(residual: np.ndarray, good: np.ndarray, sigmas: BlockSigmas, limit: float) -> np.ndarray:
    """Return the places, counted row by row, of good pixels whose residuals are further from 0 than a limit in sigma."""
    out = np.empty(residual.shape, bool)
    outside_blocks(residual, good, sigmas.values * limit, *sigmas.box, out)
    return flagged_places(out, 1)


def deviant(
    residual: np.ndarray,
    sigma: np.ndarray,
    good: np.ndarray,
    *,
    low: float,
    high: float,
    gap: int = GAP,
    unit: float = 1.0,
    columns: bool = True,
) -> np.ndarray:
    """Find the good pixels and the runs of columns, or of rows, whose residuals are too far from 0 (bool array).

    Residuals are in the `unit`, sigma is not.
    """
    out = np.zeros(residual.shape, bool)
    work = partial(_flag, residual, unit, sigma, good, columns, low, high, gap, out)
    for _ in map_here(work, range(0, residual.shape[1 if columns else 0], _STRIPS * LINES)):
        pass
    return out


def _flag(
    residual: np.ndarray,
    unit: float,
    sigma: np.ndarray,
    good: np.ndarray,
    columns: bool,
    low: float,
    high: float,
    gap: int,
    out: np.ndarray,
    first: int,
) -> None:
    last = min(first + _STRIPS * LINES, residual.shape[1 if columns else 0])
    flag_lines(residual, unit, sigma, good, columns, low, high, gap, first, last, out)
