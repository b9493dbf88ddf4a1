"""A file format: PGM, the greyscale pictures that planetary and guide cameras write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ccdfx import ArgumentError, Format, FormatError, Header, Image

_HEAD = re.compile(rb"P5\s+(?:#[^\n]*\n\s*)*(\d{1,9})\s+(\d{1,9})\s+(\d{1,5})\s", re.ASCII)


class PgmSource:
    """An open picture; PGM files are small, so the file is read at once and windows are cut from memory."""

    def __init__(self, name: str, image: Image) -> None:
        self.name, self.image = name, image
        self.shape, self.dtype, self.header = image.shape, image.dtype, image.header

    def select(self, range: Any = None) -> Image:
        return self.image.select(range)

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def __enter__(self) -> PgmSource:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def is_pgm(first_bytes: bytes) -> bool:
    """Return whether a file that begins with these bytes is a PGM file."""
    return _HEAD.match(first_bytes) is not None


def open_pgm(file: Any, hdu: Any = None) -> Any:
    """Open a picture; `file` is a path, bytes or a binary file object, as passed by ccdfx."""
    if hdu not in (None, 0, "all"):
        raise ArgumentError("hdu", "a PGM file holds one image, number 0", value=hdu)
    name = str(file) if isinstance(file, (str, Path)) else "PGM image"
    source = PgmSource(name, _decode(_bytes_of(file), name))
    return [source] if hdu == "all" else source


def write_pgm(images: Sequence[Image], path: Path) -> None:
    """Write one image; its values must be whole numbers from 0 to 65535."""
    if len(images) != 1:
        raise ArgumentError("images", "a PGM file holds one image", value=len(images))
    array = images[0].array
    if array.dtype.kind not in "ui" or array.min() < 0 or array.max() > 65535:
        raise ArgumentError(
            "image",
            "PGM holds whole numbers from 0 to 65535",
            value=str(array.dtype),
            remedy="write FITS instead",
        )
    head = f"P5\n{array.shape[1]} {array.shape[0]}\n65535\n"
    path.write_bytes(head.encode("ascii") + array.astype(">u2").tobytes())


def _decode(data: bytes, name: str) -> Image:
    head = _HEAD.match(data)
    if head is None:
        raise FormatError(name, "does not begin as a PGM file does", remedy="is it another format?")
    nx, ny, largest = map(int, head.groups())
    if not (nx and ny and 0 < largest < 65536):
        raise FormatError(name, "claims an impossible size or range", value=(nx, ny, largest))
    pixel = np.dtype(">u2" if largest > 255 else "u1")
    if len(data) - head.end() < nx * ny * pixel.itemsize:  # checked before memory is allocated
        raise FormatError(name, f"is too short for {nx} x {ny} pixels", remedy="copy the file again")
    array = np.frombuffer(data, pixel, nx * ny, head.end()).reshape(ny, nx)
    return Image(array.astype(pixel.newbyteorder("=")), Header({"DATAMAX": largest}))


def _bytes_of(file: Any) -> bytes:
    if isinstance(file, bytes):
        return file
    return file.read() if hasattr(file, "read") else Path(file).read_bytes()


PGM = Format(
    name="pgm",
    suffixes=(".pgm",),
    recognises=is_pgm,
    open=open_pgm,
    write=write_pgm,
    description="8 and 16 bit greyscale pictures",
)
