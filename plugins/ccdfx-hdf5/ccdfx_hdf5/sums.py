"""Checksums of the images of ccdfx, which tell damage from data.

The library checks its own records (it writes them in the format of HDF5 1.10, with checksums), and the Fletcher sum of
each chunk. Planes that are not in chunks have their CRC-32 in an attribute, and a group says which planes are its
image. Files written before have none of these, and are read without.
"""

from __future__ import annotations

import zlib
from typing import Any

import h5py
import numpy as np

from ccdfx import FormatError
from ccdfx_hdf5.content import Content
from ccdfx_hdf5.layout import Layout
from ccdfx_hdf5.links import whole_numbers

PLANES = ("array", "mask", "variance", "cards")
_ATTRIBUTE, _MEMBERS = "crc32", "members"
_STEP = 1 << 20  # bytes
_REMEDY = (
    "copy the file again; if a program changed it on purpose, read it with checksum=False, or --no-checksum"
)


def put_sum(dataset: h5py.Dataset) -> None:
    """Store the CRC-32 of the pixels of a dataset that is not in chunks."""
    if dataset.chunks is None:
        total = 0
        rows = max(1, _STEP // max(1, dataset.dtype.itemsize * int(np.prod(dataset.shape[1:]))))
        for start in range(0, dataset.shape[0], rows):
            total = zlib.crc32(np.ascontiguousarray(dataset[start : start + rows]).data, total)
        dataset.attrs[_ATTRIBUTE] = np.uint32(total)


def renew_sum(dataset: h5py.Dataset) -> None:
    """Store the CRC-32 of changed pixels, if there is one."""
    if _ATTRIBUTE in dataset.attrs:
        put_sum(dataset)


def put_members(group: h5py.Group) -> None:
    """Store which planes are those of the image."""
    group.attrs[_MEMBERS] = np.array([name for name in PLANES if name in group], "S8")


def renew_members(group: h5py.Group) -> None:
    """Store which planes are those of the image now, if there is a list."""
    if _MEMBERS in group.attrs:
        put_members(group)


def require_members(group: h5py.Group, found: list[str], name: str) -> None:
    """Raise `FormatError` if a plane that belongs to an image is lost; other programs may add some."""
    if _MEMBERS not in group.attrs:
        return
    wanted = [bytes(member).decode("ascii", "replace") for member in np.ravel(group.attrs[_MEMBERS])]
    if not set(found) >= set(wanted):
        raise FormatError(
            name, f"its image {str(group.name)[:200]!r} must have the members {', '.join(wanted)}", value=found,
            remedy=_REMEDY,
        )  # fmt: skip


def sum_of(dataset: h5py.Dataset) -> int | None:
    """Return the CRC-32 that is stored for the pixels of a dataset, or None."""
    found = whole_numbers(dataset, _ATTRIBUTE)
    return found[0] if len(found) == 1 else None


def verify(content: Content, layout: Layout, wanted: int | None) -> None:
    """Raise `FormatError` if the pixels of a contiguous dataset do not have that CRC-32; None is not compared."""
    if wanted is None or layout.offset is None:
        return
    size = int(np.prod(layout.shape)) * layout.dtype.itemsize
    total = 0
    with content.reader() as read:
        for start in range(0, size, _STEP):
            total = zlib.crc32(read(layout.offset + start, min(_STEP, size - start)), total)
    if total != wanted:
        raise damaged(content.name, layout.path, f"CRC-32 {total} found, {wanted} in the file")


def fletcher32(data: Any) -> int:
    """Sum bytes as the filter Fletcher32 of HDF5 does: two sums of big-endian 16-bit words modulo 65535.

    >>> hex(fletcher32(bytes([0, 1, 0, 2])))
    '0x40003'
    """
    view = memoryview(data).cast("B")
    words = np.frombuffer(bytes(view) + b"\0" * (len(view) % 2), ">u2").astype(np.uint64)
    first = second = 0
    for start in range(0, words.size, 1 << 16):
        block = words[start : start + (1 << 16)]
        weights = np.arange(block.size, 0, -1, dtype=np.uint64)
        second = (second + block.size * first + int((weights * block).sum())) % 65535
        first = (first + int(block.sum())) % 65535
    return second << 16 | first


def is_fletcher32(data: Any, stored: bytes) -> bool:
    """Return whether bytes have the sum that is stored after them; 0 and 65535 are the same."""
    value = int.from_bytes(stored, "little")
    return fletcher32(data) == (value >> 16) % 65535 << 16 | (value & 0xFFFF) % 65535


def damaged(name: str, path: str, value: str) -> FormatError:
    """Make the error of a plane that disagrees with its checksum."""
    return FormatError(
        name,
        f"cannot be read as HDF5: its dataset {path[:200]!r} disagrees with its checksum",
        value=value,
        remedy=_REMEDY,
    )
