"""Sorting networks as data: lists of comparators (i, j), i < j, that put the smaller value at i.

Batcher's odd-even merge sort for any number of values (Knuth, The Art of Computer Programming 3, algorithm 5.2.2M).
"""

from __future__ import annotations

import functools

import numpy as np


@functools.lru_cache(maxsize=256)
def sorting_network(count: int) -> np.ndarray:
    """The comparators that sort `count` values, shape (comparators, 2), uint32.

    >>> sorting_network(3).tolist()
    [[0, 2], [0, 1], [1, 2]]
    """
    found: list[tuple[int, int]] = []
    half = 1
    while half * 2 < count:
        half *= 2
    p = half if count > 1 else 0
    while p > 0:
        q, r, d = half, 0, p
        while d > 0:
            found += [(i, i + d) for i in range(count - d) if i & p == r]
            d, q, r = q - p, q // 2, p
        p //= 2
    return _frozen(found)


@functools.lru_cache(maxsize=256)
def selection_network(count: int, ranks: tuple[int, ...]) -> np.ndarray:
    """The comparators of `sorting_network` that the values at these ranks depend on.

    >>> selection_network(3, (1,)).tolist()
    [[0, 2], [0, 1], [1, 2]]
    >>> len(selection_network(25, (12,))) < len(sorting_network(25))
    True
    """
    needed = set(ranks)
    kept = []
    for i, j in sorting_network(count)[::-1].tolist():
        if i in needed or j in needed:
            needed |= {i, j}
            kept.append((i, j))
    return _frozen(kept[::-1])


def _frozen(comparators: list[tuple[int, int]]) -> np.ndarray:
    array = np.array(comparators, dtype=np.uint32).reshape(-1, 2)
    array.flags.writeable = False
    return array
