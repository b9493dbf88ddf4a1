"""Interface of readers: the records for file formats and for their sources."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ccdfx.io.stamp import has_stamp
from ccdfx.records.checks import FUNCTION, FUNCTION_OR_NONE, NAME, TEXT, check_fields, tuple_of
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.range import Range, RangeLike


@runtime_checkable
class Source(Protocol):
    """An image that is read piece by piece.

    `select(range)` returns the window `range` (what `ccdfx.Range` accepts; None for all) as an `Image` and
    reads no more than needed; `name` identifies it in messages, `shape` (ny, nx) and `dtype` are those of the
    image. A source is a context manager; `close` may be called twice. A source whose image is a window of a
    larger frame gives this window in `range`, a `ccdfx.Range`.
    """

    name: str

    @property
    def shape(self) -> tuple[int, int]: ...

    @property
    def dtype(self) -> np.dtype: ...

    @property
    def header(self) -> Header: ...

    def select(self, range: RangeLike = None) -> Image: ...

    def close(self) -> None: ...

    def __enter__(self) -> Source: ...

    def __exit__(self, *error: object) -> None: ...


@dataclass(frozen=True, slots=True)
class RawLayout:
    """Layout of the pixels of an uncompressed image in its file, for engines that decode them themselves.

    The pixel in row y and column x is ``bscale * stored + bzero``, where `stored` has the type `dtype` (of
    numpy, with its byte order, such as ``">i2"``) and lies at byte ``offset + (y * nx + x) * itemsize`` of
    `path`. A stored value of `blank` is a pixel without data, and so is NaN. `stamp` is (device, inode, size,
    mtime in ns) of the file that was opened: another file under the same path has another stamp. Machines
    that share a file agree only on size and mtime, so only these two are pickled for another process.
    """

    path: str
    offset: int
    dtype: str
    shape: tuple[int, int]
    bzero: float = 0
    bscale: float = 1
    blank: int | None = None
    stamp: tuple[int, ...] | None = None

    def is_unchanged(self, found: os.stat_result) -> bool:
        """Return whether a file is that of the stamp; without a stamp any is."""
        return not self.stamp or has_stamp(found, self.stamp)

    def __reduce__(self) -> tuple[Any, ...]:
        stamp = self.stamp and self.stamp[-2:]
        path, offset, dtype, shape = self.path, self.offset, self.dtype, self.shape
        return RawLayout, (path, offset, dtype, shape, self.bzero, self.bscale, self.blank, stamp)


@dataclass(frozen=True, slots=True)
class Format:
    """A file format.

    Parameters
    ----------
    name : str
        Such as "fits".
    suffixes : tuple of str
        In lower case with the dot, such as ``(".fits", ".fits.gz")``; the longest one that fits decides.
    recognises : callable
        ``recognises(first_bytes) -> bool`` returns whether a file that begins with these bytes (up to 2880) has this
        format.
    open : callable
        ``open(file, hdu) -> Source`` opens an image. `file` is a path, bytes or a binary file object; `hdu` is None
        (the first image), a number from 0, a name, or "all", which gives a list of sources. A format that
        selects planes of cubes also takes ``plane=``, one that verifies checksums ``checksum=``, and one that limits
        to how many bytes a compressed file may inflate ``limit=``, with `inflation_limit` as the default.
    write : callable, optional
        ``write(images, path)`` writes a sequence of images to a new file; the caller makes this atomic.
    description : str
    read_header : callable, optional
        ``read_header(path, hdu) -> Header`` returns the header alone, where that is faster than `open`.
    read : callable, optional
        ``read(file, hdu, range=..., plane=..., checksum=...) -> Image`` returns an `Image` (a list for "all") at once,
        where that is better than `open` and `select`; it takes ``limit=`` where `open` does.
    update : callable, optional
        ``update(path, part, target, hdu=...)`` writes to the empty file `target` the file `path` with the
        window ``part.range`` of an image replaced by the Image `part`; the caller makes this atomic. It takes
        ``plane=`` where `open` does.
    """

    name: str
    suffixes: tuple[str, ...]
    recognises: Callable[[bytes], bool]
    open: Callable[..., Any]
    write: Callable[[Sequence[Image], Path], None] | None = None
    description: str = ""
    read_header: Callable[[Any, int | str | None], Header] | None = None
    read: Callable[..., Any] | None = None
    update: Callable[..., None] | None = None

    def __post_init__(self) -> None:
        check_fields(
            self,
            name=NAME,
            suffixes=tuple_of("text", lambda suffix: isinstance(suffix, str) and bool(suffix)),
            recognises=FUNCTION,
            open=FUNCTION,
            write=FUNCTION_OR_NONE,
            description=TEXT,
            read_header=FUNCTION_OR_NONE,
            read=FUNCTION_OR_NONE,
            update=FUNCTION_OR_NONE,
        )


class ImageSource:
    """An `Image` in memory as a source, for formats that read a file at once."""

    raw = None

    def __init__(self, image: Image, name: str = "image") -> None:
        self.name = name
        self._image = image

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        return self._image.shape

    @property
    def dtype(self) -> np.dtype:
        """The type of a pixel."""
        return self._image.dtype

    @property
    def header(self) -> Header:
        """The header of the image."""
        return self._image.header

    @property
    def range(self) -> Range:
        """Where the image lies in its parent frame."""
        return self._image.range

    def select(self, range: RangeLike = None) -> Image:
        """Select a window of the image."""
        return self._image.select(range)

    def close(self) -> None:
        """Do nothing: no file is open."""

    def __enter__(self) -> ImageSource:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
