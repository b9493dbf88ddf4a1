"""Rows of the frames of a stack, at known addresses in memory.

An `Image` is used in place. From a source, only the rows of the current tile are read; where the source
describes the layout of the pixels in its file (`raw`), the bytes are read unchanged and decoded by the
kernel.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ccdfx.errors import FileError, MismatchError
from ccdfx.operations.combining.frames import CASTS, StackFrame, is_plain
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image
from ccdfx.records.planes import read_only

UNSIGNED = ">u2"  # stored in FITS as int16 with BZERO = 32768


@dataclass(slots=True)
class Tile:
    """Rows of all frames: `table` holds the addresses of the pixels in `rows`."""

    table: np.ndarray
    rows: list[FrameRows]

    def table_from(self, start: int) -> np.ndarray:
        """Return the table of frames for the pixels from `start` on."""
        from ccdfx.kernels.stack.gather import advance

        table = self.table.copy()
        advance(table, start)
        return table


@dataclass(frozen=True, slots=True)
class Window:
    """The rows ``lower <= y < upper`` of a result, `width` columns from `left` on, which a frame may cover in part."""

    lower: int
    upper: int
    width: int
    left: int = 0

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (rows, nx)."""
        return self.upper - self.lower, self.width

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.shape[0] * self.shape[1]

    def rows_of(self, frame: StackFrame) -> tuple[int, int]:
        """Return the frame's own rows (lower, upper) that lie in the window; none where upper <= lower."""
        return max(self.lower - frame.y, 0), min(self.upper - frame.y, frame.shape[0])

    def columns_of(self, frame: StackFrame) -> tuple[int, int]:
        """Return the frame's own columns (left, right) that lie in the window; none where right <= left."""
        return max(self.left - frame.x, 0), min(self.left + self.width - frame.x, frame.shape[1])

    def filled_by(self, frame: StackFrame) -> bool:
        """Return whether the frame covers the whole window, and has no other columns."""
        lower, upper = self.rows_of(frame)
        whole = frame.x == self.left and frame.shape[1] == self.width
        return whole and upper - lower == self.upper - self.lower


def read_tile(
    frames: Sequence[StackFrame],
    files: RawFiles,
    window: Window,
    counted: int = 255,
    shared: np.ndarray | None = None,
    numbers: Sequence[int] | None = None,
) -> Tile:
    """Read the rows of all frames that lie in a window, or of those with some numbers; `files` are those of the frames.

    `counted` are the flags that make a value bad; `shared` (ny, nx) is subtracted from the variance of every
    frame. Pixels that a frame does not have are flagged NO_DATA.
    """
    from ccdfx.kernels.stack import gather

    numbers = range(len(frames)) if numbers is None else numbers
    tile = Tile(np.zeros((len(numbers), gather.FRAME_COLUMNS), np.int64), [])
    raw = []
    for place, j in enumerate(numbers):
        frame = frames[j]
        lower, upper = window.rows_of(frame)
        left, right = window.columns_of(frame)
        if upper <= lower or right <= left:
            _place(tile, place, _no_rows(frame), frame, window)
        elif frame.raw is not None:
            raw.append((j, lower, upper))
        else:
            rows = _plain_rows(frame, (lower, upper), (left, right), counted)
            if shared is not None:
                rows = _less(rows, shared[lower:upper, left:right])
            _place(tile, place, rows, frame, window)
    if raw:
        _place_raw(tile, {j: place for place, j in enumerate(numbers)}, frames, window, *files.read(raw))
    return tile


def _place_raw(
    tile: Tile,
    places: Mapping[int, int],
    frames: Sequence[StackFrame],
    window: Window,
    buffer: np.ndarray,
    parts: Sequence[Part],
) -> None:
    from ccdfx.kernels.stack import decode, gather

    address = buffer.ctypes.data
    for j, start, size in parts:
        frame, place = frames[j], places[j]
        kind = UNSIGNED if frame.is_unsigned else frame.raw.dtype.replace(">u1", "|u1")
        if window.filled_by(frame):
            tile.table[place, gather.FRAME_DATA] = address + start
            tile.table[place, gather.FRAME_KIND] = decode.BIG_U2 if kind == UNSIGNED else decode.KINDS[kind]
            continue
        stored = buffer[start : start + size].view(np.dtype(frame.raw.dtype)).reshape(-1, frame.shape[1])
        cut = np.ascontiguousarray(stored[:, slice(*window.columns_of(frame))])
        _place(tile, place, FrameRows(cut, kind), frame, window)


