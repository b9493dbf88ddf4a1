"""HDUs of a FITS file, their headers checked and their sizes compared with the length of the file.

No memory is allocated for pixels here. Every error names the file, the HDU, the value, the rule and the
remedy.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ccdfx.errors import CcdfxWarning, FormatError
from ccdfx.io.content import Content
from ccdfx.io.fits.cards import BLOCK, CARD, parse_cards
from ccdfx.records.card import STRUCTURAL as STRUCTURAL
from ccdfx.records.header import Header

MAX_HEADER = 8 << 20  # bytes: 100,000 cards
MAX_HDUS = 4096
_FIRST_READ = 8 * BLOCK
_BITPIX = (8, 16, 32, 64, -32, -64)
_END = re.compile(rb"END[ \0]{77}|END[ \0]*\Z")
_CHECKED = re.compile(
    r"(SIMPLE|XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|GROUPS|BZERO|BSCALE|BLANK|Z(IMAGE|BITPIX|BLANK|NAXIS\d*))\Z"
)
_COPY = "copy the file again from where it came"


@dataclass(frozen=True, slots=True)
class Hdu:
    """One HDU: its header, its shape, and the offsets of its bytes.

    `kind` is "image", "tiles" (a tile-compressed image), "groups", "table" or "other". `axes` are the axes of
    the image in numpy's order (slowest first); for "tiles" those of the uncompressed image, whose table has
    `stored_axes`. `size` is that of the data in bytes without padding.
    """

    index: int
    kind: str
    header: Header
    header_at: int
    data_at: int
    size: int
    bitpix: int
    axes: tuple[int, ...]
    stored_axes: tuple[int, ...]

    @property
    def name(self) -> str:
        """EXTNAME in upper case, or ''."""
        return str(self.header.get("EXTNAME") or "").strip().upper()

    @property
    def end(self) -> int:
        """Offset of the next HDU."""
        return self.data_at + -(-self.size // BLOCK) * BLOCK

    @property
    def is_image(self) -> bool:
        """Whether it holds pixels in two dimensions or more."""
        return self.kind in ("image", "tiles") and len(self.axes) >= 2


def walk(content: Content) -> Iterator[Hdu]:
    """Yield the HDUs of a file in order, each checked against the rules and against the size of the file.

    Raises
    ------
    FormatError
        For a mandatory keyword that is missing or wrong, a header without END, and incomplete data. A file
        that ends within its last padding has all its data; it is read with a CcdfxWarning.
    """
    position = 0
    for index in range(MAX_HDUS):
        if index and not _another(content, position, index):
            return
        hdu = _hdu(content, position, index)
        yield hdu
        position = hdu.end
    raise FormatError(content.name, f"holds more than {MAX_HDUS} HDUs")


def refusal(content: Content, index: int, rule: str, **more: Any) -> FormatError:
    """Return the error for a rule that an HDU breaks."""
    return FormatError(content.name, f"HDU {index}: {rule}", **more)


def _another(content: Content, position: int, index: int) -> bool:
    head = bytes(content.read_at(position, 8))
    if head == b"XTENSION":
        return True
    if head and head != b"\0" * len(head) and b"XTENSION".startswith(head):
        raise refusal(content, index, "is cut off in its first card", remedy=_COPY)
    if not head and not content.has(position):
        warnings.warn(
            f"{content.name}: ends before the padding of HDU {index - 1} does; if it was cut, what followed, such as "
            f"flags and variance, is lost: {_COPY}, or write it anew with ccdfx to be rid of this warning",
            CcdfxWarning, stacklevel=6,
        )  # fmt: skip
    return False  # the end, or bytes that have no meaning in FITS


def _hdu(content: Content, position: int, index: int) -> Hdu:
    text, data_at = _header_text(content, position, index)
    header = Header._of(parse_cards(text))
    _refuse_contradictions(content, header, index)
    bitpix = _whole(content, header, index, "BITPIX")
    if bitpix not in _BITPIX:
        raise refusal(content, index, f"BITPIX must be one of {_BITPIX}", value=bitpix)
    axes = _axes(content, header, index, "NAXIS")
    kind = _kind(content, header, index, axes)
    size = _data_size(content, header, index, kind, bitpix, axes)
    if not content.has(data_at + size):
        raise refusal(content, index, "the file ends before the data that its header claims",
                      value=f"{size} bytes claimed", remedy=_COPY)  # fmt: skip
    stored_axes = axes
    if kind == "tiles":
        bitpix = _whole(content, header, index, "ZBITPIX")
        axes = _axes(content, header, index, "ZNAXIS")
        if bitpix not in _BITPIX:
            raise refusal(content, index, f"ZBITPIX must be one of {_BITPIX}", value=bitpix)
    return Hdu(index, kind, header, position, data_at, size, bitpix, axes, stored_axes)


def _header_text(content: Content, position: int, index: int) -> tuple[str, int]:
    """Read the cards before END as Latin-1 text, and find where the data begin."""
    data = bytes(content.read_at(position, _FIRST_READ))
    if index == 0 and data[:9] != b"SIMPLE  =":
        if not data:
            raise FormatError(content.name, "is empty", remedy=_COPY)
        raise FormatError(
            content.name, "is no FITS file: it must begin with the card SIMPLE", value=data[:16]
        )
    end = _find_end(data, 0)
    while end is None:
        if len(data) > MAX_HEADER:
            raise refusal(content, index, f"has a header of more than {MAX_HEADER} bytes")
        more = bytes(content.read_at(position + len(data), 64 * BLOCK))
        if not more:
            raise refusal(content, index, "has a header without an END card", remedy=_COPY)
        searched = max(len(data) // CARD * CARD - CARD, 0)
        data += more
        end = _find_end(data, searched)
    return data[:end].decode("latin-1"), position + -(-(end + CARD) // BLOCK) * BLOCK


def _find_end(data: bytes, start: int) -> int | None:
    for match in _END.finditer(data, start):
        if match.start() % CARD == 0:
            return match.start()
    return None


def _refuse_contradictions(content: Content, header: Header, index: int) -> None:
    """Refuse a keyword that defines how bytes are read and occurs twice with different values."""
    if len(header) == len(header.cards):
        return
    for card in header.cards:
        if _CHECKED.match(card.keyword) and card.value != header[card.keyword]:
            raise refusal(content, index, f"{card.keyword} comes twice with different values",
                          value=header.all(card.keyword), remedy="remove the wrong card")  # fmt: skip


def _whole(content: Content, header: Header, index: int, keyword: str, default: int | None = None) -> int:
    value = header.get(keyword, default)
    if keyword not in header and default is None:
        raise refusal(content, index, f"the mandatory keyword {keyword} is missing")
    if isinstance(value, bool) or not isinstance(value, int):
        raise refusal(content, index, f"{keyword} must be a whole number", value=value)
    return value


def _axes(content: Content, header: Header, index: int, keyword: str) -> tuple[int, ...]:
    count = _whole(content, header, index, keyword)
    if not 0 <= count <= 999:
        raise refusal(content, index, f"{keyword} must be 0 to 999", value=count)
    axes = tuple(_whole(content, header, index, f"{keyword}{i}") for i in range(count, 0, -1))
    for i, length in enumerate(reversed(axes), 1):
        if not 0 <= length < 1 << 63:
            raise refusal(content, index, f"{keyword}{i} must be at least 0 and below 2^63", value=length)
    return axes


def _kind(content: Content, header: Header, index: int, axes: tuple[int, ...]) -> str:
    if index == 0:
        if header.get("SIMPLE") is not True:
            raise refusal(content, index, "SIMPLE must be T: the file says it does not follow the standard",
                          value=header.get("SIMPLE"))  # fmt: skip
        groups = header.get("GROUPS") is True and axes and axes[-1] == 0
        return "groups" if groups else "image"
    extension = str(header.get("XTENSION")).strip().upper()
    if extension in ("IMAGE", "IUEIMAGE"):
        return "image"
    if extension == "BINTABLE" and header.get("ZIMAGE") is True:
        return "tiles"
    return "table" if extension in ("TABLE", "BINTABLE", "A3DTABLE") else "other"


def _data_size(
    content: Content, header: Header, index: int, kind: str, bitpix: int, axes: tuple[int, ...]
) -> int:
    """Compute the size in bytes of the data from the header, by the formula of the standard."""
    plain = kind == "image"  # PCOUNT and GCOUNT are fixed for images, and old programs omit them
    extra = _whole(content, header, index, "PCOUNT", 0 if plain else None)
    groups = _whole(content, header, index, "GCOUNT", 1 if plain else None)
    if extra < 0 or groups < 0 or (kind != "groups" and kind != "other" and groups != 1) or (plain and extra):
        raise refusal(content, index, "PCOUNT and GCOUNT have impossible values", value=(extra, groups))
    lengths = axes[:-1] if kind == "groups" else axes
    pixels = math.prod(lengths) if lengths else 0
    return abs(bitpix) // 8 * groups * (extra + pixels)


def clean(header: Header) -> Header:
    """Remove the cards that describe the layout of the file."""
    return Header._of(tuple(card for card in header.cards if not STRUCTURAL.match(card.keyword)))
