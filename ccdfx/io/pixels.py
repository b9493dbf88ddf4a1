"""Pixels of one HDU, read by rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.io.checksum import verify
from ccdfx.io.content import Content, FileContent
from ccdfx.io.decode import Coding, coding_of, decode, flag
from ccdfx.io.hdus import Hdu, refusal
from ccdfx.io.source import RawLayout
from ccdfx.io.tiles import check_tiles, read_tiles

_CHUNK = 4 << 20  # bytes read at a time


class Pixels:
    """One plane of an image HDU. No pixels are read before `window` is called.

    Parameters
    ----------
    content : Content
    hdu : Hdu
        A plain or a tile-compressed image.
    plane : int, optional
        Which plane of a cube; needed only where there are several.
    checksum : bool
        Whether DATASUM and CHECKSUM are verified before the first pixels are returned.
    """

    def __init__(
        self, content: Content, hdu: Hdu, plane: int | None = None, *, checksum: bool = True
    ) -> None:
        self.content, self.hdu = content, hdu
        self.plane = _plane(content, hdu, plane)
        self.shape: tuple[int, int] = hdu.axes[-2:]  # type: ignore[assignment]
        self.coding: Coding = coding_of(content, hdu)
        self._verified = not checksum
        if hdu.kind == "tiles":
            check_tiles(content, hdu)

    @property
    def dtype(self) -> np.dtype:
        """The type of a pixel after decoding."""
        return self.coding.dtype

    def verify(self) -> None:
        """Compare the checksums of the HDU with its bytes, once."""
        if not self._verified:
            verify(self.content, self.hdu)
            self._verified = True

    def raw(self) -> RawLayout | None:
        """Return the layout of the pixels in an uncompressed file on disk; None for other files."""
        if self.hdu.kind != "image" or not isinstance(self.content, FileContent):
            return None
        self.verify()
        coding = self.coding
        path, kind = self.content.path, coding.stored.str.replace("|", ">")
        offset, stamp = self._offset(), self.content.stamp
        return RawLayout(path, offset, kind, self.shape, coding.bzero, coding.bscale, coding.blank, stamp)

    def window(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray | None]:
        """Read and decode the pixels of a window; return them with NO_DATA flags or None."""
        self.verify()
        shape = rows.stop - rows.start, columns.stop - columns.start
        if self.hdu.kind == "tiles":
            stored = read_tiles(self.content, self.hdu, self.plane, rows, columns)
            if stored.shape != shape or stored.dtype.newbyteorder("=") != self.coding.stored.newbyteorder(
                "="
            ):
                raise refusal(self.content, self.hdu.index, "its tiles do not hold the image that it claims")
            array = np.empty(shape, self.dtype)
            return array, flag(None, shape, slice(None), decode(stored, self.coding, array))
        array, mask = np.empty(shape, self.dtype), None
        step = max(1, _CHUNK // (self.shape[1] * self.coding.stored.itemsize))
        for start in range(rows.start, rows.stop, step):
            stop = min(start + step, rows.stop)
            part = slice(start - rows.start, stop - rows.start)
            bad = decode(self._stored(start, stop)[:, columns], self.coding, array[part])
            mask = flag(mask, shape, part, bad)
        return array, mask

    def _offset(self) -> int:
        return self.hdu.data_at + self.plane * math.prod(self.shape) * self.coding.stored.itemsize

    def _stored(self, start: int, stop: int) -> np.ndarray:
        width = self.shape[1] * self.coding.stored.itemsize
        data = self.content.read_at(self._offset() + start * width, (stop - start) * width)
        if len(data) != (stop - start) * width:
            raise refusal(self.content, self.hdu.index, "the file ends before its data")
        return np.frombuffer(data, self.coding.stored).reshape(stop - start, self.shape[1])


def _plane(content: Content, hdu: Hdu, plane: Any) -> int:
    shape = hdu.axes
    if len(shape) < 2:
        what = "has one axis" if shape else "holds no pixels"
        raise refusal(
            content, hdu.index, f"{what}, and an image has two", value=shape, remedy="choose another hdu"
        )
    if 0 in shape:
        raise refusal(
            content, hdu.index, "holds an image without pixels", value=shape, remedy="choose another hdu"
        )
    count = math.prod(shape[:-2])
    if plane is None:
        if count > 1:
            raise refusal(content, hdu.index, f"is a cube of {count} planes", value=shape,
                          remedy=f"choose one with plane=0 to plane={count - 1} (--plane; combine takes all with --planes)")  # fmt: skip
        return 0
    if isinstance(plane, bool) or not isinstance(plane, int | np.integer) or not 0 <= plane < count:
        raise ArgumentError(
            "plane", f"must be 0 to {count - 1} in {content.name}", value=plane, remedy="count from 0"
        )
    return int(plane)
