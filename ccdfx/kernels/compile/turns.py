"""Turns of processes that need the same kernel: one compiles it, the others wait and find it in the cache."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import time
from pathlib import Path

_FILE = "turns.lock"
_PLACES = 1 << 40  # bytes of the file, of which each kernel locks one; none is written
_LONGEST = 60.0  # s; a process that was stopped in its turn must not stop others
_PAUSE = 0.02  # s


class Turn:
    """The turn of this process for one kernel at a time; the system ends it with the process."""

    def __init__(self) -> None:
        self._held: tuple[int, int] | None = None

    def take(self, folder: Path, key: str) -> None:
        """Wait until no other process has the turn for the kernel `key`; an earlier turn, of a kernel that failed to compile, ends.

        Without a turn where the folder cannot be locked, or another process has kept it for a minute.
        """
        self.release()
        file = _lock_file(folder)
        if file is None:
            return
        place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:5], "big") % _PLACES
        until = time.monotonic() + _LONGEST
        while time.monotonic() < until:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            except (BlockingIOError, PermissionError):  # both may say that another has it
                time.sleep(_PAUSE)
            except OSError:  # a file system without locks
                return
            else:
                self._held = file, place
                return

    def release(self) -> None:
        """Release the turn of this process, if it has one."""
        if self._held is not None:
            file, place = self._held
            self._held = None
            fcntl.lockf(file, fcntl.LOCK_UN, 1, place)


@functools.cache
def _lock_file(folder: Path) -> int | None:
    """Open the file of the turns; it stays open, as closing it would end the turns of the process."""
    try:
        return os.open(folder / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
