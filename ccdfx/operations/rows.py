"""Rows of the frames of a stack, at known addresses in memory.

An `Image` is used in place. From a source, only the rows of the current tile are read; where the source
describes the layout of the pixels in its file (`raw`), the bytes are read unchanged and decoded by the
kernel.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import MismatchError
from ccdfx.operations.frames import CASTS, Frame, is_plain
from ccdfx.operations.raw_files import Part, RawFiles
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image

UNSIGNED = ">u2"  # stored in FITS as int16 with BZERO = 32768


def decoding(frames: Sequence[Frame], factors: np.ndarray) -> None:
    """Store the decoding of the raw pixels of each frame in the table of factors."""
    from ccdfx.kernels import gather

    factors[:, gather.BSCALE], factors[:, gather.BZERO], factors[:, gather.BLANK] = 1.0, 0.0, np.nan
    for j, frame in enumerate(frames):
        if frame.raw is None:
            continue
        blank = np.nan if frame.raw.blank is None or frame.raw.dtype in (">f4", ">f8") else frame.raw.blank
        if not _is_unsigned(frame.raw):
            factors[j, gather.BSCALE], factors[j, gather.BZERO] = frame.raw.bscale, frame.raw.bzero
        else:
            blank = blank + 32768
        factors[j, gather.BLANK] = blank


def _is_unsigned(raw: Any) -> bool:
    return raw.dtype == ">i2" and raw.bscale == 1 and raw.bzero == 32768


@dataclass(slots=True)
class Tile:
    """Rows of all frames: `table` holds the addresses of the pixels in `rows`."""

    table: np.ndarray
    rows: list[Rows]


@dataclass(frozen=True, slots=True)
class Window:
    """The rows ``lower <= y < upper`` of a result of a given width, which a frame may cover in part."""

    lower: int
    upper: int
    width: int

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (rows, nx)."""
        return self.upper - self.lower, self.width

    @property
    def pixels(self) -> int:
        """The number of pixels."""
        return self.shape[0] * self.shape[1]

    def rows_of(self, frame: Frame) -> tuple[int, int]:
        """Return the frame's own rows (lower, upper) that lie in the window; none where upper <= lower."""
        return max(self.lower - frame.y, 0), min(self.upper - frame.y, frame.shape[0])

    def filled_by(self, frame: Frame) -> bool:
        """Return whether the frame covers the whole window."""
        lower, upper = self.rows_of(frame)
        return frame.x == 0 and frame.shape[1] == self.width and upper - lower == self.upper - self.lower


def read_tile(
    frames: Sequence[Frame],
    files: RawFiles,
    window: Window,
    counted: int = 255,
    shared: np.ndarray | None = None,
) -> Tile:
    """Read the rows of all frames that lie in a window; `files` are those of the frames.

    `counted` are the flags that make a value bad; `shared` (ny, nx) is subtracted from the variance of every
    frame. Pixels that a frame does not have are flagged NO_DATA.
    """
    from ccdfx.kernels import gather

    tile = Tile(np.zeros((len(frames), gather.FRAME_COLUMNS), np.int64), [])
    raw = []
    for j, frame in enumerate(frames):
        lower, upper = window.rows_of(frame)
        if upper <= lower:
            _place(tile, j, _no_rows(frame), frame, window)
        elif frame.raw is not None:
            raw.append((j, lower, upper))
        else:
            rows = _plain_rows(frame, lower, upper, counted)
            _place(tile, j, rows if shared is None else _less(rows, shared[lower:upper]), frame, window)
    if raw:
        _place_raw(tile, frames, window, *files.read(raw))
    return tile


