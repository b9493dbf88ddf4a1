"""Files of several images, of which one is named or that are refused, before and while they are read."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ccdfx.errors import CcdfxWarning, FormatError
from ccdfx.night.words import listed
from ccdfx.records.header import Header

_BLOCK, _CARDS = 2880, 36  # bytes of a FITS block, and cards in it
_GZIP = b"\x1f\x8b\x08"


def require_one_image(path: Path, header: Header) -> None:
    """Refuse a file that holds several images; `header` is that of the first one, as it is in the file.

    The rest of the file is read only where its size leaves room for another image.

    Raises
    ------
    FormatError
        It holds several, which are named.
    """
    if not is_full(path, header):
        refuse_several(path, _headers(path))


def require_one_of_name(path: Path, hdu: int | str) -> None:
    """Refuse a file in which several images have the name `hdu`; a number, and a name with EXTVER, name one.

    Raises
    ------
    FormatError
        Several have it; all images are listed.
    """
    if not isinstance(hdu, str) or "," in hdu:
        return
    names = [str(header.get("EXTNAME") or "") for header in _headers(path)]
    count = sum(name.strip().upper() == hdu.strip().upper() for name in names)
    if count > 1:
        versions = f"{hdu.strip()},1"
        raise FormatError(
            path,
            f"must hold one image of the name {hdu!r}, and {count} have it",
            value=listed(names, 20),
            remedy=f"reduce takes one image a file: name one by its number or as {versions!r} (key hdu of the "
            "instrument file)",
        )


def _headers(path: Path) -> list[Header]:
    """Return the headers of all images; what a reader warns of is said when the file is read."""
    from ccdfx.io.reading import open_every_image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CcdfxWarning)
        return [source.header for source in open_every_image(path)]


def refuse_several(path: Path, headers: Sequence[Header]) -> None:
    """Refuse several images of one file, given their headers."""
    if len(headers) < 2:
        return
    names = [str(header.get("EXTNAME") or f"image {number}") for number, header in enumerate(headers, 1)]
    raise FormatError(
        path,
        "must hold one image",
        value=f"{len(names)}: {listed(names)}",
        remedy="name one with the key hdu of an instrument file",
    )


def is_full(path: Path, header: Header) -> bool:
    """Return whether header and pixels of the first image take the whole file, as its size tells.

    Such a file has one image, and need not be read further; `header` is that of the image, as it is in the file.
    """
    axes = [header.get(f"NAXIS{number}") for number in range(1, int(header.get("NAXIS") or 0) + 1)]
    bits: Any = header.get("BITPIX")
    if "SIMPLE" not in header or not axes or not all(isinstance(value, int) for value in (*axes, bits)):
        return False
    pixels = abs(bits) // 8
    for size in axes:
        pixels *= size
    cards = len(header.cards) + 1  # END
    return _size(path) == _BLOCK * (-(-cards // _CARDS) + -(-pixels // _BLOCK))


def _size(path: Path) -> int | None:
    """Return the size of a file, of a gzipped one that which it has without compression (modulo 2^32)."""
    try:
        with open(path, "rb") as file:
            if file.read(len(_GZIP)) != _GZIP:
                return os.fstat(file.fileno()).st_size
            file.seek(-4, os.SEEK_END)
            return int.from_bytes(file.read(4), "little")
    except OSError:
        return None
