"""Files that the library writes, on disks that may be full."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py


class _Output(io.FileIO):
    """A file that notes the first failure and goes on: the library crashes where it cannot write what it holds."""

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        wanted = len(rest)
        try:
            while self.failure is None and len(rest):
                rest = rest[super().write(rest) or 0 :]
        except OSError as error:
            self.failure = error
        return wanted

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size) if self.failure is None else size or 0
        except OSError as error:
            self.failure = error
            return size or 0


@contextmanager
def writable(path: Path, mode: str) -> Iterator[h5py.File]:
    """The file to write ("w") or to change ("r+"); at the end of the block the first failure is raised."""
    with _Output(path, "w+" if mode == "w" else "r+") as output:
        try:
            with h5py.File(output, mode) as file:
                yield file
        finally:
            if output.failure is not None:
                raise output.failure
