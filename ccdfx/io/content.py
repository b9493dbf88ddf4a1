"""Random access to the bytes of a file: on disk, in memory, or compressed by gzip or bzip2.

Files on disk are opened for each read (or once, for a block), so thousands of sources need only a few
handles; a file that was replaced in between is an error.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

from ccdfx.errors import ArgumentTypeError, FileError, FormatError
from ccdfx.io.limits import INFLATION_REMEDY, inflation_limit
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
def opened(file: Any, *, keep: bool = False) -> Iterator[Any]:
    """Yield the content of a file, which is opened once for the whole block; see `content_of`."""
    base, size = _plain_content(file)
    with held(base):
        yield _inflated(base, size, keep)


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
    return _inflated(base, size, keep)


def held(content: Any) -> AbstractContextManager[None]:
    """Keep the file that underlies `content`, if any, open for the block."""
    base = getattr(content, "base", content)
    return base.held() if isinstance(base, FileContent) else nullcontext()


def _inflated(base: Any, size: int, keep: bool) -> Any:
    return InflatedContent(base, size, keep=keep) if is_compressed(base.read_at(0, 3)) else base


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


_GZIP, _BZIP2 = b"\x1f\x8b\x08", b"BZh"
_STEP = 1 << 20
_TRAILING = 1 << 20  # inflated bytes that may follow the last HDU


def is_compressed(head: bytes | memoryview) -> bool:
    """Return whether bytes begin like a gzip or bzip2 stream."""
    head = bytes(head[:3])
    return head in (_GZIP, _BZIP2)


class InflatedContent:
    """Compressed bytes, inflated in order; a step backwards starts again unless all bytes are kept.

    Parameters
    ----------
    base : FileContent or MemoryContent
        The compressed bytes.
    size : int
        Number of the compressed bytes.
    keep : bool
        Whether inflated bytes stay in memory.
    """

    def __init__(self, base: Any, size: int, *, keep: bool) -> None:
        self.name = base.name
        self.limit = inflation_limit(size)
        self.base = base
        self._lock = threading.RLock()
        self._kept = bytearray() if keep else None
        self._rewind()

    def __reduce__(self) -> tuple[Any, ...]:
        # The state of a half-inflated stream cannot be pickled.
        return _beginning, (self.base, self.limit, self._kept is not None)

    def has(self, end: int) -> bool:
        if end > self.limit:
            raise self._bomb(end)
        with self._lock:
            if self._kept is not None:
                self._keep_until(end)
                return end <= len(self._kept)
            return self._skip_to(end)

    def read_at(self, offset: int, count: int) -> bytes | memoryview:
        with self._lock:
            if self._kept is not None:
                self._keep_until(offset + count)
                with memoryview(self._kept) as view:  # copied once
                    return bytes(view[offset : offset + count])
            if not self._skip_to(offset):
                return b""
            data = bytearray()
            while len(data) < count:
                piece = self._take(count - len(data))
                if not piece:
                    break
                data += piece
            return memoryview(data)

    def finish(self, end: int) -> None:
        """Check that at most 1 MiB follows `end`, and that the stream is valid to its last byte."""
        with self._lock:
            self.has(end)
            if self.has(min(end + _TRAILING, self.limit)):
                raise FormatError(self.name, f"holds over {_TRAILING} inflated bytes after the last HDU")

    def _bomb(self, claimed: int) -> FormatError:
        rule = f"inflates to more than the {self.limit} bytes that a file of its size may inflate to"
        return FormatError(self.name, rule, value=claimed, remedy=INFLATION_REMEDY)

    def _rewind(self) -> None:
        self._position, self._read = 0, 0  # of the inflated and of the compressed bytes
        self._pending = b""  # compressed bytes read but not yet used
        self._inflater: Any = None

    def _keep_until(self, end: int) -> None:
        assert self._kept is not None
        while len(self._kept) < end:
            piece = self._take(_STEP)
            if not piece:
                return
            self._kept += piece

    def _skip_to(self, offset: int) -> bool:
        if offset < self._position:
            self._rewind()
        while self._position < offset:
            if not self._take(min(_STEP, offset - self._position)):
                return False
        return True

    def _take(self, count: int) -> bytes:
        """Inflate up to `count` more bytes; return none at the end."""
        if self._position > self.limit:
            raise self._bomb(self._position)
        while True:
            if self._inflater is None and not self._start_member():
                return b""
            piece = self._step(count)
            if piece:
                self._position += len(piece)
                return piece

    def _start_member(self) -> bool:
        """Begin the next compressed stream; return False at the end, after which padding may follow."""
        if len(self._pending) < 3:
            more = bytes(self.base.read_at(self._read, _STEP))
            self._pending += more
            self._read += len(more)
        head = self._pending[:3]
        if head == _GZIP:
            import zlib

            self._inflater = zlib.decompressobj(wbits=31)
        elif head == _BZIP2:
            import bz2

            self._inflater = bz2.BZ2Decompressor()
        else:
            return False
        return True

    def _step(self, count: int) -> bytes:
        data = self._pending or self._more()
        try:
            piece = self._inflater.decompress(data, count)
        except (OSError, EOFError, ValueError, _zlib_error()) as error:
            raise FormatError(self.name, f"has broken compressed data: {error}") from error
        if self._inflater.eof:
            self._pending = self._inflater.unused_data
            self._inflater = None
        elif hasattr(self._inflater, "unconsumed_tail"):
            self._pending = self._inflater.unconsumed_tail
        else:
            self._pending = b""
        return piece

    def _more(self) -> bytes:
        """Read the next compressed bytes; raise FormatError if the file ends before its stream."""
        if not getattr(self._inflater, "needs_input", True):
            return b""
        data = bytes(self.base.read_at(self._read, _STEP))
        self._read += len(data)
        if not data:
            raise FormatError(
                self.name, "ends in the middle of its compressed data", remedy="copy the file again"
            )
        return data


def _beginning(base: Any, limit: int, keep: bool) -> InflatedContent:
    content = InflatedContent(base, 0, keep=keep)
    content.limit = limit
    return content


def _zlib_error() -> type[Exception]:
    import zlib

    return zlib.error
