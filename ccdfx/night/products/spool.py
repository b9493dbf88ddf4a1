"""Storage for the frames of one stack: in memory up to a limit, then in temporary files.

If the engine does not share memory, all frames are in files, which its workers open themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ccdfx.engines import current_engine
from ccdfx.records.image import Image


class Spool:
    """Stores images and returns the inputs of `combine`: the image itself, or a source of its file."""

    memory = 1 << 30  # bytes of pixels, flags and variance in memory per stack

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._left = self.memory if current_engine().shares_memory else 0
        self._stack = stack
        self._count = 0

    def put(self, image: Image) -> Any:
        """Store an image: return it, or beyond the memory limit an open source of its temporary file."""
        planes = (image.array, image.mask, image.variance)
        size = sum(plane.nbytes for plane in planes if plane is not None)
        if size <= self._left:
            self._left -= size
            return image
        from ccdfx.io import open_source, write

        self._count += 1
        path = write(image, self._folder / f"{self._count}.fits")
        return self._stack.enter_context(open_source(path))


@contextmanager
def spooled(beside: Path) -> Iterator[Spool]:
    """Yield a spool with temporary files in a hidden folder in `beside`, removed at the end of the block.

    Parameters
    ----------
    beside : Path
        A directory on a disk with enough space for the frames.
    """
    from ccdfx.io.leftovers import temporary_folder

    with temporary_folder(beside) as folder, ExitStack() as stack:
        yield Spool(folder, stack)
