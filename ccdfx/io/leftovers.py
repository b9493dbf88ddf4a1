"""Temporary files and folders, named after the process that writes them, and removed when it is gone.

A process that is killed cannot remove its temporary files. Their names say on which host and by which process they
were written, so that a later process that writes into the same folder removes those whose process has ended. The files of
locks have the same name for all processes: one that no process holds is removed.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import secrets
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from ccdfx.errors import FileError

_NAME = re.compile(r"\.ccdfx-(?P<host>[A-Za-z0-9._]+)-(?P<pid>[0-9]+)-[0-9a-f]{12}-")
_NAME_MAX = 255  # bytes
_HOST_MAX = 40
_FIRST_NAMESPACE = 0xEFFFFFFC  # of processes, on Linux outside of containers

LOCK_NAME = ".ccdfx-writer"
"""The end of the names of the files of locks."""

_own: set[str] = set()
_searched: set[str] = set()
_own_locks: set[str] = set()
_locks_of_threads: dict[
    str, threading.Lock
] = {}  # locks of the system belong to a process, not to its threads
_guard = threading.Lock()
_ending = threading.Event()


def temporary_name(name: str) -> str:
    """Return a hidden name that no other file has and that ends with `name`, cut to 255 bytes.

    >>> temporary_name("a.fits").startswith(".ccdfx-"), temporary_name("a.fits").endswith("-a.fits")
    (True, True)
    """
    prefix = f".ccdfx-{_host()}-{os.getpid()}-{secrets.token_hex(6)}-"
    return prefix + os.fsdecode(os.fsencode(name)[-(_NAME_MAX - len(prefix)) :])


@contextmanager
def owned(path: Path) -> Iterator[Path]:
    """Remove a file or folder at the end of the block, or when a signal ends the process in it."""
    _own.add(str(path))
    if _ending.is_set():
        threading.Event().wait()  # in another thread than that of the signal, whose process ends now
    try:
        yield path
    finally:
        _remove(str(path))
        _own.discard(str(path))


def lock_of_threads(lock: Path) -> threading.Lock:
    """Return what a thread of this process holds while it opens the file of a lock.

    Whoever closes such a file gives up the lock of the system that another thread has on it.
    """
    with _guard:
        return _locks_of_threads.setdefault(str(lock), threading.Lock())


@contextmanager
def own_lock(lock: Path) -> Iterator[None]:
    """Remove the file of a lock when a signal ends the process in the block, unless another process holds it.

    The file may be made, waited for and removed in the block.
    """
    _own_locks.add(str(lock))
    try:
        yield
    finally:
        _own_locks.discard(str(lock))


@contextmanager
def temporary_folder(beside: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a new hidden folder in `beside`, removed at the end of the block; earlier orphans go first.

    Raises
    ------
    FileError
        It cannot be made.
    """
    remove_orphans(beside)
    folder = Path(beside) / temporary_name("")
    with owned(folder):
        try:
            folder.mkdir(0o700)
        except OSError as error:
            rule = f"cannot hold a temporary folder: {error.strerror}"
            raise FileError(beside, rule, remedy="choose a folder that you may write to") from None
        yield folder


def remove_orphans(folder: str | os.PathLike[str]) -> None:
    """Remove the temporary files in a folder whose processes have ended; the folder is searched once a process.

    Those of another host, or of another container, are left: whether their process runs cannot be known here. Files of
    locks go where no process, of any host, holds them.
    """
    place = os.fspath(folder)
    if place in _searched:
        return
    _searched.add(place)
    with suppress(OSError), os.scandir(place) as entries:
        for name in [entry.name for entry in entries]:
            if is_orphan(name):
                _remove(os.path.join(place, name))
            elif name.startswith(".") and name.endswith(LOCK_NAME):
                _remove_idle(Path(os.path.realpath(place), name))


def is_orphan(name: str) -> bool:
    """Return whether a name is that of a temporary file of this host whose process has ended.

    >>> is_orphan(temporary_name("a.fits")), is_orphan("a.fits")
    (False, False)
    """
    found = _NAME.match(name)
    if (
        found is None or found["host"] != _host() or sys.platform == "win32"
    ):  # where kill(pid, 0) would end it
        return False
    try:
        os.kill(int(found["pid"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return False


def remove_own() -> None:
    """Remove all temporary files of this process, which is about to end; its other threads make no more."""
    _ending.set()
    while any(_remove(path) for path in list(_own)):
        pass  # another thread may have made in the meantime what it had named before
    for path in list(_own_locks):
        _remove_unheld(path)


@cache
def _host() -> str:
    """Return the name of this host, with the namespace of processes in a container."""
    name = re.sub(r"[^A-Za-z0-9._]", "_", platform.node())[:_HOST_MAX] or "unknown"
    with suppress(OSError):
        namespace = os.stat("/proc/self/ns/pid").st_ino
        return name if namespace == _FIRST_NAMESPACE else f"{name}.{namespace}"
    return name


def _remove(path: str) -> bool:
    """Remove a file or folder; return whether there was one that could be removed."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
        return not os.path.isdir(path)
    with suppress(OSError):
        os.unlink(path)
        return True
    return False


def _remove_idle(lock: Path) -> None:
    """Remove the file of a lock that neither a thread of this process uses nor another process holds."""
    inside = lock_of_threads(lock)
    if inside.acquire(blocking=False):
        try:
            _remove_unheld(str(lock))
        finally:
            inside.release()


def _remove_unheld(lock: str) -> None:
    """Remove the file of a lock that no other process holds; one that waits for it finds that its name is gone."""
    with suppress(OSError):
        handle = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.stat(lock).st_ino == os.fstat(handle).st_ino:
                os.unlink(lock)
        finally:
            os.close(handle)


def _forget() -> None:
    """Remove the files of the parent from the lists: they are not those of the child."""
    _own.clear()
    _own_locks.clear()
    _locks_of_threads.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
