"""The scatter of an array, whole, in boxes, and in a window around each pixel."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccdfx_ccdproc.statistics import MAD_TO_SIGMA


def sigma_func(arr: Any, axis: int | tuple[int, ...] | None = None, ignore_nan: bool = False) -> Any:
    """Estimate the standard deviation from the median absolute deviation: 1.4826 median |x - median x|.

    Parameters
    ----------
    arr : CCDData, array or masked array
        Masked values are left out.
    axis : int, tuple of int or None
    ignore_nan : bool
        Whether NaN are left out; else they give NaN.

    Examples
    --------
    >>> round(float(sigma_func([1.0, 2.0, 3.0, 100.0])), 4)
    1.4826
    """
    from astropy.stats import median_absolute_deviation

    if hasattr(arr, "mask") and hasattr(arr, "unit") and not isinstance(arr, np.ndarray):  # a CCDData
        arr = arr.data if arr.mask is None else np.ma.array(arr.data, mask=arr.mask)
    if isinstance(arr, np.ma.MaskedArray) and arr.mask is np.ma.nomask:
        arr = arr.data
    return MAD_TO_SIGMA * median_absolute_deviation(arr, axis=axis, ignore_nan=ignore_nan)


def background_deviation_box(data: np.ndarray, bbox: int) -> np.ndarray:
    """Measure the deviation of each box of `bbox` x `bbox` pixels, and give it to all of its pixels.

    The boxes begin at the first pixel; the last ones of a row or column are smaller.

    Parameters
    ----------
    data : array or masked array, shape (ny, nx)
    bbox : int
        At least 1.

    Examples
    --------
    >>> background_deviation_box(np.array([[1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 4.0, 5.0]]), 2).round(4)
    array([[0.7413, 0.7413, 0.7413, 0.7413],
           [0.7413, 0.7413, 0.7413, 0.7413]])
    """
    _require_box(bbox)
    size = int(bbox)
    rows, columns = data.shape
    found = np.empty((rows, columns))
    whole = rows // size * size, columns // size * size
    if not isinstance(data, np.ma.MaskedArray) and all(whole):
        blocks = np.asarray(data, np.float64)[: whole[0], : whole[1]].reshape(
            whole[0] // size, size, -1, size
        )
        lines = blocks.transpose(0, 2, 1, 3).reshape(whole[0] // size, -1, size * size)
        centre = np.median(lines, axis=-1, keepdims=True)
        sigmas = MAD_TO_SIGMA * np.median(np.abs(lines - centre), axis=-1)
        found[: whole[0], : whole[1]] = sigmas.repeat(size, axis=0).repeat(size, axis=1)
    else:
        whole = 0, 0
    for y in range(0, rows, size):
        for x in range(0, columns, size):
            if y + size > whole[0] or x + size > whole[1]:
                box = np.s_[y : y + size, x : x + size]
                found[box] = np.ma.filled(sigma_func(data[box]), np.nan)
    return found


def background_deviation_filter(data: np.ndarray, bbox: int) -> np.ndarray:
    """Measure the deviation in the window of `bbox` x `bbox` pixels around each pixel.

    The array is reflected at its edges (d c b a | a b c d). Masked and non-finite values are left out; where none
    is left, it is NaN. Of an even width, the window reaches one pixel further to the front.

    Parameters
    ----------
    data : array or masked array, shape (ny, nx)
    bbox : int
        At least 1.

    Examples
    --------
    >>> background_deviation_filter(np.eye(4) * 9, 3)[0, 3] == sigma_func([0, 0, 0, 0, 0, 0, 0, 0, 0])
    np.True_
    """
    _require_box(bbox)
    if int(bbox) != bbox:
        raise TypeError(f"bbox must be a whole number, and is {bbox}")
    values = np.array(np.ma.filled(np.ma.asarray(data, np.float64), np.nan))
    from ccdfx_ccdproc.windows import window_mads

    return MAD_TO_SIGMA * window_mads(values, int(bbox))


def setbox(x: int, y: int, mbox: int, xmax: int, ymax: int) -> tuple[int, int, int, int]:
    """Find the limits (x1, x2, y1, y2) of a box of `mbox` pixels around a pixel, cut off at the edges.

    x2 and y2 are excluded, and at most `xmax` and `ymax`.

    Examples
    --------
    >>> setbox(10, 1, 5, 23, 17), setbox(22, 16, 5, 23, 17)
    ((8, 13, 0, 4), (20, 23, 14, 17))
    """
    half = int(mbox / 2)
    return max(0, x - half), min(x + half + 1, xmax), max(0, y - half), min(y + half + 1, ymax)


def _require_box(bbox: float) -> None:
    if bbox < 1:
        raise ValueError(f"bbox must be at least 1, and is {bbox}")
