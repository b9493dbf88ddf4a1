"""A job of combining, run block by block on the engine in use.

A block is combined in one pass, or in two: first the rejection of all its values, then the average of those kept. Two
are needed if a rule also rejects in neighbouring pixels, or if the rule or the average is a Python function. Then values
are scaled once, some rows at a time, and rows around those that are combined stay for the next.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.engines import current_engine
from ccdfx.operations.combining.blocks.division import ResultBlock, blocks_of
from ccdfx.operations.combining.blocks.prepared import PreparedRows, prepared_job
from ccdfx.operations.combining.by_function import average_by_function, reject_by_function
from ccdfx.operations.combining.by_profile import complete_means, completes, profile_codes, with_sky
from ccdfx.operations.combining.kernel_call import Calls, calls_of
from ccdfx.operations.combining.maps import Maps, Wanted, empty_maps
from ccdfx.operations.combining.plan import Job, arranged
from ccdfx.operations.combining.tile_reader import RawFiles, Tile, Window, read_tile, release_buffer
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.planes import variance_as

_FEW_ROWS = 128  # at a time, where arrays of float64 are needed on the way


def run(job: Job, wanted: Wanted) -> Maps:
    """Combine the frames of a job into the maps that are wanted."""
    engine = current_engine()
    if job.arrangement is not None and job.arrangement.profile is not None:
        center = calls_of(job).center
        assert center is not None
        job = with_sky(job, center)
    maps = _maps(job, job.shape, wanted)
    blocks = blocks_of(job, engine)
    work = _Work(job, wanted, maps if engine.shares_memory else None)
    _ = work.calls  # compiles or loads the kernels once, before threads ask for them
    with work.files.opened() if engine.shares_memory else contextlib.nullcontext():
        for block, part in zip(blocks, engine.map(work, blocks), strict=True):
            if part is not None:
                maps.put(block.rows, block.columns, part)
    release_buffer()
    if job.shared is not None:
        _add_shared(job, maps)
    return maps


_DEFECT = np.uint8(Flag.BAD_PIXEL | Flag.NO_DATA)  # of the detector: its saturation is none of the sky


@dataclass(frozen=True)
class _Work:
    """What is done with one block: into `maps` if they can be reached, else returned."""

    job: Job
    wanted: Wanted
    maps: Maps | None = None

    @functools.cached_property
    def prepared(self) -> Job:
        """The job as the kernels do it: of prepared rows, where it takes two passes."""
        return prepared_job(self.job) if self.job.two_passes else self.job

    @functools.cached_property
    def calls(self) -> Calls:
        """The kernels and their arguments, of this process."""
        return calls_of(self.prepared)

    @functools.cached_property
    def files(self) -> RawFiles:
        """The files of the frames."""
        return RawFiles(self.job.frames)

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (_sendable(self.job), self.wanted)

    def __call__(self, block: ResultBlock) -> Maps | None:
        """Combine a block."""
        (lower, upper), (left, right) = block.rows, block.columns
        if self.maps is None or right - left < self.job.shape[1]:
            part = _maps(self.job, (upper - lower, right - left), self.wanted)
        else:
            part = self.maps.rows(lower, upper)
        if self.job.two_passes:
            self._two_passes(block, part)
        else:
            self._one_pass(Window(lower, upper, self.job.shape[1]), part)
        _lose_variance(part)
        if self.maps is None:
            return part
        if right - left < self.job.shape[1]:
            self.maps.put(block.rows, block.columns, part)
        return None

    def _one_pass(self, window: Window, part: Maps) -> None:
        job, call = self.job, self.calls.combine
        assert call is not None
        tile = read_tile(job.frames, self.files, window, job.counted, job.shared)
        codes = np.empty((len(job.frames) if job.follows else 0, window.pixels), np.uint8)
        call(tile.table, part, codes)
        if job.follows:
            _fill_from_codes(job, codes.reshape(-1, *window.shape), 0, part)
        elif part.exposure.size:
            part.exposure[:] = part.count * job.exposures[0]
        _pass_flags(job, tile, 0, part.flags)

    def _two_passes(self, block: ResultBlock, part: Maps) -> None:
        """Reject in the pixels of a block and those around that decide about them, then average the block."""
        reach, (height, width) = self.job.around, self.job.shape
        left, right = max(block.columns[0] - reach, 0), min(block.columns[1] + reach, width)
        rows = PreparedRows(self.job, self.files, (left, right), min(block.step + 2 * reach, height))
        inner = slice(block.columns[0] - left, block.columns[1] - left)
        for lower, upper in block.steps():
            first, last = max(lower - reach, 0), min(upper + reach, height)
            tile = rows.tile(first, last)
            window = Window(first, last, right - left, left)
            own = part.rows(lower - block.rows[0], upper - block.rows[0])
            if right - left == block.columns[1] - block.columns[0]:
                self._combine_rows(tile, window, lower - first, own)
                continue
            wide = _maps(self.job, (upper - lower, right - left), self.wanted)
            self._combine_rows(tile, window, lower - first, wide)
            own.put((0, upper - lower), (0, inner.stop - inner.start), wide.columns(inner))

    def _combine_rows(self, tile: Tile, window: Window, start: int, part: Maps) -> None:
        """Combine rows of a tile from `start` on, after the rejection in all of them."""
        from ccdfx.kernels.stack.ranked import grown

        job = self.prepared
        own = self._codes(tile, window)
        around = grown(own, job.grow) if job.grow >= 1 else own
        self._average(tile, start, around[:, start : start + len(part.value)], part)
        if completes(job):
            complete_means(job, tile, around, start, part.value)
        _fill_from_codes(job, around, start, part, own)
        _pass_flags(job, tile, start, part.flags)

    def _codes(self, tile: Tile, window: Window) -> np.ndarray:
        """Compute the codes (n, rows, nx) by which the rule itself rejects, as in `ccdfx.kernels.stack.ranked`."""
        job = self.prepared
        if self.calls.center is not None:
            codes = profile_codes(job, self.calls.center, tile, window)
        elif self.calls.reject is None:
            codes = reject_by_function(job, tile.table, window.shape)
        else:
            codes = np.empty((len(job.frames), window.pixels), np.uint8)
            self.calls.reject(tile.table, empty_maps(window.shape, job.kind, 0), codes)
        return codes.reshape(-1, *window.shape)

    def _average(self, tile: Tile, start: int, codes: np.ndarray, part: Maps) -> None:
        """Average the values that the codes keep, in the rows of the tile from `start` on."""
        from ccdfx.kernels.stack.gather import FRAME_MASK
        from ccdfx.kernels.stack.ranked import KEPT

        rejected = np.ascontiguousarray(codes != KEPT)
        table = tile.table_from(start * codes.shape[2])
        table[:, FRAME_MASK] = [mask.ctypes.data for mask in rejected]
        if self.calls.average is None:
            average_by_function(self.prepared, table, rejected, part)
            return
        self.calls.average(table, part)
        _add_flags(tile, start, part.flags, part.flags != 0)


def _sendable(job: Job) -> Job:
    """Return what another process needs of a job: no headers, and of raw files only their layout.

    A rule is sent ready-made if its functions are importable; else the process makes it ready, with the headers.
    """
    frames = tuple(
        dataclasses.replace(frame, header=Header(), data=frame.data if frame.raw is None else None)
        for frame in job.frames
    )
    if job.arrangement is not None and not job.arrangement.picklable:
        return dataclasses.replace(job, frames=frames, arrangement=None)
    return dataclasses.replace(job, frames=frames, facts=dataclasses.replace(job.facts, headers=()))


def _received(job: Job, wanted: Wanted) -> _Work:
    if job.reject is not None and job.arrangement is None:
        job = dataclasses.replace(job, arrangement=arranged(job.reject, job.facts))
    return _Work(job, wanted)


def _maps(job: Job, shape: tuple[int, int], wanted: Wanted) -> Maps:
    from ccdfx.kernels.stack.averages import VARIANCE_NONE

    wanted = dataclasses.replace(wanted, exposure=wanted.exposure and bool(job.exposures))
    variance = job.variances != VARIANCE_NONE
    return empty_maps(shape, job.kind, len(job.frames), variance=variance, wanted=wanted)


def _lose_variance(part: Maps) -> None:
    """Make the variance infinite where no value is kept: nothing is known there."""
    empty = part.flags & np.uint8(Flag.NO_DATA)
    if part.variance.size and empty.any():
        part.variance[empty != 0] = np.inf


def _add_shared(job: Job, maps: Maps) -> None:
    """Add the variance of the error that all values have in common, which averaging does not reduce."""
    from ccdfx.kernels.stack.gather import FACTOR_SCALE, FACTOR_WEIGHT

    assert job.shared is not None
    factor = float(np.average(1.0 / job.factors[:, FACTOR_SCALE], weights=job.factors[:, FACTOR_WEIGHT]))
    for lower in range(0, len(maps.variance), _FEW_ROWS):
        rows = slice(lower, lower + _FEW_ROWS)
        number = maps.count[rows] if job.average.name == "total" else np.minimum(maps.count[rows], 1)
        with np.errstate(over="ignore"):  # what the working type cannot hold is infinite
            shared = job.shared[rows].astype(np.float64) * (factor * number) ** 2
            maps.variance[rows] += variance_as(shared, job.kind)


def _fill_from_codes(
    job: Job, codes: np.ndarray, start: int, part: Maps, own: np.ndarray | None = None
) -> None:
    """Fill the maps that follow from the rejection codes from row `start` on: counts, exposure times, rejected frames.

    Where the codes of the rule itself are given, the variance is multiplied by its factors.
    """
    from ccdfx.kernels.stack.gather import FACTOR_WEIGHT
    from ccdfx.kernels.stack.ranked import DROPPED_HIGH, DROPPED_LOW, KEPT
    from ccdfx.kernels.stack.summaries import summarise

    factors, variance = job.variance_factors, part.variance
    if own is None or factors is None or not variance.size:
        factors, variance = np.ones((1, 1)), part.variance[:0]
    times = np.zeros(len(codes))
    if part.exposure.size:
        times = np.where(job.factors[:, FACTOR_WEIGHT] > 0, job.exposures, 0.0)
    summarise(
        codes, codes if own is None else own, start, times, np.array(factors),
        part.count, part.rejected_low, part.rejected_high, part.exposure, variance,
    )  # fmt: skip
    if part.kept.size:
        np.equal(codes[:, start : start + part.kept.shape[1]], KEPT, out=part.kept)
    if part.rejects.size:
        kept = codes[:, start : start + part.rejects.shape[1]]
        # The first frame is bit 0 of plane 0.
        part.rejects[:] = np.packbits(
            (kept == DROPPED_LOW) | (kept == DROPPED_HIGH), axis=0, bitorder="little"
        )


def _pass_flags(job: Job, tile: Tile, start: int, flags: np.ndarray) -> None:
    """Add the flags that go from any frame to the result; of a defect, only those that make no value bad."""
    from ccdfx.kernels.stack.summaries import join_flags

    passing, ignored = np.uint8(job.passing), np.uint8(job.passing & ~job.counted)
    for rows in tile.rows if passing else ():
        if rows.flags is not None:
            own = rows.flags[start : start + len(flags)]
            own.flags.writeable = False  # a view: the kernel is compiled for these
            join_flags(own, passing, ignored, _DEFECT, flags)


def _add_flags(tile: Tile, start: int, flags: np.ndarray, where: np.ndarray) -> None:
    """Add the flags of all frames, from row `start` of the tile on, at the pixels of `where`."""
    lines = np.flatnonzero(where.any(axis=1))
    for line in lines.tolist():
        for rows in tile.rows:
            if rows.flags is not None:
                np.bitwise_or(flags[line], rows.flags[start + line], out=flags[line], where=where[line])
