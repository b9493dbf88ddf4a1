"""The bytes of a file, on disk or in memory, for the HDF5 library and for reading pixels without it.

A file on disk is opened for each reading, so that thousands of sources need few handles and can be pickled.
The file must not change between the first and later readings.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import h5py

from ccdfx import ArgumentTypeError, CcdfxError, FileError, FormatError

IN_MEMORY_LIMIT = 2 << 30  # maximum number of bytes read from a file object
Reader = Callable[[int, int], bytes]


class FileContent:
    """A regular file on disk."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fsdecode(path)
        self.path = os.path.abspath(self.name)
        with _file_errors(self.name):
            found = os.stat(self.path)
        if not stat.S_ISREG(found.st_mode):
            raise FileError(self.name, "must be a regular file", remedy="give the name of a file")
        self.size, self.stamp = found.st_size, _stamp(found)

    @contextmanager
    def open(self) -> Iterator[h5py.File]:
        """Open the file with the HDF5 library."""
        self._require_unchanged_path()
        with damage(self.name), h5py.File(self.path, "r", locking="best-effort") as file:
            self._require_unchanged_path()  # the library opens the path itself
            yield file

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """Yield ``read(offset, count)``, which needs neither the HDF5 library nor its lock."""
        with _file_errors(self.name):
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # not to wait for a FIFO
        try:
            self._require_unchanged(os.fstat(handle))
            yield lambda offset, count: os.pread(handle, count, offset)
        finally:
            os.close(handle)

    def _require_unchanged_path(self) -> None:
        with _file_errors(self.name):
            self._require_unchanged(os.stat(self.path))

    def _require_unchanged(self, found: os.stat_result) -> None:
        if _stamp(found) != self.stamp:
            raise FileError(self.name, "was replaced or changed since it was opened", remedy="open it again")


class MemoryContent:
    """Bytes in memory."""

    path = stamp = None

    def __init__(self, data: bytes, name: str = "<bytes>") -> None:
        self.name, self.size, self._data = name, len(data), data

    @contextmanager
    def open(self) -> Iterator[h5py.File]:
        """Open the bytes with the HDF5 library."""
        with damage(self.name), h5py.File(io.BytesIO(self._data), "r") as file:
            yield file

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """Yield ``read(offset, count)``, which needs neither the HDF5 library nor its lock."""
        yield lambda offset, count: self._data[offset : offset + count]


Content = FileContent | MemoryContent


def content_of(file: Any) -> Content:
    """Return the content of a path, of bytes, or of a binary file object from its current position."""
    if isinstance(file, str | os.PathLike):
        return FileContent(file)
    if isinstance(file, bytes | bytearray | memoryview):
        return MemoryContent(bytes(file))
    if not callable(getattr(file, "read", None)):
        raise ArgumentTypeError(
            "path", "must be a path, bytes or a binary file object", value=type(file).__name__,
            remedy="give the name of a file",
        )  # fmt: skip
    name = getattr(file, "name", None)
    label = name if isinstance(name, str) else "<file object>"
    data = file.read(IN_MEMORY_LIMIT + 1)
    if len(data) > IN_MEMORY_LIMIT:
        raise FileError(label, f"holds more than {IN_MEMORY_LIMIT} bytes", remedy="give the path instead")
    return MemoryContent(data, label)


@contextmanager
def damage(name: str) -> Iterator[None]:
    """Convert any error of the HDF5 library to an error that names the file."""
    try:
        yield
    except CcdfxError:
        raise
    except Exception as error:  # h5py raises OSError, RuntimeError, KeyError, ValueError, TypeError...
        raise FormatError(name, "cannot be read as HDF5", value=str(error)) from error


@contextmanager
def broken_image(name: str, path: str) -> Iterator[None]:
    """Convert any error of an invalid image to an error that names the file and the path in it."""
    try:
        yield
    except FormatError:
        raise
    except Exception as error:  # of a record that refuses a value, or of a foreign table
        raise FormatError(name, f"its image {path[:200]!r} is broken", value=str(error)) from error


@contextmanager
def _file_errors(name: str) -> Iterator[None]:
    try:
        yield
    except CcdfxError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = getattr(error, "strerror", None) or error
        raise FileError(name, f"cannot be opened: {reason}", remedy="check its name") from error


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
