"""Sorting networks as straight-line code: all rows of a tile are sorted, lane by lane, in vector registers.

A sorter is compiled for one number of rows: its comparators are instructions, and neighbouring lanes lie in one vector
register. Rows are loaded and stored once, not once for each comparator, which makes it about three times as fast as a
network that is read as data. More rows than that can serve are sorted in classes, which are then merged.
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.network import in_order_of_use, middle_network, sorting_network
from ccdfx.kernels.vectors import call, load, store, vector_bytes

MOST_STRAIGHT = 128
"""More rows than that are sorted in classes: their code would not fit the cache of instructions."""

LANE_STEP = 64
"""Tiles have a multiple of that many lanes."""

REALS = {"f4": types.float32, "f8": types.float64, "u2": types.uint16}


class Sorter(types.WrapperAddressProtocol):
    """A compiled sorter, which kernels take as a value: all of one type of pixels have one type."""

    def __init__(self, compiled: Any, kind: str) -> None:
        self._compiled, self._kind = compiled, kind

    def __call__(self, tile: np.ndarray, order: np.ndarray) -> None:
        self._compiled(tile, order)

    def __wrapper_address__(self) -> int:
        found = self._compiled.get_compile_result(self.signature())
        return int(found.library.get_pointer_to_function(found.fndesc.llvm_cfunc_wrapper_name))

    def signature(self) -> Any:
        return _signature(self._kind)


def sorter_type(kind: str) -> types.FunctionType:
    """The type of a sorter of tiles of 'f4', 'f8' or 'u2'."""
    return types.FunctionType(_signature(kind))


def _signature(kind: str) -> Any:
    return types.void(types.Array(REALS[kind], 2, "C"), types.Array(types.int32, 2, "C"))


@functools.cache
def sorter(kind: str, count: int, ordered: bool = False, middle: bool = False) -> Sorter:
    """A kernel that sorts the rows of tiles [row][lane] of `count` rows; loaded from the cache or compiled.

    It takes the tile, and the frames [row][lane] that the values come from, which it fills where it is `ordered` (else
    they have no rows). With `middle` only the `middle_ranks` are sure to come to their places. Values must not be NaN.

    >>> tile = np.array([[3.0] * 64, [1.0] * 64, [2.0] * 64], np.float32)
    >>> sorter("f4", 3)(tile, np.empty((0, 0), np.int32))
    >>> tile[:, 0]
    array([1., 2., 3.], dtype=float32)
    """
    step = vector_bytes() // np.dtype(kind).itemsize
    make = _straight if count <= MOST_STRAIGHT else _in_classes
    return Sorter(kernel(make(count, ordered, middle, step), signature=_signature(kind)), kind)


@kernel
def number_rows(order):
    """order[j] = j"""
    for j in range(order.shape[0]):
        for i in range(order.shape[1]):
            order[j, i] = j


def _straight(count: int, ordered: bool, middle: bool, step: int) -> Callable[..., None]:
    def sort(tile, order):
        lanes = tile.shape[1]
        number_rows(order)
        for start in range(0, lanes, step):
            _exchange(tile, order, start, lanes, count, ordered, middle)

    return sort


def _in_classes(count: int, ordered: bool, middle: bool, step: int) -> Callable[..., None]:
    """Batcher's merge exchange, its first phases as straight-line code: those sort the rows r, r + classes, ..."""
    half = 1 << (count - 1).bit_length() - 1
    classes = half
    while -(-2 * count // classes) <= MOST_STRAIGHT:
        classes //= 2
    size, more = divmod(count, classes)
    larger = size + 1

    def sort(tile, order):
        lanes = tile.shape[1]
        number_rows(order)
        for r in range(classes):
            for start in range(r * lanes, (r + 1) * lanes, step):
                if r < more:
                    _exchange(tile, order, start, classes * lanes, larger, ordered, False)
                else:
                    _exchange(tile, order, start, classes * lanes, size, ordered, False)
        p = classes // 2
        while p > 0:
            q, r, d = half, 0, p
            while d > 0:
                for i in range(count - d):
                    if i & p == r:
                        for start in range(i * lanes, (i + 1) * lanes, step):
                            _exchange(tile, order, start, d * lanes, 2, ordered, False)
                d, q, r = q - p, q // 2, p
            p //= 2

    return sort


@intrinsic(prefer_literal=True)
def _exchange(typingctx, tile, order, start, step, count, ordered, middle):
    """Sort `count` vectors of lanes that begin at start, start + step, ...; of `middle` ranks only those."""
    if not all(isinstance(kind, types.Literal) for kind in (count, ordered, middle)):
        return None
    rows = count.literal_value
    network = middle_network(rows) if middle.literal_value else sorting_network(rows)
    comparators = in_order_of_use(network)

    def codegen(context, builder, signature, args):
        columns = [_Column(context, builder, signature.args[0], args[0], args[2:4])]
        if ordered.literal_value:
            columns.append(_Column(context, builder, signature.args[1], args[1], args[2:4], columns[0].lanes))
        left = collections.Counter(row for pair in comparators for row in pair)
        held: dict[int, list[Any]] = {}
        for pair in comparators:
            for row in pair:
                if row not in held:
                    held[row] = [column.load(row) for column in columns]
            held[pair[0]], held[pair[1]] = _exchanged(columns, held[pair[0]], held[pair[1]])
            left.subtract(pair)
            for row in pair:
                if not left[row]:
                    for column, vector in zip(columns, held.pop(row), strict=True):
                        column.store(row, vector)
        return context.get_dummy_value()

    return types.void(tile, order, start, step, count, ordered, middle), codegen


class _Column:
    """Vectors of neighbouring lanes of the rows of an array, `place` = (start, step)."""

    def __init__(self, context, builder, kind, array, place, lanes=None) -> None:
        item = context.get_value_type(kind.dtype)
        self.builder, self.place = builder, place
        self.data = context.make_array(kind)(context, builder, value=array).data
        self.size = kind.dtype.bitwidth // 8
        self.lanes = lanes or vector_bytes() // self.size
        self.type = ir.VectorType(item, self.lanes)
        self.real = isinstance(kind.dtype, types.Float)

    def load(self, row: int) -> Any:
        return load(self.builder, self._pointer(row), self.type, self.size)

    def store(self, row: int, vector: Any) -> None:
        store(self.builder, vector, self._pointer(row), self.size)

    def extreme(self, name: str, a: Any, b: Any) -> Any:
        """The vector minimum or maximum (`name` is min or max) of floats that are not NaN, or of integers."""
        if self.real:
            return call(self.builder, f"{name}num", a, b, fastmath=("nnan", "nsz"))
        return call(self.builder, f"u{name}", a, b)

    def is_less(self, a, b):
        return self.builder.fcmp_ordered("<", a, b) if self.real else self.builder.icmp_unsigned("<", a, b)

    def _pointer(self, row: int):
        start, step = self.place
        index = self.builder.add(start, self.builder.mul(step, ir.Constant(step.type, row)))
        return self.builder.gep(self.data, [index])


def _exchanged(
    columns: Sequence[_Column], first: list[Any], second: list[Any]
) -> tuple[list[Any], list[Any]]:
    """The smaller values and the greater; what else goes with them changes places where they do."""
    values, more = columns[0], columns[1:]
    low, high = [values.extreme(name, first[0], second[0]) for name in ("min", "max")]
    lows, highs = [low], [high]
    if more:
        swap = values.is_less(second[0], first[0])
        lows.append(values.builder.select(swap, second[1], first[1]))
        highs.append(values.builder.select(swap, first[1], second[1]))
    return lows, highs
