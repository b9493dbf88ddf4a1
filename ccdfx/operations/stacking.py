"""What `combine` and `stack` do: a job fixed before the first pixel is read, run tile by tile."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.engines import Engine, current_engine
from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxWarning
from ccdfx.operations.average import Average, as_average, efficiency_table, mean, trimmed_efficiency
from ccdfx.operations.frames import Frame, as_frames, decoding, read_tile, release_buffer, working_type
from ccdfx.operations.lines import stack_lines
from ccdfx.operations.normalise import Factor, factors_of, value_limits
from ccdfx.operations.reject import minmax
from ccdfx.operations.rejection import Arrangement, Rejection, StackFacts
from ccdfx.records.header import Header

TILE_BYTES = 16 * 2**20  # more than this in flight a thread gains nothing
TILE_PIXELS = 2**18
TILE_CACHE = 2**15
MAPS = ("value", "variance", "count", "rejected_low", "rejected_high", "flags")


@dataclass(frozen=True, slots=True)
class Job:
    """All that is fixed before the first pixel is read. `factors` is the table of `ccdfx.kernels.gather`."""

    frames: tuple[Frame, ...]
    kind: np.dtype
    average: Average
    reject: Rejection | None
    facts: StackFacts
    factors: np.ndarray
    weighted: bool
    variances: int
    header: Header


def job_of(
    frames: Any, average: Any, reject: Any, weights: Any, scale: Factor, zero: Factor, limits: Any
) -> Job:
    from ccdfx.kernels import averages, gather

    average = mean() if average is None else as_average(average)
    if reject is not None and not isinstance(reject, Rejection):
        raise ArgumentTypeError(
            "reject",
            "must be a Rejection or None",
            value=reject,
            remedy="give such as ccdfx.sigma_clip(low=3, high=3)",
        )
    found = as_frames(frames)
    count = len(found)
    factors = np.zeros((count, gather.FACTOR_COLUMNS))
    decoding(found, factors)
    bounds = value_limits(limits)
    factors[:, gather.LOWEST], factors[:, gather.HIGHEST] = bounds or (-math.inf, math.inf)
    scales, zeros = factors_of(found, scale, zero, bounds)
    factors[:, gather.SCALE], factors[:, gather.ZERO] = scales, zeros
    factors[:, gather.WEIGHT] = 1.0 if weights is None else _weights(weights, count, average)
    integers = all(frame.dtype.kind in "biu" for frame in found)
    propagated = all(frame.has_variance for frame in found)
    facts = StackFacts(count, scales, zeros, integers, propagated, tuple(frame.header for frame in found))
    if reject is not None:
        # what is wrong with the rule is said before anything is read
        caution = reject.arrange(reject.parameters, facts).caution
        if caution:
            warnings.warn(caution, CcdfxWarning, stacklevel=3)
    variances = averages.PROPAGATED if propagated else averages.EMPIRICAL if count > 1 else averages.NOTHING
    header = _header(found, average)
    return Job(
        found, working_type(found), average, reject, facts, factors, weights is not None, variances, header
    )


def _weights(weights: Any, count: int, average: Average) -> np.ndarray:
    if average.name != "mean":
        raise ArgumentError("weights", "go with the mean only", value=average.name, remedy="leave them out")
    try:
        values = np.array([float(weight) for weight in weights])
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            "weights", "must be numbers, one a frame", value=weights, remedy="give as many as frames"
        ) from None
    if values.size != count:
        raise ArgumentError(
            "weights",
            f"must be one for each of the {count} frames",
            value=values.size,
            remedy="give as many as frames",
        )
    if not (np.isfinite(values).all() and (values >= 0).all() and values.any()):
        raise ArgumentError(
            "weights",
            "must be finite, not negative and not all 0",
            value=values.tolist(),
            remedy="give positive numbers",
        )
    return values


def _header(frames: Sequence[Frame], average: Average) -> Header:
    """The first frame's header, with the number of frames and the exposure time of the result."""
    header = frames[0].header
    combined = 0
    for frame in frames:
        number = _lenient(frame.header, "NCOMBINE")
        combined += int(number) if number and number >= 1 else 1
    header = header.set("NCOMBINE", combined, "number of frames combined")
    for keyword in ("EXPTIME", "EXPOSURE"):
        times = [_lenient(frame.header, keyword) for frame in frames]
        if any(time is None for time in times):
            continue
        seconds = math.fsum(times) if average.name == "total" else math.fsum(times) / len(times)  # type: ignore[arg-type]
        if seconds != times[0]:
            header = header.set(keyword, seconds)
    return header


def _lenient(header: Header, keyword: str) -> float | None:
    try:
        return header.number(keyword)
    except ArgumentError:
        return None


