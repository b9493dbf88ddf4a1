"""The operations of arithmetic: the value of each and its slopes, for errors to first order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Plane = Any
"""An array of pixels, or one number."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of one or two operands.

    Parameters
    ----------
    name : str
        Name of numpy's function.
    value : callable
        ``value(x)`` or ``value(x, y)``.
    slopes : callable
        ``slopes(x, result)`` or ``slopes(x, y, result)``: the derivative by each operand, arrays or numbers.
    """

    name: str
    value: Callable[..., Plane]
    slopes: Callable[..., tuple[Plane, ...]]


def _power_slopes(x: Plane, y: Plane, result: Plane) -> tuple[Plane, Plane]:
    by_exponent = 0.0 if isinstance(y, float) else result * np.log(x)  # a number is exact
    return y * np.power(x, y - 1), by_exponent


OPERATIONS = {
    one.name: one
    for one in (
        Operation("add", np.add, lambda x, y, result: (1.0, 1.0)),
        Operation("subtract", np.subtract, lambda x, y, result: (1.0, -1.0)),
        Operation("multiply", np.multiply, lambda x, y, result: (y, x)),
        Operation("divide", np.divide, lambda x, y, result: (1 / y, -result / y)),
        Operation("power", np.power, _power_slopes),
        Operation("negative", np.negative, lambda x, result: (-1.0,)),
        Operation("positive", np.positive, lambda x, result: (1.0,)),
        Operation("absolute", np.absolute, lambda x, result: (np.sign(x),)),
        Operation("sqrt", np.sqrt, lambda x, result: (0.5 / result,)),
        Operation("square", np.square, lambda x, result: (2 * x,)),
    )
}
"""The operations by the name of numpy's function."""
