"""Block averaging of an image to fewer pixels."""

from __future__ import annotations

import numpy as np

_HUGE = 1e290  # sums of values up to this one stay finite


def block_means(array: np.ndarray, good: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Average the good pixels of blocks of `factor` x `factor`; return means (float64) and where they exist.

    The last blocks may be smaller. A block with half or more bad pixels has no mean (and the value 0).
    """
    if factor == 1:
        return np.clip(np.where(good, array, 0).astype(np.float64), -_HUGE, _HUGE), good
    all_good = bool(good.all())
    values = array if all_good else np.where(good, array, 0)
    if array.dtype.kind == "f" and array.dtype.itemsize > 4:
        values = np.clip(values, -_HUGE, _HUGE)
    total = _block_sums(values, factor)
    ny, nx = array.shape
    area = np.outer(_lengths(ny, factor), _lengths(nx, factor))
    if all_good:
        return total / area, np.ones(area.shape, bool)
    count = _block_sums(good, factor)
    shown = count > 0.5 * area
    return np.divide(total, count, out=np.zeros_like(total), where=shown), shown


def _block_sums(plane: np.ndarray, factor: int) -> np.ndarray:
    rows = np.add.reduceat(_row_sums(plane, factor), np.arange(0, plane.shape[1], factor), axis=1)
    return np.asarray(rows)


def _row_sums(plane: np.ndarray, factor: int) -> np.ndarray:
    """Sum every `factor` rows, one strip at a time: a strip fits into the cache."""
    sums = np.empty((-(-plane.shape[0] // factor), plane.shape[1]))
    for strip, first in enumerate(range(0, plane.shape[0], factor)):
        np.sum(plane[first : first + factor], axis=0, dtype=np.float64, out=sums[strip])
    return sums


def _lengths(size: int, factor: int) -> np.ndarray:
    starts = np.arange(0, size, factor)
    return np.minimum(starts + factor, size) - starts
