"""Random access to bytes that are compressed by gzip or bzip2."""

from __future__ import annotations

import threading
from typing import Any

from ccdfx.errors import FormatError
from ccdfx.io.limits import INFLATION_REMEDY, inflation_limit

_GZIP, _BZIP2 = b"\x1f\x8b\x08", b"BZh"
_STEP = 1 << 20
_TRAILING = 1 << 20  # inflated bytes that may follow the last HDU
_PADDING = 2880  # FITS files are filled up to a multiple of so many bytes


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
    late : bool
        Whether the length that the last bytes of a gzip stream state is believed until these are inflated. A file of
        one image is then inflated once, not twice: to see that nothing follows the image, and for its pixels.
    """

    def __init__(self, base: Any, size: int, *, keep: bool, late: bool = False) -> None:
        self.name = base.name
        self.limit = inflation_limit(size)
        self.base = base
        self._lock = threading.RLock()
        self._kept = bytearray() if keep else None
        self._stated = _stated_length(base, size) if late and not keep else None
        self._rewind()

    def __reduce__(self) -> tuple[Any, ...]:
        # The state of a half-inflated stream cannot be pickled.
        return _beginning, (self.base, self.limit, self._kept is not None, self._stated)

    def has(self, end: int) -> bool:
        if end > self.limit:
            raise self._bomb(end)
        with self._lock:
            if self._kept is not None:
                self._keep_until(end)
                return end <= len(self._kept)
            if self._stated is not None and end <= self._stated:
                return True
            return self._skip_to(end)

    def read_at(self, offset: int, count: int) -> bytes | memoryview:
        with self._lock:
            if self._kept is not None:
                self._keep_until(offset + count)
                with memoryview(self._kept) as view:  # copied once
                    return bytes(view[offset : offset + count])
            if offset == self._stated:
                return b""
            if not self._skip_to(offset):
                return b""
            data = bytearray()
            while len(data) < count:
                piece = self._take(count - len(data))
                if not piece:
                    break
                data += piece
            if self._stated is not None and self._position > self._stated - _PADDING:
                self._require_end(self._stated)
            return memoryview(data)

    def finish(self, end: int) -> None:
        """Check that at most 1 MiB follows `end`, and that the stream is valid to its last byte, now or when that is read."""
        with self._lock:
            if end == self._stated:
                return
            self.has(end)
            if self.has(min(end + _TRAILING, self.limit)):
                raise FormatError(self.name, f"holds over {_TRAILING} inflated bytes after the last HDU")

    def _require_end(self, end: int) -> None:
        """Inflate the rest, which compares the checksum of the stream, and refuse another length than was stated."""
        self._skip_to(end)
        if self._position != end or self._take(1):
            rule = f"does not inflate to the {end} bytes that its last bytes state"
            raise FormatError(
                self.name, rule, remedy="unpack it with gunzip, which tells whether it is whole"
            )

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


def _beginning(base: Any, limit: int, keep: bool, stated: int | None) -> InflatedContent:
    content = InflatedContent(base, 0, keep=keep)
    content.limit, content._stated = limit, stated
    return content


def _stated_length(base: Any, size: int) -> int | None:
    """Return the length in the last four bytes of a gzip stream, None where it is not that of a whole FITS file.

    It is that of the last of several streams in one file, modulo 4 GiB: neither is the length of whole blocks but by chance.
    """
    if bytes(base.read_at(0, 3)) != _GZIP:
        return None
    length = int.from_bytes(bytes(base.read_at(size - 4, 4)), "little")
    return length if length and length % _PADDING == 0 else None


def _zlib_error() -> type[Exception]:
    import zlib

    return zlib.error
