"""Median filter of images."""

from __future__ import annotations

from functools import partial

import numpy as np

from ccdfx.engines import map_here
from ccdfx.errors import ArgumentError
from ccdfx.estimators.order_statistics import median_efficiency
from ccdfx.kernels.compile.kernel import PassedKernel
from ccdfx.kernels.defects.medians import median_rows, window_sorter
from ccdfx.records.checks import whole
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image, ImageLike, adopt, as_image
from ccdfx.records.keywords import without_extremes
from ccdfx.records.planes import working_dtype
from ccdfx.records.wcs import refuse_mosaic

TILE_ROWS = 128
LARGEST = 15


def median_filter(image: ImageLike, *, size: int) -> Image:
    """Replace each pixel by the median of the square window around it.

    Parameters
    ----------
    image : Image or 2-D array
    size : int
        Pixels along a side of the window: odd, 3 to 15.

    Returns
    -------
    Image
        float32, or float64 for wide input. Flagged and non-finite pixels are excluded from the medians; the
        median of an even number of good pixels is the mean of the middle two. The frame is reflected at its
        edges (d c b a | a b c d), as in the mode "reflect" of `scipy.ndimage.median_filter`, whose values
        these are where all pixels are good. The flags stay; a pixel that was unflagged but not finite, or has
        no good pixel in its window, is flagged NO_DATA, and is NaN in the second case. The variance is that
        of the median of n normal values: the mean of the variances in the window, divided by n, times
        `median_efficiency` of n (1.57 for large n). The resulting correlation of neighbouring pixels is not
        recorded.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When `size` is not an odd number from 3 to 15, or the header names a mosaic of colours (BAYERPAT).

    See Also
    --------
    replace_masked

    Examples
    --------
    >>> import numpy as np
    >>> median_filter(np.array([[1.0, 2, 9], [4, 5, 6], [7, 8, 3]]), size=3).array[1].tolist()
    [4.0, 5.0, 6.0]
    """
    image = as_image(image)
    refuse_mosaic(image.header, "to be filtered")
    size = whole("size", size, least=3, remedy="give an odd number of pixels")
    if size % 2 == 0 or size > LARGEST:
        raise ArgumentError("size", f"must be odd and at most {LARGEST}", value=size, remedy="give such as 5")
    values = image.array.astype(working_dtype(image.array), copy=False)
    good, header = image.good, without_extremes(image.header)
    if good.all():
        variance = None if image.variance is None else _variance(image.variance, good, size)
        return adopt(_filtered(values, size, good=None), header, image.mask, image.range, variance)
    array = _filtered(values, size, good=good)
    absent = (~good if image.mask is None else ~good & (image.mask == 0)) | np.isnan(array)
    mask = absent * np.uint8(Flag.NO_DATA)
    if image.mask is not None:
        mask |= image.mask
    variance = None if image.variance is None else _variance(image.variance, good, size)
    return adopt(array, header, mask, image.range, variance)


def _filtered(values: np.ndarray, size: int, good: np.ndarray | None) -> np.ndarray:
    """Compute the medians of the good values, or of all where `good` is None."""
    sort = window_sorter(values.dtype, size * size)
    source = values if good is None else np.where(good, values, values.dtype.type(np.inf))
    out = np.empty_like(source)
    work = partial(_filter_rows, source, size, sort, good is not None, out)
    for _ in map_here(work, [(y, min(y + TILE_ROWS, len(out))) for y in range(0, len(out), TILE_ROWS)]):
        pass
    return out


def _filter_rows(
    source: np.ndarray,
    size: int,
    sort: PassedKernel,
    good_only: bool,
    out: np.ndarray,
    rows: tuple[int, int],
) -> None:
    median_rows(source, size, size, sort, good_only, out, *rows)


def _variance(variance: np.ndarray, good: np.ndarray, size: int) -> np.ndarray:
    """Compute the variance of the median in each window from its good pixels; NaN where there are none."""
    from scipy.ndimage import uniform_filter

    usable = good & np.isfinite(variance)
    total = uniform_filter(np.where(usable, variance, 0.0).astype(np.float64), size) * size**2
    count = np.rint(uniform_filter(usable.astype(np.float64), size) * size**2).astype(np.intp)
    efficiency = np.array([np.nan, *(median_efficiency(n) for n in range(1, size**2 + 1))])
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.maximum(total, 0.0) / count.astype(np.float64) ** 2 * efficiency[count]
    return found.astype(variance.dtype)
