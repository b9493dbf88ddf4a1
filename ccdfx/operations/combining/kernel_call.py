"""The calls of the stack kernels that do a job: each is made once, and called for every tile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ccdfx.estimators.order_statistics import median_efficiency, order_efficiency, robust_scatter_factors
from ccdfx.operations.combining.average import Average, mean, median
from ccdfx.operations.combining.maps import Maps
from ccdfx.operations.combining.plan import Job
from ccdfx.operations.rejection.rule import Arrangement


@dataclass(frozen=True, slots=True)
class KernelCall:
    """A stack kernel and its arguments between the table of frames and the outputs.

    A rule that takes one sigma for each line of the image has two more: `scatter`, the rule that measures it, and
    `by_line`, the kernel that calls `kernel` line by line.
    """

    kernel: Callable[..., bool]
    arguments: tuple[Any, ...]
    scatter: Any = None
    by_line: Any = None

    def __call__(self, table: np.ndarray, maps: Maps, dropped: np.ndarray | None = None) -> None:
        """Combine the pixels that the table of frames points to.

        `dropped`, if given, receives the rejection codes (n, pixels) of all values.
        """
        dropped = np.empty((0, 0), np.uint8) if dropped is None else dropped
        if self.scatter is None:
            self.kernel(table, *self.arguments, *maps.kernel_outputs(), dropped)
        else:
            self._call_by_line(table, maps, dropped)

    def _call_by_line(self, table: np.ndarray, maps: Maps, dropped: np.ndarray) -> None:
        """Combine each line with its own sigma; a tile holds whole lines, so its height changes nothing."""
        factors, sorter, plan, numbers, noise, *rest = self.arguments
        sigmas = self._line_sigmas(table, maps.value)
        constants = np.where(sigmas > 0, sigmas, -1.0)
        own = table.copy(), factors, sorter, plan, numbers, noise.copy()  # the kernel changes table and noise
        self.by_line(self.kernel, constants, *own, *rest, *maps.kernel_outputs(), dropped)

    def _line_sigmas(self, table: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Compute sqrt(sum d^2 / (n - 1)) over the deviations d of all n values of each line."""
        from ccdfx.kernels.stack import averages

        factors, sorter, plan, numbers, noise, _, *rest = self.arguments
        plan = plan.copy()  # `scatter` leaves its sum in the lowest value
        plan[averages.PLAN_AVERAGE], plan[averages.PLAN_PICK] = averages.AVERAGE_MEDIAN, averages.PICK_LOWEST
        plan[averages.PLAN_VARIANCES] = averages.VARIANCE_NONE
        plan[averages.PLAN_TRIMS] = plan[averages.PLAN_WEIGHTS] = plan[averages.PLAN_FACTORS] = 0
        squares, nothing = np.empty(value.size, value.dtype), np.empty(0, value.dtype)
        used, unused = np.empty(value.size, np.uint16), np.empty((2, value.size), np.uint16)
        flags, dropped = np.empty(value.size, np.uint8), np.empty((0, 0), np.uint8)
        arguments = factors, sorter, plan, numbers, noise, self.scatter, *rest
        self.kernel(table, *arguments, squares, nothing, used, unused[0], unused[1], flags, dropped)
        number = used.reshape(value.shape).sum(axis=1, dtype=np.int64)
        total = squares.reshape(value.shape).sum(axis=1, dtype=np.float64)
        return np.sqrt(np.where(number > 1, total, 0.0) / np.maximum(number - 1, 1))


_CENTER = median(even="lower")  # a value of the pixel, and of two the one without a cosmic ray


def center_efficiency(count: int) -> float:
    """Return n Var / sigma^2 of the estimate about which a rule with a `profile` rejects, for n normal values."""
    return float(_efficiency_table(_CENTER, count)[count])


class Calls(NamedTuple):
    """The calls of a job: `combine` in one pass; or `reject`, then `average`, each None if a Python function does it.

    `center` computes the estimate about which a rule with a `profile` rejects, in place of `reject`.
    """

    combine: KernelCall | None = None
    reject: KernelCall | None = None
    average: KernelCall | None = None
    center: KernelCall | None = None


class _Work(NamedTuple):
    """What one call of a kernel does of a job."""

    average: Average
    arrangement: Arrangement | None
    weighted: bool
    variances: int
    follows: bool


def calls_of(job: Job) -> Calls:
    """Make the calls of a job; the kernels are compiled, or loaded from the cache."""
    from ccdfx.kernels.stack.averages import VARIANCE_NONE, VARIANCE_PROPAGATED

    rule = job.arrangement
    if not job.two_passes:
        return Calls(combine=_call(job, _Work(job.average, rule, job.weighted, job.variances, job.follows)))
    reject = average = center = None
    if rule is not None and rule.profile is not None:
        center = _call(job, _Work(_CENTER, None, False, VARIANCE_NONE, False))
    elif rule is None or rule.select is None:
        variances = VARIANCE_PROPAGATED if job.facts.variances else VARIANCE_NONE
        reject = _call(job, _Work(mean(), rule, False, variances, True))
    if job.average.function is None:
        average = _call(job, _Work(job.average, None, job.weighted, job.variances, False))
    return Calls(reject=reject, average=average, center=center)


