"""Layout of the pixels of a dataset in its file, and the checks made before anything is read."""

from __future__ import annotations

import math
from dataclasses import dataclass

import h5py
import numpy as np

from ccdfx import FormatError
from ccdfx_hdf5.allowance import Allowance
from ccdfx_hdf5.content import Content
from ccdfx_hdf5.filters import filters_of, require_filters
from ccdfx_hdf5.links import is_outside

_MOST_CHUNKS = 1 << 16
_SMALL = 64 << 20  # bytes that may be allocated for a file of any size
_LARGE = 1 << 30  # the same where a filter is used that makes next to nothing of equal pixels, as zstd does
_MAX_RATIO = 1100  # of compression; deflate cannot exceed 1032
DEFLATE, SHUFFLE = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE
FLETCHER32 = h5py.h5z.FILTER_FLETCHER32
_KNOWN = frozenset({DEFLATE, SHUFFLE, FLETCHER32})  # those that are undone here

Place = tuple[int, int, int]
"""Offset in the file, stored bytes, and a mask of the filters that were left out."""


@dataclass(frozen=True, slots=True)
class Chunks:
    """The chunks of a dataset, for reading them without the HDF5 library.

    `places` holds the places of the chunks in the file, by their number on each axis; chunks that are not in
    the file are filled with `fill`. `filters` are the codes of deflate, shuffle and Fletcher32 in the order in
    which they were applied.
    """

    shape: tuple[int, ...]
    filters: tuple[int, ...]
    places: dict[tuple[int, ...], Place]
    fill: float


@dataclass(frozen=True, slots=True)
class Layout:
    """A dataset: its path in the file, shape and stored type, and where its pixels lie.

    `offset` is that of the first pixel if all pixels are contiguous. If neither it nor `chunks` is known, the
    HDF5 library must read the pixels.
    """

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int | None = None
    chunks: Chunks | None = None


def layout_of(dataset: h5py.Dataset, content: Content, allowance: Allowance) -> Layout:
    """Return the layout of a dataset of numbers with two axes or more; refuse any other.

    A plane of it, or one of its chunks where that is larger, must inflate to no more than is left of the allowance.
    """
    name, path = content.name, str(dataset.name)
    label = f"its dataset {path[:200]!r}"
    outside = is_outside(dataset)
    if outside:
        raise FormatError(name, f"{label} {outside}", remedy="copy its pixels into a file of their own")
    shape, dtype = dataset.shape, dataset.dtype
    if dtype.kind not in "buif":
        raise FormatError(
            name, f"{label} must hold real numbers", value=str(dtype), remedy="choose another with hdu="
        )
    if shape is None or len(shape) < 2 or 0 in shape:
        raise FormatError(
            name, f"{label} is no image: it must have two axes or more that are not empty", value=shape,
            remedy="choose another with hdu=",
        )  # fmt: skip
    stored = dataset.id.get_storage_size()
    if stored > content.size:  # the library would allocate a chunk of any claimed size
        raise FormatError(name, f"{label} claims more bytes than the file has", value=stored)
    codes = filters_of(dataset)
    room = _SMALL if _KNOWN.issuperset(codes) else _LARGE
    for claimed in (shape, dataset.chunks or ()):
        if math.prod(claimed) * dtype.itemsize > max(room, _MAX_RATIO * stored, allowance.limit):
            raise FormatError(name, f"{label} claims more pixels than its bytes can hold", value=claimed)
    largest = max(math.prod(shape[-2:]), math.prod(dataset.chunks or ()))
    allowance.take(largest * dtype.itemsize, stored, label)
    require_filters(dataset, name)
    if not dataset.id.get_type().equal(h5py.h5t.py_create(dtype)) or dataset.file.userblock_size:
        return Layout(path, shape, dtype)
    if dataset.chunks is not None:
        return Layout(path, shape, dtype, chunks=_chunks(dataset, content, label))
    offset = dataset.id.get_offset()
    if offset is not None and offset + math.prod(shape) * dtype.itemsize > content.size:
        raise FormatError(name, f"{label} ends behind the end of the file", value=shape)
    return Layout(path, shape, dtype, offset)


def _chunks(dataset: h5py.Dataset, content: Content, label: str) -> Chunks | None:
    """Return the chunks, or None if they are too many or have filters other than deflate, shuffle and Fletcher32."""
    plan = dataset.id.get_create_plist()
    filters = [plan.get_filter(i) for i in range(plan.get_nfilters())]
    codes = tuple(code for code, _, _, _ in filters)
    if len(set(codes)) != len(codes) or not _KNOWN.issuperset(codes):
        return None
    if any(code == SHUFFLE and values[:1] != (dataset.dtype.itemsize,) for code, _, values, _ in filters):
        return None
    if dataset.id.get_num_chunks() > _MOST_CHUNKS:
        return None
    places: dict[tuple[int, ...], Place] = {}

    def note(found: h5py.h5d.StoreInfo) -> None:
        if not 0 <= found.byte_offset <= content.size - found.size:
            raise FormatError(content.name, f"{label} has a chunk behind the end of the file")
        number = tuple(at // step for at, step in zip(found.chunk_offset, dataset.chunks, strict=True))
        places[number] = found.byte_offset, found.size, found.filter_mask

    dataset.id.chunk_iter(note)
    return Chunks(dataset.chunks, codes, places, dataset.fillvalue.item())
