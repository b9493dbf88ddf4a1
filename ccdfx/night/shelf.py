"""A shelf for the frames of one stack: in memory up to a budget, in temporary files beyond it.

For an engine that runs elsewhere all go into files, which its workers open themselves.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ccdfx.engines import current_engine
from ccdfx.records.image import Image


class Shelf:
    """Takes images and gives back what `combine` reads them from: the image itself, or a source of a file."""

    memory = 1 << 30  # bytes of pixels, flags and variance that one stack keeps in memory

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._left = self.memory if current_engine().shares_memory else 0
        self._stack = stack
        self._count = 0

    def put(self, image: Image) -> Any:
        """The image, or where the budget is spent, an open source of a temporary file that holds it."""
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
def shelf(beside: Path) -> Iterator[Shelf]:
    """A shelf whose temporary files lie in a hidden folder in `beside`, and are gone at the end of the block.

    Parameters
    ----------
    beside : Path
        A directory on a disk with room for the frames.
    """
    with tempfile.TemporaryDirectory(prefix=".ccdfx-", dir=beside) as folder, ExitStack() as stack:
        yield Shelf(Path(folder), stack)
