"""Division of a result into blocks of rows and columns, as the memory of the engine allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ccdfx.engines import Engine
from ccdfx.errors import ArgumentError
from ccdfx.operations.combining.plan import Job
from ccdfx.operations.combining.tile_reader import Window

TILE_PIXELS = 2**18
_TALL = 96  # rows of a tile of frames that are moved as they are read, where memory allows
# Tiles of frames whose rows take many steps to read, for few rows as for many, in tiles of the engine.
_READ_TILES = 4
_BLOCK_ROWS = 512  # of a block whose rows are read once
_LEAST_COLUMNS = 32


class ResultBlock(NamedTuple):
    """Rows and columns (lower, upper) of the result, and how many of the rows are combined at a time."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    step: int

    def steps(self) -> Iterator[tuple[int, int]]:
        """Yield the rows (lower, upper) that are combined at a time.

        >>> list(ResultBlock((4, 9), (0, 7), 2).steps())
        [(4, 6), (6, 8), (8, 9)]
        """
        for lower in range(*self.rows, self.step):
            yield lower, min(lower + self.step, self.rows[1])


def blocks_of(job: Job, engine: Engine) -> list[ResultBlock]:
    """Divide a job: if it takes two passes into blocks of rows that follow one another, else into low tiles."""
    return _divided(job, engine) if job.two_passes else _tiles(job, engine)


def _tiles(job: Job, engine: Engine) -> list[ResultBlock]:
    """Return tiles of rows, as high as the memory of the engine allows."""
    height, width = job.shape
    row = _bytes_per_row(job)
    budget = engine.memory // engine.threads
    beyond = _bytes_beyond(job)
    if row + beyond > budget:
        raise _too_little(job, engine, row + beyond)
    # What is moved as it is read needs rows around a tile, which low tiles would read many times.
    tall = _TALL if beyond else 0
    usual = engine.tile * (_READ_TILES if any(frame.is_read for frame in job.frames) else 1)
    wanted = max(usual, 2 * beyond, tall * row + beyond)
    rows = (min(budget, wanted) - beyond) // row if row else height
    rows = max(1, min(rows, max(-(-TILE_PIXELS // width), tall), -(-height // engine.threads)))
    return [ResultBlock((y, min(y + rows, height)), (0, width), rows) for y in range(0, height, rows)]


def _divided(job: Job, engine: Engine) -> list[ResultBlock]:
    """Return blocks of rows; of columns too where memory would hold few rows of all columns."""
    height, width = job.shape
    steps, number, wide = {1: _step(job, engine, width)}, 1, width
    while width >= 4 * number * _LEAST_COLUMNS and not _needs_lines(job):
        number *= 2
        wide = -(-width // number) + 2 * job.around
        steps[number] = _step(job, engine, wide)
    steps = {number: min(step, height) for number, step in steps.items() if step >= 1}
    if not steps:
        raise _too_little(job, engine, _bytes_of_step(job, 1, wide))
    # Files are read once for each part of the columns, and rows around for each step.
    number, step = min(steps.items(), key=lambda one: one[0] * (1 + 2 * job.around / one[1]))
    step = min(step, max(-(-TILE_PIXELS // width), _TALL), height)
    rows = min(max(_BLOCK_ROWS, step), -(-height // engine.threads))
    columns = -(-width // number)
    return [
        ResultBlock((y, min(y + rows, height)), (x, min(x + columns, width)), min(step, rows))
        for y in range(0, height, rows)
        for x in range(0, width, columns)
    ]


def _step(job: Job, engine: Engine, width: int) -> int:
    """Return how many rows of a block the memory of a thread holds; below 1 where it holds none."""
    budget = engine.memory // engine.threads
    one, two = _bytes_of_step(job, 1, width), _bytes_of_step(job, 2, width)
    return 1 + (budget - one) // (two - one)


def _bytes_of_step(job: Job, rows: int, width: int) -> int:
    """Estimate the memory that rows of a block take while they are combined, with those around that decide."""
    wide, item = rows + 2 * job.around, job.kind.itemsize
    # Values, variances, flags, codes, rejected.
    own = len(job.frames) * (item + item * job.facts.variances + 3)
    rule = job.arrangement
    if job.average.function is not None or (rule is not None and rule.select is not None):
        own += len(job.frames) * 2 * item
    if rule is not None and rule.profile is not None:
        own += 7 + 3 * item
    shared = 8 if job.shared is not None else 0
    one_frame = max(frame.bytes_per_row for frame in job.frames)
    return wide * (width * (own + shared) + one_frame) + _bytes_beyond(job)


def _bytes_beyond(job: Job) -> int:
    return max(frame.bytes_around for frame in job.frames)


def _bytes_per_row(job: Job) -> int:
    """Estimate the memory that a row of all frames takes while it is combined in one pass."""
    width = job.shape[1]
    whole = Window(0, job.shape[0], width)
    row = sum(frame.bytes_per_row for frame in job.frames)
    # A frame that does not fill the result is copied, with flags where it is not.
    row += sum(width * (frame.dtype.itemsize + 1) for frame in job.frames if not whole.filled_by(frame))
    return row + len(job.frames) * width * job.follows


def _needs_lines(job: Job) -> bool:
    """Return whether the rule measures one noise for each line of the result."""
    return job.arrangement is not None and job.arrangement.scatter is not None


def _too_little(job: Job, engine: Engine, needed: int) -> ArgumentError:
    return ArgumentError(
        "memory",
        f"must hold a row of {len(job.frames)} frames for each of {engine.threads} tiles at a time, "
        f"{needed} bytes each",
        value=engine.memory,
        remedy="allow more memory, or fewer threads",
    )
