"""Pixels between the byte order of FITS files and that of this machine, with the sum of the bytes in the same pass."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ccdfx.io.fits.checksum import folded, ones_sum

_SIGN = 0x80  # of the first byte of a big-endian integer


def stored_bytes(values: np.ndarray, flipped: bool, buffer: np.ndarray, data: int) -> tuple[memoryview, int]:
    """Encode pixels as they are stored; return their bytes, in `buffer`, and the sum of the file from `data` on.

    Parameters
    ----------
    values : array, C-contiguous, of a whole number of 32-bit words
    flipped : bool
        Whether the sign bit is inverted, as BZERO of unsigned integers says.
    buffer : uint8 array
        At least as large as `values`.
    data : int
        The ones'-complement sum of what comes before.
    """
    size = values.itemsize
    out = buffer[: values.nbytes]
    kernels = _kernels(values.nbytes)
    if kernels is not None:
        words = _words(values)
        total = kernels.to_big_endian(words, size, _pattern(size, flipped), out.view(np.uint32))
        return out.data, folded(data + int(total))
    unsigned = np.dtype(f"u{size}")
    bits = values.reshape(-1).view(unsigned)
    if flipped:
        bits = bits ^ unsigned.type(_SIGN << (8 * size - 8))
    out.view(unsigned.newbyteorder(">"))[...] = bits
    return out.data, ones_sum(out, data)


def native_pixels(stored: np.ndarray, flipped: bool, out: np.ndarray, data: int) -> tuple[int, bool] | None:
    """Decode big-endian pixels to `out`, of the same size.

    Return the sum of the file from `data` on, and whether floats may hold NaN; None, and nothing is decoded, where numpy
    is as fast: few pixels, or a process without kernels.
    """
    kernels = _kernels(stored.nbytes)
    if kernels is None or not out.flags.c_contiguous:
        return None
    size = stored.itemsize
    target = out.reshape(-1).view(np.uint32)
    total, most = kernels.from_big_endian(_words(stored), size, _pattern(size, flipped), target)
    may_lack = stored.dtype.kind == "f" and int(most) >= kernels.MAY_BE_NAN[size]
    return folded(data + int(total)), may_lack


def _words(array: np.ndarray) -> np.ndarray:
    words = array.reshape(-1).view(np.uint8).view(np.uint32)
    words.flags.writeable = False
    return words


def _pattern(size: int, flipped: bool) -> np.uint32:
    """Return the sign bits of the integers in a word; of 8 bytes, that of the upper half."""
    return np.uint32({1: 0x80808080, 2: 0x80008000}.get(size, 0x80000000) if flipped else 0)


def _kernels(count: int) -> Any:
    """Return the compiled loops for so many bytes; None where numpy serves as well.

    Loading kernels takes longer than reading a file: only a process that has others uses these.
    """
    if "ccdfx.kernels.compile.kernel" not in sys.modules or count % 8 or sys.byteorder != "little":
        return None
    from ccdfx.kernels.image import byte_order

    return byte_order
