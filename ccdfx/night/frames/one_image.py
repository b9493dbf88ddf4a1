"""Files of several images, of which one is named or that are refused, before and while they are read.

What is looked at for that tells what is strange in a file beside its header, too.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ccdfx.errors import CcdfxWarning, FormatError
from ccdfx.io.fits.source import Survey
from ccdfx.io.inflated import is_compressed
from ccdfx.night.words import listed
from ccdfx.records.header import Header

_BLOCK, _CARDS = 2880, 36  # bytes of a FITS block, and cards in it
_GZIP = b"\x1f\x8b\x08"


def require_one_of_name(path: Path, hdu: int | str) -> list[str]:
    """Refuse a file in which several images have the name `hdu`, and return the remarks beside its header.

    A number, and a name with EXTVER, name one image; a compressed file is not inflated for its remarks then.

    Raises
    ------
    FormatError
        Several have it; all images are listed.
    """
    if not isinstance(hdu, str) or "," in hdu:
        return [] if _is_compressed(path) else survey_of(path).remarks
    survey = survey_of(path)
    names = [str(header.get("EXTNAME") or "") for header in survey.headers.values()]
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
    return survey.remarks


def survey_of(path: Path) -> Survey:
    """Look through all images of a file; what a reader warns of is said when the file is read."""
    from ccdfx.io.fits.source import survey_fits
    from ccdfx.io.reading import find_format, open_every_image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CcdfxWarning)
        if find_format(path).name == "fits":
            return survey_fits(path)
        headers = {number: source.header for number, source in enumerate(open_every_image(path))}
        return Survey(headers, None, [])


def _is_compressed(path: Path) -> bool:
    with open(path, "rb") as file:
        return is_compressed(file.read(3))


def refuse_several(path: Path, headers: Sequence[Header]) -> None:
    """Refuse several images of one file, given their headers."""
    if len(headers) < 2:
        return
    names = [str(header.get("EXTNAME") or f"image {number}") for number, header in enumerate(headers, 1)]
    raise FormatError(
        path,
        "must hold one image",
        value=f"{len(names)}: {listed(names)}",
        remedy="name one with the key hdu of an instrument file, or, where each is a part of a detector, their places on it by [[readout]]",
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
