"""Compiled statistics of the window around each pixel."""

from __future__ import annotations

import numpy as np
from numba import njit


def window_mads(values: np.ndarray, size: int) -> np.ndarray:
    """Compute the median absolute deviation of the finite values in the window around each pixel.

    Parameters
    ----------
    values : float64 array, shape (ny, nx)
    size : int
        Of the square window, which reaches ``size // 2`` pixels to the front.

    Returns
    -------
    float64 array, shape (ny, nx)
        NaN where no value is finite. The array is reflected at its edges.

    Examples
    --------
    >>> window_mads(np.array([[1.0, 2.0, 4.0]]), 3)
    array([[0., 1., 0.]])
    """
    return _mads(np.pad(values, _margins(size), mode="symmetric"), size)


def window_ranks(values: np.ndarray, sizes: tuple[int, int], ranks: tuple[float, ...]) -> list[np.ndarray]:
    """Find values by their rank in the window around each pixel.

    Parameters
    ----------
    values : float64 array, shape (ny, nx)
        Finite.
    sizes : (int, int)
        Rows and columns of the window.
    ranks : tuple of float
        In per cent of the number of values, as in `scipy.ndimage.percentile_filter`.

    Returns
    -------
    list of float64 arrays, shape (ny, nx)
        For each rank; the array is reflected at its edges.

    Examples
    --------
    >>> window_ranks(np.array([[1.0, 2.0, 4.0]]), (1, 3), (0, 50))[1]
    array([[1., 2., 4.]])
    """
    count = sizes[0] * sizes[1]
    places = np.array([count - 1 if rank == 100 else int(count * rank / 100.0) for rank in ranks])
    padded = np.pad(values, (_margins(sizes[0])[0], _margins(sizes[1])[0]), mode="symmetric")
    return list(_ranked(padded, sizes[0], sizes[1], places))


def _margins(size: int) -> tuple[tuple[int, int], tuple[int, int]]:
    return ((size // 2, (size - 1) // 2),) * 2


@njit(cache=True, nogil=True)
def _select(line, count, rank):
    """Return the value of a rank among the first `count`, and reorder these."""
    low, high = 0, count - 1
    while low < high:
        pivot = line[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while line[i] < pivot:
                i += 1
            while line[j] > pivot:
                j -= 1
            if i <= j:
                line[i], line[j] = line[j], line[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break
    return line[rank]


@njit(cache=True, nogil=True)
def _median(line, count):
    upper = _select(line, count, count // 2)
    if count % 2:
        return upper
    lower = line[0]
    for i in range(1, count // 2):
        lower = max(lower, line[i])
    return 0.5 * (lower + upper)


@njit(cache=True, nogil=True)
def _mads(padded, size):
    rows, columns = padded.shape[0] - size + 1, padded.shape[1] - size + 1
    out = np.empty((rows, columns))
    line = np.empty(size * size)
    for y in range(rows):
        for x in range(columns):
            count = 0
            for i in range(y, y + size):
                for j in range(x, x + size):
                    value = padded[i, j]
                    if np.isfinite(value):
                        line[count] = value
                        count += 1
            if count == 0:
                out[y, x] = np.nan
                continue
            centre = _median(line, count)
            for i in range(count):
                line[i] = abs(line[i] - centre)
            out[y, x] = _median(line, count)
    return out


@njit(cache=True, nogil=True)
def _ranked(padded, height, width, places):
    rows, columns = padded.shape[0] - height + 1, padded.shape[1] - width + 1
    out = np.empty((places.size, rows, columns))
    line = np.empty(height * width)
    for y in range(rows):
        for x in range(columns):
            count = 0
            for i in range(y, y + height):
                for j in range(x, x + width):
                    line[count] = padded[i, j]
                    count += 1
            for k in range(places.size):
                out[k, y, x] = _select(line, count, places[k])
    return out
