"""Means of blocks of pixels: an image reduced by a whole factor."""

from __future__ import annotations

import numpy as np

from ccdfx.kernels.image.counts import sum_blocks

_HUGE = 1e290  # sums of values up to this one stay finite
_COMPILED = ("f4", "f8", "u2")  # dtypes of which blocks are summed as they are


def block_means(array: np.ndarray, good: np.ndarray, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Average the good pixels of blocks of `factor` x `factor`; return means (float64) and where they exist.

    The last blocks may be smaller. A block with half or more bad pixels has no mean (and the value 0).

    >>> block_means(np.arange(12.0).reshape(3, 4), np.ones((3, 4), bool), 2)[0]
    array([[ 2.5,  4.5],
           [ 8.5, 10.5]])
    """
    if factor == 1:
        return np.clip(np.where(good, array, 0).astype(np.float64), -_HUGE, _HUGE), good
    if array.dtype.str[1:] not in _COMPILED or not array.dtype.isnative:
        array = array.astype(np.float64)
    if array.dtype.itemsize > 4:
        array = np.clip(array, -_HUGE, _HUGE)
    ny, nx = array.shape
    shape = -(-ny // factor), -(-nx // factor)
    total, count = np.empty(shape), np.empty(shape, np.int64)
    sum_blocks(np.ascontiguousarray(array), np.ascontiguousarray(good), factor, total, count)
    shown = count > 0.5 * np.outer(_lengths(ny, factor), _lengths(nx, factor))
    return np.divide(total, count, out=np.zeros_like(total), where=shown), shown


def _lengths(size: int, factor: int) -> np.ndarray:
    starts = np.arange(0, size, factor)
    return np.minimum(starts + factor, size) - starts
