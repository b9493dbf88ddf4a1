"""The frames of a stack, whatever they are, as rows of pixels at known places in memory.

An `Image` is used where it lies. Of a source, only the rows of the tile in hand are read; where the source says how
its pixels lie in its file (`raw`), the bytes are read as they are and decoded by the kernel.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError, FileError, MismatchError
from ccdfx.records.header import Header
from ccdfx.records.image import Image, as_image
from ccdfx.records.matching import require_match
from ccdfx.records.range import Range

_CASTS = {"b1": "u1", "i1": "i2", "f2": "f4", "u4": "f8", "i8": "f8", "u8": "f8"}
_RAW_KINDS = ("|u1", ">u1", ">i2", ">i4", ">f4", ">f8")
_local = threading.local()


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a stack: an image, or a source that is read by rows.

    `flagged` and `has_variance` say whether it brings a mask and a variance; `raw` is the layout of its file, if that
    is to be read directly.
    """

    name: str
    data: Any
    shape: tuple[int, int]
    dtype: np.dtype
    header: Header
    range: Range
    flagged: bool
    has_variance: bool
    raw: Any = None

    @property
    def unit(self) -> str | None:
        """BUNIT in lower case, or None."""
        text = str(self.header.get("BUNIT") or "").strip().lower()
        return text or None

    @property
    def bytes_per_row(self) -> int:
        """What a row of it in flight costs."""
        if isinstance(self.data, Image):
            return 0 if _is_plain(self.dtype) else 8 * self.shape[1]
        if self.raw is not None:
            return np.dtype(self.raw.dtype).itemsize * self.shape[1]
        # Pixels, their raw form while they are decoded, and, where there are any, flags and variance.
        return (2 * max(self.dtype.itemsize, 4) + self.flagged + 8 * self.has_variance) * self.shape[1]

    def image(self) -> Image:
        """All of it."""
        return self.data if isinstance(self.data, Image) else self.data.select(None)

    def rows(self, lower: int, upper: int) -> Image:
        """The image of some rows, counted from its own first row."""
        r = self.range
        return self.data.select(Range(r.x_lower, r.x_upper, r.y_lower + lower, r.y_lower + upper))


def as_frames(frames: Any) -> tuple[Frame, ...]:
    """Frames from Images, arrays and sources; all must match the first.

    Raises
    ------
    ArgumentError
        No frame at all.
    ArgumentTypeError
        Something that is no frame, or one frame where a sequence is wanted.
    MismatchError
        Different shape, window, unit or binning.
    """
    if isinstance(frames, np.ndarray) and frames.ndim == 3:
        frames = list(frames)
    if isinstance(frames, str | bytes | Image | np.ndarray) or not hasattr(frames, "__iter__"):
        raise ArgumentTypeError(
            "frames", "must be a sequence of images, arrays or sources", value=type(frames).__name__,
            remedy="put a single frame into a list",
        )  # fmt: skip
    found = tuple(_frame(frame, number) for number, frame in enumerate(frames))
    if not found:
        raise ArgumentError(
            "frames", "must hold at least one frame", value=[], remedy="give the frames to combine"
        )
    for frame in found[1:]:
        require_match(found[0], frame, frame.name)  # type: ignore[arg-type]
    return found


def _frame(data: Any, number: int) -> Frame:
    name = f"frames[{number}]"
    if hasattr(data, "select") and hasattr(data, "close"):
        return _source_frame(data, f"{name} ({data.name})")
    image = as_image(data, name)
    if image.dtype.kind not in "buif":
        raise ArgumentTypeError(name, "must hold real numbers", value=str(image.dtype), remedy="convert it")
    return Frame(
        name, image, image.shape, image.dtype, image.header, image.range,
        image.mask is not None, image.variance is not None,
    )  # fmt: skip


def _source_frame(source: Any, name: str) -> Frame:
    shape, dtype = tuple(source.shape), np.dtype(source.dtype)
    window = getattr(source, "range", None) or Range.whole(shape)
    raw = getattr(source, "raw", None)
    if raw is not None and _readable_raw(raw, dtype):
        return Frame(name, source, shape, dtype, source.header, window, False, False, raw)
    frame = Frame(name, source, shape, dtype, source.header, window, False, False)
    first = frame.rows(0, 1)
    return Frame(
        name, source, shape, dtype, source.header, window, first.mask is not None, first.variance is not None
    )


def _readable_raw(raw: Any, dtype: np.dtype) -> bool:
    # 32-bit integers that a scale turns into float32 would lose digits before they are scaled.
    return raw.dtype in _RAW_KINDS and not (raw.dtype == ">i4" and dtype.itemsize < 8 and dtype.kind == "f")


