"""Random access to the bytes of a file: on disk, in memory, or compressed by gzip or bzip2.

Files on disk are opened for each read (or once, for a block), so thousands of sources need only a few
handles; a file that was replaced in between is an error.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

from ccdfx.errors import ArgumentTypeError, FileError, FormatError
from ccdfx.io.inflated import InflatedContent, is_compressed
from ccdfx.io.stamp import has_stamp, stamp_of

IN_MEMORY_LIMIT = 2 << 30  # bytes that are read from a file object


class Content(Protocol):
    """Random access to bytes; `name` identifies them in error messages."""

    name: str

    def has(self, end: int) -> bool:
        """Return whether the content is at least `end` bytes long."""

    def read_at(self, offset: int, count: int) -> bytes | memoryview:
        """Read `count` bytes at `offset`, fewer only at the end."""


class MemoryContent:
    """Bytes in memory."""

    def __init__(self, data: bytes | bytearray | memoryview, name: str = "<bytes>") -> None:
        self.name = name
        self._data = memoryview(data).cast("B")

    def __reduce__(self) -> tuple[Any, ...]:
        return MemoryContent, (bytes(self._data), self.name)

    @property
    def size(self) -> int:
        """Number of bytes."""
        return len(self._data)

    def has(self, end: int) -> bool:
        return end <= len(self._data)

    def read_at(self, offset: int, count: int) -> bytes | memoryview:
        return self._data[offset : offset + count]


class FileContent:
    """A regular file, which must not change between two reads.

    Of its stamp only size and time of change are pickled: device and inode may differ on another machine that
    shares the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fsdecode(path)
        self.path = self.name if "\0" in self.name else os.path.abspath(self.name)
        self._held: int | None = None
        handle = self._open()
        try:
            found = os.fstat(handle)
        finally:
            os.close(handle)
        self.size = found.st_size
        self.stamp = stamp_of(found)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"stamp": self.stamp[-2:], "_held": None}

    def has(self, end: int) -> bool:
        return end <= self.size

    def read_at(self, offset: int, count: int) -> bytes | memoryview:
        with self.handle() as handle:
            data = _pread(handle, offset, min(count, max(self.size - offset, 0)), self.name)
        return data

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep one handle open, so that all reads see one file even if it is replaced meanwhile."""
        handle = self._open()
        try:
            found = os.fstat(handle)
            self.size, self.stamp = found.st_size, stamp_of(found)
            self._held = handle
            yield
        finally:
            self._held = None
            os.close(handle)

    @contextmanager
    def handle(self) -> Iterator[int]:
        """Yield a descriptor of the file; raise FileError if it was replaced since it was opened."""
        if self._held is not None:
            yield self._held
            return
        handle = self._open()
        try:
            if not has_stamp(os.fstat(handle), self.stamp):
                raise FileError(
                    self.name, "was replaced or changed since it was opened", remedy="open it again"
                )
            yield handle
        finally:
            os.close(handle)

    def _open(self) -> int:
        try:
            found = os.stat(self.path)
            if not stat.S_ISREG(found.st_mode):
                raise FileError(
                    self.name,
                    f"must be a regular file, and it is {_kind(found.st_mode)}",
                    remedy="give the name of a file",
                )
            return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileError:
            raise
        except (OSError, ValueError) as error:  # ValueError: a null byte in the name
            reason = getattr(error, "strerror", None) or error
            raise FileError(
                self.name, f"cannot be opened: {reason}", remedy="check its name and permissions"
            ) from error


@contextmanager
def opened(file: Any, *, keep: bool = False, late: bool = False) -> Iterator[Any]:
    """Yield the content of a file, which is opened once for the whole block; see `content_of`.

    `late` says whether the length that gzip states is believed until the end is read; see `InflatedContent`.
    """
    base, size = _plain_content(file)
    with held(base):
        yield _inflated(base, size, keep, late)


def content_of(file: Any, *, keep: bool = False) -> Any:
    """Return the content of a path, of bytes, or of a binary file object; inflate gzip and bzip2.

    Parameters
    ----------
    file : str, Path, bytes or binary file object
        Bytes are the content itself. A file object is read from its position, up to 2 GiB.
    keep : bool
        Whether inflated bytes stay in memory, for a file that is read completely.
    """
    base, size = _plain_content(file)
    return _inflated(base, size, keep, late=False)


def held(content: Any) -> AbstractContextManager[None]:
    """Keep the file that underlies `content`, if any, open for the block."""
    base = getattr(content, "base", content)
    return base.held() if isinstance(base, FileContent) else nullcontext()


def _inflated(base: Any, size: int, keep: bool, late: bool) -> Any:
    compressed = is_compressed(base.read_at(0, 3))
    return InflatedContent(base, size, keep=keep, late=late) if compressed else base


def _plain_content(file: Any) -> tuple[Any, int]:
    if isinstance(file, FileContent):
        return file, file.size
    if isinstance(file, bytes | bytearray | memoryview):
        memory = MemoryContent(file)
        return memory, len(memoryview(file).cast("B"))
    if isinstance(file, str | os.PathLike):
        content = FileContent(file)
        return content, content.size
    if not callable(getattr(file, "read", None)):
        raise ArgumentTypeError(
            "path",
            "must be a path, bytes or a binary file object",
            value=type(file).__name__,
            remedy="give the name of a file",
        )
    name = getattr(file, "name", None)
    label = name if isinstance(name, str) else "<file object>"
    data = file.read(IN_MEMORY_LIMIT + 1)
    if not isinstance(data, bytes):
        raise ArgumentTypeError(label, "must be opened in binary mode", remedy="open(..., 'rb')")
    if len(data) > IN_MEMORY_LIMIT:
        raise FileError(label, f"holds more than {IN_MEMORY_LIMIT} bytes", remedy="give the path instead")
    return MemoryContent(data, label), len(data)


def _pread(handle: int, offset: int, count: int, name: str) -> bytes:
    data = os.pread(handle, count, offset)
    while len(data) < count:
        piece = os.pread(handle, count - len(data), offset + len(data))
        if not piece:
            raise FormatError(name, "became shorter while it was read")
        data += piece
    return data


def read_into(handle: int, offset: int, buffer: memoryview, name: str) -> None:
    """Fill a buffer with the bytes of an open file from an offset on; `name` is that of the file."""
    got = 0
    while got < len(buffer):
        count = os.preadv(handle, [buffer[got:]], offset + got)
        if not count:
            raise FormatError(name, "became shorter while it was read")
        got += count


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")
