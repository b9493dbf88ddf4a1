"""Images whose planes lie in a file without a name, and take memory only while they are looked at.

The system reads what is looked at, and keeps it like any file that was read, as long as nothing else needs the memory.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np

from ccdfx.records.image import Image, adopt

_ROOM = 10  # times its size is what must be free on the disk


def can_map(folder: Path, size: int) -> bool:
    """Return whether a folder takes files without a name, and has room for many of `size` bytes.

    >>> can_map(Path("/there/is/no/such/folder"), 1)
    False
    """
    if not hasattr(os, "O_TMPFILE"):
        return False
    try:
        room = os.statvfs(folder)
        os.close(_nameless(folder))
    except OSError:
        return False
    return room.f_bavail * room.f_frsize >= _ROOM * size


def mapped(image: Image, folder: Path) -> Image:
    """Return the same image with its planes in a file of a folder that `can_map`; the file is gone with the image.

    Its values, mask and variance are the same, read-only, and used like any others; `release` frees the memory of what was
    looked at.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    planes = image.array, image.mask, image.variance
    file = _nameless(folder)
    try:
        starts, size = [], 0
        for plane in planes:
            starts.append(size)
            if plane is not None:
                _write(file, np.ascontiguousarray(plane), size)
                size += -(-plane.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
        os.truncate(file, size)
        memory = mmap.mmap(file, size, prot=mmap.PROT_READ)
    finally:
        os.close(file)
    array, mask, variance = (
        None if plane is None else np.frombuffer(memory, plane.dtype, plane.size, start).reshape(plane.shape)
        for plane, start in zip(planes, starts, strict=True)
    )
    assert array is not None
    return adopt(array, image.header, mask, image.range, variance)


def is_mapped(plane: np.ndarray) -> bool:
    """Return whether a plane is one of an image that is `mapped`, or part of it.

    >>> is_mapped(np.zeros((2, 2)))
    False
    """
    return _mapping(plane) is not None


def release_image(image: Image) -> None:
    """Give the memory of the planes of an image that is `mapped` back to the system."""
    for plane in (image.array, image.mask, image.variance):
        if plane is not None:
            release(plane)


def release(plane: np.ndarray) -> None:
    """Give the memory of a plane, or of rows of it, that is `mapped` back; they are read again where they are looked at again."""
    memory = _mapping(plane)
    if memory is None or not plane.size:
        return
    start = _address(plane) - _address(np.frombuffer(memory, np.uint8))
    first = start // mmap.PAGESIZE * mmap.PAGESIZE
    memory.madvise(mmap.MADV_DONTNEED, first, start + plane.nbytes - first)


def _nameless(folder: Path) -> int:
    return os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)


def _write(file: int, plane: np.ndarray, start: int) -> None:
    rest = plane.data.cast("B")
    while rest.nbytes:
        written = os.pwrite(file, rest, start)
        rest, start = rest[written:], start + written


def _mapping(plane: np.ndarray) -> mmap.mmap | None:
    """Return the file that a contiguous plane is a view of."""
    base: object = plane
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    return base if isinstance(base, mmap.mmap) else None


def _address(plane: np.ndarray) -> int:
    return int(plane.__array_interface__["data"][0])
