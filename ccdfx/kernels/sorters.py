"""Sorting networks as straight-line code: all rows of a tile are sorted, lane by lane, in vector registers.

A sorter is compiled for one number of rows: its comparators are instructions, and neighbouring lanes lie in
one vector register. Rows are loaded and stored once, not once for each comparator, which makes it about three
times as fast as a network that is read as data. Networks of many rows are such code for blocks of rows, in
loops.
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.network import Block, in_order_of_use, middle_network, sorting_blocks
from ccdfx.kernels.passing import PassedKernel
from ccdfx.kernels.vectors import call, load, store, vector_bytes

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
        return load(self.builder, self._pointer(start, block, row), self.type, self.size)

    def store(self, start: Any, block: Block, row: int, vector: Any) -> None:
        store(self.builder, vector, self._pointer(start, block, row), self.size)

    def extreme(self, name: str, a: Any, b: Any) -> Any:
        """Return the minimum or maximum (`name`: min or max) of two vectors without NaN."""
        if self.real:
            return call(self.builder, f"{name}num", a, b, fastmath=("nnan", "nsz"))
        return call(self.builder, f"u{name}", a, b)

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
