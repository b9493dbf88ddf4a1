"""Masters that are read once, shared by the products that are calibrated by them.

Large ones lie in a file without a name beside the products (see `mapped`), as they are in memory: rows that are needed
are looked at there. Where the disk takes no such file, they are in memory.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ccdfx.errors import CcdfxError
from ccdfx.night.graph.memory import return_memory
from ccdfx.night.graph.record import KEY
from ccdfx.records.history import Master
from ccdfx.records.mapped import can_map, is_mapped, mapped, release_image

MEMORY = 512 << 20
"""Bytes of masters that are kept in memory; the one asked for last always is."""

_MOST_FILES = 16
"""Masters that are kept in files: each of these takes a file handle."""

_LARGE = 32 << 20
"""Bytes of a master that is kept in a file."""

_MUCH = 256 << 20
_kept: OrderedDict[tuple[str, str], Master] = OrderedDict()
_spared: list[tuple[str, str]] = []
_LOCK = threading.Lock()


def load_master(path: Path, key: str) -> Master:
    """Read a master, or return it as it was read before with the same key.

    Raises
    ------
    CcdfxError
        It cannot be read.
    """
    place = str(path), key
    with _LOCK:  # also while it is read: others want the same one
        if place not in _kept:
            _kept[place] = _read(path)
        _kept.move_to_end(place)
        while len(_kept) > 1 and _is_much():
            _kept.popitem(last=False)
        return _kept[place]


def kept_bytes() -> int:
    """Return the bytes of all masters in memory."""
    with _LOCK:
        return sum(map(_in_memory, _kept.values()))


def expected_bytes(path: Path, size: int) -> int:
    """Return the bytes of memory that a master takes, of which the file has so many: none where it is kept in a file."""
    return 0 if _belongs_on_disk(path, size) else size


def release_masters() -> None:
    """Give the memory of what was looked at of masters in files back to the system."""
    with _LOCK:
        for master in _kept.values():
            release_image(master.image)


def spare_masters() -> None:
    """Remove the masters from memory where they take much of it, with all that was freed, before work without them.

    Products that hold one keep it, and what needs one later reads it again.
    """
    release_masters()
    if kept_bytes() > _MUCH:
        with _LOCK:
            _spared[:] = _kept
        forget_masters()
    return_memory()


def restore_masters() -> None:
    """Read the masters again that `spare_masters` removed, so that the next frame need not wait for them.

    One that is gone, or was made anew, is left out.
    """
    with _LOCK:
        while _spared:
            place = _spared.pop(0)
            try:
                master = _read(Path(place[0]))
            except (CcdfxError, OSError):
                continue
            full = sum(map(_in_memory, (*_kept.values(), master))) > MEMORY
            if master.image.header.get(KEY) == place[1] and not full:
                _kept.setdefault(place, master)


def forget_masters() -> None:
    """Remove all masters."""
    with _LOCK:
        _kept.clear()


def _read(path: Path) -> Master:
    from ccdfx.io import read_master

    master = read_master(path)
    if _belongs_on_disk(path, _size(master)):
        with suppress(OSError):  # then it stays in memory
            return replace(master, image=mapped(master.image, path.parent))
    return master


def _belongs_on_disk(path: Path, size: int) -> bool:
    return size >= _LARGE and can_map(path.parent, size)


def _is_much() -> bool:
    files = sum(is_mapped(master.image.array) for master in _kept.values())
    return files > _MOST_FILES or sum(map(_in_memory, _kept.values())) > MEMORY


def _in_memory(master: Master) -> int:
    return 0 if is_mapped(master.image.array) else _size(master)


def _size(master: Master) -> int:
    planes = (master.image.array, master.image.mask, master.image.variance)
    return sum(plane.nbytes for plane in planes if plane is not None)