@dataclass(frozen=True, slots=True)
class FrameRows:
    """Rows of one frame as the kernel reads them; `kind` is the type of the pixels as they are stored.

    `mask` holds those of the `flags` that make a value bad.
    """

    array: np.ndarray
    kind: str
    flags: np.ndarray | None = None
    variance: np.ndarray | None = None
    mask: np.ndarray | None = None


def _no_rows(frame: StackFrame) -> FrameRows:
    empty = np.zeros((0, 0), np.uint8)
    return FrameRows(empty, "|u1", variance=empty if frame.has_variance else None)


def _less(rows: FrameRows, shared: np.ndarray) -> FrameRows:
    """Subtract a shared variance from that of the rows, but not below 0."""
    if rows.variance is None:
        return rows
    from ccdfx.kernels.stack.prepare import less_shared

    own = np.empty(rows.variance.shape, rows.variance.dtype)
    less_shared(read_only(rows.variance).reshape(-1), read_only(shared).reshape(-1), own.reshape(-1))
    return dataclasses.replace(rows, variance=own)


def _place(tile: Tile, j: int, rows: FrameRows, frame: StackFrame, window: Window) -> None:
    from ccdfx.kernels.stack import decode, gather

    if rows.array.shape != window.shape:
        rows = _surrounded(rows, frame, window)
    table = tile.table
    table[j, gather.FRAME_DATA] = rows.array.ctypes.data
    table[j, gather.FRAME_KIND] = decode.BIG_U2 if rows.kind == UNSIGNED else decode.KINDS[rows.kind]
    if rows.mask is not None:
        table[j, gather.FRAME_MASK] = rows.mask.ctypes.data
    if rows.variance is not None:
        table[j, gather.FRAME_VARIANCE] = rows.variance.ctypes.data
        table[j, gather.FRAME_VARIANCE_KIND] = decode.KINDS[rows.variance.dtype.str]
    tile.rows.append(rows)


def _surrounded(rows: FrameRows, frame: StackFrame, window: Window) -> FrameRows:
    """Extend the rows to a window that they do not fill, with pixels flagged NO_DATA."""
    shape = window.shape
    height, width = rows.array.shape
    first, left = max(frame.y - window.lower, 0), max(frame.x - window.left, 0)
    target = slice(first, first + height), slice(left, left + width)

    def put(values: np.ndarray | None, out: np.ndarray) -> np.ndarray:
        if height and width:
            out[target] = 0 if values is None else values
        return out

    flags, mask = (put(values, np.full(shape, np.uint8(Flag.NO_DATA))) for values in (rows.flags, rows.mask))
    variance = None if rows.variance is None else put(rows.variance, np.zeros(shape, rows.variance.dtype))
    return FrameRows(put(rows.array, np.zeros(shape, rows.array.dtype)), rows.kind, flags, variance, mask)


def _plain_rows(
    frame: StackFrame, own_rows: tuple[int, int], columns: tuple[int, int], counted: int
) -> FrameRows:
    if isinstance(frame.data, Image):
        image, rows = frame.data, (slice(*own_rows), slice(*columns))
    else:
        image, rows = _read_rows(frame, own_rows, columns), (slice(None), slice(None))
    array = _plain(image.array[rows])
    flags = None if image.mask is None else np.ascontiguousarray(image.mask[rows], np.uint8)
    mask = flags if flags is None or counted == 255 else flags & np.uint8(counted)
    variance = None if image.variance is None else _plain(image.variance[rows])
    return FrameRows(array, array.dtype.str, flags, variance, mask)


def _plain(array: np.ndarray) -> np.ndarray:
    """Convert the rows to a contiguous array of a type that the kernel decodes."""
    array = np.ascontiguousarray(array)
    if is_plain(array.dtype):
        return array
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    return array.astype(CASTS[array.dtype.str[1:]])


def _read_rows(frame: StackFrame, rows: tuple[int, int], columns: tuple[int, int]) -> Image:
    image = frame.window(rows, columns)
    shape = (rows[1] - rows[0], columns[1] - columns[0])
    if image.shape != shape:
        raise MismatchError(
            frame.name,
            f"must give the rows that were asked for, {shape}",
            value=image.shape,
            remedy="correct the source",
        )
    if (image.variance is not None) != frame.has_variance:
        raise MismatchError(
            frame.name, "must have a variance for all of its rows or for none", remedy="correct the source"
        )
    return image


