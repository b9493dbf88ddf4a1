"""What is computed at a few pixels of a frame only: their groups, and medians around them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_MOST_WINDOWS = 1 << 16  # windows that are sorted at a time


def touching_groups(places: np.ndarray, nx: int) -> np.ndarray:
    """Return the number, from 0, of the group of each pixel; pixels of a group touch along sides or corners.

    Parameters
    ----------
    places : (n,) int64
        Flat indices in ascending order.
    nx : int
        Columns of the frame.

    Examples
    --------
    >>> touching_groups(np.array([0, 3, 5]), 4).tolist()
    [0, 1, 0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    width = nx + 1  # so that the end of a row does not touch the next one
    keys = places + places // nx
    pairs = []
    for step in (1, width - 1, width, width + 1):
        other = np.searchsorted(keys, keys + step)
        touching = np.flatnonzero(keys[np.minimum(other, keys.size - 1)] == keys + step)
        pairs.append((touching, other[touching]))
    one, two = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    graph = coo_array((np.ones(one.size, bool), (one, two)), shape=(keys.size, keys.size))
    return connected_components(graph, directed=False)[1]


def medians_around(
    values_at: Callable[[np.ndarray, np.ndarray], np.ndarray],
    shape: tuple[int, int],
    y: np.ndarray,
    x: np.ndarray,
    size: int,
) -> np.ndarray:
    """Compute the medians that `median_filter` has at these places, in windows of an odd size.

    `values_at` returns the values at places (y, x) of the frame, which is mirrored at its edges.

    >>> frame = np.array([[1.0, 2, 9], [4, 5, 6], [7, 8, 3]])
    >>> medians_around(lambda y, x: frame[y, x], (3, 3), np.array([1]), np.array([1]), 3)
    array([5.])
    """
    half, (ny, nx) = size // 2, shape
    found = [
        np.sort(
            [
                values_at(_mirrored(rows + dy, ny), _mirrored(columns + dx, nx))
                for dy in range(-half, half + 1)
                for dx in range(-half, half + 1)
            ],
            axis=0,
        )[size * size // 2]
        for rows, columns in (
            (y[start : start + _MOST_WINDOWS], x[start : start + _MOST_WINDOWS])
            for start in range(0, max(y.size, 1), _MOST_WINDOWS)
        )
    ]
    return np.concatenate(found)


def _mirrored(index: np.ndarray, size: int) -> np.ndarray:
    """Return the pixels at these indices of an axis that is mirrored at its outer edges."""
    index = index % (2 * size)
    return np.where(index >= size, 2 * size - 1 - index, index)
