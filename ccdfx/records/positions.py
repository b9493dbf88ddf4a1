"""Lists of positions given by the user: pairs, or a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError

FARTHEST = 2.0**31
"""No frame has so many pixels."""


def as_pairs(name: str, given: Any, first: str = "x", second: str = "y") -> np.ndarray:
    """Convert an array, or two fields of a structured array or astropy table, to pairs (n, 2) of numbers.

    The numbers must be finite and below 2**31.

    >>> as_pairs("positions", np.array([(3.0, 1.0, 9.0)], [("x", float), ("y", float), ("flux", float)]))
    array([[3., 1.]])
    """
    remedy = f"give pairs ({first}, {second}), or a table with these fields"
    try:
        if given is None:  # numpy would convert None to NaN
            raise TypeError
        if fields_of(given):
            given = np.column_stack([given[first], given[second]])
        pairs = np.array(given, np.float64, ndmin=2)
    except (TypeError, ValueError, KeyError, OverflowError):
        raise ArgumentTypeError(name, "must be pairs of numbers", value=given, remedy=remedy) from None
    if pairs.size == 0:
        return np.empty((0, 2))
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not (np.abs(pairs) < FARTHEST).all():
        raise ArgumentError(name, "must be pairs of finite numbers below 2**31", value=given, remedy=remedy)
    return pairs


def fields_of(given: Any) -> tuple[str, ...]:
    """Return the names of the fields of a table; an empty tuple for other objects."""
    names = given.dtype.names if isinstance(given, np.ndarray) else getattr(given, "colnames", None)
    return tuple(names or ())
