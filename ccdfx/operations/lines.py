"""Rejection rules that need a statistic of a whole image line before they can reject in any of its pixels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ccdfx.operations.calls import Call


def stack_lines(
    call: Call, table: np.ndarray, width: int, outputs: Mapping[str, np.ndarray], fates: np.ndarray
) -> None:
    """Combine the lines of a tile, each with its own sigma.

    A tile always holds whole lines, so that the result does not depend on the size of the tiles.
    """
    before, noise, after = call.arguments[:4], call.arguments[4], call.arguments[5:]
    sigmas = _line_sigmas(call, table, outputs["value"], width)
    constants = np.where(sigmas > 0, sigmas, -1.0)
    own = table.copy(), *before, noise.copy(), *after  # the kernel changes the table and the noise
    call.by_line(call.kernel, constants, *own, *outputs.values(), fates)


def _measuring(plan: np.ndarray) -> np.ndarray:
    """Change the plan to take the lowest values, without variance."""
    from ccdfx.kernels import averages

    plan = plan.copy()
    plan[averages.AVERAGE], plan[averages.PICK] = averages.MEDIAN, averages.LOWEST
    plan[averages.VARIANCES], plan[averages.TRIMS], plan[averages.WEIGHTED] = averages.NOTHING, 0, 0
    return plan


def _line_sigmas(call: Call, table: np.ndarray, value: np.ndarray, width: int) -> np.ndarray:
    """Compute sqrt(sum of squared deviations / (number of values - 1)) for each line."""
    factors, sorter, plan, numbers, noise, _, *rest = call.arguments
    arguments = factors, sorter, _measuring(plan), numbers, noise, call.scatter, *rest
    squares, nothing = np.empty_like(value), np.empty(0, value.dtype)
    used, unused = np.empty(value.size, np.uint16), np.empty((2, value.size), np.uint16)
    flags, fates = np.empty(value.size, np.uint8), np.empty((0, 0), np.uint8)
    call.kernel(table, *arguments, squares, nothing, used, unused[0], unused[1], flags, fates)
    number = used.reshape(-1, width).sum(axis=1, dtype=np.int64)
    total = squares.reshape(-1, width).sum(axis=1, dtype=np.float64)
    return np.sqrt(np.where(number > 1, total, 0.0) / np.maximum(number - 1, 1))
