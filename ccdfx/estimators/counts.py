"""Counts of values between edges."""

from __future__ import annotations

import numpy as np

from ccdfx.estimators.values import Counted
from ccdfx.kernels.image.counts import count_between

_MANY = 65536  # values of 16 bits that are counted by level first
_COMPILED = ("f4", "f8")  # dtypes that are counted as they are


def counts_between(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Count the flat values between edges in order, as ``numpy.histogram`` does: int64, one less than the edges.

    Values equal to an edge belong to the bin that begins there, those equal to the last edge to the last bin. NaN
    is not counted.

    >>> counts_between(np.array([0.0, 1.0, 1.5, 2.0, np.nan]), np.array([0.0, 1.0, 2.0]))
    array([1, 3])
    """
    edges = np.ascontiguousarray(edges, np.float64)
    counts = np.zeros(edges.size - 1, np.int64)
    if values.dtype.kind in "iu" and values.dtype.itemsize <= 2 and values.size > _MANY:
        counted = Counted(values)
        return _weighted(counted.levels, counted.numbers, edges)
    if values.dtype.str[1:] not in _COMPILED or not values.dtype.isnative:
        values = values.astype(np.float64)
    widths = np.diff(edges)
    if widths.max() > 1.5 * widths.min() or not np.isfinite(edges[-1] - edges[0]):
        # The place of a value cannot be guessed.
        counts[:] = np.histogram(values.astype(np.float64), bins=edges)[0]
    else:
        count_between(np.ascontiguousarray(values), edges, counts)
    return counts


def _weighted(levels: np.ndarray, numbers: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Count levels between edges, each as often as it occurs."""
    places = np.searchsorted(edges, levels, side="right") - 1
    places[levels == edges[-1]] -= 1
    inside = (places >= 0) & (places < edges.size - 1)
    return np.bincount(places[inside], numbers[inside], edges.size - 1).astype(np.int64)
