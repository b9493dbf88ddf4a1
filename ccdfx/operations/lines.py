"""Rules that need a statistic of a whole line of the image before they can reject in any of its pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def stack_lines(
    kernel: Callable[..., bool], arguments: tuple[Any, ...], scatter: Any, table: np.ndarray,
    width: int, outputs: Mapping[str, np.ndarray], fates: np.ndarray,
) -> None:  # fmt: skip
    """Combine the lines of a tile one by one, each with its own sigma.

    `arguments`: those of the stack kernel between the table of frames and the outputs. `scatter`: a rule that turns
    the values of a lane into its sum of squared deviations. A line is always whole in a tile, so that the result does
    not depend on how the tiles are cut.
    """
    from ccdfx.kernels import noise_rules

    factors, sorter, plan, numbers, noise, rule, *rest = arguments
    for line in range(outputs["value"].size // width):
        start = line * width
        frames = moved_table(table, start)
        first = (factors, sorter, _measuring(plan), numbers, noise, scatter, *rest)
        sigma = _line_sigma(kernel, frames, first, width, outputs["value"].dtype)
        known = noise.copy()
        known[:, noise_rules.CONSTANT] = sigma if sigma > 0 else -1.0
        part = (array[start : start + width] if array.size else array for array in outputs.values())
        follow = fates[:, start : start + width]
        kernel(frames, factors, sorter, plan, numbers, known, rule, *rest, *part, follow)


def moved_table(table: np.ndarray, start: int) -> np.ndarray:
    """The table of frames for the pixels from `start` on."""
    from ccdfx.kernels import decode, gather

    moved = table.copy()
    moved[:, gather.DATA] += start * decode.ITEMSIZES[table[:, gather.KIND]]
    for column, size in (
        (gather.MASK, 1),
        (gather.VARIANCE, decode.ITEMSIZES[table[:, gather.VARIANCE_KIND]]),
    ):
        moved[:, column] += np.where(table[:, column] != 0, start * size, 0)
    return moved


def _measuring(plan: np.ndarray) -> np.ndarray:
    """The plan of a plain mean without variance."""
    from ccdfx.kernels import averages

    plan = plan.copy()
    plan[averages.AVERAGE], plan[averages.PICK] = averages.MEAN, averages.MIDDLE
    plan[averages.VARIANCES], plan[averages.TRIMS], plan[averages.WEIGHTED] = averages.NOTHING, 0, 0
    return plan


def _line_sigma(
    kernel: Callable[..., bool], frames: np.ndarray, arguments: tuple[Any, ...], width: int, kind: np.dtype
) -> float:
    """The root of the sum of squared deviations of all values of a line over their number less 1."""
    squares, nothing = np.empty(width, kind), np.empty(0, kind)
    used, unused = np.empty(width, np.uint16), np.empty((2, width), np.uint16)
    flags, fates = np.empty(width, np.uint8), np.empty((0, 0), np.uint8)
    kernel(frames, *arguments, squares, nothing, used, unused[0], unused[1], flags, fates)
    number = int(used.sum(dtype=np.int64))
    return math.sqrt(float(squares.sum(dtype=np.float64)) / (number - 1)) if number > 1 else 0.0
