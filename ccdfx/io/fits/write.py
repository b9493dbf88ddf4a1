"""Writing FITS: image, MASK and UNCERT, each with its checksums; and rewriting a window of an image in place."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError, FileError
from ccdfx.io.content import FileContent, opened
from ccdfx.io.fits.cards import BLOCK, header_bytes
from ccdfx.io.fits.checksum import checksum_text, ones_sum, with_sums
from ccdfx.io.fits.compressed.tiles import OF_TABLE
from ccdfx.io.fits.data import sum_of, write_data, zero_of
from ccdfx.io.fits.encode import encode_pixels
from ccdfx.io.fits.groups import (
    MASK,
    UNCERTAINTY,
    VARIANCES,
    Group,
    bit_cards,
    chosen,
    flag_table,
    flags_of,
    grouped,
)
from ccdfx.io.fits.hdus import STRUCTURAL, Hdu, walk
from ccdfx.io.fits.pixels import Pixels
from ccdfx.io.fits.planes import count_card, planes_card, renew_records
from ccdfx.io.fits.source import FitsSource
from ccdfx.records.card import Card
from ccdfx.records.compatibility import require_inside, require_part
from ccdfx.records.flags import Flag, flag_counts
from ccdfx.records.image import Image
from ccdfx.records.wcs import sky_cards, with_range

_BITPIX = {"u1": 8, "i1": 8, "u2": 16, "i2": 16, "u4": 32, "i4": 32, "u8": 64, "i8": 64, "f4": -32, "f8": -64}


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
            _write_hdus(images, stream, in_order=True)
    elif name.endswith(".bz2"):
        import bz2

        with bz2.open(path, "wb") as stream:
            _write_hdus(images, stream, in_order=True)
    else:
        with open(path, "wb") as file:
            _write_hdus(images, file)


def image_cards(image: Image) -> tuple[Card, ...]:
    """Return the cards of an image without those of the file layout; LTV1 and LTV2 give its window."""
    header = with_range(image.header, image.range)
    return tuple(card for card in header.cards if not STRUCTURAL.match(card.keyword))


def _write_hdus(images: Sequence[Image], stream: Any, *, in_order: bool = False) -> None:
    """Write the HDUs of images; a header is written again when the sums of the data behind it are known.

    With `in_order`, for a stream that cannot go back, the sums are computed before, which encodes all data twice.
    """
    count = count_card(sum(1 + len(_planes(image)) for image in images))
    for i, image in enumerate(images):
        planes = _planes(image)
        own = [*_layout(image.array, first=i == 0), *_own_cards(image, first=i == 0)]
        last = [count] if i == 0 else []
        if in_order:
            sums = {name: sum_of(array) for name, (array, _) in planes.items()}
            _write_hdu(stream, image.array, [*own, planes_card(sums), *last], sum_of(image.array))
            for name, (array, cards) in planes.items():
                _write_hdu(stream, array, cards, sums[name])
            continue
        start = stream.tell()
        data = _write_and_sum(stream, image.array, [*own, planes_card(dict.fromkeys(planes, 0)), *last])
        sums = {name: _write_and_sum(stream, array, cards) for name, (array, cards) in planes.items()}
        _write_again(stream, start, _summed([*own, planes_card(sums), *last], data))


def _planes(image: Image) -> dict[str, tuple[np.ndarray, list[Card]]]:
    """Return the flags and the variance of an image, where it has them, with their cards in the order of the file."""
    planes = {}
    if image.mask is not None:
        planes[MASK] = image.mask, [*_mask_cards(image.mask), *_place_cards(image)]
    if image.variance is not None:
        cards = [
            Card("EXTNAME", UNCERTAINTY, "variance of the image before"),
            Card("UTYPE", "VarianceUncertainty", "in the unit of the image squared"),
        ]
        planes[UNCERTAINTY] = image.variance, [*_layout(image.variance), *cards, *_place_cards(image)]
    return planes


def mask_hdu(mask: np.ndarray, place: Iterable[Card] = ()) -> bytes:
    """Encode a MASK extension as bytes; `place` are the cards of its image that say where its pixels are."""
    stream = io.BytesIO()
    _write_and_sum(stream, mask, [*_mask_cards(mask), *place])
    return stream.getvalue()


def _place_cards(image: Image) -> tuple[Card, ...]:
    """Return the cards that let viewers lay flags and variance over their image."""
    return sky_cards(with_range(image.header, image.range))


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
    zero = zero_of(array.dtype)
    if zero:
        cards += [Card("BZERO", zero, "value of a stored 0"), Card("BSCALE", 1, "")]
    return cards


def _write_hdu(stream: Any, array: np.ndarray, cards: Iterable[Card], data: int) -> None:
    """Write an HDU whose data have that sum."""
    stream.write(_summed(cards, data))
    write_data(stream, array)


def _write_and_sum(stream: Any, array: np.ndarray, cards: Sequence[Card]) -> int:
    """Write an HDU, its header again when the sum of its data is known; return the sum."""
    start = stream.tell()
    stream.write(_summed(cards, 0))
    data = write_data(stream, array)
    _write_again(stream, start, _summed(cards, data))
    return data


def _write_again(stream: Any, start: int, header: bytes) -> None:
    """Replace a header, whose length does not depend on the sums in it, and go on at the end."""
    end = stream.tell()
    stream.seek(start)
    stream.write(header)
    stream.seek(end)


def _summed(cards: Iterable[Card], data: int) -> bytes:
    """Format the header, with DATASUM and CHECKSUM at its end."""
    blank = "0" * 16
    rest = [
        Card("DATASUM", str(data), "sum of the data"),
        Card("CHECKSUM", blank, "sum of the HDU is all ones"),
    ]
    header = header_bytes([*cards, *rest])
    place = header.rindex(b"CHECKSUM= '" + blank.encode()) + 11
    return header[:place] + checksum_text(ones_sum(header, data)).encode() + header[place + 16 :]


def _write_tiles(images: Sequence[Image], path: Path) -> None:
    """Write tile-compressed images with astropy, without loss: Rice for integers up to 32 bits, else gzip."""
    from astropy.io import fits

    arrays: list[tuple[np.ndarray, list[Card], list[Card]]] = []
    for i, image in enumerate(images):
        planes = _planes(image)
        own = [*_layout(image.array), *_own_cards(image, first=i == 0)]
        arrays += [(image.array, own, [planes_card(dict.fromkeys(planes, 0))])]
        arrays += [(array, cards, []) for array, cards in planes.values()]
    primary = fits.Header.fromstring(header_bytes([count_card(1 + len(arrays))]).decode("ascii"))
    hdus: list[Any] = [fits.PrimaryHDU(header=primary)]
    for array, cards, record in arrays:
        # The image must not set keywords that describe the table of tiles.
        names = (STRUCTURAL, OF_TABLE)
        own = [card for card in cards if not any(name.match(card.keyword) for name in names)]
        header = fits.Header.fromstring(header_bytes([*own, *record]).decode("ascii"))
        method = "GZIP_2" if array.dtype.kind == "f" or array.dtype.itemsize > 4 else "RICE_1"
        hdus.append(fits.CompImageHDU(np.array(array), header, compression_type=method, quantize_level=0))
    with open(path, "wb") as file:
        fits.HDUList(hdus).writeto(file, checksum=True)
    renew_records(path)


_COPY_CHUNK = 512 * BLOCK
_WHOLE = "read the file, paste the part, and write the result to a file"


@dataclass(frozen=True, slots=True)
class _Patch:
    """The numbers to store in the window of one plane of an HDU."""

    pixels: Pixels
    stored: np.ndarray


def update_fits(path: Path, part: Image, target: Path, *, hdu: Any = None, plane: int | None = None) -> None:
    """Write to `target` the file `path` with the window ``part.range`` of an image replaced.

    Flags go into the MASK of the image; if there is none and the part has flags, one is inserted behind the
    image. A variance goes into its UNCERT, VAR or IVAR, in the form of that HDU. Existing checksums are
    updated. Compressed files are refused.
    """
    with opened(path) as content:
        if not isinstance(content, FileContent):
            raise FileError(path, "is compressed, and only whole files are written so", remedy=_WHOLE)
        hdus = list(walk(content))
        group = chosen(content, hdus, hdu)
        if any(one and one.kind == "tiles" for one in (group.image, group.mask, group.uncertainty)):
            raise FileError(path, "is tile-compressed, and only whole images are written so", remedy=_WHOLE)
        source = FitsSource(content, hdus, group, plane)
        require_inside(source.range, part)
        require_part(source.select(part.range), part)
        window = part.range.relative_to(source.range).slices
        patches, flags = _patches(content, group, plane, part, window)
        inserted = b""
        if flags is not None:
            _require_room_for_flags(path, group, grouped(content, hdus))
            mask = np.zeros(source.shape, np.uint8)
            mask[window] = flags
            inserted = mask_hdu(mask, sky_cards(group.image.header))
        with open(target, "r+b") as file:
            _copy(content, file, group.image.end, inserted)
            for patch in patches:
                moved = len(inserted) if patch.pixels.hdu.index > group.image.index else 0
                _put(file, patch, window, moved)
                _renew_sums(file, patch.pixels.hdu, moved)
        renew_records(target, inserted=group.image.index if inserted else None)


def _patches(
    content: FileContent, group: Group, plane: int | None, part: Image, window: tuple[slice, slice]
) -> tuple[list[_Patch], np.ndarray | None]:
    """Return the patches to write, and the flags if the file needs a new MASK for them."""
    image = Pixels(content, group.image, plane, checksum=False)
    stored = encode_pixels(part.array, image.coding, None if part.mask is None else part.mask != 0, "part")
    patches = [_Patch(image, stored)]
    nodata = np.isnan(stored) if stored.dtype.kind == "f" else stored == image.coding.blank
    nodata = np.zeros(part.shape, bool) | nodata
    if group.uncertainty is not None and part.variance is not None:
        errors = Pixels(content, group.uncertainty, plane, checksum=False)
        patches.append(_Patch(errors, _stored_variance(errors, part.variance, group.power, window)))
        if group.power == -1:
            nodata |= np.isinf(part.variance)
    wanted = np.zeros(part.shape, np.uint8) if part.mask is None else part.mask
    if group.mask is not None:
        flags = Pixels(content, group.mask, plane, checksum=False)
        return [*patches, _Patch(flags, _stored_flags(flags, wanted, nodata, window))], None
    implied = np.where(nodata, np.uint8(Flag.NO_DATA), np.uint8(0))  # flags that a reader sets without a MASK
    return patches, wanted if ((wanted != 0) & (wanted != implied)).any() else None


def _stored_variance(
    pixels: Pixels, variance: np.ndarray, power: int, window: tuple[slice, slice]
) -> np.ndarray:
    """Encode the variance in the form of the file; unchanged values keep their stored bits."""
    old = pixels.window(*window)[0]
    wide = variance.astype(np.float64)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        now, new = {
            1: (old, wide),
            2: (old * old, np.sqrt(wide)),
            -1: (1 / old, 1 / wide),
        }[power]
    same = (now == variance) | (np.isnan(now) & np.isnan(variance))
    return encode_pixels(np.where(same, old, new), pixels.coding, None, "variance of part")


def _stored_flags(
    pixels: Pixels, wanted: np.ndarray, nodata: np.ndarray, window: tuple[slice, slice]
) -> np.ndarray:
    """Encode the flags in the bits of the file's own mask; unchanged flags keep their stored value."""
    old = pixels.window(*window)[0]
    table = flag_table(pixels.hdu)
    flags = flags_of(old, table)
    keep = (flags == wanted) | ((flags == 0) & nodata & (wanted == Flag.NO_DATA))
    known = np.arange(256, dtype=np.uint8) if old.dtype == np.uint8 else np.array([0, 1], old.dtype)
    codes = np.full(256, -1)
    codes[flags_of(known, table)[::-1]] = known[::-1]  # of several codes, the smallest
    new = codes[wanted]
    lost = (new < 0) & ~keep
    if lost.any():
        raise ArgumentError(
            "part",
            "must have flags that the MASK of the file can hold",
            value=", ".join(flag_counts(wanted[lost])),
            remedy=_WHOLE,
        )
    return encode_pixels(np.where(keep, old, new.astype(old.dtype)), pixels.coding, None, "mask of part")


