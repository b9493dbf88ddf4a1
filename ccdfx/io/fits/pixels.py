"""Pixels of one HDU, read by rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.io.content import Content, FileContent, read_into
from ccdfx.io.fits.byte_order import native_pixels
from ccdfx.io.fits.checksum import has_sums, ones_sum, sum_of_bytes, verify, verify_sum
from ccdfx.io.fits.compressed.tiles import check_tiles, read_tiles
from ccdfx.io.fits.hdus import Hdu, refusal
from ccdfx.io.source import RawLayout
from ccdfx.records.flags import Flag

_PIECE = 1 << 20  # bytes read at a time, which stay in the cache until they are decoded


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

    def of_plane(self, plane: int) -> Pixels:
        """Return another plane of the same cube, verified where this one is."""
        self.verify()
        return Pixels(self.content, self.hdu, plane, checksum=False)

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
        if not self._verified and self._is_all(rows, columns):
            return self._all()
        self.verify()
        shape = rows.stop - rows.start, columns.stop - columns.start
        if self.hdu.kind == "tiles":
            stored = read_tiles(self.content, self.hdu, self.plane, rows, columns)
            if stored.shape != shape or stored.dtype.newbyteorder("=") != self.coding.stored.newbyteorder(
                "="
            ):
                raise refusal(self.content, self.hdu.index, "its tiles do not hold the image that it claims")
            array = np.empty(shape, self.dtype)
            return array, flag(None, shape, slice(None), decode_pixels(stored, self.coding, array))
        array, mask = np.empty(shape, self.dtype), None
        for part, stored in self._pieces(rows):
            mask = flag(mask, shape, part, _decoded(stored[:, columns], self.coding, array[part]))
        return array, mask

    def _is_all(self, rows: slice, columns: slice) -> bool:
        """Return whether a window holds all pixels of an uncompressed HDU."""
        ny, nx = self.shape
        only = math.prod(self.hdu.axes) == ny * nx and self.hdu.kind == "image"
        return only and (rows.start, rows.stop, columns.start, columns.stop) == (0, ny, 0, nx)

    def _all(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Read and decode all pixels, and verify the sums of the bytes that were read."""
        array, mask, data = np.empty(self.shape, self.dtype), None, 0
        for part, stored in self._pieces(slice(0, self.shape[0])):
            bad, data = decode_and_sum(stored, self.coding, array[part], data)
            mask = flag(mask, self.shape, part, bad)
        if has_sums(self.hdu):
            end = self._offset() + math.prod(self.shape) * self.coding.stored.itemsize
            # The last word may end in the padding: it was summed with zeros, which the padding is.
            data = sum_of_bytes(self.content, -(-end // 4) * 4, self.hdu.end, data)
            verify_sum(self.content, self.hdu, data)
        self._verified = True
        return array, mask

    def _pieces(self, rows: slice) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield the stored pixels of some rows at a time, and which of `rows` they are; the next ones may replace them.

        They fit into the caches, and are whole 32-bit words if there is more than one piece.
        """
        step = max(4, _PIECE // (self.shape[1] * self.coding.stored.itemsize) // 4 * 4)
        with self._reading(min(step, rows.stop - rows.start)) as stored:
            for start in range(rows.start, rows.stop, step):
                stop = min(start + step, rows.stop)
                yield slice(start - rows.start, stop - rows.start), stored(start, stop)

    @contextmanager
    def _reading(self, most: int) -> Iterator[Callable[[int, int], np.ndarray]]:
        """Yield a function that reads rows (start, stop), of a file through one handle into one buffer."""
        content, width = self.content, self.shape[1] * self.coding.stored.itemsize

        def of_content(start: int, stop: int) -> np.ndarray:
            data = content.read_at(self._offset() + start * width, (stop - start) * width)
            if len(data) != (stop - start) * width:
                raise refusal(content, self.hdu.index, "the file ends before its data")
            return np.frombuffer(data, self.coding.stored).reshape(stop - start, self.shape[1])

        if not isinstance(content, FileContent):
            yield of_content
            return
        buffer = np.empty((most, self.shape[1]), self.coding.stored)
        with content.handle() as handle:

            def of_file(start: int, stop: int) -> np.ndarray:
                if self._offset() + stop * width > content.size:
                    raise refusal(content, self.hdu.index, "the file ends before its data")
                found = buffer[: stop - start]
                read_into(
                    handle,
                    self._offset() + start * width,
                    found.reshape(-1).view(np.uint8).data,
                    content.name,
                )
                return found

            yield of_file

    def _offset(self) -> int:
        return self.hdu.data_at + self.plane * math.prod(self.shape) * self.coding.stored.itemsize


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
                          remedy=f"choose one with plane=0 to plane={count - 1} (--plane 1 to {count}; combine takes all with --planes)")  # fmt: skip
        return 0
    if isinstance(plane, bool) or not isinstance(plane, int | np.integer) or not 0 <= plane < count:
        raise ArgumentError(
            "plane",
            f"must be one of the {count} planes of {content.name}",
            value=plane,
            remedy="plane= counts from 0, --plane of commands from 1",
        )
    return int(plane)


_STORED = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_NO_DATA = np.uint8(Flag.NO_DATA)


@dataclass(frozen=True, slots=True)
class Coding:
    """The relation between stored numbers and pixel values.

    `stored` is the type in the file, `dtype` that of the pixels; the value is ``bscale * stored + bzero``;
    `blank` is the stored value of a pixel without data.
    """

    stored: np.dtype
    dtype: np.dtype
    bzero: float
    bscale: float
    blank: int | None

    @property
    def is_plain(self) -> bool:
        """Whether values are the stored numbers, or differ from them only by the sign bit."""
        if self.dtype.kind == "f":
            return self.stored.kind == "f" and self.bscale == 1 and self.bzero == 0
        return True


def coding_of(content: Content, hdu: Hdu) -> Coding:
    """Return the coding that BITPIX, BZERO, BSCALE and BLANK (of tiles also ZBLANK) describe.

    Unsigned integers are recognised by their BZERO. Other scaled integers become float32, or float64 where
    float32 lacks the precision or the range.
    """
    stored = np.dtype(_STORED[hdu.bitpix])
    bscale, bzero = _factor(content, hdu, "BSCALE", 1), _factor(content, hdu, "BZERO", 0)
    if bscale == 0:
        raise refusal(content, hdu.index, "BSCALE must not be 0", value=bscale, remedy="correct the header")
    blank = _blank(content, hdu) if hdu.bitpix > 0 else None
    if hdu.bitpix < 0:
        return Coding(stored, stored.newbyteorder("="), bzero, bscale, None)
    bits = hdu.bitpix
    half = 1 << (bits - 1)
    if bscale == 1 and bzero == 0:
        return Coding(stored, stored.newbyteorder("="), 0, 1, blank)
    if bscale == 1 and bzero == (-half if bits == 8 else half):
        return Coding(stored, np.dtype("i1" if bits == 8 else f"u{bits // 8}"), int(bzero), 1, blank)
    low, high = (0, 255) if bits == 8 else (-half, half - 1)
    worst = max(abs(bscale * low + bzero), abs(bscale * high + bzero))
    if not math.isfinite(worst):
        raise refusal(
            content, hdu.index, "BSCALE and BZERO make numbers that no float holds", value=(bscale, bzero)
        )
    wide = bits > 16 or worst >= abs(bscale) * (1 << 24) or worst > 3e38
    return Coding(stored, np.dtype("f8" if wide else "f4"), bzero, bscale, blank)


def decode_pixels(stored: np.ndarray, coding: Coding, out: np.ndarray) -> np.ndarray | None:
    """Write the pixel values of `stored` to `out`.

    Returns
    -------
    ndarray of bool or None
        True where pixels have no data; None if all pixels have data.
    """
    if not coding.is_plain:
        with np.errstate(all="ignore"):
            values = stored.astype(np.float64)
            values *= coding.bscale
            values += coding.bzero
            out[...] = values
    elif coding.bzero:
        unsigned = f"u{coding.stored.itemsize}"
        bits = out.view(unsigned)
        bits[...] = stored.view(np.dtype(unsigned).newbyteorder(stored.dtype.byteorder))
        bits ^= np.array(1 << (8 * coding.stored.itemsize - 1), dtype=unsigned)
    else:
        out[...] = stored
    return _missing(stored, coding, out)


def _decoded(stored: np.ndarray, coding: Coding, out: np.ndarray) -> np.ndarray | None:
    """Do what `decode_pixels` does, compiled where that is possible."""
    fast = coding.is_plain and stored.flags.c_contiguous
    found = native_pixels(stored, bool(coding.bzero), out, 0) if fast else None
    return decode_pixels(stored, coding, out) if found is None else _missing(stored, coding, out, found[1])


def decode_and_sum(
    stored: np.ndarray, coding: Coding, out: np.ndarray, data: int
) -> tuple[np.ndarray | None, int]:
    """Write the pixel values of `stored` to `out`, as `decode_pixels`, and add its bytes to the sum `data`."""
    found = native_pixels(stored, bool(coding.bzero), out, data) if coding.is_plain else None
    if found is None:
        return decode_pixels(stored, coding, out), ones_sum(np.ascontiguousarray(stored).view(np.uint8), data)
    total, may_lack = found
    return _missing(stored, coding, out, may_lack), total


def _missing(stored: np.ndarray, coding: Coding, out: np.ndarray, may_lack: bool = True) -> np.ndarray | None:
    """Return where pixels have no data, and make them NaN in floats; None if all pixels have data.

    Without `may_lack`, no float is NaN.
    """
    bad = np.isnan(out) if coding.stored.kind == "f" and may_lack else None
    if coding.blank is not None:
        bad = stored == coding.blank
        if coding.dtype.kind == "f":
            out[bad] = np.nan
    return bad if bad is not None and bad.any() else None


def flag(
    mask: np.ndarray | None, shape: tuple[int, int], rows: slice, bad: np.ndarray | None
) -> np.ndarray | None:
    """Set NO_DATA in the mask where `bad` is true in these rows; a mask is made for the first flag."""
    if bad is None:
        return mask
    mask = np.zeros(shape, np.uint8) if mask is None else mask
    mask[rows][bad] |= _NO_DATA
    return mask


def _factor(content: Content, hdu: Hdu, keyword: str, default: int) -> float:
    value: Any = hdu.header.get(keyword)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refusal(
            content, hdu.index, f"{keyword} must be a finite number", value=value, remedy="correct the header"
        )
    return value


def _blank(content: Content, hdu: Hdu) -> int | None:
    """Return the stored value of a pixel without data: BLANK, else ZBLANK of compressed tiles."""
    keyword = "ZBLANK" if hdu.kind == "tiles" and hdu.header.get("BLANK") is None else "BLANK"
    value: Any = hdu.header.get(keyword)
    if keyword == "ZBLANK":
        _refuse_blank_column(content, hdu)
    if value is None:
        return None
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        raise refusal(
            content, hdu.index, f"{keyword} must be a whole number", value=value, remedy="correct the header"
        )
    limit = 1 << (hdu.bitpix - 1)
    low, high = (0, 255) if hdu.bitpix == 8 else (-limit, limit - 1)
    return int(value) if low <= value <= high else None  # a value outside the range matches no stored number


def _refuse_blank_column(content: Content, hdu: Hdu) -> None:
    """Refuse a column ZBLANK, which gives each tile of an integer image a value of its own."""
    for card in hdu.header.cards:
        if card.keyword.startswith("TTYPE") and str(card.value).strip().upper() == "ZBLANK":
            rule = "a column ZBLANK, one value a tile, is not read for integers"
            raise refusal(content, hdu.index, rule, value=card.keyword, remedy="set BLANK in its header")
