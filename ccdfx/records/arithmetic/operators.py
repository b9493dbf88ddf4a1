"""The operators of an image: ``+ - * / **``, numpy's functions of the same, and slices."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.arithmetic.rules import OPERATIONS
from ccdfx.records.range import Range

_SLICES = (
    "give slices of rows and columns without a step, image[10:20, 30:40]; image.array[y, x] has the pixels"
)

_COMPARISONS = frozenset({"less", "less_equal", "greater", "greater_equal", "equal", "not_equal"})


class Operators:
    """The operators; a class that has them defines `_applied`, which gives NotImplemented for strange operands."""

    __slots__ = ()

    def _applied(self, name: str, *operands: Any) -> Any:
        """Apply an operation, by the name of its function in numpy; each class that has the operators defines it."""
        raise NotImplementedError

    def __add__(self, other: Any) -> Any:
        return self._applied("add", self, other)

    def __radd__(self, other: Any) -> Any:
        return self._applied("add", other, self)

    def __sub__(self, other: Any) -> Any:
        return self._applied("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._applied("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return self._applied("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._applied("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._applied("divide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._applied("divide", other, self)

    def __pow__(self, other: Any) -> Any:
        return self._applied("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._applied("power", other, self)

    def __neg__(self) -> Any:
        return self._applied("negative", self)

    def __pos__(self) -> Any:
        return self._applied("positive", self)

    def __abs__(self) -> Any:
        return self._applied("absolute", self)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        name = ufunc.__name__
        if name in _COMPARISONS:
            raise ArgumentTypeError(
                f"numpy.{name}", "does not compare images", remedy="compare image.array, beside image.good"
            )
        if method == "__call__" and not options and name in OPERATIONS:
            return self._applied(name, *inputs)
        # All else sees arrays, as by `__array__`: flagged pixels are NaN, with a warning.
        arrays = [np.asarray(one) if isinstance(one, Operators) else one for one in inputs]
        return getattr(ufunc, method)(*arrays, **options)


def window_of_slices(index: Any, window: Range) -> Range:
    """Return the window in the parent frame that ``image[y, x]`` or ``image[y]`` cuts out.

    Raises
    ------
    ArgumentTypeError, ArgumentError
        When the index is anything but slices without a step, or cuts out nothing.

    Examples
    --------
    >>> window_of_slices((slice(1, 3), slice(None, -1)), Range(10, 14, 0, 5))
    Range(x_lower=10, x_upper=13, y_lower=1, y_upper=3)
    """
    parts = index if isinstance(index, tuple) else (index,)
    if not 1 <= len(parts) <= 2 or not all(isinstance(part, slice) for part in parts):
        raise ArgumentTypeError("image[...]", "must be slices", value=index, remedy=_SLICES)
    limits = []
    for part, size in zip((*parts, slice(None))[:2], window.shape, strict=True):
        try:
            if part.step is not None and operator.index(part.step) != 1:
                raise ArgumentError("image[...]", "must have no step", value=part.step, remedy=_SLICES)
            start, stop, _ = part.indices(size)
        except TypeError:
            raise ArgumentTypeError(
                "image[...]", "must have whole numbers", value=part, remedy=_SLICES
            ) from None
        if start >= stop:
            raise ArgumentError("image[...]", "must cut out a pixel or more", value=part, remedy=_SLICES)
        limits += [start, stop]
    return Range(limits[2], limits[3], limits[0], limits[1]).moved(window.x_lower, window.y_lower)
