"""Combination of a stack in tiles of rows, which the engine runs."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.engines import Engine, current_engine
from ccdfx.errors import ArgumentError
from ccdfx.operations.calls import Call, call_of
from ccdfx.operations.fates import averaged, decided, needs_fates, packed, tallied
from ccdfx.operations.launch import MAPS, launch
from ccdfx.operations.raw_files import RawFiles, release_buffer
from ccdfx.operations.rows import Tile, Window, read_tile
from ccdfx.operations.stacking import ALL_FLAGS, Job, arranged
from ccdfx.records.header import Header
from ccdfx.records.pixels import variance_as

TILE_PIXELS = 2**18


@dataclass(frozen=True, slots=True)
class Wanted:
    """The maps made besides value, variance and flags: counts, exposure times, rejection masks of the frames."""

    counts: bool = False
    exposure: bool = False
    rejects: bool = False


def run(job: Job, wanted: Wanted) -> dict[str, np.ndarray]:
    """Combine the stack; return the maps by name, those that are not wanted as empty arrays."""
    engine = current_engine()
    maps = _empty_maps(job, job.shape[0], wanted)
    tiles = list(_tiles(job, engine))
    work = _Work(job, wanted, maps if engine.shares_memory else None)
    _ = work.call  # compiles or loads the kernel once, before threads use it
    with work.files.opened() if engine.shares_memory else contextlib.nullcontext():
        for (lower, upper), part in zip(tiles, engine.map(work, tiles), strict=True):
            for name, array in part.items():
                if array.size:
                    maps[name][..., lower:upper, :] = array
    release_buffer()
    if job.shared is not None:
        _add_shared(job, maps)
    return maps


def _add_shared(job: Job, maps: dict[str, np.ndarray]) -> None:
    """Add the variance of the error common to all values kept, which averaging does not reduce."""
    from ccdfx.kernels.gather import SCALE

    factor = np.mean(1.0 / job.factors[:, SCALE])
    number = maps["count"] if job.average.name == "total" else np.minimum(maps["count"], 1)
    with np.errstate(over="ignore"):  # overflow of the working type becomes infinite
        maps["variance"] += variance_as(job.shared * (factor * number) ** 2, job.kind)


@dataclass(frozen=True)
class _Work:
    """The work on one tile of rows: it fills `maps` where memory is shared, else returns its own arrays."""

    job: Job
    wanted: Wanted
    maps: dict[str, np.ndarray] | None = None

    @functools.cached_property
    def call(self) -> Call:
        """The kernel and its arguments in this process."""
        return call_of(self.job)

    @functools.cached_property
    def files(self) -> RawFiles:
        """The files of the frames."""
        return RawFiles(self.job.frames)

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (_sent(self.job), self.wanted)

    def __call__(self, rows: tuple[int, int]) -> dict[str, np.ndarray]:
        lower, upper = rows
        if self.maps is None:
            own = part = _empty_maps(self.job, upper - lower, self.wanted)
        else:
            own = {}
            part = {
                name: array[..., lower:upper, :] if array.size else array for name, array in self.maps.items()
            }
        window = Window(lower, upper, self.job.shape[1])
        if needs_fates(self.job):
            _in_two_passes(self.job, self.files, window, part)
        else:
            _in_one_pass(self.job, self.call, self.files, window, part)
        return own


def _sent(job: Job) -> Job:
    """Reduce a job to what another process needs: thousands of headers are large and no longer used.

    A frame whose bytes the kernel decodes is sent as its layout only. A prepared rule is sent if its
    functions can be imported by name; else it is prepared in the other process, which needs the headers.
    """
    frames = tuple(
        dataclasses.replace(frame, header=Header(), data=frame.data if frame.raw is None else None)
        for frame in job.frames
    )
    if job.arrangement is not None and not job.arrangement.travels:
        return dataclasses.replace(job, frames=frames, arrangement=None)
    return dataclasses.replace(job, frames=frames, facts=dataclasses.replace(job.facts, headers=()))


def _arrived(job: Job, wanted: Wanted) -> _Work:
    return _Work(dataclasses.replace(job, arrangement=arranged(job)), wanted)


def _in_one_pass(job: Job, call: Call, files: RawFiles, window: Window, part: dict[str, np.ndarray]) -> None:
    tile = read_tile(job.frames, files, window, job.counted, job.shared)
    fates = np.empty((len(job.frames) if job.follows else 0, window.pixels), np.uint8)
    launch(call, tile, window.width, {name: part[name] for name in MAPS}, fates)
    if job.follows:
        _follow(job, fates.reshape(-1, *window.shape), part)
    elif part["exposure"].size:
        part["exposure"][:] = part["count"] * job.exposures[0]
    _keep_ignored_flags(job, tile, 0, part["flags"])


def _in_two_passes(job: Job, files: RawFiles, window: Window, part: dict[str, np.ndarray]) -> None:
    """Decide which values are rejected, also in the rows around, before any value is averaged."""
    reach = math.floor(job.grow)
    wide = Window(max(window.lower - reach, 0), min(window.upper + reach, job.shape[0]), window.width)
    tile = read_tile(job.frames, files, wide, job.counted, job.shared)
    start = window.lower - wide.lower
    fates = decided(job, tile, wide)[:, start : start + window.upper - window.lower]
    averaged(job, tile, start, fates, part)
    _follow(job, fates, part)
    _keep_ignored_flags(job, tile, start, part["flags"])


def _follow(job: Job, fates: np.ndarray, part: dict[str, np.ndarray]) -> None:
    """Fill the maps that depend on the rejection mask of every frame."""
    tallied(fates, part)
    if part["exposure"].size:
        part["exposure"][:] = _exposure(job, fates)
    if part["rejects"].size:
        part["rejects"][:] = packed(fates)


def _exposure(job: Job, fates: np.ndarray) -> np.ndarray:
    from ccdfx.kernels.gather import WEIGHT
    from ccdfx.kernels.stack import KEPT

    times = np.where(job.factors[:, WEIGHT] > 0, job.exposures, 0.0)
    total = np.zeros(fates.shape[1:])
    for time, fate in zip(times, fates, strict=True):
        total += time * (fate == KEPT)
    return total


def _keep_ignored_flags(job: Job, tile: Tile, start: int, flags: np.ndarray) -> None:
    """Add the flags that make no value bad to those of the result."""
    ignored = np.uint8(ALL_FLAGS & ~job.counted)
    for rows in tile.rows if ignored else ():
        if rows.flags is not None:
            flags |= rows.flags[start : start + len(flags)] & ignored


def _empty_maps(job: Job, rows: int, wanted: Wanted) -> dict[str, np.ndarray]:
    """Allocate the output arrays for some rows; those that are not wanted are empty."""
    from ccdfx.kernels.averages import NOTHING

    shape = (rows, job.shape[1])
    nothing = (0, 0)
    counts = shape if wanted.counts else nothing
    return {
        "value": np.empty(shape, job.kind),
        "variance": np.empty(shape if job.variances != NOTHING else nothing, job.kind),
        "count": np.empty(counts, np.uint16),
        "rejected_low": np.empty(counts, np.uint16),
        "rejected_high": np.empty(counts, np.uint16),
        "flags": np.empty(shape, np.uint8),
        "exposure": np.empty(shape if wanted.exposure and job.exposures else nothing, np.float32),
        "rejects": np.empty((-(-len(job.frames) // 8), *shape) if wanted.rejects else (0, 0, 0), np.uint8),
    }


def _tiles(job: Job, engine: Engine) -> Iterator[tuple[int, int]]:
    """Yield the rows (lower, upper) of the tiles, as high as the memory of the engine allows."""
    height, width = job.shape
    row = _bytes_per_row(job)
    budget = engine.memory // engine.threads
    around = 2 * math.floor(job.grow) * row
    if row + around > budget:
        raise ArgumentError(
            "memory",
            f"must hold a row of {len(job.frames)} frames for each of {engine.threads} tiles at a time, "
            f"{row + around} bytes each",
            value=engine.memory,
            remedy="allow more memory, or fewer threads",
        )
    rows = (min(budget, max(engine.tile, 2 * around)) - around) // row if row else height
    rows = max(1, min(rows, -(-TILE_PIXELS // width), -(-height // engine.threads)))
    for lower in range(0, height, rows):
        yield lower, min(lower + rows, height)


def _bytes_per_row(job: Job) -> int:
    """Compute the memory in bytes for one row of all frames during processing."""
    width = job.shape[1]
    whole = Window(0, job.shape[0], width)
    row = sum(frame.bytes_per_row for frame in job.frames)
    # A frame that does not fill the result is copied, with flags where it has no pixels.
    row += sum(width * (frame.dtype.itemsize + 1) for frame in job.frames if not whole.filled_by(frame))
    if needs_fates(job):
        row += len(job.frames) * width * (3 + 2 * job.kind.itemsize)
    elif job.follows:
        row += len(job.frames) * width
    return row