def _place_raw(
    tile: Tile, frames: Sequence[Frame], window: Window, buffer: np.ndarray, parts: Sequence[Part]
) -> None:
    from ccdfx.kernels import decode, gather

    address = buffer.ctypes.data
    for j, start, size in parts:
        frame = frames[j]
        kind = UNSIGNED if _is_unsigned(frame.raw) else frame.raw.dtype.replace(">u1", "|u1")
        if window.filled_by(frame):
            tile.table[j, gather.DATA] = address + start
            tile.table[j, gather.KIND] = decode.BIG_U2 if kind == UNSIGNED else decode.KINDS[kind]
            continue
        stored = buffer[start : start + size].view(np.dtype(frame.raw.dtype)).reshape(-1, frame.shape[1])
        _place(tile, j, Rows(stored, kind), frame, window)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one frame as the kernel reads them; `kind` is the type of the pixels as they are stored.

    `mask` holds those of the `flags` that make a value bad.
    """

    array: np.ndarray
    kind: str
    flags: np.ndarray | None = None
    variance: np.ndarray | None = None
    mask: np.ndarray | None = None


def _no_rows(frame: Frame) -> Rows:
    empty = np.zeros((0, frame.shape[1]), np.uint8)
    return Rows(empty, "|u1", variance=empty if frame.has_variance else None)


def _less(rows: Rows, shared: np.ndarray) -> Rows:
    """Subtract a shared variance from that of the rows, but not below 0."""
    if rows.variance is None:
        return rows
    own = np.maximum(rows.variance - shared, 0).astype(rows.variance.dtype)
    return dataclasses.replace(rows, variance=own)


def _place(tile: Tile, j: int, rows: Rows, frame: Frame, window: Window) -> None:
    from ccdfx.kernels import decode, gather

    if not window.filled_by(frame):
        rows = _surrounded(rows, frame, window)
    table = tile.table
    table[j, gather.DATA] = rows.array.ctypes.data
    table[j, gather.KIND] = decode.BIG_U2 if rows.kind == UNSIGNED else decode.KINDS[rows.kind]
    if rows.mask is not None:
        table[j, gather.MASK] = rows.mask.ctypes.data
    if rows.variance is not None:
        table[j, gather.VARIANCE] = rows.variance.ctypes.data
        table[j, gather.VARIANCE_KIND] = decode.KINDS[rows.variance.dtype.str]
    tile.rows.append(rows)


def _surrounded(rows: Rows, frame: Frame, window: Window) -> Rows:
    """Extend the rows to a window that they do not fill, with pixels flagged NO_DATA."""
    shape = (window.upper - window.lower, window.width)
    x_lower, x_upper = max(frame.x, 0), min(frame.x + frame.shape[1], window.width)
    first = max(frame.y - window.lower, 0)
    target = slice(first, first + len(rows.array)), slice(x_lower, max(x_lower, x_upper))
    source = slice(None), slice(x_lower - frame.x, max(x_lower, x_upper) - frame.x)

    def put(values: np.ndarray | None, out: np.ndarray) -> np.ndarray:
        out[target] = 0 if values is None else values[source]
        return out

    flags, mask = (put(values, np.full(shape, np.uint8(Flag.NO_DATA))) for values in (rows.flags, rows.mask))
    variance = None if rows.variance is None else put(rows.variance, np.zeros(shape, rows.variance.dtype))
    return Rows(put(rows.array, np.zeros(shape, rows.array.dtype)), rows.kind, flags, variance, mask)


def _plain_rows(frame: Frame, lower: int, upper: int, counted: int) -> Rows:
    if isinstance(frame.data, Image):
        image, rows = frame.data, slice(lower, upper)
    else:
        image, rows = _read_rows(frame, lower, upper), slice(None)
    array = _plain(image.array[rows])
    flags = None if image.mask is None else np.ascontiguousarray(image.mask[rows], np.uint8)
    mask = flags if flags is None or counted == 255 else flags & np.uint8(counted)
    variance = None if image.variance is None else _plain(image.variance[rows])
    return Rows(array, array.dtype.str, flags, variance, mask)


def _plain(array: np.ndarray) -> np.ndarray:
    """Convert the rows to a contiguous array of a type that the kernel decodes."""
    array = np.ascontiguousarray(array)
    if is_plain(array.dtype):
        return array
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    return array.astype(CASTS[array.dtype.str[1:]])


def _read_rows(frame: Frame, lower: int, upper: int) -> Image:
    image = frame.rows(lower, upper)
    shape = (upper - lower, frame.shape[1])
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
