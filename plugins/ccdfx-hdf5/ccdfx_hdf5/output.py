"""Output files of the HDF5 library, on disks that may be full."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py


class _Output(io.FileIO):
    """A file that stores its first error and goes on, because the HDF5 library crashes if it cannot write."""

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
    """Open a file to write ("w") or to change ("r+"); raise its first error at the end of the block."""
    with _Output(path, "w+" if mode == "w" else "r+") as output:
        try:
            # The records of HDF5 1.10 have checksums; older ones stay as they are.
            with h5py.File(output, mode, libver=("v110", "v110")) as file:
                yield file
        finally:
            if output.failure is not None:
                raise output.failure
