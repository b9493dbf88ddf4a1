"""Decoding of the numbers stored in a FITS file to pixel values and their flags."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.io.content import Content
from ccdfx.io.hdus import Hdu, refusal
from ccdfx.records.flags import Flag

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
    """Return the coding that BITPIX, BZERO, BSCALE and BLANK describe.

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


def decode(stored: np.ndarray, coding: Coding, out: np.ndarray) -> np.ndarray | None:
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
    bad = np.isnan(out) if coding.stored.kind == "f" else None
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
    value: Any = hdu.header.get("BLANK")
    if value is None:
        return None
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        raise refusal(
            content, hdu.index, "BLANK must be a whole number", value=value, remedy="correct the header"
        )
    limit = 1 << (hdu.bitpix - 1)
    low, high = (0, 255) if hdu.bitpix == 8 else (-limit, limit - 1)
    return int(value) if low <= value <= high else None  # a value outside the range matches no stored number
