"""Factors that make the variance of a stack true after a rejection, by the rule's own work on normal deviates.

A rule that drops extremes narrows the values that the variance is computed from, and makes the average noisier than
the mean of all. Both are measured once for a rule, its options, an average and a number of frames: the compiled rule
runs on normal deviates of a fixed seed, where the error of every average is known, with 0, 1 and 2 outliers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from ccdfx.engines import engine, threads_engine
from ccdfx.estimators.order_statistics import median_efficiency, order_moments
from ccdfx.operations.combining.average import Average, mean
from ccdfx.operations.combining.frames import StackFrame
from ccdfx.operations.combining.maps import Maps, Wanted
from ccdfx.operations.combining.plan import Job
from ccdfx.operations.combining.run import run
from ccdfx.operations.rejection.rule import Arrangement, StackFacts
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range

SEED = 20261
LEVEL, SIGMA = 10_000.0, 10.0  # far above 0, and above the rounding of whole numbers
NEAREST_OUTLIER = 100.0  # in sigma; the following ones lie 1.5 times as far each
MOST_OUTLIERS = 2
MOST_LOST = 0.05  # of the outliers may survive where their equation is used
LEAST_KNOWN = 0.02  # of the pixels must have a variance there
ALL_SIZES, MANY = 8, 32  # every number up to the first, where there are no more frames than the second
VALUES, LEAST_PIXELS, MOST_PIXELS = 2**20, 2**9, 2**14
SLOW_PIXELS = 2**11  # of a rule in Python
EXTREME_PIXELS = 2**12  # at least, of a minimum or maximum, which has a long tail
TRUST = 1e-3  # weight of a factor of 1 against the equations
EQUATION_WEIGHTS = (1.0, 0.02, 0.01)  # by number of outliers, where the equations contradict each other
LEAST_FACTOR, MOST_FACTOR = 0.2, 20.0


def with_variance_factors(job: Job) -> Job:
    """Return the job with the factors of its variance, computed unless this process has had the case before.

    Factors f(n, m) by the number n of values present and m of them rejected are chosen so that the mean of f times
    the variance computed equals the mean square error of the average, for normal values without outliers, and with 1
    and with 2 far ones (where the rule rejects them); of all such f it is the one nearest to 1. They are thus right
    whatever the share of outliers is. No factor where no variance is made, or no rule is applied.
    """
    from ccdfx.kernels.stack.averages import VARIANCE_NONE

    if job.arrangement is None or job.variances == VARIANCE_NONE or len(job.frames) < 2:
        return job
    case = _case(job)
    try:
        factors = _factors(case)
    except TypeError:  # something of a plugin's rule has no hash
        factors = _factors.__wrapped__(case)
    return dataclasses.replace(job, variance_factors=factors)


@dataclass(frozen=True, slots=True)
class _Case:
    """All that the factors depend on: `key` says it, `job` is without frames."""

    key: tuple[Any, ...]
    job: Job = field(compare=False)


def _case(job: Job) -> _Case:
    from ccdfx.kernels.stack import gather

    rule = job.arrangement
    assert rule is not None
    known = any(any(row[2:]) for row in rule.noise)
    noise = tuple((1.0, 0.0, SIGMA**2 if known else 0.0, 0.0, 0.0) for _ in rule.noise)
    profile = None if rule.profile is None else dataclasses.replace(rule.profile, level=LEVEL)  # on plain sky
    rule = dataclasses.replace(
        rule, noise=noise, numbers=tuple(float(number) for number in rule.numbers), profile=profile
    )
    factors = np.zeros_like(job.factors)
    factors[:, [gather.FACTOR_SCALE, gather.FACTOR_BSCALE]] = 1.0
    factors[:, gather.FACTOR_BLANK] = np.nan
    factors[:, gather.FACTOR_LOWEST], factors[:, gather.FACTOR_HIGHEST] = -np.inf, np.inf
    weights = job.factors[:, gather.FACTOR_WEIGHT]
    factors[:, gather.FACTOR_WEIGHT] = weights / (weights.max() or 1.0)
    average = mean() if job.average.name == "total" else job.average
    reject = job.reject
    if reject is not None:
        reject = dataclasses.replace(reject, parameters={**reject.parameters, "grow": 0.0})
    bare = dataclasses.replace(
        job, frames=(), shape=(0, 0), average=average, reject=reject, factors=factors, header=Header(), exposures=(),
        range=Range.whole((1, 1)), follows=False, arrangement=rule, shared=None, counted=255,
        facts=_facts(len(job.frames), job.facts.variances),
    )  # fmt: skip
    options = tuple(sorted(job.average.parameters.items()))
    shares = tuple(factors[:, gather.FACTOR_WEIGHT]) if job.weighted else len(job.frames)
    key = _rule_key(rule), job.average.name, options, shares, job.kind.str, job.variances, job.facts.variances
    return _Case(key, bare)


def _facts(count: int, variances: bool) -> StackFacts:
    return StackFacts(count, (1.0,) * count, (0.0,) * count, False, variances)


def _rule_key(rule: Arrangement) -> tuple[Any, ...]:
    return tuple(getattr(rule, item.name) for item in dataclasses.fields(rule))


@lru_cache(maxsize=256)
def _factors(case: _Case) -> np.ndarray:
    """Compute the factors: row 0 says for 0 ... N values present which row holds theirs, by number rejected."""
    job, total = case.job, case.key[1] == "total"
    count = job.facts.count
    assert job.arrangement is not None
    by_function = job.arrangement.select is not None
    sizes = [count] if by_function else _sizes(count)
    groups = [(n, j) for n in sizes for j in range(min(MOST_OUTLIERS, (n - 1) // 2) + 1)]
    pixels = int(np.clip(VALUES // (count * len(groups)), LEAST_PIXELS, MOST_PIXELS))
    if job.average.name in ("minimum", "maximum"):
        pixels = max(pixels, EXTREME_PIXELS)
    pixels = min(pixels, SLOW_PIXELS) if by_function else pixels
    values, plain = _deviates(count, groups, pixels, job.average)
    maps = _combined(job, values)
    found = np.ones((len(sizes) + 1, count + 1))
    for row, n in enumerate(sizes, 1):
        lines = [line for line, group in enumerate(groups) if group[0] == n]
        found[row] = _solved(n, count, [_equation(maps, plain, groups, line, total) for line in lines])
    present = np.maximum(np.arange(count + 1), 1)
    found[0] = 1 + np.abs(np.log(present[:, None] / np.array(sizes))).argmin(axis=1)
    found.flags.writeable = False
    return found


def _sizes(count: int) -> list[int]:
    """Return the numbers of values for which factors are computed; others take those of the nearest."""
    halves = {-(-count // 2**power) for power in range(count.bit_length())}
    few = range(2, min(ALL_SIZES, count) + 1) if count <= MANY else ()
    return sorted((halves | set(few)) - {1})


@dataclass(frozen=True, slots=True)
class _Plain:
    """The good values of each group and pixel without a rule: their mean and their average (groups, pixels).

    `moments` are the expectation and the variance of that average.
    """

    mean: np.ndarray
    average: np.ndarray
    moments: tuple[tuple[float, float], ...]


def _deviates(
    count: int, groups: Sequence[tuple[int, int]], pixels: int, average: Average
) -> tuple[np.ndarray, _Plain]:
    """Return values (count, groups, pixels), NaN where there are fewer, and what is known of the good ones.

    A group (n, j) has n values, j of them outliers, in frames that take turns.
    """
    normal = np.random.default_rng(SEED).standard_normal((count, pixels), dtype=np.float32)
    values = np.empty((count, len(groups), pixels), np.float32)
    means, averages = np.empty((2, len(groups), pixels))
    turn = np.arange(pixels)
    for line, (n, outliers) in enumerate(groups):
        frames = (
            turn + np.arange(count)[:, None]
        ) % count  # so that every frame is missing, and hit, as often
        good, hit = normal[frames[outliers:n], turn], frames[:outliers]
        means[line] = good.mean(axis=0, dtype=np.float64)
        averages[line] = _average(good, average, means[line])
        values[:, line] = np.nan
        values[frames[outliers:n], line, turn] = good
        values[hit, line, turn] = NEAREST_OUTLIER * 1.5 ** np.arange(outliers)[:, None]
    return values, _Plain(means, averages, tuple(_moments(average, n - j) for n, j in groups))


def _ranks(average: Average, n: int) -> tuple[int, int] | None:
    """Return the ranks (from 1) of the values that an average takes, None for a mean."""
    if average.name in ("minimum", "maximum"):
        return (1, 1) if average.name == "minimum" else (n, n)
    if average.name != "median":
        return None
    even = average.parameters["even"]
    lower = even == "lower" or (even == "lower of two" and n == 2)
    return (n + 1) // 2, (n + 1) // 2 if lower else n // 2 + 1


def _average(good: np.ndarray, average: Average, means: np.ndarray) -> np.ndarray:
    ranks = _ranks(average, len(good))
    if ranks is None:
        return means
    return np.partition(good, [rank - 1 for rank in ranks], axis=0)[[rank - 1 for rank in ranks]].mean(axis=0)


def _moments(average: Average, n: int) -> tuple[float, float]:
    ranks = _ranks(average, n)
    if ranks is None:
        return 0.0, 1.0 / n
    return order_moments(ranks[0], n) if ranks[0] == ranks[1] else (0.0, median_efficiency(n) / n)


def _combined(job: Job, values: np.ndarray) -> Maps:
    """Combine the deviates by the job, with a variance of their own where the job has variances."""
    shape = values.shape[1:]
    variance = np.full(shape, SIGMA**2, job.kind) if job.facts.variances else None
    planes = (LEVEL + SIGMA * values).astype(job.kind)
    frames = tuple(
        StackFrame(
            f"frames[{number}]", Image(plane, variance=variance), shape, job.kind, Header(), Range.whole(shape),
            False, variance is not None,
        )
        for number, plane in enumerate(planes)
    )  # fmt: skip
    with engine(threads_engine(1)):
        return run(dataclasses.replace(job, frames=frames, shape=shape), Wanted(counts=True))


@dataclass(frozen=True, slots=True)
class _Equation:
    """The mean variance computed, by number of values rejected, and the mean square error, both in sigma^2."""

    computed: np.ndarray
    error: float
    share: np.ndarray


def _equation(
    maps: Maps, plain: _Plain, groups: Sequence[tuple[int, int]], line: int, total: bool
) -> _Equation | None:
    """Take the equation of a group from the maps; None where outliers survive.

    The error of a shift-invariant average is the sum of two independent ones (Basu 1955, Sankhya 15, 377): that of the
    mean of the good values, 1 / n, and its difference from that mean. The average without a rule, whose moments are
    known, is a control variate of the latter.
    """
    n, outliers = groups[line]
    kept = maps.count[line].astype(np.int64)
    variance = maps.variance[line].astype(np.float64) / SIGMA**2
    known = (kept > 0) & np.isfinite(variance)
    gone = maps.rejected_high[line] >= outliers
    good = known & gone
    if not good.any() or np.mean(~gone) > MOST_LOST:
        return None
    first = groups.index((n, 0))
    there = maps.count[first] > 0
    if np.mean(~gone) > MOST_LOST or good.mean() < LEAST_KNOWN or not there.any():
        return None
    found, without = ((values[first] - plain.mean[first])[there] for values in (_errors(maps), plain.average))
    bias = _controlled(found, without, plain.moments[first][0]).mean()
    found, without = (
        (values[line] - plain.mean[line] - bias)[good] for values in (_errors(maps), plain.average)
    )
    expected, error = plain.moments[line]
    of_mean = 1.0 / (n - outliers)
    squares = of_mean + _controlled(found**2, without**2, error + (expected - bias) ** 2 - of_mean)
    size = kept[good] ** 2 if total else np.ones(good.sum())
    rejected = n - kept[good]
    computed = np.bincount(rejected, variance[good] * size, n + 1) / good.sum()
    return _Equation(
        computed, float(np.mean(squares * size)), np.bincount(rejected, size, n + 1) / size.sum()
    )


def _errors(maps: Maps) -> np.ndarray:
    return (maps.value - LEVEL) / SIGMA


def _controlled(found: np.ndarray, other: np.ndarray, expected: float) -> np.ndarray:
    """Subtract from one quantity what another one, of known expectation, says of its chance deviation."""
    scatter = float(np.var(other))
    share = (
        float(np.mean((found - found.mean()) * (other - other.mean()))) / scatter if scatter > 1e-9 else 0.0
    )
    return found - share * (other - expected)


def _solved(n: int, count: int, equations: Sequence[_Equation | None]) -> np.ndarray:
    """Solve for the factors of 0 ... n values rejected; further ones, up to `count`, get the last."""
    found = np.ones(count + 1)
    rows, wanted = [], []
    share = np.zeros(n + 1)
    for equation, weight in zip(equations, EQUATION_WEIGHTS, strict=False):
        if equation is not None and equation.error > 0:
            rows.append(np.sqrt(weight) * equation.computed / equation.error)
            wanted.append(np.sqrt(weight))
            share += weight * equation.share
    if not rows:
        return found
    ties = np.sqrt(TRUST * (share + 1e-6))
    matrix = np.vstack([*rows, np.diag(ties)])
    solution = np.linalg.lstsq(matrix, np.concatenate([wanted, ties]), rcond=None)[0]
    found[: n + 1] = np.clip(solution, LEAST_FACTOR, MOST_FACTOR)
    return found
