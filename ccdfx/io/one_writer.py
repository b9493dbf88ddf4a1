"""One writer at a time: a lock on a file or folder that ends with its process, on network file systems too."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ccdfx.errors import FileError
from ccdfx.io.leftovers import LOCK_NAME, lock_of_threads, own_lock

_TRIES, _PAUSE = 3, 0.02  # without waiting: a process that removes what others left holds a lock for a moment
_UNABLE = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


@contextmanager
def one_writer(path: str | os.PathLike[str], *, wait: bool = True) -> Iterator[None]:
    """Keep other writers of a path out while the block runs, in this process and in others.

    A record lock of the system (`fcntl.lockf`) is held on a hidden file: ``.ccdfx-writer`` in a folder, a name that
    ends in ``.ccdfx-writer`` beside a file. It names process and host. The system releases the lock however the
    process ends; the file is removed at the end of the block, or, where a killed process left it, by the next process that
    writes into its folder. Where the file system has no locks, writers in other processes are not kept out.

    Parameters
    ----------
    path : str or Path
        A folder that exists, or a file in such a folder.
    wait : bool
        Whether to wait for another writer, or to raise an error.

    Raises
    ------
    FileError
        Another writer holds the path and `wait` is false, or the hidden file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with one_writer(folder):
    ...         print(os.listdir(folder))
    ...     os.listdir(folder)
    ['.ccdfx-writer']
    []
    """
    target = Path(os.path.realpath(path))
    lock = target / LOCK_NAME if target.is_dir() else target.with_name(f".{target.name}{LOCK_NAME}")
    inside = lock_of_threads(lock)
    if not inside.acquire(blocking=wait):
        raise _busy(path, f"process {os.getpid()}")
    try:
        with own_lock(lock):
            handle = _locked(lock, path, wait)
            try:
                yield
            finally:
                with suppress(
                    OSError
                ):  # while it is held: a writer that waits for it finds that its name is gone
                    os.unlink(lock)
                os.close(handle)
    finally:
        inside.release()


def _locked(lock: Path, path: object, wait: bool) -> int:
    """Open the file of a lock and take the lock; return the handle."""
    tries = 0
    while True:
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise FileError(
                path, f"cannot be locked: {error.strerror}", remedy="choose a folder that you may write to"
            ) from None
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            if error.errno not in _UNABLE:
                tries += 1
                if not wait and tries < _TRIES:
                    os.close(handle)
                    time.sleep(_PAUSE)
                    continue
                holder = os.read(handle, 200).decode("ascii", "replace").strip()
                os.close(handle)
                raise _busy(path, holder) from None
        with suppress(OSError):
            if os.stat(lock).st_ino == os.fstat(handle).st_ino:
                os.ftruncate(handle, 0)
                os.write(
                    handle, f"process {os.getpid()} on {socket.gethostname()}\n".encode("ascii", "replace")
                )
                return handle
        os.close(handle)  # its holder removed it; there is a new one, or none


def _busy(path: object, holder: str) -> FileError:
    return FileError(
        path,
        "is being written by another run",
        value=holder or "unknown",
        remedy="wait for its end, or give another output",
    )
