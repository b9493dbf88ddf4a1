"""A job of combining, run tile by tile of rows on the engine in use.

A tile is combined in one pass, or in two: first the rejection of all its values, then the average of those kept. Two
are needed if a rule also rejects in neighbouring pixels, or if the rule or the average is a Python function.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.engines import Engine, current_engine
from ccdfx.errors import ArgumentError
from ccdfx.operations.combining.by_function import average_by_function, reject_by_function
from ccdfx.operations.combining.by_profile import complete_means, completes, profile_codes, with_sky
from ccdfx.operations.combining.kernel_call import Calls, calls_of
from ccdfx.operations.combining.maps import Maps, Wanted, empty_maps
from ccdfx.operations.combining.plan import Job, arranged
from ccdfx.operations.combining.tile_reader import RawFiles, Tile, Window, read_tile, release_buffer
from ccdfx.records.flags import Flag
from ccdfx.records.header import Header
from ccdfx.records.planes import variance_as

TILE_PIXELS = 2**18
_FEW_ROWS = 128  # at a time, where arrays of float64 are needed on the way
_TALL = 96  # rows of a tile of frames that are moved as they are read, where memory allows


def run(job: Job, wanted: Wanted) -> Maps:
    """Combine the frames of a job into the maps that are wanted."""
    engine = current_engine()
    if job.arrangement is not None and job.arrangement.profile is not None:
        center = calls_of(job).center
        assert center is not None
        job = with_sky(job, center)
    maps = _maps(job, job.shape[0], wanted)
    tiles = list(_tiles(job, engine))
    work = _Work(job, wanted, maps if engine.shares_memory else None)
    _ = work.calls  # compiles or loads the kernels once, before threads ask for them
    with work.files.opened() if engine.shares_memory else contextlib.nullcontext():
        for (lower, upper), part in zip(tiles, engine.map(work, tiles), strict=True):
            if part is not None:
                maps.put(lower, upper, part)
    release_buffer()
    if job.shared is not None:
        _add_shared(job, maps)
    return maps


_DEFECT = np.uint8(Flag.BAD_PIXEL | Flag.NO_DATA)  # of the detector: its saturation is none of the sky


@dataclass(frozen=True)
class _Work:
    """What is done with one tile of rows: into `maps` if they can be reached, else returned."""

    job: Job
    wanted: Wanted
    maps: Maps | None = None

    @functools.cached_property
    def calls(self) -> Calls:
        """The kernels and their arguments, of this process."""
        return calls_of(self.job)

    @functools.cached_property
    def files(self) -> RawFiles:
        """The files of the frames."""
        return RawFiles(self.job.frames)

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (_sendable(self.job), self.wanted)

    def __call__(self, rows: tuple[int, int]) -> Maps | None:
        """Combine the rows (lower, upper)."""
        lower, upper = rows
        if self.maps is None:
            part = _maps(self.job, upper - lower, self.wanted)
        else:
            part = self.maps.rows(lower, upper)
        window = Window(lower, upper, self.job.shape[1])
        if self.job.two_passes:
            self._two_passes(window, part)
        else:
            self._one_pass(window, part)
        return part if self.maps is None else None

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

    def _two_passes(self, window: Window, part: Maps) -> None:
        """Reject in the rows of a window and those around that decide about them, then average the window."""
        from ccdfx.kernels.stack.ranked import grown

        job, reach = self.job, self.job.around
        lower, upper = max(window.lower - reach, 0), min(window.upper + reach, job.shape[0])
        wide = Window(lower, upper, window.width)
        tile = read_tile(job.frames, self.files, wide, job.counted, job.shared)
        start = window.lower - wide.lower
        rows = slice(start, start + window.upper - window.lower)
        own = self._codes(tile, wide)
        around = grown(own, job.grow) if job.grow >= 1 else own
        codes = around[:, rows]
        self._average(tile, start, codes, part)
        if completes(job):
            complete_means(job, tile, around, start, part.value)
        _fill_from_codes(job, around, start, part, own)
        _pass_flags(job, tile, start, part.flags)

    def _codes(self, tile: Tile, window: Window) -> np.ndarray:
        """Compute the codes (n, rows, nx) by which the rule itself rejects, as in `ccdfx.kernels.stack.ranked`."""
        job = self.job
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
            average_by_function(self.job, table, rejected, part)
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


def _maps(job: Job, rows: int, wanted: Wanted) -> Maps:
    from ccdfx.kernels.stack.averages import VARIANCE_NONE

    wanted = dataclasses.replace(wanted, exposure=wanted.exposure and bool(job.exposures))
    variance = job.variances != VARIANCE_NONE
    return empty_maps((rows, job.shape[1]), job.kind, len(job.frames), variance=variance, wanted=wanted)


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


def _tiles(job: Job, engine: Engine) -> Iterator[tuple[int, int]]:
    """Yield rows (lower, upper) of the tiles, as high as the memory of the engine allows."""
    height, width = job.shape
    row = _bytes_per_row(job)
    budget = engine.memory // engine.threads
    beyond = max(frame.bytes_around for frame in job.frames)
    around = 2 * job.around * row + beyond
    if row + around > budget:
        raise ArgumentError(
            "memory",
            f"must hold a row of {len(job.frames)} frames for each of {engine.threads} tiles at a time, "
            f"{row + around} bytes each",
            value=engine.memory,
            remedy="allow more memory, or fewer threads",
        )
    # What is moved as it is read needs rows around a tile, which low tiles would read many times.
    tall = _TALL if beyond else 0
    wanted = max(engine.tile, 2 * around, tall * row + around)
    rows = (min(budget, wanted) - around) // row if row else height
    rows = max(1, min(rows, max(-(-TILE_PIXELS // width), tall), -(-height // engine.threads)))
    for lower in range(0, height, rows):
        yield lower, min(lower + rows, height)


def _bytes_per_row(job: Job) -> int:
    """Estimate the memory that a row of all frames takes while it is combined."""
    width = job.shape[1]
    whole = Window(0, job.shape[0], width)
    row = sum(frame.bytes_per_row for frame in job.frames)
    # A frame that does not fill the result is copied, with flags where it is not.
    row += sum(width * (frame.dtype.itemsize + 1) for frame in job.frames if not whole.filled_by(frame))
    if job.two_passes:
        rule = job.arrangement
        in_python = job.average.function is not None or (rule is not None and rule.select is not None)
        row += len(job.frames) * width * (4 + 2 * job.kind.itemsize * in_python)
        if rule is not None and rule.profile is not None:
            row += width * (7 + 3 * job.kind.itemsize)
    elif job.follows:
        row += len(job.frames) * width
    return row
