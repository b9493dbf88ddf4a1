"""Formats that are wrong in ways that small files do not show, with the law that finds each.

Each is that of npz with one fault.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx import Format, Image, Range, registry

NPZ: Format = registry.lookup("format", "npz")


def with_pixels(change: Callable[[np.ndarray], np.ndarray]) -> Callable[..., None]:
    """Write other pixels than those of the images."""

    def write(images: Sequence[Image], path: Path) -> None:
        assert NPZ.write is not None
        with np.errstate(all="ignore"):
            NPZ.write([image.replace(array=change(image.array)) for image in images], path)

    return write


def blank_beyond(columns: int, rows: int) -> Callable[[np.ndarray], np.ndarray]:
    def blank(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[rows:, columns:] = 0
        return array

    return blank


def with_rubbish(images: Sequence[Image], path: Path) -> None:
    assert NPZ.write is not None
    NPZ.write(images, path)
    path.with_suffix(".tmp").write_bytes(b"")


class Reader:
    """A source of an image in memory, for those below that read it wrongly."""

    raw = None

    def __init__(self, image: Image, name: str) -> None:
        self.image, self.name = image, name
        self.shape, self.dtype, self.header, self.range = image.shape, image.dtype, image.header, image.range

    def select(self, range: Any = None) -> Image:
        return self.image.select(range)

    def close(self) -> None: ...

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def reading(kind: type[Reader]) -> Callable[..., Any]:
    def open_one(file: Any, hdu: Any = None) -> Any:
        if hdu == "all":
            return NPZ.open(file, hdu)
        with NPZ.open(file, hdu) as source:
            return kind(source.select(None), str(file)[:40])

    return open_one


class InBlocks(Reader):
    """Lose of a window what lies beyond the block of 64 columns in which it begins."""

    def select(self, range: Any = None) -> Image:
        part = self.image.select(range)
        if range is None:
            return part
        first = part.range.x_lower - self.range.x_lower
        inside = 64 - first % 64
        return part.replace(
            array=np.where(np.arange(part.shape[1]) < inside, part.array, 0).astype(part.dtype)
        )


class WithAPlace(Reader):
    """Go to the place of a window first, and read there then: two threads meet."""

    place: Any = None

    def select(self, range: Any = None) -> Image:
        self.place = range
        time.sleep(1e-4)
        return self.image.select(self.place)


class WithALock(Reader):
    """Hold what cannot be pickled."""

    def __init__(self, image: Image, name: str) -> None:
        super().__init__(image, name)
        self.lock = threading.Lock()


class Forgetful(Reader):
    """Forget in its copy where the image lies."""

    def __reduce__(self) -> Any:
        image = self.image
        moved = Range(0, image.shape[1], 0, image.shape[0])
        return Reader, (image.replace(range=moved, array=np.ascontiguousarray(image.array[::-1])), self.name)


class OneForAll(Reader):
    """Close all sources of a file when one is closed."""

    closed: set[str] = set()  # noqa: RUF012 - the fault

    def __init__(self, image: Image, name: str) -> None:
        super().__init__(image, name)
        self.closed.discard(name)

    def select(self, range: Any = None) -> Image:
        part = self.image.select(range)
        return part.replace(array=np.zeros_like(part.array)) if self.name in self.closed else part

    def close(self) -> None:
        self.closed.add(self.name)


def named_by_its_first_word(file: Any, hdu: Any = None) -> Any:
    if isinstance(file, str | Path):
        file = Path(str(file).partition("#")[0])
        file = file if file.suffix else file.with_suffix(".npz")
    return NPZ.open(file, hdu)


TYPES = "values of every type come back or are refused"
EQUAL = "writing changes no image and equal images make equal files"
WINDOWS = "two threads read eight windows"
FAULTS = {
    "uint16": ({"write": with_pixels(lambda a: a if a.dtype.kind == "f" else (a & a.dtype.type(0x7F)))}, TYPES),
    "float32": ({"write": with_pixels(lambda a: a.astype("f4") if a.dtype == "f8" else a)}, TYPES),
    "sign": ({"write": with_pixels(lambda a: a if a.dtype.kind == "u" else np.abs(a))}, TYPES),
    "beyond column 128": ({"write": with_pixels(blank_beyond(128, 0))}, "what is written is read back"),
    "beyond row 128": ({"write": with_pixels(blank_beyond(0, 128))}, "what is written is read back"),
    "last pixel": ({"write": with_pixels(blank_beyond(149, 129))}, TYPES),
    "rubbish": ({"write": with_rubbish}, EQUAL),
    "blocks": ({"open": reading(InBlocks)}, "a window of the file is a window of the image"),
    "place": ({"open": reading(WithAPlace)}, WINDOWS),
    "lock": ({"open": reading(WithALock)}, WINDOWS),
    "copy": ({"open": reading(Forgetful)}, WINDOWS),
    "close": ({"open": reading(OneForAll)}, WINDOWS),
    "name": ({"open": named_by_its_first_word}, "any name of a file will do"),
}  # fmt: skip
FORMATS = {name: (replace(NPZ, **fields), law) for name, (fields, law) in FAULTS.items()}  # type: ignore[arg-type]
