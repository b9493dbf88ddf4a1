"""Folder of the cache of compiled kernels: private to the user, because numba unpickles what is in it.

Whoever may write into the folder could run code in this process. So the folder is by default that of the user's
caches, is created with mode 0700, and is refused if it belongs to another user or if others may write into it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from numba.core import config
from numba.misc.appdirs import AppDirs

_PRIVATE = 0o700
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class UntrustedFolderError(Exception):
    """A folder or file of the cache may have been written by another user."""


def cache_folder() -> Path:
    """Return the folder that NUMBA_CACHE_DIR names, or that of ccdfx among the user's caches.

    >>> cache_folder().is_absolute()
    True
    """
    chosen = config.CACHE_DIR or AppDirs(appname="ccdfx", appauthor=False).user_cache_dir
    return Path(chosen).expanduser().absolute()


def private_folder(folder: Path, name: str) -> Path:
    """Create the folder `name` in `folder`, if it is not there, with mode 0700, and return it.

    Raises
    ------
    UntrustedFolderError
        When one of the two belongs to another user, is a link (the inner one), or may be written by others.
    OSError
        When they cannot be created.
    """
    inner = folder / name
    folder.mkdir(_PRIVATE, parents=True, exist_ok=True)
    inner.mkdir(_PRIVATE, exist_ok=True)
    _check(folder, folder.stat())
    _check(inner, inner.lstat())
    return inner


def read_own(path: Path) -> bytes:
    """Read a file of the cache.

    Raises
    ------
    UntrustedFolderError
        When it belongs to another user: it was put there while the folder was open to others.
    """
    with path.open("rb") as stream:
        found = os.fstat(stream.fileno())
        if not _is_own(found):
            raise UntrustedFolderError(f"{path.name} belongs to another user")
        return stream.read()


def _check(folder: Path, found: os.stat_result) -> None:
    if not stat.S_ISDIR(found.st_mode):
        raise UntrustedFolderError(f"{folder} is a link or a file")
    if not _is_own(found):
        raise UntrustedFolderError(
            f"{folder} belongs to another user; name a folder of yours in NUMBA_CACHE_DIR"
        )
    if hasattr(os, "geteuid") and found.st_mode & _OTHERS_WRITE:
        raise UntrustedFolderError(f"others may write into {folder}; remove it, or chmod go-w")


def _is_own(found: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
