"""Stamps of files: what tells whether a file is still the one that was opened."""

from __future__ import annotations

import os

Stamp = tuple[int, ...]


def stamp_of(found: os.stat_result) -> Stamp:
    """Return (device, inode, size, mtime in ns); machines that share a file agree only on the last two."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def file_stamp(path: str | os.PathLike[str]) -> Stamp:
    """Return (inode, size, mtime in ns) of a file, which machines that share it mostly agree on.

    Raises
    ------
    OSError
        It is not there.
    """
    return stamp_of(os.stat(path))[1:]


def has_stamp(found: os.stat_result, stamp: Stamp) -> bool:
    """Return whether a file has the stamp; of a shortened one only the last numbers are compared."""
    return stamp_of(found)[-len(stamp) :] == stamp
