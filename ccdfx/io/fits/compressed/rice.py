"""Rows of integer images compressed by RICE, decoded one by one by the decoder of astropy.

Most compressed images are of this kind: each row is a tile. The decoder is called directly, since `astropy.io.fits` parses
the header of the image and of its table for each reading, which takes longer than decoding a few rows. Where this
astropy keeps its decoder elsewhere, or the image is of another kind, `ccdfx.io.fits.compressed.tiles` reads it by `astropy.io.fits`.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ccdfx.io.content import Content
from ccdfx.io.fits.hdus import Hdu, refusal

_HOMES = ("astropy.io.fits.hdu.compressed._compression",)
_KINDS = {1: "u1", 2: "i2", 4: "i4"}  # by BYTEPIX; single bytes have no sign, as in astropy
_STORED = {8: "u1", 16: "i2", 32: "i4"}  # by BITPIX

_GUARD = b"\xff" * 256  # more than a block of 32 pixels takes

Decoder = Callable[..., bytes]


@functools.cache
def decoder(name: str = "decompress_rice_1_c") -> Decoder | None:
    """Return a decoder of the astropy that is installed, or None: for RICE ``decode(stream, blocksize, bytepix, pixels)``."""
    for home in _HOMES:
        try:
            found: Any = getattr(importlib.import_module(home), name)
        except (ImportError, AttributeError):
            continue
        return found
    return None


def settings_of(hdu: Hdu, tile: tuple[int, ...]) -> tuple[int, int] | None:
    """Return (BLOCKSIZE, BYTEPIX) of an image of integers whose tiles are whole rows, compressed by RICE; else None."""
    of_rows = hdu.bitpix in _STORED and tile[-1] >= hdu.axes[-1] and not set(tile[:-1]) - {1}
    return parameters_of(hdu) if of_rows else None


def parameters_of(hdu: Hdu) -> tuple[int, int] | None:
    """Return (BLOCKSIZE, BYTEPIX) of an image compressed by RICE; None for another, and where they are unusual."""
    if str(hdu.header["ZCMPTYPE"]).strip() not in ("RICE_1", "RICE_ONE"):
        return None
    given = [
        (str(card.value).strip().upper(), hdu.header.get(f"ZVAL{card.keyword[5:]}"))
        for card in hdu.header.cards
        if card.keyword.startswith("ZNAME")
    ]
    found: dict[str, Any] = {"BLOCKSIZE": 32, "BYTEPIX": 4, **dict(given)}
    size, width = found["BLOCKSIZE"], found["BYTEPIX"]
    plain = type(size) is int and type(width) is int and len(dict(given)) == len(given)
    return (size, width) if plain and width in _KINDS else None


def decode_rows(
    content: Content, hdu: Hdu, rows: Sequence[int], streams: Sequence[bytes], settings: tuple[int, int]
) -> np.ndarray:
    """Decode the streams of these rows of the table into an array (rows, nx) of stored numbers.

    Raises
    ------
    FormatError
        For a stream that the decoder refuses.
    """
    width = hdu.axes[-1]
    kind = _KINDS[settings[1]]
    found = np.empty((len(rows), width), _STORED[hdu.bitpix])
    for line, row, stream in zip(found, rows, streams, strict=True):
        line[:] = np.frombuffer(_decoded(content, hdu, row, stream, settings, width)[0], kind, width)
    return found


def checked(
    content: Content, hdu: Hdu, row: int, stream: bytes, settings: tuple[int, int], pixels: int
) -> bytes:
    """Return a stream that decodes to so many pixels, without zeros that follow them; an empty one as it is.

    `astropy.io.fits` decodes it again: behind the end of one that is broken it would read whatever is in memory.

    Raises
    ------
    FormatError
        The decoder refuses it.
    """
    return _decoded(content, hdu, row, stream, settings, pixels)[1] if stream else stream


def _decoded(
    content: Content, hdu: Hdu, row: int, stream: bytes, settings: tuple[int, int], pixels: int
) -> tuple[bytes, bytes]:
    """Decode a stream; return the pixels, and the stream without zeros that follow it."""
    decode = decoder()
    assert decode is not None
    try:
        try:
            return decode(_guarded(stream), *settings, pixels), stream
        except Exception:
            stream = without_padding(stream, settings, pixels)
            return decode(_guarded(stream), *settings, pixels), stream
    except Exception as error:  # as of `astropy.io.fits`, broken tiles can make it raise any exception
        rule = f"the tile of row {row} cannot be decompressed: {type(error).__name__}: {error}"
        raise refusal(content, hdu.index, rule) from error


def _guarded(stream: bytes) -> np.ndarray:
    """Return a stream behind whose end the decoder finds bytes that are not zero.

    It looks for the end of a run of zeros there too, and only then whether the stream has ended.
    """
    return np.frombuffer(stream + _GUARD, np.uint8)[: len(stream)]


def without_padding(stream: bytes, settings: tuple[int, int], pixels: int) -> bytes:
    """Take from the end of a stream the zeros that follow its last pixel, which the decoder refuses.

    A stream that is followed by other bytes, or ends too early, is returned as it is.
    """
    decode = decoder()
    assert decode is not None
    short, long = len(stream.rstrip(b"\0")), len(stream)
    while short <= long:
        middle = (short + long) // 2
        try:
            decode(_guarded(stream[:middle]), *settings, pixels)
            return stream[:middle]
        except Exception as error:
            if "unused" in str(error):
                long = middle - 1
            else:
                short = middle + 1
    return stream
