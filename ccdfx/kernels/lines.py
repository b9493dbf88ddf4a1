"""Stacking of the image line by line, with a separate noise for each line."""

from __future__ import annotations

import functools
from collections.abc import Callable

from numba import types

from ccdfx.kernels.cache import kernel
from ccdfx.kernels.decode import ITEMSIZES
from ccdfx.kernels.gather import DATA, KIND, MASK, VARIANCE, VARIANCE_KIND
from ccdfx.kernels.noise_rules import CONSTANT
from ccdfx.kernels.stack import stack_signature


@kernel
def _move(frames, width):
    """Move the table of frames to the pixels that lie `width` further on."""
    for j in range(frames.shape[0]):
        frames[j, DATA] += width * ITEMSIZES[frames[j, KIND]]
        if frames[j, MASK] != 0:
            frames[j, MASK] += width
        if frames[j, VARIANCE] != 0:
            frames[j, VARIANCE] += width * ITEMSIZES[frames[j, VARIANCE_KIND]]


@kernel
def _line_of(array, line, width):
    return array[line * width : (line + 1) * width] if array.size else array


def _stack_lines(
    stack, constants, frames, factors, sorter, plan, parameters, noise, rule, tables, by_frame,
    value, variance, count, rejected_low, rejected_high, flags, fates,
):  # fmt: skip
    """Combine as many whole lines of pixels as there are constants, each with its own constant of the noise.

    stack: the stack kernel; the other parameters are its own. The table of frames and the noise are modified.
    """
    width = value.size // constants.size
    for line in range(constants.size):
        for j in range(noise.shape[0]):
            noise[j, CONSTANT] = constants[line]
        stack(
            frames, factors, sorter, plan, parameters, noise, rule, tables, by_frame,
            _line_of(value, line, width), _line_of(variance, line, width), _line_of(count, line, width),
            _line_of(rejected_low, line, width), _line_of(rejected_high, line, width),
            _line_of(flags, line, width), fates[:, line * width : (line + 1) * width],
        )  # fmt: skip
        _move(frames, width)


@functools.cache
def lines_kernel(kind: str, by_frame: bool) -> Callable[..., None]:
    """Return the compiled kernel that corresponds to `stack_kernel` with the same arguments."""
    stack = stack_signature(kind, by_frame)
    constants = types.Array(types.float64, 1, "C")
    return kernel(_stack_lines, signature=types.void(types.FunctionType(stack), constants, *stack.args))
