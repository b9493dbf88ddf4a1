"""Writing of FITS files: image, MASK and UNCERT, each with its checksums."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ccdfx.errors import ArgumentTypeError
from ccdfx.io.card_text import BLOCK, header_bytes
from ccdfx.io.checksum import encode, ones_sum
from ccdfx.io.fits import STRUCTURAL
from ccdfx.io.groups import MASK, UNCERTAINTY, VARIANCES, bit_cards
from ccdfx.io.tiles import OF_TABLE
from ccdfx.records.card import Card
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.wcs import range_of, with_range

_BITPIX = {"u1": 8, "i1": 8, "u2": 16, "i2": 16, "u4": 32, "i4": 32, "u8": 64, "i8": 64, "f4": -32, "f8": -64}
_CHUNK = 4 << 20
_LTM = ("LTM1_1", "LTM2_2")


def write_fits(images: Sequence[Image], path: Path) -> None:
    """Write images to a new FITS file, with flags as MASK and variance as UNCERT behind each.

    The suffixes ``.gz`` and ``.bz2`` select that compression, ``.fz`` tile compression without loss.
    The caller must make the writing atomic.
    """
    name = path.name.lower()
    if name.endswith(".fz"):
        _write_tiles(images, path)
    elif name.endswith(".gz"):
        import gzip

        with open(path, "wb") as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as stream:
            _write_hdus(images, stream)
    elif name.endswith(".bz2"):
        import bz2

        with bz2.open(path, "wb") as stream:
            _write_hdus(images, stream)
    else:
        with open(path, "wb") as file:
            _write_hdus(images, file)


def image_cards(image: Image) -> tuple[Card, ...]:
    """Return the cards of an image without those of the file layout; LTV1 and LTV2 give its window."""
    header = image.header
    if range_of(header, image.shape) != image.range:
        header = with_range(header, image.range)
        if range_of(header, image.shape) != image.range:  # with a scale in LTM, a reader ignores LTV
            header = header.remove(*_LTM)
    return tuple(card for card in header.cards if not STRUCTURAL.match(card.keyword))


def _write_hdus(images: Sequence[Image], stream: Any) -> None:
    for array, cards in _planes(images):
        _write_hdu(stream, array, cards)


def _planes(images: Sequence[Image]) -> Iterator[tuple[np.ndarray, list[Card]]]:
    """Yield every array to write with its cards, in the order of the file."""
    for i, image in enumerate(images):
        yield image.array, [*_layout(image.array, first=i == 0), *_own_cards(image, first=i == 0)]
        if image.mask is not None:
            yield image.mask, _mask_cards(image.mask)
        if image.variance is not None:
            cards = [
                Card("EXTNAME", UNCERTAINTY, "variance of the image before"),
                Card("UTYPE", "VarianceUncertainty", "in the unit of the image squared"),
            ]
            yield image.variance, [*_layout(image.variance), *cards]


def mask_hdu(mask: np.ndarray) -> bytes:
    """Encode a MASK extension as bytes."""
    stream = io.BytesIO()
    _write_hdu(stream, mask, _mask_cards(mask))
    return stream.getvalue()


def _mask_cards(mask: np.ndarray) -> list[Card]:
    return [*_layout(mask), Card("EXTNAME", MASK, "flags of the image before"), *bit_cards()]


def _own_cards(image: Image, first: bool) -> Iterator[Card]:
    """Yield the cards of an image; an extension must not have the EXTNAME of a mask or of a variance."""
    for card in image_cards(image):
        if first or card.keyword != "EXTNAME" or str(card.value).strip().upper() not in (MASK, *VARIANCES):
            yield card


def _layout(array: np.ndarray, first: bool = False) -> list[Card]:
    """Return the mandatory cards of an image HDU."""
    kind = array.dtype.str[1:]
    if kind not in _BITPIX:
        raise ArgumentTypeError("image", f"FITS holds the types {', '.join(_BITPIX)}", value=str(array.dtype),
                                remedy="convert its array with astype")  # fmt: skip
    ny, nx = array.shape
    start = (
        Card("SIMPLE", True, "conforms to FITS") if first else Card("XTENSION", "IMAGE", "image extension")
    )
    cards = [
        start,
        Card("BITPIX", _BITPIX[kind], "bits of a pixel, negative for floats"),
        Card("NAXIS", 2, "number of axes"),
        Card("NAXIS1", nx, "columns"),
        Card("NAXIS2", ny, "rows"),
    ]
    extra = [Card("EXTEND", True, "extensions may follow")]
    cards += extra if first else [Card("PCOUNT", 0, "no parameters"), Card("GCOUNT", 1, "one group")]
    zero = _zero(array.dtype)
    if zero:
        cards += [Card("BZERO", zero, "value of a stored 0"), Card("BSCALE", 1, "")]
    return cards


def _zero(dtype: np.dtype) -> int:
    """Return the BZERO of a type; 0 where FITS stores the type itself."""
    if dtype == np.int8:
        return -128
    return 1 << (8 * dtype.itemsize - 1) if dtype.kind == "u" and dtype.itemsize > 1 else 0


def _write_hdu(stream: BinaryIO, array: np.ndarray, cards: Iterable[Card]) -> None:
    """Write an HDU; its data are encoded twice, as the header needs their sum, and not kept in memory."""
    data = 0
    for piece in _encoded(array):
        data = ones_sum(piece, data)
    stream.write(_summed(cards, data))
    for piece in _encoded(array):
        stream.write(piece)
    stream.write(b"\0" * (-array.nbytes % BLOCK))


def _summed(cards: Iterable[Card], data: int) -> bytes:
    """Format the header, with DATASUM and CHECKSUM at its end."""
    blank = "0" * 16
    rest = [
        Card("DATASUM", str(data), "sum of the data"),
        Card("CHECKSUM", blank, "sum of the HDU is all ones"),
    ]
    header = header_bytes([*cards, *rest])
    place = header.rindex(b"CHECKSUM= '" + blank.encode()) + 11
    return header[:place] + encode(ones_sum(header, data)).encode() + header[place + 16 :]


def _encoded(array: np.ndarray) -> Iterator[Any]:
    """Yield the pixels as they are stored, big-endian, in pieces of a few megabytes."""
    rows = max(4, _CHUNK // array[0].nbytes // 4 * 4)  # whole 32-bit words in each piece, for the sum
    unsigned = f"u{array.dtype.itemsize}"
    zero = _zero(array.dtype)
    for start in range(0, len(array), rows):
        piece = array[start : start + rows]
        if zero:
            piece = piece.view(unsigned) ^ np.array(1 << (8 * array.dtype.itemsize - 1), unsigned)
        yield np.ascontiguousarray(piece, dtype=piece.dtype.newbyteorder(">")).view(np.uint8)


def _write_tiles(images: Sequence[Image], path: Path) -> None:
    """Write tile-compressed images with astropy, without loss: Rice for integers up to 32 bits, else gzip."""
    from astropy.io import fits

    hdus: list[Any] = [fits.PrimaryHDU()]
    for array, cards in _planes(images):
        # The image must not set keywords that describe the table of tiles.
        names = (STRUCTURAL, OF_TABLE)
        own = Header._of(tuple(card for card in cards if not any(name.match(card.keyword) for name in names)))
        header = fits.Header.fromstring(header_bytes(own.cards).decode("ascii"))
        method = "GZIP_2" if array.dtype.kind == "f" or array.dtype.itemsize > 4 else "RICE_1"
        hdus.append(fits.CompImageHDU(np.array(array), header, compression_type=method, quantize_level=0))
    with open(path, "wb") as file:
        fits.HDUList(hdus).writeto(file, checksum=True)
