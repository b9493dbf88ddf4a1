"""Means and medians as straight-line code, from the stored pixels of the frames to value and variance.

Each strip is loaded, decoded, summed, sorted and stored; with few frames it stays in registers. One function
is compiled for each number and kind of frames. Rejection and weights are not supported.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ccdfx.kernels.compile.kernel import PassedKernel
from ccdfx.kernels.compile.llvm import broadcast, call_vector, looked_up, splat, store_vector
from ccdfx.kernels.stack.averages import (
    AVERAGE_MEDIAN,
    AVERAGE_TOTAL,
    FARTHEST,
    NO_DATA_FLAG,
    PICK_LOWER,
    PICK_LOWER_OF_TWO,
    PICK_MIDDLE,
    TABLE_HALF,
    picked,
)
from ccdfx.kernels.stack.sorting import Column
from ccdfx.kernels.stack.strip_rows import LONG, NUMBER, StripRows, Strips, Variable


def strips_type() -> types.FunctionType:
    """Return the type of the functions of `combining`, which kernels take as a value."""
    return types.FunctionType(_signature())


def _signature() -> Any:
    floats = types.Array(types.float32, 1, "C")
    return types.int64(
        types.Array(types.int64, 2, "C"), types.Array(types.float64, 2, "C"), floats, floats,
        types.Array(types.uint16, 1, "C"), types.Array(types.uint8, 1, "C"),
    )  # fmt: skip


@functools.cache
def combining(strips: Strips) -> PassedKernel:
    """Load from the cache or compile a function that averages a run of pixels.

    It takes the table of frames (as in `gather`), the tables of `averages`, and the outputs value, variance,
    count (which may be empty) and flags, of at least a vector register. It returns 0 if no pixel is empty.
    """
    return PassedKernel(_combining(strips), _signature())


def _combining(strips: Strips) -> Callable[..., int]:
    count, kind, average, pick, masked, gathered = strips

    def combine(frames, tables, value, variance, numbers, flags):
        return _combine(
            frames, tables, value, variance, numbers, flags, count, kind, average, pick, masked, gathered
        )

    return combine


@intrinsic(prefer_literal=True)
def _combine(
    typingctx, frames, tables, value, variance, numbers, flags, count, kind, average, pick, masked, gathered
):  # fmt: skip
    arrays = frames, tables, value, variance, numbers, flags
    literals = count, kind, average, pick, masked, gathered
    if not all(isinstance(literal, types.Literal) for literal in literals):
        return None
    strips = Strips(*(literal.literal_value for literal in literals))

    def codegen(context, builder, signature, args):
        found = [
            context.make_array(kind)(context, builder, value=array)
            for kind, array in zip(arrays, args[: len(arrays)], strict=True)
        ]
        return _Averages(builder, strips, found).write()

    return types.int64(*arrays, *literals), codegen


class _Averages:
    """Generator of the code: a loop over strips, with branches for complete and incomplete strips."""

    def __init__(self, builder: Any, strips: Strips, arrays: list[Any]) -> None:
        frames, self.tables, *self.outputs = arrays
        self.builder, self.strips, self.rows = builder, strips, StripRows(builder, strips, frames)
        self.bytes, self.counts, self.numbers, self.floats, self.doubles = (
            ir.VectorType(kind, self.rows.lanes)
            for kind in (ir.IntType(8), ir.IntType(16), NUMBER, ir.FloatType(), ir.DoubleType())
        )
        self.empty = cgutils.alloca_once_value(builder, LONG(0))

    def write(self) -> Any:
        """Write the loop; the last strip ends with the run and may repeat pixels of the one before."""
        builder, lanes = self.builder, LONG(self.rows.lanes)
        pixels = cgutils.unpack_tuple(builder, self.outputs[0].shape)[0]
        last = builder.sub(pixels, lanes)
        times = builder.udiv(builder.add(pixels, LONG(self.rows.lanes - 1)), lanes)
        with cgutils.for_range(builder, times) as loop:
            start = builder.mul(loop.index, lanes)
            self.rows.start = builder.select(builder.icmp_signed("<", start, last), start, last)
            missing = self.rows.load()
            if missing is None:
                self._average_all()
            else:
                with builder.if_else(self._anywhere(missing)) as (partly, wholly):
                    with partly:
                        self._average_present()
                    with wholly:
                        self._average_all()
        return builder.load(self.empty)

    def _anywhere(self, where: Any) -> Any:
        bits = self.builder.bitcast(where, ir.IntType(self.rows.lanes))
        return self.builder.icmp_unsigned("!=", bits, bits.type(0))

    # Complete strips.

    def _average_all(self) -> None:
        strips, count = self.strips, float(self.strips.count)
        pivot, total, squares, ends = self._integer_sums() if strips.integers else self._sums()
        share, pairs = splat(self.doubles, 1.0 / count), count * (count - 1.0)
        spread = self._spread(total, squares, share, splat(self.doubles, 1.0 / pairs if pairs else np.inf))
        if strips.average == AVERAGE_MEDIAN:
            self.rows.sort()
            value, middle = (
                self._middle(*(self.rows.get(LONG(rank)) for rank in picked.py_func(pick, strips.count)))
                for pick in (strips.pick, PICK_MIDDLE)
            )
            factors = [
                broadcast(
                    self.builder,
                    self.builder.load(self._factor_place(row, LONG(strips.count))),
                    self.rows.lanes,
                )
                for row in (0, TABLE_HALF)
            ]
            spread = self._robust(spread, middle, ends, *factors)
        else:
            value = self._mean(pivot, total, splat(self.doubles, count), share)
        if strips.average == AVERAGE_TOTAL:
            spread = self.builder.fmul(spread, splat(self.doubles, count * count))
        self._store(value, spread, splat(self.numbers, strips.count), splat(self.bytes, 0))

    def _sums(self) -> tuple[Any, Any, Any, tuple[Any, Any]]:
        """Return the first value, the sums of the deviations from it and of their squares, and for a median the ends."""
        builder = self.builder
        first = self.rows.get(LONG(0))
        low, high = Variable(builder, first), Variable(builder, first)
        pivot = builder.fpext(first, self.doubles)
        total, squares = (Variable(builder, splat(self.doubles, 0.0)) for _ in range(2))

        def add(rows: list[Any]) -> None:
            found = [self.rows.get(row) for row in rows]
            if self.strips.average == AVERAGE_MEDIAN:
                for value in found:
                    self._widen(low, high, value, value)
            values = [builder.fpext(value, self.doubles) for value in found]
            self._add_deviations([builder.fsub(value, pivot) for value in values], total, squares)

        self.rows.by_fours(add)
        return pivot, total.get(), squares.get(), (low.get(), high.get())

    def _add_deviations(self, found: list[Any], total: Variable, squares: Variable) -> None:
        """Add by pairs, in the same groups of four whatever is missing, so that pixels are independent."""
        for sums, terms in ((total, found), (squares, [self.builder.fmul(x, x) for x in found])):
            while len(terms) > 1:
                terms = [self.builder.fadd(a, b) for a, b in zip(terms[::2], terms[1::2], strict=True)]
            sums.add(terms[0])

    def _integer_sums(self) -> tuple[Any, Any, Any, tuple[Any, Any]]:
        """Compute `_sums` in integers: the squares in two halves, modulo 2^32."""
        builder = self.builder
        first = self.rows.get(LONG(0))
        least, most = Variable(builder, first), Variable(builder, first)
        pivot = builder.zext(first, self.numbers)
        total, low, high = (Variable(builder, splat(self.numbers, 0)) for _ in range(3))

        def add(rows: list[Any]) -> None:
            for row in rows:
                value = self.rows.get(row)
                if self.strips.average == AVERAGE_MEDIAN:
                    self._widen(least, most, value, value)
                x = builder.sub(builder.zext(value, self.numbers), pivot)
                square = builder.mul(x, x)
                total.add(x)
                low.add(builder.and_(square, splat(self.numbers, 0xFFFF)))
                high.add(builder.lshr(square, splat(self.numbers, 16)))

        self.rows.by_fours(add)
        below, above = (builder.uitofp(half.get(), self.doubles) for half in (low, high))
        squares = builder.fadd(builder.fmul(above, splat(self.doubles, 65536.0)), below)
        sums = builder.uitofp(pivot, self.doubles), builder.sitofp(total.get(), self.doubles), squares
        return *sums, (least.get(), most.get())

    def _widen(self, low: Variable, high: Variable, below: Any, above: Any) -> None:
        column = Column(self.builder, self.outputs[0].data, LONG(1), self.rows.lanes)
        column.real = not self.strips.integers
        low.set(column.extreme("min", low.get(), below))
        high.set(column.extreme("max", high.get(), above))

    def _factor_place(self, row: int, number: Any) -> Any:
        start = LONG(row * (self.strips.count + 1))
        return self.builder.gep(self.tables.data, [self.builder.add(start, number)])

    def _robust(self, spread: Any, middle: Any, ends: tuple[Any, Any], scatter: Any, half: Any) -> Any:
        """Return the variance of an order statistic as `averages` estimates it."""
        builder = self.builder
        turned = builder.uitofp if self.strips.integers else builder.fpext
        first, last = (turned(end, self.doubles) for end in ends)
        center = builder.fpext(middle, self.doubles)
        below, above = builder.fsub(center, first), builder.fsub(last, center)
        is_less = builder.fcmp_ordered("<", below, above)
        short, long = builder.select(is_less, below, above), builder.select(is_less, above, below)
        far = builder.fcmp_ordered(">", long, builder.fmul(short, splat(self.doubles, FARTHEST)))
        of_half = builder.fmul(builder.fmul(short, short), half)
        return builder.select(far, of_half, builder.fmul(spread, scatter))

    # Strips with missing values.

    def _average_present(self) -> None:
        builder, strips, one = self.builder, self.strips, splat(self.doubles, 1.0)
        pivot, total, squares, numbers, ends = self._sums_present()
        n = builder.uitofp(numbers, self.doubles)
        share = builder.fdiv(one, n)
        if strips.average == AVERAGE_MEDIAN:
            self.rows.sort()
            value, middle = (
                self._middle(*self._picked_present(numbers, pick)) for pick in (strips.pick, PICK_MIDDLE)
            )
        else:
            value = self._mean(pivot, total, n, share)
        pairs = builder.fmul(n, builder.fsub(n, one))
        spread = self._spread(total, squares, share, builder.fdiv(one, pairs))
        spread = builder.select(builder.fcmp_ordered(">", n, one), spread, splat(self.doubles, np.inf))
        if strips.average == AVERAGE_MEDIAN:
            factors = [
                looked_up(builder, self._factor_place(row, LONG(0)), numbers) for row in (0, TABLE_HALF)
            ]
            spread = self._robust(spread, middle, ends, *factors)
        elif strips.average == AVERAGE_TOTAL:
            spread = builder.fmul(spread, builder.fmul(n, n))
        self._store_present(value, spread, numbers)

    def _sums_present(self) -> tuple[Any, Any, Any, Any, tuple[Any, Any]]:
        """Compute `_sums` of the values present, their number, and the smallest and the greatest of them.

        Missing values become +inf, -inf, +inf ... in turn, so that the median of the others stays central.
        """
        builder, zero = self.builder, splat(self.doubles, 0.0)
        infinity = splat(self.rows.kind, np.inf)
        pivot = builder.fpext(self._first_present(), self.doubles)
        total, squares, end, numbers = (
            Variable(builder, value) for value in (zero, zero, infinity, splat(self.numbers, 0))
        )
        beyond = splat(self.rows.kind, -np.inf)
        low, high = Variable(builder, infinity), Variable(builder, beyond)

        def add(rows: list[Any]) -> None:
            deviations = []
            for row in rows:
                value, outer = self.rows.get(row), end.get()
                is_there = builder.fcmp_ordered("<", value, infinity)
                numbers.add(builder.zext(is_there, self.numbers))
                deviation = builder.fsub(builder.fpext(value, self.doubles), pivot)
                deviations.append(builder.select(is_there, deviation, zero))
                if self.strips.average == AVERAGE_MEDIAN:
                    self._widen(low, high, value, builder.select(is_there, value, beyond))
                    self.rows.put(row, builder.select(is_there, value, outer))
                    end.set(builder.select(is_there, outer, builder.fneg(outer)))
            self._add_deviations(deviations, total, squares)

        self.rows.by_fours(add)
        return pivot, total.get(), squares.get(), numbers.get(), (low.get(), high.get())

    def _first_present(self) -> Any:
        """Return the first value present, usually that of the first row, or 0."""
        builder, infinity = self.builder, splat(self.rows.kind, np.inf)
        found = Variable(builder, self.rows.get(LONG(0)))

        def is_known() -> Any:
            return builder.fcmp_ordered("<", found.get(), infinity)

        def look(rows: list[Any]) -> None:
            for row in rows:
                found.set(builder.select(is_known(), found.get(), self.rows.get(row)))

        with builder.if_then(self._anywhere(builder.not_(is_known()))):
            self.rows.by_fours(look)
        return builder.select(is_known(), found.get(), splat(self.rows.kind, 0.0))

    def _picked_present(self, numbers: Any, pick: int) -> tuple[Any, Any]:
        """Return the two values whose mean is the median; missing ones lie at both ends, an odd one above."""
        builder, strips, below = self.builder, self.strips, (self.strips.count - 1) // 2
        missing = builder.xor(numbers, splat(self.numbers, strips.count))
        odd = builder.trunc(missing, ir.VectorType(ir.IntType(1), self.rows.lanes))
        first, last = (
            builder.select(odd, self.rows.get(LONG(rank)), self.rows.get(LONG(whole)))
            for rank, whole in ((max(strips.count - 2, 0) // 2, below), (below, strips.count // 2))
        )
        if pick == PICK_LOWER:
            last = first
        elif pick == PICK_LOWER_OF_TWO:
            two = builder.icmp_unsigned("==", numbers, splat(self.numbers, 2))
            last = builder.select(two, first, last)
        return first, last

    def _store_present(self, value: Any, spread: Any, numbers: Any) -> None:
        """Store the results, with 0 and a flag where no value is present."""
        builder = self.builder
        empty = builder.icmp_unsigned("==", numbers, splat(self.numbers, 0))
        value = builder.select(empty, splat(self.floats, 0.0), value)
        spread = builder.select(empty, splat(self.doubles, 0.0), spread)
        flags = builder.select(empty, splat(self.bytes, int(NO_DATA_FLAG)), splat(self.bytes, 0))
        bits = builder.zext(builder.bitcast(empty, ir.IntType(self.rows.lanes)), LONG)
        builder.store(builder.or_(builder.load(self.empty), bits), self.empty)
        self._store(value, spread, numbers, flags)

    # Both kinds of strips.

    def _middle(self, first: Any, last: Any) -> Any:
        """Return the mean of two values; that of integers is exact in float32."""
        builder, integers = self.builder, self.strips.integers
        exact, turned = (self.floats, builder.uitofp) if integers else (self.doubles, builder.fpext)
        halves = [builder.fmul(turned(value, exact), splat(exact, 0.5)) for value in (first, last)]
        value = builder.fadd(*halves)
        return value if integers else builder.fptrunc(value, self.floats)

    def _mean(self, pivot: Any, total: Any, n: Any, share: Any) -> Any:
        """Return the mean, or the sum where that is the average."""
        value = self.builder.fadd(self.builder.fmul(pivot, n), total)
        if self.strips.average != AVERAGE_TOTAL:
            value = self.builder.fmul(value, share)
        return self.builder.fptrunc(value, self.floats)

    def _spread(self, total: Any, squares: Any, share: Any, scale: Any) -> Any:
        """Return the empirical variance of the mean."""
        builder = self.builder
        residual = builder.fsub(squares, builder.fmul(builder.fmul(total, total), share))
        least = call_vector(builder, "maxnum", residual, splat(self.doubles, 0.0), fastmath=("nnan", "nsz"))
        return builder.fmul(least, scale)

    def _store(self, value: Any, spread: Any, numbers: Any, flags: Any) -> None:
        """Store those results whose outputs are not empty."""
        builder = self.builder
        found = value, builder.fptrunc(spread, self.floats), builder.trunc(numbers, self.counts), flags
        for array, vector, size in zip(self.outputs, found, (4, 4, 2, 1), strict=True):
            wanted = builder.icmp_signed(">", cgutils.unpack_tuple(builder, array.shape)[0], LONG(0))
            with builder.if_then(wanted, likely=True):
                store_vector(builder, vector, builder.gep(array.data, [self.rows.start]), size)