def _require_room_for_flags(path: Path, group: Group, groups: list[Group]) -> None:
    lead = group.image.axes[:-2]
    if group not in groups or any(n != 1 for n in lead):
        what = "a cube" if lead else "itself the mask or the variance of another"
        raise FileError(path, f"has no MASK for the flags of the part, and the image is {what}",
                        remedy="drop the flags with part.replace(mask=None), or write a new file")  # fmt: skip


def _copy(content: FileContent, file: BinaryIO, place: int, inserted: bytes) -> None:
    """Copy the bytes of a file, with `inserted` added at one place."""
    _copy_bytes(content, file, 0, min(place, content.size))
    if inserted:
        file.write(b"\0" * (place - file.tell()))  # a file may end without its last padding
        file.write(inserted)
    _copy_bytes(content, file, place, content.size)


def _copy_bytes(content: FileContent, file: BinaryIO, start: int, stop: int) -> None:
    for at in range(start, stop, _COPY_CHUNK):
        file.write(content.read_at(at, min(_COPY_CHUNK, stop - at)))


def _put(file: BinaryIO, patch: _Patch, window: tuple[slice, slice], moved: int) -> None:
    layout = patch.pixels.raw()
    assert layout is not None  # the image is uncompressed and on disk
    rows, columns = window
    nx, size = layout.shape[1], patch.stored.itemsize
    whole = columns.stop - columns.start == nx
    pieces = [patch.stored] if whole else patch.stored
    for row, piece in enumerate(pieces, rows.start):
        file.seek(layout.offset + moved + (row * nx + columns.start) * size)
        file.write(piece.tobytes())


def _renew_sums(file: BinaryIO, hdu: Hdu, moved: int) -> None:
    hdu = replace(hdu, header_at=hdu.header_at + moved, data_at=hdu.data_at + moved)
    file.seek(hdu.data_at)
    data, left = 0, hdu.end - hdu.data_at
    while left > 0 and (piece := file.read(min(_COPY_CHUNK, left))):
        data, left = ones_sum(piece, data), left - len(piece)
    file.seek(hdu.header_at)
    header = with_sums(file.read(hdu.data_at - hdu.header_at), hdu, data)
    file.seek(hdu.header_at)
    file.write(header)