def working_type(frames: Sequence[Frame]) -> np.dtype:
    """float32, unless float64 or integers that float32 would lose take part."""
    wide = any(f.dtype.itemsize > 4 if f.dtype.kind == "f" else f.dtype.itemsize > 2 for f in frames)
    return np.dtype(np.float64 if wide else np.float32)


def _is_plain(dtype: np.dtype) -> bool:
    return dtype.str[1:] not in _CASTS


def decoding(frames: Sequence[Frame], factors: np.ndarray) -> None:
    """Put how the raw pixels of each frame are decoded into the table of factors."""
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
    """Rows of all frames: `table` says where their pixels are, `alive` keeps them there."""

    table: np.ndarray
    alive: list[Any]


def read_tile(frames: Sequence[Frame], lower: int, upper: int) -> Tile:
    """The rows ``lower <= y < upper`` of all frames."""
    from ccdfx.kernels import gather

    tile = Tile(np.zeros((len(frames), gather.FRAME_COLUMNS), np.int64), [])
    raw = [frame for frame in frames if frame.raw is not None]
    buffer = _raw_buffer(sum(_raw_size(frame, upper - lower) for frame in raw)) if raw else None
    place = 0
    for j, frame in enumerate(frames):
        if frame.raw is not None:
            size = _raw_size(frame, upper - lower)
            part = buffer[place : place + size]  # type: ignore[index]
            _read_raw(frame, lower, upper, part)
            kind = (
                gather.BIG_U2
                if _is_unsigned(frame.raw)
                else gather.KINDS[frame.raw.dtype.replace(">u1", "|u1")]
            )
            tile.table[j, gather.DATA], tile.table[j, gather.KIND] = part.ctypes.data, kind
            place += size
        elif isinstance(frame.data, Image):
            _place_image(tile, j, frame.data, slice(lower, upper))
        else:
            _place_image(tile, j, _read_rows(frame, lower, upper), slice(None))
    tile.alive.append(buffer)
    return tile


def _place_image(tile: Tile, j: int, image: Image, rows: slice) -> None:
    from ccdfx.kernels import gather

    table = tile.table
    array = _plain(image.array[rows])
    table[j, gather.DATA], table[j, gather.KIND] = array.ctypes.data, gather.KINDS[array.dtype.str]
    tile.alive.append(array)
    if image.mask is not None:
        mask = np.ascontiguousarray(image.mask[rows], np.uint8)
        table[j, gather.MASK] = mask.ctypes.data
        tile.alive.append(mask)
    if image.variance is not None:
        variance = _plain(image.variance[rows])
        table[j, gather.VARIANCE] = variance.ctypes.data
        table[j, gather.VARIANCE_KIND] = gather.KINDS[variance.dtype.str]
        tile.alive.append(variance)


def _plain(array: np.ndarray) -> np.ndarray:
    """The rows as one run of a type that the kernel decodes."""
    array = np.ascontiguousarray(array)
    if _is_plain(array.dtype):
        return array
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    return array.astype(_CASTS[array.dtype.str[1:]])


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


def _raw_size(frame: Frame, rows: int) -> int:
    """The bytes of some rows, rounded up so that the next frame starts on a cache line."""
    size = rows * frame.bytes_per_row
    return -(-size // 64) * 64


def _raw_buffer(size: int) -> np.ndarray:
    """A buffer of this thread, used again for every tile."""
    buffer = getattr(_local, "buffer", None)
    if buffer is None or buffer.size < size:
        _local.buffer = buffer = np.empty(size, np.uint8)
    return buffer


def release_buffer() -> None:
    """Give the buffer of this thread back."""
    _local.buffer = None


def _read_raw(frame: Frame, lower: int, upper: int, part: np.ndarray) -> None:
    """Read the bytes of some rows as they are; a file that has changed or become shorter is an error."""
    path, stamp = frame.raw.path, getattr(frame.raw, "stamp", None)
    wanted = (upper - lower) * frame.bytes_per_row
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            found = os.fstat(file)
            changed = stamp and stamp != (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
            got = (
                0
                if changed
                else _read_into(file, part[:wanted], frame.raw.offset + lower * frame.bytes_per_row)
            )
        finally:
            os.close(file)
    except OSError as error:
        raise FileError(
            path, f"cannot be read: {error.strerror or error}", remedy="check the file"
        ) from error
    if changed or got < wanted:
        raise FileError(
            path, "was replaced, changed or cut since it was opened", value=f"{found.st_size} bytes now",
            remedy="open it again when it is complete",
        )  # fmt: skip


def _read_into(file: int, part: np.ndarray, offset: int) -> int:
    """Fill the part from the offset on; how many bytes there were."""
    got = 0
    while got < part.size:
        count = os.preadv(file, [part[got:].data], offset + got)
        if count == 0:
            break
        got += count
    return got
