"""Scaled values, variances and flags of all frames in rows that move down a block, each read once."""

from __future__ import annotations

import ctypes
import dataclasses

import numpy as np

from ccdfx.operations.combining.plan import Job
from ccdfx.operations.combining.tile_reader import LINE, FrameRows, RawFiles, Tile, Window, read_tile


def prepared_job(job: Job) -> Job:
    """Return the job of combining prepared rows: as it is, but their values are scaled already."""
    from ccdfx.kernels.stack import gather

    factors = job.factors.copy()
    plain = {
        gather.FACTOR_SCALE: 1.0, gather.FACTOR_ZERO: 0.0, gather.FACTOR_BSCALE: 1.0, gather.FACTOR_BZERO: 0.0,
        gather.FACTOR_BLANK: np.nan, gather.FACTOR_LOWEST: -np.inf, gather.FACTOR_HIGHEST: np.inf,
    }  # fmt: skip
    factors[:, list(plain)] = list(plain.values())
    return dataclasses.replace(job, factors=factors)


class PreparedRows:
    """The rows of all frames in some columns of the result, at most `height` at a time.

    Values are scaled, less their zero, and +inf where there is none; variances are scaled too, and without the part that
    is shared. Rows that a tile has in common with the one before it are not read again.
    """

    def __init__(self, job: Job, files: RawFiles, columns: tuple[int, int], height: int) -> None:
        self._job, self._files, self._columns = job, files, columns
        self._width = columns[1] - columns[0]
        count, pixels = len(job.frames), height * self._width
        self._values = _apart(count, pixels, job.kind)
        self._variances = _apart(count, pixels if job.facts.variances else 0, job.kind)
        self._flags = _apart(count, pixels, np.dtype(np.uint8))
        self._rows = (0, 0)

    def tile(self, lower: int, upper: int) -> Tile:
        """Return the rows ``lower <= y < upper``, which follow those of the tile before; that one is lost."""
        first, last = self._rows
        kept = max(last - lower, 0)
        for plane in (self._values, self._variances, self._flags):
            _move_up(plane, (lower - first) * self._width, kept * self._width)
        self._rows = lower, upper
        self._read(lower + kept, upper, kept * self._width)
        return self._table(upper - lower)

    def _read(self, lower: int, upper: int, start: int) -> None:
        """Read rows of the result behind the first `start` pixels."""
        from ccdfx.kernels.stack.prepare import prepare

        job, (left, right) = self._job, self._columns
        window = Window(lower, upper, right - left, left)
        part = slice(start, start + window.pixels)
        shared = np.empty(0)
        if job.shared is not None:
            shared = np.ascontiguousarray(job.shared[lower:upper, left:right], np.float64).reshape(-1)
        for j in range(len(job.frames)):
            found = read_tile(job.frames, self._files, window, job.counted, numbers=(j,))
            values, variances = self._values[j, part], self._variances[j, part]
            prepare(found.table, job.factors[j : j + 1], shared, values, variances)
            flags = found.rows[0].flags if found.rows else None
            self._flags[j, part] = 0 if flags is None else flags.reshape(-1)

    def _table(self, rows: int) -> Tile:
        from ccdfx.kernels.stack import decode, gather

        shape, kind = (rows, self._width), decode.KINDS[self._values.dtype.str]
        table = np.zeros((len(self._values), gather.FRAME_COLUMNS), np.int64)
        table[:, gather.FRAME_DATA] = _addresses(self._values)
        table[:, gather.FRAME_KIND] = table[:, gather.FRAME_VARIANCE_KIND] = kind
        if self._variances.size:
            table[:, gather.FRAME_VARIANCE] = _addresses(self._variances)
        size = rows * self._width
        return Tile(
            table,
            [
                FrameRows(values[:size].reshape(shape), values.dtype.str, flags[:size].reshape(shape))
                for values, flags in zip(self._values, self._flags, strict=True)
            ],
        )


def _apart(count: int, pixels: int, dtype: np.dtype) -> np.ndarray:
    """Allocate rows of pixels that lie an odd number of cache lines apart."""
    line = LINE // dtype.itemsize
    return np.empty((count, (-(-pixels // line) | 1) * line), dtype)[:, :pixels]


def _addresses(planes: np.ndarray) -> np.ndarray:
    return planes.ctypes.data + np.arange(len(planes)) * planes.strides[0]


def _move_up(planes: np.ndarray, start: int, size: int) -> None:
    """Move pixels of each plane to its beginning, where they may overlap."""
    if size and start and planes.size:
        item = planes.itemsize
        for address in _addresses(planes).tolist():
            ctypes.memmove(address, address + start * item, size * item)
