"""Strips of pixels of all frames, one row per frame, in the generated code that averages them.

A strip is the neighbouring pixels that fill a vector register. Rows of few frames stay in registers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from ccdfx.kernels.compile.llvm import load_vector, splat, store_vector, vector_bytes
from ccdfx.kernels.stack.decode import BIG_U2, FLOATS, ITEMSIZES, U2, covered, decoded
from ccdfx.kernels.stack.gather import FRAME_DATA, FRAME_MASK
from ccdfx.kernels.stack.sorting import MOST_STRAIGHT, Column, blocks_of, write_sort

MOST_INTEGERS = 2**15
"""A sum of so many 16-bit differences fits 32 bits."""

LONG, NUMBER = ir.IntType(64), ir.IntType(32)


class Strips(NamedTuple):
    """Options of the generated code: number of frames, kind of pixels, average and rank of a median.

    `average` and `pick` are those of `averages`. Either all frames have masks or none has. Values that were
    `gathered` are in the rows of a tile of whole vectors, where they are sorted.
    """

    count: int
    kind: int
    average: int
    pick: int
    masked: bool = False
    gathered: bool = False

    @property
    def integers(self) -> bool:
        """Whether pixels stay unsigned 16-bit integers: twice the lanes of float32, sums without rounding."""
        return self.kind in (U2, BIG_U2) and not self.masked and self.count <= MOST_INTEGERS

    @property
    def complete(self) -> bool:
        """Whether no value can be missing."""
        return not self.masked and self.kind not in FLOATS


class StripRows:
    """Rows of `lanes` values of the type `kind`, for the pixels from `start` on; missing values are +inf.

    Row numbers, and `start`, are values in the generated code.
    """

    def __init__(self, builder: Any, strips: Strips, frames: Any) -> None:
        self.builder, self.strips, self.start = builder, strips, LONG(0)
        self._table, self._columns = frames.data, cgutils.unpack_tuple(builder, frames.shape)[1]
        item, size = (ir.IntType(16), 2) if strips.integers else (ir.FloatType(), 4)
        self.lanes = vector_bytes() // size
        self.kind = ir.VectorType(item, self.lanes)
        if strips.gathered:
            place = self._number(LONG(0), FRAME_DATA)
            bytes_apart = builder.sub(self._number(LONG(min(1, strips.count - 1)), FRAME_DATA), place)
            self._first = builder.inttoptr(place, item.as_pointer())
            self._apart = builder.udiv(bytes_apart, LONG(size))
        else:
            with builder.goto_entry_block():
                self._first = builder.bitcast(builder.alloca(self.kind, strips.count), item.as_pointer())
            self._apart = LONG(self.lanes)

    def by_fours(self, work: Callable[[list[Any]], None]) -> None:
        """Call `work` with all rows, four at a time, and with the remaining ones one by one."""
        count = self.strips.count
        if count <= MOST_STRAIGHT:
            for row in range(0, count - 3, 4):
                work([LONG(row + further) for further in range(4)])
        else:
            with cgutils.for_range(self.builder, LONG(count // 4)) as loop:
                first = self.builder.mul(loop.index, LONG(4))
                work([self.builder.add(first, LONG(further)) for further in range(4)])
        for row in range(count - count % 4, count):
            work([LONG(row)])

    def get(self, row: Any) -> Any:
        """Return the values of a row."""
        return load_vector(self.builder, self._place(row), self.kind, 4)

    def put(self, row: Any, values: Any) -> None:
        """Replace the values of a row."""
        store_vector(self.builder, values, self._place(row), 4)

    def load(self) -> Any:
        """Fill the rows from the frames; return where some value is missing, or None if none can be."""
        missing = Variable(self.builder, splat(ir.VectorType(ir.IntType(1), self.lanes), 0))

        def load_rows(rows: list[Any]) -> None:
            for row in rows:
                bad = self._found_missing(row) if self.strips.gathered else self._decoded(row)
                if bad is not None:
                    missing.set(self.builder.or_(missing.get(), bad))

        if not (self.strips.gathered and self.strips.complete):
            self.by_fours(load_rows)
        return None if self.strips.complete else missing.get()

    def sort(self) -> None:
        """Sort so far that the middle ranks are in their rows."""
        column = Column(self.builder, self._place(LONG(0)), self._apart, self.lanes)
        write_sort(self.builder, [column], blocks_of(self.strips.count, middle=True))

    def _place(self, row: Any) -> Any:
        start = self.builder.mul(row, self._apart)
        if self.strips.gathered:
            start = self.builder.add(start, self.start)
        return self.builder.gep(self._first, [start])

    def _number(self, row: Any, column: int) -> Any:
        """Return an entry of the table of frames."""
        place = self.builder.add(self.builder.mul(row, self._columns), LONG(column))
        return self.builder.load(self.builder.gep(self._table, [place]))

    def _found_missing(self, row: Any) -> Any:
        return self.builder.fcmp_ordered("==", self.get(row), splat(self.kind, np.inf))

    def _decoded(self, row: Any) -> Any:
        """Fill a row; return where a value is missing, or None."""
        builder, kind = self.builder, self.strips.kind
        offset = builder.mul(self.start, LONG(int(ITEMSIZES[kind])))
        values, bad = decoded(builder, kind, builder.add(self._number(row, FRAME_DATA), offset), self.kind)
        if self.strips.masked:
            values, hidden = covered(builder, values, builder.add(self._number(row, FRAME_MASK), self.start))
            bad = hidden if bad is None else builder.or_(bad, hidden)
        self.put(row, values)
        return bad


class Variable:
    """A variable of the generated code, which becomes a register."""

    def __init__(self, builder: Any, value: Any) -> None:
        self._builder, self._real = builder, isinstance(value.type.element, (ir.FloatType, ir.DoubleType))
        with builder.goto_entry_block():
            self._place = builder.alloca(value.type)
        self.set(value)

    def get(self) -> Any:
        """Return its value at this place of the code."""
        return self._builder.load(self._place)

    def set(self, value: Any) -> None:
        """Assign another value."""
        self._builder.store(value, self._place)

    def add(self, value: Any) -> None:
        """Add a value to it."""
        self.set((self._builder.fadd if self._real else self._builder.add)(self.get(), value))
