"""Sorting networks: lists of comparators (i, j), i < j, that put the smaller value at i.

Batcher's odd-even merge sort for any number of values (Knuth, The Art of Computer Programming 3, algorithm 5.2.2M).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

Comparators = tuple[tuple[int, int], ...]


@functools.cache
def sorting_network(count: int) -> Comparators:
    """The comparators that sort `count` values.

    >>> sorting_network(3)
    ((0, 2), (0, 1), (1, 2))
    """
    return tuple(_sort(range(count)))


def _sort(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Sort every other row, and the others, and merge them."""
    if len(rows) < 2:
        return []
    found = _sort(rows[::2]) + _sort(rows[1::2])
    found += zip(rows[::2], rows[1::2], strict=False)
    ahead = 1 << (len(rows) - 1).bit_length()
    while ahead > 2:
        ahead //= 2
        found += zip(rows[1::2], rows[ahead::2], strict=False)
    return found


def middle_ranks(count: int) -> tuple[int, ...]:
    """The ranks that the median of `count` values needs, and that of fewer whose missing ones are balanced.

    With an odd number of values missing the middle ranks lie one lower.

    >>> middle_ranks(5), middle_ranks(6)
    ((1, 2), (2, 3))
    """
    return tuple(range(max((count - 2) // 2, 0), count // 2 + 1))


@functools.cache
def middle_network(count: int) -> Comparators:
    """The comparators of `sorting_network` that the values at the `middle_ranks` depend on.

    >>> len(middle_network(25)), len(sorting_network(25))
    (113, 138)
    """
    needed = set(middle_ranks(count))
    kept = []
    for pair in reversed(sorting_network(count)):
        if needed.intersection(pair):
            needed.update(pair)
            kept.append(pair)
    return tuple(reversed(kept))


def in_order_of_use(comparators: Comparators) -> Comparators:
    """The same comparators in an order that comes back to a value soon, as long as it is still in a register.

    >>> in_order_of_use(((0, 1), (2, 3), (4, 5), (1, 2)))
    ((0, 1), (2, 3), (1, 2), (4, 5))
    """
    waiting: dict[int, list[int]] = {}
    for k, pair in enumerate(comparators):
        for row in pair:
            waiting.setdefault(row, []).append(k)
    for line in waiting.values():
        line.reverse()
    used = dict.fromkeys(waiting, -1)
    ready = {k for k, pair in enumerate(comparators) if all(waiting[row][-1] == k for row in pair)}
    found: list[tuple[int, int]] = []

    def held(k: int) -> tuple[int, int, int]:
        ages = [used[row] for row in comparators[k]]
        return sum(age >= 0 for age in ages), sum(ages), -k

    while ready:
        k = max(ready, key=held)
        ready.remove(k)
        for row in comparators[k]:
            used[row] = len(found)
            waiting[row].pop()
        found.append(comparators[k])
        for row in comparators[k]:
            follows = waiting[row][-1] if waiting[row] else None
            if follows is not None and all(waiting[other][-1] == follows for other in comparators[follows]):
                ready.add(follows)
    return tuple(found)
