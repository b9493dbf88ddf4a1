"""Sorting networks, and the straight-line code in vector registers that is made of them.

A network is a list of comparators (i, j), i < j, that put the smaller value at i: Batcher's odd-even merge sort for any
number of values (Knuth, The Art of Computer Programming 3, algorithm 5.2.2M).

A sorter is compiled for one number of rows: its comparators are instructions, and neighbouring lanes lie in one vector
register. Rows are loaded and stored once, not once for each comparator, which makes it two to five times as fast as a
network that is read as data. Networks of many rows are such code for blocks of rows, in loops.
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ccdfx.kernels.compile.kernel import PassedKernel, kernel
from ccdfx.kernels.compile.llvm import call_vector, load_vector, store_vector, vector_bytes

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


BLOCK_GROUP, BLOCK_STEPS = 8, 16


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
    each, more = divmod(pairs, BLOCK_GROUP)
    for rows, group, groups in (
        (2 * each + 2, 0, more),
        (2 * each + size % 2, more, 1),
        (2 * each, more + 1, BLOCK_GROUP - more - 1),
    ):
        yield Block(
            tuple(_merge(range(rows))), apart, 2 * apart * BLOCK_GROUP, first + 2 * apart * group,
            ((1, times), (2 * apart, groups)),
        )  # fmt: skip
    last = size - pairs  # the number of rows to compare with
    windows = max(min(pairs, last - BLOCK_GROUP // 2), 0) // BLOCK_STEPS
    yield Block(
        _near(BLOCK_STEPS, BLOCK_STEPS + BLOCK_GROUP),
        apart,
        2 * apart,
        first + apart,
        ((1, times), (2 * apart * BLOCK_STEPS, windows)),
    )
    done = windows * BLOCK_STEPS
    yield Block(
        _near(pairs - done, last - done), apart, 2 * apart, first + apart * (2 * done + 1), ((1, times),)
    )


def _near(steps: int, last: int) -> Comparators:
    """Return the last comparators of a merge, row by row; they reach less than GROUP rows ahead."""
    reaches = [BLOCK_GROUP >> n for n in range(1, BLOCK_GROUP.bit_length())]
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


MOST_STRAIGHT = 128
"""More rows than that are sorted in blocks: their code would not fit the cache of instructions."""

LANE_STEP = 64
"""So many lanes fill whole vector registers, whatever the type; tiles have whole lines of the cache, which do so too."""

REALS = {"f4": types.float32, "f8": types.float64, "u2": types.uint16}


def sorter_type(kind: str) -> types.FunctionType:
    """Return the type of a sorter for tiles of 'f4', 'f8' or 'u2'."""
    return types.FunctionType(_signature(kind))


def _signature(kind: str) -> Any:
    return types.void(types.Array(REALS[kind], 2, "C"), types.Array(types.int32, 2, "C"))


@functools.cache
def sorter(kind: str, count: int, ordered: bool = False, middle: bool = False) -> PassedKernel:
    """Load from the cache or compile a kernel that sorts tiles [row][lane] of `count` rows along the rows.

    It takes the tile, and the frames [row][lane] that the values come from, which it fills where it is
    `ordered` (else they have no rows). With `middle` only the `middle_ranks` are certain to be in their
    places. Values must not be NaN.

    >>> import numpy as np
    >>> tile = np.array([[3.0] * 64, [1.0] * 64, [2.0] * 64], np.float32)
    >>> sorter("f4", 3)(tile, np.empty((0, 0), np.int32))
    >>> tile[:, 0]
    array([1., 2., 3.], dtype=float32)
    """
    return PassedKernel(_sorting(count, ordered, middle), _signature(kind))


@kernel
def number_rows(order):
    """Set order[j] = j."""
    for j in range(order.shape[0]):
        for i in range(order.shape[1]):
            order[j, i] = j


def _sorting(count: int, ordered: bool, middle: bool) -> Callable[..., None]:
    def sort(tile, order):
        number_rows(order)
        _sort_rows(tile, order, count, ordered, middle)

    return sort


def blocks_of(count: int, middle: bool) -> list[Block]:
    """Return the comparators that sort `count` rows, or with `middle` only the `middle_ranks`."""
    if middle and count <= MOST_STRAIGHT:
        return [Block(middle_network(count), 1, 2)]
    return list(sorting_blocks(count, MOST_STRAIGHT))


@intrinsic(prefer_literal=True)
def _sort_rows(typingctx, tile, order, count, ordered, middle):
    """Sort the `count` rows of a tile."""
    if not all(isinstance(kind, types.Literal) for kind in (count, ordered, middle)):
        return None
    blocks = blocks_of(count.literal_value, middle.literal_value)

    def codegen(context, builder, signature, args):
        lanes = vector_bytes() * 8 // signature.args[0].dtype.bitwidth
        arrays = [
            context.make_array(kind)(context, builder, value=array)
            for kind, array in zip(signature.args[: 1 + ordered.literal_value], args, strict=False)
        ]
        width = cgutils.unpack_tuple(builder, arrays[0].shape)[1]
        with cgutils.for_range_slice(builder, width.type(0), width, width.type(lanes), width.type) as (
            lane,
            _,
        ):
            columns = [Column(builder, builder.gep(array.data, [lane]), width, lanes) for array in arrays]
            write_sort(builder, columns, blocks)
        return context.get_dummy_value()

    return types.void(tile, order, count, ordered, middle), codegen


def write_sort(builder: Any, columns: list[Column], blocks: Sequence[Block]) -> None:
    """Write the code that sorts the rows of the first column; the others follow."""
    for block in blocks:
        _write_loops(builder, columns, block, columns[0].width.type(block.first), block.loops)


def _write_loops(
    builder: Any, columns: list[Column], block: Block, row: Any, loops: tuple[tuple[int, int], ...]
) -> None:
    """Write a block that begins at a row, inside its loops, which repeat it for rows further on."""
    width = columns[0].width
    if not loops:
        _write_block(columns, block, builder.mul(row, width))
        return
    (step, times), *inner = loops
    with cgutils.for_range(builder, width.type(times)) as loop:
        further = builder.add(row, builder.mul(loop.index, width.type(step)))
        _write_loops(builder, columns, block, further, tuple(inner))


def _write_block(columns: list[Column], block: Block, start: Any) -> None:
    """Write the comparators as instructions; load a row before its first use and store it after its last."""
    comparators = in_order_of_use(block.comparators)
    left = collections.Counter(row for pair in comparators for row in pair)
    held: dict[int, list[Any]] = {}
    for pair in comparators:
        for row in pair:
            if row not in held:
                held[row] = [column.load(start, block, row) for column in columns]
        held[pair[0]], held[pair[1]] = _exchanged(columns, held[pair[0]], held[pair[1]])
        left.subtract(pair)
        for row in pair:
            if not left[row]:
                for column, vector in zip(columns, held.pop(row), strict=True):
                    column.store(start, block, row, vector)


class Column:
    """Vectors of neighbouring lanes, one a row: the first is at `data`, rows are `width` lanes apart."""

    def __init__(self, builder: Any, data: Any, width: Any, lanes: int) -> None:
        self.builder, self.data, self.width, self.lanes = builder, data, width, lanes
        item = data.type.pointee
        self.type = ir.VectorType(item, lanes)
        self.real = not isinstance(item, ir.IntType)
        self.size = item.width // 8 if not self.real else 4 if item == ir.FloatType() else 8

    def load(self, start: Any, block: Block, row: int) -> Any:
        return load_vector(self.builder, self._pointer(start, block, row), self.type, self.size)

    def store(self, start: Any, block: Block, row: int, vector: Any) -> None:
        store_vector(self.builder, vector, self._pointer(start, block, row), self.size)

    def extreme(self, name: str, a: Any, b: Any) -> Any:
        """Return the minimum or maximum (`name`: min or max) of two vectors without NaN."""
        if self.real:
            return call_vector(self.builder, f"{name}num", a, b, fastmath=("nnan", "nsz"))
        return call_vector(self.builder, f"u{name}", a, b)

    def is_less(self, a, b):
        return self.builder.fcmp_ordered("<", a, b) if self.real else self.builder.icmp_unsigned("<", a, b)

    def _pointer(self, start: Any, block: Block, row: int) -> Any:
        further = self.width.type(row // 2 * block.far + row % 2 * block.near)
        return self.builder.gep(self.data, [self.builder.add(start, self.builder.mul(self.width, further))])


def _exchanged(columns: Sequence[Column], first: list[Any], second: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return the smaller and the greater values; the other columns are exchanged together with them."""
    values, more = columns[0], columns[1:]
    low, high = [values.extreme(name, first[0], second[0]) for name in ("min", "max")]
    lows, highs = [low], [high]
    if more:
        swap = values.is_less(second[0], first[0])
        lows.append(values.builder.select(swap, second[1], first[1]))
        highs.append(values.builder.select(swap, first[1], second[1]))
    return lows, highs
