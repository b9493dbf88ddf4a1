"""The record of the FITS format: how files are recognised, read, written and updated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ccdfx.errors import FormatError
from ccdfx.io.content import content_of
from ccdfx.io.fits.source import open_fits, read_fits, read_fits_header
from ccdfx.io.inflated import is_compressed
from ccdfx.io.limits import limited
from ccdfx.io.source import Format
from ccdfx.records.image import Image

SUFFIXES = (
    *(name + packed for packed in ("", ".gz", ".bz2") for name in (".fits", ".fit", ".fts")),
    ".fits.fz",
    ".fz",
)


def recognises(first: bytes) -> bool:
    """Return whether a file that begins with these bytes is a FITS file, perhaps compressed."""
    if is_compressed(first):
        try:
            with limited(1 << 20):  # of a few bytes, whatever the environment says
                first = bytes(content_of(first).read_at(0, 9))
        except FormatError:
            return True  # too short or damaged: the reader reports which
    return first.startswith((b"SIMPLE  =", b"XTENSION="))


def _write(images: Sequence[Image], path: Path) -> None:
    from ccdfx.io.fits.write import write_fits

    write_fits(images, path)


def _update(path: Path, part: Image, target: Path, *, hdu: Any = None, plane: int | None = None) -> None:
    from ccdfx.io.fits.write import update_fits

    update_fits(path, part, target, hdu=hdu, plane=plane)


FORMAT = Format(
    name="fits",
    suffixes=SUFFIXES,
    recognises=recognises,
    open=open_fits,
    write=_write,
    description="FITS images, plain, gzipped, bzipped or tile-compressed, with flags and variance",
    read_header=read_fits_header,
    read=read_fits,
    update=_update,
)
