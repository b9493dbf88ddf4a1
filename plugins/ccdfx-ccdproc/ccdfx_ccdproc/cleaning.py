"""What takes the place of the pixels of cosmic rays: statistics of the window around each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_REACH = 2


def _median(windows: np.ndarray, good: np.ndarray) -> np.ndarray:
    return np.nanmedian(np.where(good, windows, np.nan), axis=1)


def _mean(windows: np.ndarray, good: np.ndarray) -> np.ndarray:
    return np.sum(windows, axis=1, where=good) / np.count_nonzero(good, axis=1)


def _by_distance(windows: np.ndarray, good: np.ndarray) -> np.ndarray:
    """Return the mean weighted by 1 / distance; the pixel itself is not good."""
    y, x = np.mgrid[-_REACH : _REACH + 1, -_REACH : _REACH + 1].reshape(2, -1)
    weights = good / np.maximum(np.hypot(x, y), 0.5)
    return np.sum(np.where(good, windows, 0) * weights, axis=1) / weights.sum(axis=1)


CLEANERS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "median": _median,
    "medmask": _median,
    "meanmask": _mean,
    "idw": _by_distance,
}
"""The values that replace rays, by the word of L.A.Cosmic; "median" takes the bad pixels for good ones."""


def cleaned(values: np.ndarray, rays: np.ndarray, mask: np.ndarray | None, kind: str) -> np.ndarray:
    """Replace rays by a statistic of the 5 x 5 pixels around.

    Parameters
    ----------
    values : array of floats, shape (ny, nx)
    rays, mask : bool array
        Where rays are; which other pixels are bad.
    kind : str
        One of `CLEANERS`.

    Returns
    -------
    array
        Where no pixel around is good, the median of the good pixels of the image.

    Examples
    --------
    >>> image, rays = np.ones((5, 5)), np.zeros((5, 5), bool)
    >>> image[2, 2], rays[2, 2] = 50, True
    >>> cleaned(image, rays, None, "idw").max()
    np.float64(1.0)
    """
    bad = rays if mask is None else rays | mask
    bad = bad | ~np.isfinite(values)
    return _replaced(
        values, rays, np.zeros_like(bad) if kind == "median" else bad, CLEANERS[kind], _REACH, _REACH
    )


def replaced_by_median(values: np.ndarray, rays: np.ndarray, bad: np.ndarray, size: int) -> np.ndarray:
    """Replace rays by the median of the good pixels in a window of `size` x `size`.

    Examples
    --------
    >>> image = np.arange(9.0).reshape(3, 3)
    >>> rays = image == 4
    >>> replaced_by_median(image, rays, rays, 3)[1, 1]
    np.float64(4.0)
    """
    return _replaced(values, rays, bad | ~np.isfinite(values), _median, size // 2, (size - 1) // 2)


def _replaced(
    values: np.ndarray,
    rays: np.ndarray,
    bad: np.ndarray,
    statistic: Callable[[np.ndarray, np.ndarray], np.ndarray],
    before: int,
    after: int,
) -> np.ndarray:
    """Return the image with a statistic of the good pixels in the window around each ray."""
    result = np.array(values)
    y, x = np.nonzero(rays)
    if not y.size:
        return result
    rows = y[:, None, None] + np.arange(-before, after + 1)[:, None]
    columns = x[:, None, None] + np.arange(-before, after + 1)
    inside = (rows >= 0) & (rows < values.shape[0]) & (columns >= 0) & (columns < values.shape[1])
    rows, columns = np.clip(rows, 0, values.shape[0] - 1), np.clip(columns, 0, values.shape[1] - 1)
    windows = values[rows, columns].reshape(y.size, -1)
    good = (inside & ~bad[rows, columns]).reshape(y.size, -1)
    some = good.any(axis=1)
    found = np.empty(y.size, values.dtype)
    if some.any():
        found[some] = statistic(windows[some], good[some])
    if not some.all():
        found[~some] = np.median(values[~bad]) if not bad.all() else np.nan
    result[y, x] = found
    return result
