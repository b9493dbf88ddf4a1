"""Kernel calls: the kernel of a stacking job and its arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.operations.average import efficiency_table, trimmed_efficiency
from ccdfx.operations.reject import minmax
from ccdfx.operations.rejection import Arrangement, StackFacts
from ccdfx.operations.stacking import Job, arranged


@dataclass(frozen=True, slots=True)
class Call:
    """The kernel and its arguments between the table of frames and the outputs.

    `scatter` and `by_line` are for a rule that needs a sigma of each image line: the rule that measures it,
    and the kernel that works line by line.
    """

    kernel: Callable[..., bool]
    arguments: tuple[Any, ...]
    scatter: Any = None
    by_line: Any = None


def call_of(job: Job) -> Call:
    from ccdfx.kernels import averages
    from ccdfx.kernels.plain import plain_average

    count, arrangement = len(job.frames), arranged(job)
    tables = np.ones((2, count + 1))
    tables[0] = efficiency_table(job.average, count)
    # No trim correction for an extreme: it has no information on the values dropped beyond it.
    extreme = job.average.name in ("minimum", "maximum")
    trims = None if arrangement is None or extreme else arrangement.trims
    tables[1] = trimmed_efficiency(*(trims or (0.0, 0.0)))
    plan = _plan(job, trims is not None, arrangement)
    if not averages.needs_ranks(plan, job.kind.itemsize):
        average, pick = int(plan[averages.AVERAGE]), int(plan[averages.PICK])
        return Call(plain_average, (job.factors, tables, average, pick))
    return _ranking_call(job, plan, arrangement, tables)


def _ranking_call(job: Job, plan: np.ndarray, arrangement: Arrangement | None, tables: np.ndarray) -> Call:
    from ccdfx.kernels import averages
    from ccdfx.kernels.sorters import sorter
    from ccdfx.kernels.stack import stack_kernel

    if arrangement is None:  # the kernel needs a rule as argument, which it never calls
        idle = minmax()
        arrangement = idle.arrange(idle.parameters, StackFacts(3, (1.0,), (0.0,), False))
    kind, by_frame = job.kind.str[1:], averages.knows_frames(plan)
    arguments = (
        job.factors, sorter(kind, len(job.frames), bool(plan[averages.ORDERED])), plan,
        np.array([float(number) for number in arrangement.numbers]), np.array(arrangement.noise, dtype=np.float64),
        arrangement.rule, tables, True if by_frame else None,
    )  # fmt: skip
    kernel = stack_kernel(kind, by_frame)
    if arrangement.scatter is None:
        return Call(kernel, arguments)
    from ccdfx.kernels.lines import lines_kernel

    return Call(kernel, arguments, arrangement.scatter, lines_kernel(kind, by_frame))


def _plan(job: Job, trims: bool, arrangement: Arrangement | None) -> np.ndarray:
    from ccdfx.kernels import averages
    from ccdfx.kernels.lanes import block_lanes

    plan = np.zeros(averages.PLAN, np.int64)
    codes = {"mean": averages.MEAN, "inverse_variance_mean": averages.MEAN, "total": averages.TOTAL}
    picks = {
        "middle": averages.MIDDLE, "lower": averages.LOWER, "lower of two": averages.LOWER_OF_TWO,
        "minimum": averages.LOWEST, "maximum": averages.HIGHEST,
    }  # fmt: skip
    plan[averages.AVERAGE] = codes.get(job.average.name, averages.MEDIAN)
    plan[averages.PICK] = picks[job.average.parameters.get("even", "middle")]
    if job.average.name in picks:
        plan[averages.PICK] = picks[job.average.name]
    plan[averages.REJECTS] = job.reject is not None
    plan[averages.VARIANCES] = job.variances
    plan[averages.TRIMS] = trims
    plan[averages.WEIGHTED] = averages.BY_FRAME if job.weighted else 0
    if job.average.name == "inverse_variance_mean":
        plan[averages.WEIGHTED] = averages.BY_VARIANCE
    plan[averages.ORDERED] = averages.FOR_FATES if job.follows else 0
    if arrangement is not None:
        own = arrangement.variances
        if arrangement.ordered or own or len(arrangement.noise) > 1:
            plan[averages.ORDERED] = averages.FOR_RULE
        plan[averages.OWN_NOISE] = own
    plan[averages.LANES] = block_lanes(len(job.frames), job.kind.itemsize)
    return plan
