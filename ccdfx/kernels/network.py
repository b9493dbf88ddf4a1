"""Sorting networks: lists of comparators (i, j), i < j, that put the smaller value at i.

They are Batcher's odd-even merge sort for any number of values (Knuth, The Art of Computer Programming 3,
algorithm 5.2.2M).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

Comparators = tuple[tuple[int, int], ...]


@functools.cache
def sorting_network(count: int) -> Comparators:
    """Return the comparators that sort `count` values.

    >>> sorting_network(3)
    ((0, 2), (0, 1), (1, 2))
    """
    return tuple(_sort(range(count)))


def _sort(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Sort the rows of even and of odd places, and merge them."""
    if len(rows) < 2:
        return []
    return _sort(rows[::2]) + _sort(rows[1::2]) + _merge(rows)


def _merge(rows: Sequence[int]) -> list[tuple[int, int]]:
    """Merge the sorted rows of even and of odd places."""
    found = list(zip(rows[::2], rows[1::2], strict=False))
    ahead = 1 << (len(rows) - 1).bit_length()
    while ahead > 2:
        ahead //= 2
        found += zip(rows[1::2], rows[ahead::2], strict=False)
    return found


class Block(NamedTuple):
    """Comparators of a few rows that are repeated in loops.

    Their row k stands for the row ``first + k // 2 * far + k % 2 * near``, and then for the rows further on
    by each combination of the `loops`, (step, times).
    """

    comparators: Comparators
    near: int
    far: int
    first: int = 0
    loops: tuple[tuple[int, int], ...] = ()


GROUP, STEPS = 8, 16


def sorting_blocks(count: int, most: int) -> Iterator[Block]:
    """Yield the `sorting_network` of many values in blocks of not much more than `most` rows.

    Classes of rows, each `classes` apart, are sorted; then two at a time are merged. The first comparators of
    a merge join rows of the same remainder modulo twice GROUP, the others join rows close to each other.
    """
    classes = 1
    while -(-count // classes) > most:
        classes *= 2
    for size, first, times in _sizes(count, classes):
        yield Block(sorting_network(size), classes, 2 * classes, first, ((1, times),))
    while classes > 1:
        classes //= 2
        for size, first, times in _sizes(count, classes):
            yield from _merging_blocks(size, classes, first, times)


def _sizes(count: int, classes: int) -> list[tuple[int, int, int]]:
    """Return for each size of classes: the number of rows, the first such class, the number of classes."""
    size, more = divmod(count, classes)
    return [(size + 1, 0, more), (size, more, classes - more)] if more else [(size, 0, classes)]


def _merging_blocks(size: int, apart: int, first: int, times: int) -> Iterator[Block]:
    pairs = size // 2
    each, more = divmod(pairs, GROUP)
    for rows, group, groups in (
        (2 * each + 2, 0, more),
        (2 * each + size % 2, more, 1),
        (2 * each, more + 1, GROUP - more - 1),
    ):
        yield Block(
            tuple(_merge(range(rows))), apart, 2 * apart * GROUP, first + 2 * apart * group,
            ((1, times), (2 * apart, groups)),
        )  # fmt: skip
    last = size - pairs  # the number of rows to compare with
    windows = max(min(pairs, last - GROUP // 2), 0) // STEPS
    yield Block(
        _near(STEPS, STEPS + GROUP),
        apart,
        2 * apart,
        first + apart,
        ((1, times), (2 * apart * STEPS, windows)),
    )
    done = windows * STEPS
    yield Block(
        _near(pairs - done, last - done), apart, 2 * apart, first + apart * (2 * done + 1), ((1, times),)
    )


def _near(steps: int, last: int) -> Comparators:
    """Return the last comparators of a merge, row by row; they reach less than GROUP rows ahead."""
    reaches = [GROUP >> n for n in range(1, GROUP.bit_length())]
    return tuple(
        (2 * step, 2 * (step + reach) - 1)
        for step in range(steps)
        for reach in reaches
        if step + reach < last
    )


def middle_ranks(count: int) -> tuple[int, ...]:
    """Return the ranks that a median of `count` values needs, also if missing ones are -inf and +inf in turn.

    With an odd number of values missing the middle ranks lie one lower.

    >>> middle_ranks(5), middle_ranks(6)
    ((1, 2), (2, 3))
    """
    return tuple(range(max((count - 2) // 2, 0), count // 2 + 1))


@functools.cache
def middle_network(count: int) -> Comparators:
    """Return the comparators of `sorting_network` that the values at the `middle_ranks` depend on.

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
    """Reorder comparators so that a value is used again soon, while it is still in a register.

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
