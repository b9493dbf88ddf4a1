"""Files of frames whose bytes the kernel decodes, and the reading of raw rows from them."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ccdfx.errors import FileError
from ccdfx.operations.frames import Frame

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

    def __init__(self, frames: Sequence[Frame]) -> None:
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
    stamp, now = getattr(raw, "stamp", None), (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    if stamp and stamp != now[-len(stamp) :]:
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
