"""LLVM vector instructions for functions that numba compiles.

They are for kernels that LLVM cannot vectorise by itself, or only slowly.
"""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@functools.cache
def vector_bytes() -> int:
    """Return the width of the vector registers of this machine."""
    features = binding.get_host_cpu_features()
    return 64 if features.get("avx512bw") else 32 if features.get("avx2") else 16


def load_vector(builder: Any, address: Any, kind: ir.VectorType, align: int) -> Any:
    """Load the vector at an address."""
    found = builder.load(builder.bitcast(address, kind.as_pointer()))
    found.align = align
    return found


def store_vector(builder: Any, vector: Any, address: Any, align: int) -> None:
    """Store a vector at an address."""
    builder.store(vector, builder.bitcast(address, vector.type.as_pointer())).align = align


def call_vector(builder: Any, name: str, *vectors: Any, fastmath: tuple[str, ...] = ()) -> Any:
    """Call LLVM's intrinsic `name` on vectors of one type."""
    kind = vectors[0].type
    item = {"half": "f16", "float": "f32", "double": "f64"}.get(str(kind.element), str(kind.element))
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind] * len(vectors)), f"llvm.{name}.v{kind.count}{item}"
    )
    return builder.call(function, vectors, fastmath=fastmath)


def splat(kind: ir.VectorType, value: Any) -> ir.Constant:
    """Return a vector with a constant in all lanes."""
    return ir.Constant(kind, [value] * kind.count)


def broadcast(builder: Any, value: Any, lanes: int) -> Any:
    """Return a vector with a value of the code in all lanes."""
    kind = ir.VectorType(value.type, lanes)
    nothing, first = ir.Constant(kind, ir.Undefined), ir.IntType(32)(0)
    one = builder.insert_element(nothing, value, first)
    return builder.shuffle_vector(one, nothing, splat(ir.VectorType(first.type, lanes), 0))


def looked_up(builder: Any, table: Any, places: Any) -> Any:
    """Look up the elements of a table, which begins at a pointer, at the places in a vector."""
    count, number = places.type.count, ir.IntType(32)
    found = ir.Constant(ir.VectorType(table.type.pointee, count), ir.Undefined)
    for lane in range(count):
        place = builder.gep(table, [builder.extract_element(places, number(lane))])
        found = builder.insert_element(found, builder.load(place), number(lane))
    return found


def prefetch(builder: Any, address: Any) -> None:
    """Prefetch the cache line at an address (a pointer); a wrong address does no harm."""
    number = ir.IntType(32)
    kinds = (cgutils.voidptr_t, number, number, number)
    function = builder.module.declare_intrinsic(
        "llvm.prefetch", kinds[:1], ir.FunctionType(ir.VoidType(), kinds)
    )
    builder.call(function, (address, number(0), number(3), number(1)))  # to read, first cache, data


def _extreme(name: str) -> Any:
    """Make LLVM's intrinsic `name` for floats that are never NaN: a plain vector minimum or maximum.

    A loop that keeps the extreme of all its values vectorises with it, and not with a comparison.
    """

    @intrinsic
    def extreme(typingctx, a, b):
        def codegen(context, builder, signature, args):
            kind = args[0].type
            function = builder.module.declare_intrinsic(
                f"llvm.{name}", (kind,), ir.FunctionType(kind, (kind, kind))
            )
            return builder.call(function, args, fastmath=("nnan", "nsz"))

        return (a(a, b), codegen) if isinstance(a, types.Float) and a == b else None

    return extreme


lower = _extreme("minnum")
upper = _extreme("maxnum")
