"""Frames of a stack: images in memory, or sources that are read by rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.compatibility import require_alike, require_match
from ccdfx.records.header import Header
from ccdfx.records.history import has_partial_variance
from ccdfx.records.image import Image, as_image
from ccdfx.records.keywords import unit_of
from ccdfx.records.range import Range

CASTS = {"b1": "u1", "i1": "i2", "f2": "f4", "u4": "f8", "i8": "f8", "u8": "f8"}
"""What a type that the kernel does not decode is turned into."""

_RAW_KINDS = (
    "|u1", ">u1", ">i2", ">i4", ">f4", ">f8",
    "<i2", "<u2", "<i4", "<f4", "<f8",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StackFrame:
    """One frame of a stack: an image, or a source that is read by rows.

    `flagged` and `has_variance`: whether it has a mask and a variance; `raw`: the layout of its file, if that
    is read directly; `x` and `y`: the position of its first pixel in the result.
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
    x: int = 0
    y: int = 0

    @property
    def unit(self) -> str | None:
        """BUNIT, or None; see `Image.unit`."""
        return unit_of(self.header)

    @property
    def knows_variance(self) -> bool:
        """Whether it has a variance, and not one of its calibration alone."""
        return self.has_variance and not has_partial_variance(self.header)

    @property
    def is_read(self) -> bool:
        """Whether its rows are asked of its source, which decodes or computes them."""
        return self.raw is None and not isinstance(self.data, Image)

    @property
    def bytes_per_row(self) -> int:
        """The memory that one of its rows needs while it is processed."""
        if isinstance(self.data, Image):
            return 0 if is_plain(self.dtype) else 8 * self.shape[1]
        if self.raw is not None:
            return np.dtype(self.raw.dtype).itemsize * self.shape[1]
        own: int | None = getattr(self.data, "row_bytes", None)
        if own is not None:
            return own
        # Pixels, their raw form during decoding and, if there are any, flags and variance.
        return (2 * max(self.dtype.itemsize, 4) + self.flagged + 8 * self.has_variance) * self.shape[1]

    @property
    def bytes_around(self) -> int:
        """The memory that a tile needs for this frame besides its own rows; frames need it one after the other."""
        return int(getattr(self.data, "bytes_around", 0))

    @property
    def is_unsigned(self) -> bool:
        """Whether the file stores unsigned 16-bit integers the FITS way: as int16 with BZERO = 32768."""
        raw = self.raw
        return raw is not None and raw.dtype == ">i2" and raw.bscale == 1 and raw.bzero == 32768

    @property
    def decoding(self) -> tuple[float, float, float]:
        """BSCALE, BZERO and BLANK of the pixels as they are stored; BLANK is NaN where there is none."""
        raw = self.raw
        if raw is None:
            return 1.0, 0.0, np.nan
        blank = np.nan if raw.blank is None or raw.dtype in (">f4", ">f8") else float(raw.blank)
        return (1.0, 0.0, blank + 32768) if self.is_unsigned else (raw.bscale, raw.bzero, blank)

    def image(self) -> Image:
        """Return the whole frame as an image."""
        return self.data if isinstance(self.data, Image) else self.data.select(None)

    def window(self, rows: tuple[int, int], columns: tuple[int, int]) -> Image:
        """Return some rows and columns (lower, upper) as an image; they are counted from the first pixel of the frame.

        Of a source that also has `select_planes`, which reads a window without its header, this is called.
        """
        x, y = self.range.x_lower, self.range.y_lower
        read = getattr(self.data, "select_planes", self.data.select)
        found: Image = read(Range(x + columns[0], x + columns[1], y + rows[0], y + rows[1]))
        return found


def as_frames(frames: Any, placed: bool = False) -> tuple[StackFrame, ...]:
    """Convert Images, arrays and sources to frames; all must match the first.

    With `placed`, they may differ in shape and window.

    Raises
    ------
    ArgumentError
        No frame at all.
    ArgumentTypeError
        Something that is not a frame, or a single frame instead of a sequence.
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
        (require_alike if placed else require_match)(found[0], frame, frame.name)  # type: ignore[arg-type]
    return found


def _frame(data: Any, number: int) -> StackFrame:
    name = f"frames[{number}]"
    if hasattr(data, "select") and hasattr(data, "close"):
        return _source_frame(data, f"{name} ({data.name})")
    image = as_image(data, name)
    return StackFrame(
        name, image, image.shape, image.dtype, image.header, image.range,
        image.mask is not None, image.variance is not None,
    )  # fmt: skip


def _source_frame(source: Any, name: str) -> StackFrame:
    shape, dtype = tuple(source.shape), np.dtype(source.dtype)
    window = getattr(source, "range", None) or Range.whole(shape)
    raw = getattr(source, "raw", None)
    if raw is not None and _readable_raw(raw, dtype):
        return StackFrame(name, source, shape, dtype, source.header, window, False, False, raw)
    first = source.select(Range(window.x_lower, window.x_upper, window.y_lower, window.y_lower + 1))
    return StackFrame(
        name, source, shape, dtype, source.header, window, first.mask is not None, first.variance is not None
    )


def _readable_raw(raw: Any, dtype: np.dtype) -> bool:
    # Decoded as float32, 32-bit integers would lose digits before they are scaled.
    return raw.dtype in _RAW_KINDS and not (raw.dtype == ">i4" and dtype.itemsize < 8 and dtype.kind == "f")


def is_plain(dtype: np.dtype) -> bool:
    """Return whether the kernel decodes pixels of that type."""
    return dtype.str[1:] not in CASTS