def _call(job: Job, work: _Work) -> KernelCall:
    from ccdfx.kernels.stack import averages
    from ccdfx.kernels.stack.plain import plain_average
    from ccdfx.kernels.stack.weighted_mean import is_weighted_mean, weighted_mean

    count = len(job.frames)
    tables = _order_tables(work, count)
    plan = _plan(job, work)
    if plan[averages.PLAN_FACTORS]:
        assert job.variance_factors is not None
        tables = np.vstack([tables, job.variance_factors])
        tables[averages.TABLE_ROW] += averages.TABLE_FIRST - 1  # row 0 of the factors is TABLE_ROW
    if not averages.needs_ranks(plan, job.kind.itemsize):
        average, pick = int(plan[averages.PLAN_AVERAGE]), int(plan[averages.PLAN_PICK])
        return KernelCall(plain_average, (job.factors, tables, average, pick))
    if is_weighted_mean(plan, job.kind.itemsize):
        return KernelCall(weighted_mean(), (job.factors, int(plan[averages.PLAN_LANES])))
    return _ranking_call(job, plan, work.arrangement, tables)


def _ranking_call(
    job: Job, plan: np.ndarray, arrangement: Arrangement | None, tables: np.ndarray
) -> KernelCall:
    from ccdfx.kernels.stack import averages
    from ccdfx.kernels.stack.ranked import lines_kernel, stack_kernel
    from ccdfx.kernels.stack.rule import keep_all_rule
    from ccdfx.kernels.stack.sorting import sorter

    rule = Arrangement(keep_all_rule) if arrangement is None else arrangement
    kind, by_frame = job.kind.str[1:], averages.knows_frames(plan)
    arguments = (
        job.factors, sorter(kind, len(job.frames), bool(plan[averages.PLAN_ORDER])), plan,
        np.array([float(number) for number in rule.numbers]), np.array(rule.noise, dtype=np.float64),
        rule.rule, tables, True if by_frame else None,
    )  # fmt: skip
    kernel = stack_kernel(kind, by_frame)
    if rule.scatter is None:
        return KernelCall(kernel, arguments)
    return KernelCall(kernel, arguments, rule.scatter, lines_kernel(kind, by_frame))


def _plan(job: Job, work: _Work) -> np.ndarray:
    """Encode for the kernel what it does."""
    from ccdfx.kernels.stack import averages
    from ccdfx.kernels.stack.lanes import block_lanes

    codes = {
        "mean": averages.AVERAGE_MEAN, "inverse_variance_mean": averages.AVERAGE_MEAN, "total": averages.AVERAGE_TOTAL,
    }  # fmt: skip
    picks = {
        "middle": averages.PICK_MIDDLE, "lower": averages.PICK_LOWER, "lower of two": averages.PICK_LOWER_OF_TWO,
        "minimum": averages.PICK_LOWEST, "maximum": averages.PICK_HIGHEST,
    }  # fmt: skip
    name, rule = work.average.name, work.arrangement
    plan = np.zeros(averages.PLAN_SLOTS, np.int64)
    plan[averages.PLAN_AVERAGE] = codes.get(name, averages.AVERAGE_MEDIAN)
    plan[averages.PLAN_PICK] = picks[name if name in picks else work.average.parameters.get("even", "middle")]
    plan[averages.PLAN_REJECTS] = rule is not None
    plan[averages.PLAN_VARIANCES] = work.variances
    plan[averages.PLAN_TRIMS] = rule is not None and rule.trims is not None
    plan[averages.PLAN_FACTORS] = rule is not None and job.variance_factors is not None
    plan[averages.PLAN_WEIGHTS] = averages.WEIGHTS_BY_FRAME if work.weighted else 0
    if name == "inverse_variance_mean":
        plan[averages.PLAN_WEIGHTS] = averages.WEIGHTS_BY_VARIANCE
    plan[averages.PLAN_ORDER] = averages.ORDER_FOR_CODES if work.follows else 0
    if rule is not None:
        if rule.ordered or rule.variances or len(rule.noise) > 1:
            plan[averages.PLAN_ORDER] = averages.ORDER_FOR_RULE
        plan[averages.PLAN_OWN_NOISE] = rule.variances
    plan[averages.PLAN_LANES] = block_lanes(len(job.frames), job.kind.itemsize)
    return plan


def _order_tables(work: _Work, count: int) -> np.ndarray:
    """Tabulate the factors of an order statistic, by number of values kept; of other averages they are not used."""
    from ccdfx.kernels.stack.averages import VARIANCE_EMPIRICAL

    efficiency = _efficiency_table(work.average, count)
    tables = np.array([efficiency, np.zeros(count + 1)])
    if work.variances == VARIANCE_EMPIRICAL and work.average.name in ("median", "minimum"):
        lower = work.average.parameters.get("even") == "lower"
        pick = "lowest" if work.average.name == "minimum" else "lower" if lower else "middle"
        clean, half = np.array([robust_scatter_factors(n, pick) for n in range(count + 1)]).T
        tables = np.array([efficiency * clean, efficiency * half / np.maximum(np.arange(count + 1), 1)])
    return tables


def _efficiency_table(average: Average, count: int) -> np.ndarray:
    """Tabulate n Var / sigma^2 of an average that is an order statistic, for 0 ... `count` values kept."""
    if average.name in ("minimum", "maximum"):
        return np.array([1.0, *(order_efficiency(1, n) for n in range(1, count + 1))])
    table = np.array([median_efficiency(n) for n in range(count + 1)])
    even = average.parameters.get("even", "middle")
    for n in range(2, count + 1 if even == "lower" else 3 if even == "lower of two" else 0, 2):
        if n <= count:
            table[n] = order_efficiency(n // 2, n)
    return table
