"""What `combine` and `stack` do, fixed before the first pixel is read: frames, factors, and the call of the kernel."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxWarning
from ccdfx.operations.average import (
    Average,
    as_average,
    efficiency_table,
    mean,
    require_variances,
    trimmed_efficiency,
)
from ccdfx.operations.frames import Frame, as_frames, working_type
from ccdfx.operations.normalise import Factor, factors_of, value_limits
from ccdfx.operations.placement import Placement, as_placement, place
from ccdfx.operations.reject import minmax
from ccdfx.operations.rejection import Arrangement, Rejection, StackFacts
from ccdfx.operations.rows import decoding
from ccdfx.operations.weights import combined_number, require_mean
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.numbers import whole
from ccdfx.records.range import Range
from ccdfx.records.wcs import SECTIONS, moved

ALL_FLAGS = 255
EXPOSURES = ("EXPTIME", "EXPOSURE")


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of `combine`, as they were given."""

    average: Any = None
    reject: Any = None
    weights: Any = None
    scale: Factor = None
    zero: Factor = None
    limits: Any = None
    flags: int = ALL_FLAGS
    offsets: Any = None
    shared: Any = None


@dataclass(frozen=True, slots=True)
class Job:
    """All that is fixed before the first pixel is read. `factors` is the table of `ccdfx.kernels.gather`.

    `counted` are the flags that make a value bad, `exposures` the exposure times where the map of them is wanted,
    `shared` the part of the variances that is one error of all frames. `follows` says that the fate of every value is
    wanted. The arrangement of the rule is made again where it is None.
    """

    frames: tuple[Frame, ...]
    shape: tuple[int, int]
    kind: np.dtype
    average: Average
    reject: Rejection | None
    facts: StackFacts
    factors: np.ndarray
    weighted: bool
    variances: int
    header: Header
    range: Range
    counted: int = ALL_FLAGS
    exposures: tuple[float, ...] = ()
    follows: bool = False
    arrangement: Arrangement | None = None
    shared: np.ndarray | None = None

    @property
    def grow(self) -> float:
        """The radius around rejected pixels that is rejected too."""
        return 0.0 if self.reject is None else float(self.reject.parameters.get("grow", 0.0))


def job_of(frames: Any, choices: Choices, exposures: bool = False, follows: bool = False) -> Job:
    from ccdfx.kernels import averages, gather

    average = mean() if choices.average is None else as_average(choices.average)
    reject = choices.reject
    if reject is not None and not isinstance(reject, Rejection):
        raise ArgumentTypeError(
            "reject",
            "must be a Rejection or None",
            value=reject,
            remedy="give such as ccdfx.sigma_clip(low=3, high=3)",
        )
    placement = as_placement(choices.offsets)
    counted = whole("flags", choices.flags, least=0, remedy="give Flags joined by |") & ALL_FLAGS
    found = as_frames(frames, placement is not None)
    count = len(found)
    factors = np.zeros((count, gather.FACTOR_COLUMNS))
    bounds = value_limits(choices.limits)
    factors[:, gather.LOWEST], factors[:, gather.HIGHEST] = bounds or (-math.inf, math.inf)
    weights = choices.weights
    require_mean(weights, average.name)
    scales, zeros, shares = factors_of(found, choices.scale, choices.zero, weights, bounds)
    factors[:, gather.SCALE], factors[:, gather.ZERO] = scales, zeros
    factors[:, gather.WEIGHT] = 1.0 if shares is None else shares
    integers = all(frame.dtype.kind in "biu" for frame in found)
    propagated = all(frame.has_variance for frame in found)
    require_variances(found, average)
    facts = StackFacts(count, scales, zeros, integers, propagated, tuple(frame.header for frame in found))
    # What is wrong with the rule is said before anything is read.
    arrangement = None if reject is None else reject.arrange(reject.parameters, facts)
    if arrangement is not None and arrangement.caution:
        warnings.warn(arrangement.caution, CcdfxWarning, stacklevel=3)
    variances = averages.PROPAGATED if propagated else averages.EMPIRICAL if count > 1 else averages.NOTHING
    if average.function is not None:
        variances = averages.NOTHING
    header = _header(found, average)
    times = _exposures(found) if exposures else ()
    # Unlike times cannot be told from the number of survivors, nor can those that have no weight.
    follows |= len(set(times)) > 1 or bool(times and not factors[:, gather.WEIGHT].all())
    shape, window = found[0].shape, found[0].range
    if placement is not None:
        found, shape, header, window = _placed(found, placement, header)
    decoding(found, factors)
    return Job(
        found, shape, working_type(found), average, reject, facts, factors, weights is not None, variances, header,
        window, counted, times, follows, arrangement, _shared(choices, shape, variances),
    )  # fmt: skip