def _plan(job: Job, trims: bool, arrangement: Arrangement) -> np.ndarray:
    from ccdfx.kernels import averages

    plan = np.zeros(averages.PLAN, np.int64)
    codes = {"mean": averages.MEAN, "total": averages.TOTAL}
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
    plan[averages.WEIGHTED] = job.weighted
    if job.reject is not None:
        own = arrangement.variances
        plan[averages.ORDERED] = arrangement.ordered or own or len(arrangement.noise) > 1
        plan[averages.OWN_NOISE] = own
    plan[averages.LANES] = _lanes(len(job.frames), job.kind)
    return plan


def _lanes(count: int, kind: np.dtype) -> int:
    """As many neighbouring pixels as keep a tile in the nearest caches: a result does not depend on it."""
    wanted = TILE_CACHE // (count * kind.itemsize)
    return min(max(wanted // 64 * 64, 128), 1024)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is done with one tile of rows: into `maps` where they can be reached, else as a result of its own."""

    job: Job
    counts: bool
    maps: dict[str, np.ndarray] | None

    def __call__(self, rows: tuple[int, int]) -> dict[str, np.ndarray]:
        lower, upper = rows
        job = self.job
        width = job.frames[0].shape[1]
        if self.maps is None:
            maps = _empty_maps(job, upper - lower, self.counts)
            part = {name: array.reshape(-1) for name, array in maps.items()}
        else:
            maps = {}
            part = {
                name: array.reshape(-1)[lower * width : upper * width] if array.size else array.reshape(-1)
                for name, array in self.maps.items()
            }
        tile = read_tile(job.frames, lower, upper)
        kernel, arguments, scatter = _call(job)
        if scatter is None:
            kernel(tile.table, *arguments, *(part[name] for name in MAPS))
        else:
            stack_lines(kernel, arguments, scatter, tile.table, width, {name: part[name] for name in MAPS})
        return maps


def _call(job: Job) -> tuple[Callable[..., bool], tuple[Any, ...], Any]:
    """The kernel, its arguments between the table of frames and the outputs, and the rule that goes first or None."""
    from ccdfx.kernels.stack import networks, stack_kernel

    count = len(job.frames)
    rule = job.reject or minmax()  # without a rejection the kernel never calls it
    arrangement = rule.arrange(
        rule.parameters, job.facts if job.reject else StackFacts(3, (1.0,), (0.0,), False)
    )
    tables = np.ones((2, count + 1))
    tables[0] = efficiency_table(job.average, count)
    # An end of the survivors says nothing of the values that were dropped beyond it.
    trims = arrangement.trims if job.reject and job.average.name not in ("minimum", "maximum") else None
    tables[1] = trimmed_efficiency(*(trims or (0.0, 0.0)))
    numbers = np.array([float(number) for number in arrangement.numbers])
    noise = np.array(arrangement.noise, dtype=np.float64)
    plan = _plan(job, trims is not None, arrangement)
    kernel = stack_kernel(job.kind.str[1:])
    arguments = (job.factors, networks(count), plan, numbers, noise, arrangement.rule, tables)
    return kernel, arguments, arrangement.scatter if job.reject else None


def run(job: Job, counts: bool) -> dict[str, np.ndarray]:
    engine = current_engine()
    maps = _empty_maps(job, job.frames[0].shape[0], counts)
    tiles = list(_tiles(job, engine))
    _call(job)  # compiles or loads the kernel once, before threads ask for it
    work = _Work(job, counts, maps if engine.shares_memory else None)
    for (lower, upper), part in zip(tiles, engine.map(work, tiles), strict=True):
        for name, array in part.items():
            if array.size:
                maps[name][lower:upper] = array
    release_buffer()
    return maps


def _empty_maps(job: Job, rows: int, counts: bool) -> dict[str, np.ndarray]:
    """Output arrays for some rows; those that are not wanted are empty."""
    from ccdfx.kernels.averages import NOTHING

    shape = (rows, job.frames[0].shape[1])
    kinds = {"value": job.kind, "variance": job.kind, "flags": np.dtype(np.uint8)}
    wanted = {"value": True, "variance": job.variances != NOTHING, "flags": True}
    return {
        name: np.empty(shape if wanted.get(name, counts) else (0, 0), kinds.get(name, np.dtype(np.uint16)))
        for name in MAPS
    }


def _tiles(job: Job, engine: Engine) -> Iterator[tuple[int, int]]:
    """Rows (lower, upper) of the tiles, as high as the memory of the engine allows."""
    height, width = job.frames[0].shape
    row = sum(frame.bytes_per_row for frame in job.frames)
    budget = engine.memory // engine.threads
    if row > budget:
        raise ArgumentError(
            "memory",
            f"must hold a row of {len(job.frames)} frames for each of {engine.threads} tiles at a time, {row} bytes each",
            value=engine.memory,
            remedy="allow more memory, or fewer threads",
        )
    rows = min(budget, TILE_BYTES) // row if row else height
    rows = max(1, min(rows, -(-TILE_PIXELS // width), -(-height // engine.threads)))
    for lower in range(0, height, rows):
        yield lower, min(lower + rows, height)
