"""CHECKSUM and DATASUM: the ones'-complement sums of the FITS standard (appendix J)."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ccdfx.errors import FormatError
from ccdfx.io.content import Content
from ccdfx.io.fits.cards import BLOCK, CARD
from ccdfx.io.fits.hdus import Hdu, refusal

_CHUNK = 512 * BLOCK
_ONES = 0xFFFFFFFF
_COMMENT = re.compile(rb"[^=]*= *(?:'[^']*'|[^/]*) *(.*)\Z", re.DOTALL).match
_PUNCTUATION = frozenset(b":;<=>?@[\\]^_`")


def ones_sum(data: Any, start: int = 0) -> int:
    """Sum big-endian 32-bit words in ones' complement, from `start`; the data are padded with zeros.

    >>> hex(ones_sum(bytes([0, 0, 0, 2]), start=0xFFFFFFFF))
    '0x2'
    """
    view = memoryview(data).cast("B")
    whole = len(view) // 4 * 4
    total = start + int(np.frombuffer(view[:whole], ">u4").sum(dtype=np.uint64))
    return folded(total + int.from_bytes(bytes(view[whole:]).ljust(4, b"\0"), "big"))


def folded(total: int) -> int:
    """Return a sum of 32-bit words in ones' complement: what is beyond 32 bits is added at their end.

    >>> hex(folded(0x1FFFFFFFF))
    '0x1'
    """
    while total > _ONES:
        total = (total & _ONES) + (total >> 32)
    return total


def checksum_text(total: int) -> str:
    """Encode the CHECKSUM that brings the sum of an HDU to all ones, as 16 characters.

    They replace the sixteen '0' in a header whose sum (with them) is `total`.

    >>> checksum_text(868229149)
    'hcHjjc9ghcEghc9g'
    """
    value = _ONES & ~total
    letters = bytearray(16)
    for i, byte in enumerate(value.to_bytes(4, "big")):
        quarter, rest = divmod(byte, 4)
        four = [quarter + rest + 48, quarter + 48, quarter + 48, quarter + 48]
        while any(letter in _PUNCTUATION for letter in four):
            for a, b in ((0, 1), (2, 3)):
                if four[a] in _PUNCTUATION or four[b] in _PUNCTUATION:
                    four[a] += 1
                    four[b] -= 1
        for j, letter in enumerate(four):
            letters[4 * j + i] = letter
    return bytes(letters[-1:] + letters[:-1]).decode("ascii")


def verify(content: Content, hdu: Hdu) -> None:
    """Compare DATASUM and CHECKSUM with the bytes; missing or empty ones are not checked.

    Raises
    ------
    FormatError
        When they disagree: the file was damaged, or changed by a program that did not update the sums.
    """
    if has_sums(hdu):
        verify_sum(content, hdu, sum_of_bytes(content, hdu.data_at, hdu.end))


def has_sums(hdu: Hdu) -> bool:
    """Return whether a header has a DATASUM or CHECKSUM to compare."""
    return datasum_of(hdu) is not None or _checksum_of(hdu) != ""


def sum_of_bytes(content: Content, start: int, stop: int, data: int = 0) -> int:
    """Sum a part of a file in ones' complement, from `data`, the sum of whole words before it."""
    for at in range(start, stop, _CHUNK):
        data = ones_sum(content.read_at(at, min(_CHUNK, stop - at)), data)
    return data


def verify_sum(content: Content, hdu: Hdu, data: int) -> None:
    """Compare DATASUM and CHECKSUM of an HDU, like `verify`, with the sum of its data."""
    wanted, total = datasum_of(hdu), str(hdu.header.get("CHECKSUM") or "").strip()
    checked = _checksum_of(hdu) != ""
    if wanted is not None and data % _ONES != wanted % _ONES:
        raise _damaged(content, hdu, "DATASUM", f"{data} found, {wanted} in the header")
    header = ones_sum(content.read_at(hdu.header_at, hdu.data_at - hdu.header_at), data)
    if checked and header % _ONES != 0:
        raise _damaged(content, hdu, "CHECKSUM", total)


def with_sums(header: bytes, hdu: Hdu, data: int) -> bytes:
    """Update DATASUM and CHECKSUM in header bytes, where present; `data` is the sum of the data.

    Parameters
    ----------
    header : bytes
        The header of `hdu`, from its first card to its data.
    """
    renewed = bytearray(header)
    if datasum_of(hdu) is not None:
        _set_text(renewed, b"DATASUM ", str(data))
    if _checksum_of(hdu):
        _set_text(renewed, b"CHECKSUM", "0" * 16)
        _set_text(renewed, b"CHECKSUM", checksum_text(ones_sum(renewed, data)))
    return bytes(renewed)


def _set_text(header: bytearray, keyword: bytes, text: str) -> None:
    """Set every card of that keyword to a string and keep its comment."""
    for start in range(0, len(header), CARD):
        card = bytes(header[start : start + CARD])
        if card.startswith(keyword + b"="):
            comment = _COMMENT(card)[1]  # type: ignore[index]
            value = keyword + f"= '{text:<8}'".encode()
            header[start : start + CARD] = (value.ljust(30) + b" " + comment)[:CARD].ljust(CARD)


def _checksum_of(hdu: Hdu) -> str:
    """Return the CHECKSUM of a header; one of zeros means none."""
    return str(hdu.header.get("CHECKSUM") or "").strip().strip("0")


def datasum_of(hdu: Hdu) -> int | None:
    """Return the DATASUM that a header names, or None."""
    text = str(hdu.header.get("DATASUM") or "").strip()
    return int(text) if text.isdigit() else None


def _damaged(content: Content, hdu: Hdu, keyword: str, value: str) -> FormatError:
    remedy = (
        "copy the file again; if a program changed it on purpose, read it with checksum=False, "
        "or --no-checksum in a command"
    )
    return refusal(
        content, hdu.index, f"{keyword} disagrees with the bytes of the file", value=value, remedy=remedy
    )
