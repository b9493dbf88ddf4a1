"""The data of an HDU: pixels as they are stored, with their sum, written piece by piece."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ccdfx.engines import map_here
from ccdfx.io.fits.byte_order import stored_bytes
from ccdfx.io.fits.cards import BLOCK
from ccdfx.io.fits.checksum import folded

_CHUNK = 1 << 20  # bytes
_PIECES = 8  # of so many bytes, which a thread writes


def zero_of(dtype: np.dtype) -> int:
    """Return the BZERO of a type; 0 where FITS stores the type itself."""
    if dtype == np.int8:
        return -128
    return 1 << (8 * dtype.itemsize - 1) if dtype.kind == "u" and dtype.itemsize > 1 else 0


def sum_of(array: np.ndarray) -> int:
    """Compute the DATASUM of an array as it is stored."""
    return _put_pieces(array, lambda piece: None)


def write_data(stream: Any, array: np.ndarray) -> int:
    """Write the data of an HDU with their padding, and return their sum; they are not kept in memory."""
    if isinstance(stream, io.BufferedWriter) and hasattr(os, "pwrite"):
        data = _write_side_by_side(stream, array)
    else:
        data = _put_pieces(array, stream.write)
    stream.write(b"\0" * (-array.nbytes % BLOCK))
    return data


def _write_side_by_side(stream: io.BufferedWriter, array: np.ndarray) -> int:
    """Write pixels to a file, several parts at once on the threads of the engine, and return their sum."""
    stream.flush()
    handle, start, row = stream.fileno(), stream.tell(), array[0].nbytes
    rows = _PIECES * _rows_of_piece(array)

    def write(first: int) -> int:
        place = start + first * row

        def put(piece: memoryview) -> None:
            nonlocal place
            while piece:
                count = os.pwrite(handle, piece, place)
                piece, place = piece[count:], place + count

        return _put_pieces(array[first : first + rows], put)

    data = folded(sum(map_here(write, range(0, len(array), rows))))
    stream.seek(start + array.nbytes)
    return data


def _put_pieces(array: np.ndarray, put: Callable[[memoryview], object]) -> int:
    """Pass the pixels as they are stored to a function, piece by piece, and return their sum."""
    sums = []
    for piece, data in _encoded(array):
        put(piece)
        sums.append(data)
    return sums[-1]


def _encoded(array: np.ndarray) -> Iterator[tuple[Any, int]]:
    """Yield the pixels as they are stored, in pieces that fit into the caches, with the sum of all so far.

    A piece is overwritten by the next one.
    """
    rows = _rows_of_piece(array)
    buffer = np.empty(min(rows, len(array)) * array[0].nbytes, np.uint8)
    data = 0
    for start in range(0, len(array), rows):
        piece, data = stored_bytes(array[start : start + rows], bool(zero_of(array.dtype)), buffer, data)
        yield piece, data


def _rows_of_piece(array: np.ndarray) -> int:
    """Return the rows that are encoded at once: of whole 32-bit words, for the sum."""
    return max(4, _CHUNK // array[0].nbytes // 4 * 4)