def _shared(choices: Choices, shape: tuple[int, int], variances: int) -> np.ndarray | None:
    """The variance that all frames have in common (ny, nx), checked."""
    from ccdfx.kernels.averages import PROPAGATED

    if choices.shared is None:
        return None
    if choices.offsets is not None:
        raise ArgumentError(
            "shared",
            "goes with frames that lie on one another: where they are displaced, an error that is fixed to the "
            "detector averages down like the others",
            value="offsets",
            remedy="leave one of the two out",
        )
    if variances != PROPAGATED:
        raise ArgumentError(
            "shared",
            "needs a variance of every frame",
            remedy="give it by ccdfx.add_variance, or leave it out",
        )
    found = np.asarray(getattr(choices.shared, "array", choices.shared))
    if found.dtype.kind not in "biuf" or found.shape not in ((), shape):
        raise ArgumentError(
            "shared",
            f"must be variances (ny, nx) = {shape}, or one number",
            value=found.shape,
            remedy="give an array",
        )
    if not (np.isfinite(found).all() and (found >= 0).all()):
        raise ArgumentError("shared", "must be finite and not negative", remedy="give variances")
    return np.broadcast_to(found.astype(np.float64), shape)


def _placed(
    frames: tuple[Frame, ...], placement: Placement, header: Header
) -> tuple[tuple[Frame, ...], tuple[int, int], Header, Range]:
    """The frames in their places, and shape, header and window of the result."""
    found, shape = place(frames, placement)
    header = moved(header, found[0].x, found[0].y).remove(*SECTIONS)
    return found, shape, header, Range.whole(shape)


def _exposures(frames: tuple[Frame, ...]) -> tuple[float, ...]:
    """The exposure times in s; none where a frame does not say it."""
    for keyword in EXPOSURES:
        times = [lenient_number(frame.header, keyword) for frame in frames]
        if not any(time is None for time in times):
            return tuple(float(time or 0.0) for time in times)
    return ()


def _header(frames: tuple[Frame, ...], average: Average) -> Header:
    """The first frame's header, with the number of frames and the exposure time of the result."""
    header = frames[0].header
    combined = 0
    for frame in frames:
        combined += combined_number(frame.header)
    header = header.set("NCOMBINE", combined, "number of frames combined")
    for keyword in EXPOSURES:
        times = [lenient_number(frame.header, keyword) for frame in frames]
        if any(time is None for time in times):
            continue
        seconds = math.fsum(times) if average.name == "total" else math.fsum(times) / len(times)  # type: ignore[arg-type]
        if seconds != times[0]:
            header = header.set(keyword, seconds)
    return header


def _plan(job: Job, trims: bool, arrangement: Arrangement) -> np.ndarray:
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
    if job.reject is not None:
        own = arrangement.variances
        plan[averages.ORDERED] = arrangement.ordered or own or len(arrangement.noise) > 1
        plan[averages.OWN_NOISE] = own
    plan[averages.ORDERED] |= job.follows
    plan[averages.LANES] = block_lanes(len(job.frames), job.kind.itemsize)
    return plan


def arranged(job: Job) -> Arrangement:
    """The rule made ready; that of a rule which is never called where nothing is rejected."""
    if job.reject is None:
        rule = minmax()
        return rule.arrange(rule.parameters, StackFacts(3, (1.0,), (0.0,), False))
    return job.arrangement or job.reject.arrange(job.reject.parameters, job.facts)


@dataclass(frozen=True, slots=True)
class Call:
    """The kernel and its arguments between the table of frames and the outputs.

    For a rule that needs a sigma of each line: the rule that measures it, and the kernel that goes line by line.
    """

    kernel: Callable[..., bool]
    arguments: tuple[Any, ...]
    scatter: Any = None
    by_line: Any = None


def call_of(job: Job) -> Call:
    from ccdfx.kernels import averages
    from ccdfx.kernels.integer_median import can_be_integers, integer_medians
    from ccdfx.kernels.sorters import sorter
    from ccdfx.kernels.stack import stack_kernel

    count = len(job.frames)
    arrangement = arranged(job)
    tables = np.ones((2, count + 1))
    tables[0] = efficiency_table(job.average, count)
    # An end of the survivors says nothing of the values that were dropped beyond it.
    trims = arrangement.trims if job.reject and job.average.name not in ("minimum", "maximum") else None
    tables[1] = trimmed_efficiency(*(trims or (0.0, 0.0)))
    numbers = np.array([float(number) for number in arrangement.numbers])
    noise = np.array(arrangement.noise, dtype=np.float64)
    plan = _plan(job, trims is not None, arrangement)
    by_frame = averages.knows_frames(plan)
    kind = job.kind.str[1:]
    integers = all(f.dtype.kind + str(f.dtype.itemsize) == "u2" and not f.flagged for f in job.frames)
    if integers and can_be_integers(plan, job.factors):
        kernel, sort = integer_medians(count), None
    else:
        middle = not averages.needs_ranks.py_func(plan, job.kind.itemsize)
        kernel = stack_kernel(kind, by_frame)
        sort = sorter(kind, count, bool(plan[averages.ORDERED]), middle)
    arguments = (
        job.factors, sort, plan, numbers, noise, arrangement.rule, tables, True if by_frame else None
    )  # fmt: skip
    if job.reject is None or arrangement.scatter is None:
        return Call(kernel, arguments)
    from ccdfx.kernels.lines import lines_kernel

    return Call(kernel, arguments, arrangement.scatter, lines_kernel(kind, by_frame))
