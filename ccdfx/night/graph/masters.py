"""Masters in memory, shared by the products that are calibrated by them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

from ccdfx.errors import CcdfxError
from ccdfx.night.graph.memory import return_memory
from ccdfx.night.graph.record import KEY
from ccdfx.records.history import Master

MEMORY = 512 << 20
"""Bytes of masters that are kept; the one asked for last always is."""

_MUCH = 256 << 20
_kept: OrderedDict[tuple[str, str], Master] = OrderedDict()
_spared: list[tuple[str, str]] = []
_LOCK = threading.Lock()


def load_master(path: Path, key: str) -> Master:
    """Read a master, or return it from memory if it was read before with the same key.

    Raises
    ------
    CcdfxError
        It cannot be read.
    """
    from ccdfx.io import read_master

    place = str(path), key
    with _LOCK:  # also while it is read: others want the same one
        if place not in _kept:
            _kept[place] = read_master(path)
        _kept.move_to_end(place)
        while len(_kept) > 1 and sum(map(_size, _kept.values())) > MEMORY:
            _kept.popitem(last=False)
        return _kept[place]


def kept_bytes() -> int:
    """Return the bytes of all masters in memory."""
    with _LOCK:
        return sum(map(_size, _kept.values()))


def spare_masters() -> None:
    """Remove the masters from memory where they take much of it, with all that was freed, before work without them.

    Products that hold one keep it, and what needs one later reads it again.
    """
    if kept_bytes() > _MUCH:
        with _LOCK:
            _spared[:] = _kept
        forget_masters()
    return_memory()


def restore_masters() -> None:
    """Read the masters again that `spare_masters` removed, so that the next frame need not wait for them.

    One that is gone, or was made anew, is left out.
    """
    from ccdfx.io import read_master

    with _LOCK:
        while _spared:
            place = _spared.pop(0)
            try:
                master = read_master(Path(place[0]))
            except (CcdfxError, OSError):
                continue
            full = sum(map(_size, _kept.values())) + _size(master) > MEMORY
            if master.image.header.get(KEY) == place[1] and not full:
                _kept.setdefault(place, master)


def forget_masters() -> None:
    """Remove all masters from memory."""
    with _LOCK:
        _kept.clear()


def _size(master: Master) -> int:
    planes = (master.image.array, master.image.mask, master.image.variance)
    return sum(plane.nbytes for plane in planes if plane is not None)