# Bytes of a cache line. The rows of every frame begin on a cache line and take an odd number of lines: with
# an even number, they would compete for half of the places in the cache or fewer.
LINE = 64
_local = threading.local()


class Part(NamedTuple):
    """Rows of a frame in a buffer: the number of the frame, the first byte, and the number of bytes."""

    frame: int
    start: int
    size: int


class RawFiles:
    """The files of all frames that have a `raw` layout.

    Inside the block of `opened` they stay open, if the process may open so many; else a file is opened for
    every tile. In both cases, a file that has changed since the frame was made is an error.
    """

    def __init__(self, frames: Sequence[StackFrame]) -> None:
        self._raw = {j: frame.raw for j, frame in enumerate(frames) if frame.raw is not None}
        self._sizes = {j: frames[j].bytes_per_row for j in self._raw}
        self._handles: dict[int, int] = {}

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Keep the files open in a block, and check at its end that they are unchanged."""
        try:
            if len(self._raw) <= _spare_handles():
                for j, raw in self._raw.items():
                    self._handles[j] = _open(raw)
            yield
            for j, handle in self._handles.items():
                _require_unchanged(self._raw[j], handle)
        finally:
            handles = list(self._handles.values())
            self._handles.clear()
            for handle in handles:
                os.close(handle)

    def read(self, rows: Sequence[tuple[int, int, int]]) -> tuple[np.ndarray, list[Part]]:
        """Read the bytes of rows (frame, lower, upper), frame after frame, into a buffer of this thread.

        The next call overwrites the buffer.
        """
        parts, place = [], 0
        for j, lower, upper in rows:
            size = (upper - lower) * self._sizes[j]
            parts.append(Part(j, place, size))
            place += (-(-size // LINE) | 1) * LINE
        buffer = _buffer(place)
        view = buffer.data
        for (j, lower, _), (_, start, size) in zip(rows, parts, strict=True):
            self._fill(j, view[start : start + size], self._raw[j].offset + lower * self._sizes[j])
        return buffer, parts

    def _fill(self, j: int, part: memoryview, offset: int) -> None:
        raw, handle = self._raw[j], self._handles.get(j)
        if handle is not None:
            _read_into(raw, handle, part, offset)
            return
        handle = _open(raw)
        try:
            _read_into(raw, handle, part, offset)
        finally:
            os.close(handle)


def _spare_handles() -> int:
    """Return how many files may be kept open: a quarter of the limit of the process."""
    try:
        import resource
    except ImportError:  # not on all platforms
        return 0
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4


def _open(raw: Any) -> int:
    """Open the file, check that it is unchanged, and return its handle."""
    try:
        handle = os.open(raw.path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise _unreadable(raw, error) from error
    try:
        _require_unchanged(raw, handle)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _require_unchanged(raw: Any, handle: int) -> None:
    found = os.fstat(handle)
    if not raw.is_unchanged(found):
        raise _changed(raw, found.st_size)


def _read_into(raw: Any, handle: int, part: memoryview, offset: int) -> None:
    """Fill `part` with the bytes of the file from `offset` on."""
    got = 0
    while got < len(part):
        try:
            count = os.preadv(handle, [part[got:] if got else part], offset + got)
        except OSError as error:
            raise _unreadable(raw, error) from error
        if count == 0:
            raise _changed(raw, os.fstat(handle).st_size)
        got += count


def _unreadable(raw: Any, error: OSError) -> FileError:
    return FileError(raw.path, f"cannot be read: {error.strerror or error}", remedy="check the file")


def _changed(raw: Any, size: int) -> FileError:
    return FileError(
        raw.path, "was replaced, changed or cut since it was opened", value=f"{size} bytes now",
        remedy="open it again when it is complete",
    )  # fmt: skip


def _buffer(size: int) -> np.ndarray:
    """Return the buffer of this thread, reused for every tile; it begins on a cache line."""
    buffer: np.ndarray | None = getattr(_local, "buffer", None)
    if buffer is None or buffer.size < size:
        whole = np.empty(size + LINE, np.uint8)
        _local.buffer = buffer = whole[-whole.ctypes.data % LINE :]
    return buffer


def release_buffer() -> None:
    """Release the buffer of this thread."""
    _local.buffer = None
