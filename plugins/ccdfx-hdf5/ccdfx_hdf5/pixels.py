"""Windows of a plane of a dataset: only the rows or chunks that a window touches are read.

The HDF5 library does one operation at a time, even in several threads. If the layout of the bytes is known,
they are read and inflated here, in as many threads as call these functions.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from ccdfx import FormatError
from ccdfx_hdf5.content import Content, Reader, damage
from ccdfx_hdf5.filters import require_filters
from ccdfx_hdf5.layout import DEFLATE, FLETCHER32, Chunks, Layout
from ccdfx_hdf5.links import resolved
from ccdfx_hdf5.sums import damaged, is_fletcher32


class _UndecodedError(Exception):
    """A chunk does not match its filters; the HDF5 library may decode it, or reports the error."""


class _SumError(_UndecodedError):
    """A chunk does not have its Fletcher sum; early versions of the library exchanged the bytes of the sum."""


def read_window(
    content: Content,
    layout: Layout,
    lead: tuple[int, ...],
    window: tuple[slice, slice],
    *,
    checksum: bool = True,
) -> np.ndarray:
    """Read some rows and columns of the plane `lead`, in the stored type; compare Fletcher sums if `checksum`."""
    rows, columns = window
    wrong = False
    with damage(content.name):
        if layout.offset is not None:
            return _from_run(content, layout, lead, rows, columns)
        if layout.chunks is not None:
            try:
                return _from_chunks(content, layout, layout.chunks, lead, window, checksum)
            except _SumError:
                wrong = True
            except _UndecodedError:
                pass
        with content.open() as file:
            dataset = resolved(file, layout.path, content.name)
            if not isinstance(dataset, h5py.Dataset) or dataset.shape != layout.shape:
                raise FormatError(content.name, f"its dataset {layout.path[:200]!r} changed")
            require_filters(dataset, content.name)  # in another process than that of the layout
            try:
                return dataset[(*lead, rows, columns)]
            except OSError as error:
                if wrong:
                    raise damaged(content.name, layout.path, str(error)) from error
                raise


def _from_run(
    content: Content, layout: Layout, lead: tuple[int, ...], rows: slice, columns: slice
) -> np.ndarray:
    plane = int(np.ravel_multi_index(lead, layout.shape[:-2])) if lead else 0
    ny, nx = layout.shape[-2:]
    width = nx * layout.dtype.itemsize
    assert layout.offset is not None
    with content.reader() as read:
        data = read(layout.offset + (plane * ny + rows.start) * width, (rows.stop - rows.start) * width)
    return np.frombuffer(data, layout.dtype).reshape(rows.stop - rows.start, nx)[:, columns]


def _from_chunks(
    content: Content,
    layout: Layout,
    chunks: Chunks,
    lead: tuple[int, ...],
    window: tuple[slice, slice],
    checksum: bool,
) -> np.ndarray:
    result = np.empty([part.stop - part.start for part in window], layout.dtype)
    depth = len(lead)
    inside = tuple(at % step for at, step in zip(lead, chunks.shape[:depth], strict=True))
    first = tuple(at // step for at, step in zip(lead, chunks.shape[:depth], strict=True))
    with content.reader() as read:
        for j, target_rows, chunk_rows in _touched(window[0], chunks.shape[-2]):
            for i, target_columns, chunk_columns in _touched(window[1], chunks.shape[-1]):
                place = chunks.places.get((*first, j, i))
                target = result[target_rows, target_columns]
                if place is None:
                    target[...] = chunks.fill
                else:
                    pixels: Any = _decoded(read, chunks, place, layout.dtype, checksum)
                    target[...] = pixels[(*inside, chunk_rows, chunk_columns)]
    return result


def _touched(wanted: slice, step: int) -> Iterator[tuple[int, slice, slice]]:
    """Yield number, slice of the result and slice of the chunk for each chunk that a slice touches."""
    for number in range(wanted.start // step, -(-wanted.stop // step)):
        start, stop = max(wanted.start, number * step), min(wanted.stop, (number + 1) * step)
        yield (
            number,
            slice(start - wanted.start, stop - wanted.start),
            slice(start - number * step, stop - number * step),
        )


def _decoded(
    read: Reader, chunks: Chunks, place: tuple[int, int, int], dtype: np.dtype, checksum: bool
) -> np.ndarray:
    offset, size, left_out = place
    data: Any = read(offset, size)
    wanted = int(np.prod(chunks.shape)) * dtype.itemsize
    for i, code in reversed(list(enumerate(chunks.filters))):
        if left_out >> i & 1:
            continue
        if code == FLETCHER32:
            data = _summed(data, checksum)
        else:
            data = _inflated(data, wanted) if code == DEFLATE else _unshuffled(data, dtype)
    if len(data) != wanted:
        raise _UndecodedError
    return np.frombuffer(data, dtype).reshape(chunks.shape)


def _summed(data: Any, checksum: bool) -> Any:
    """Take the sum from the end of the data, and compare it if `checksum`."""
    if len(data) < 4 or (checksum and not is_fletcher32(data[:-4], bytes(data[-4:]))):
        raise _SumError
    return data[:-4]


def _inflated(data: Any, wanted: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, wanted + 1)
    except zlib.error:
        raise _UndecodedError from None


def _unshuffled(data: Any, dtype: np.dtype) -> np.ndarray:
    """Undo the shuffle filter, which stores all first bytes, then all second bytes, and so on."""
    planes = np.frombuffer(data, np.uint8)
    if planes.size % dtype.itemsize:
        raise _UndecodedError
    result = np.empty((planes.size // dtype.itemsize, dtype.itemsize), np.uint8)
    for k, plane in enumerate(planes.reshape(dtype.itemsize, -1)):
        result[:, k] = plane
    return result.reshape(-1)
