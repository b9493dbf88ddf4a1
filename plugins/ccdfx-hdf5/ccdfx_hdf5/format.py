"""The record of the HDF5 format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ccdfx import Format, Image
from ccdfx_hdf5.suffixes import SUFFIXES

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def recognises(first: bytes) -> bool:
    """Return whether a file that begins with these bytes is HDF5; other data may precede its signature."""
    return any(first[at : at + 8] == SIGNATURE for at in (0, 512, 1024, 2048))


def _open(
    file: Any,
    hdu: Any = None,
    *,
    plane: int | None = None,
    checksum: bool = True,
    limit: int | None = None,
) -> Any:
    from ccdfx_hdf5.reading import open_hdf5

    return open_hdf5(file, hdu, plane=plane, checksum=checksum, limit=limit)


def _write(images: Sequence[Image], path: Path) -> None:
    from ccdfx_hdf5.writing import write_hdf5

    write_hdf5(images, path)


def _update(path: Path, part: Image, target: Path, *, hdu: Any = None, plane: int | None = None) -> None:
    from ccdfx_hdf5.updating import update_hdf5

    update_hdf5(path, part, target, hdu=hdu, plane=plane)


HDF5 = Format(
    name="hdf5",
    suffixes=SUFFIXES,
    recognises=recognises,
    open=_open,
    write=_write,
    update=_update,
    description="HDF5: images with flags, variance and header, plain or gzipped, and datasets of other programs",
)
