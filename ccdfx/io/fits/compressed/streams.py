"""Streams of tiles: their places in the table, the sizes that they decompress to, and a file that holds some of them.

The decoders take the number of pixels, or the size of one, from the length of what they are given, and HCOMPRESS and PLIO
read beyond an end that comes too early. So these lengths are compared with the tile first.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import numpy as np

from ccdfx.io.content import Content
from ccdfx.io.fits.cards import BLOCK, CARD, format_card, header_bytes
from ccdfx.io.fits.hdus import Hdu, refusal
from ccdfx.records.card import Card

COMPRESSED = "COMPRESSED_DATA"
_GZIPPED, _PLAIN = "GZIP_COMPRESSED_DATA", "UNCOMPRESSED_DATA"
_DESCRIPTOR = re.compile(r"1?([PQ])([A-Z])(\(\d*\))?\Z")
_WIDTHS = {"L": 1, "X": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8,
           "Q": 16}  # fmt: skip
_ITEMS = {"B": 1, "I": 2, "J": 4, "E": 4, "D": 8}
_STUB = header_bytes(
    [Card("SIMPLE", True, ""), Card("BITPIX", 8, ""), Card("NAXIS", 0, ""), Card("EXTEND", True, "")]
)


class TileTable:
    """The table of a tile-compressed image.

    `bytes` are its rows without the heap; `streams` gives for each column with a heap the bytes of a row where its
    descriptor begins, the size of an element, and an array (rows, 2) of the length in bytes and the offset in the file.

    Raises
    ------
    FormatError
        For a table that contradicts itself, and a tile outside the heap.
    """

    def __init__(self, content: Content, hdu: Hdu) -> None:
        count, width = hdu.stored_axes
        heap = hdu.header.get("THEAP", width * count)
        if isinstance(heap, bool) or not isinstance(heap, int) or not width * count <= heap <= hdu.size:
            rule = "THEAP must lie between the end of the table and that of the data"
            raise refusal(content, hdu.index, rule, value=heap)
        self.bytes = np.frombuffer(content.read_at(hdu.data_at, width * count), np.uint8).reshape(
            count, width
        )
        self.streams: dict[str, tuple[slice, int, np.ndarray]] = {}
        position = 0
        for i in range(1, _fields(content, hdu) + 1):
            form = str(hdu.header.get(f"TFORM{i}") or "").strip()
            size, item = _column(content, hdu, i, form)
            if position + size > width:
                raise refusal(
                    content, hdu.index, "its columns are wider than its rows", value=f"TFORM{i} = {form}"
                )
            if item:
                place = slice(position, position + size)
                pairs = np.ascontiguousarray(self.bytes[:, place]).view(">u4" if size == 8 else ">u8")
                ends = pairs.astype(np.float64) @ (item, 1)
                if ends.size and ends.max() > hdu.size - heap:
                    where = f"row {int(ends.argmax())}"
                    raise refusal(
                        content, hdu.index, "a tile lies outside the data of its table", value=where
                    )
                name = str(hdu.header.get(f"TTYPE{i}")).strip()
                self.streams[name] = place, item, pairs.astype(int) * (item, 1) + (0, hdu.data_at + heap)
            position += size

    def read(self, content: Content, rows: Sequence[int]) -> dict[str, list[bytes]]:
        """Read the streams of these rows, by column: at once where they lie together, as they do in most files."""
        found = {}
        for name, (_, _, streams) in self.streams.items():
            places = streams[list(rows)]
            start, stop = int(places[:, 1].min()), int(places.sum(axis=1).max())
            if stop - start <= 2 * int(places[:, 0].sum()):
                span = memoryview(content.read_at(start, stop - start))
                found[name] = [bytes(span[at - start : at - start + n]) for n, at in places.tolist()]
            else:
                found[name] = [bytes(content.read_at(at, n)) if n else b"" for n, at in places.tolist()]
        return found

    def part(
        self,
        content: Content,
        hdu: Hdu,
        rows: Sequence[int],
        streams: Mapping[str, Sequence[bytes]],
        padding: Sequence[bytes] | None = None,
    ) -> bytes:
        """Return a FITS file of this image whose heap holds these streams alone, those of compressed tiles followed by padding."""
        table, heap, size = self.bytes.copy(), [], 0
        for name, (place, item, _) in self.streams.items():
            pairs = []
            behind = padding if padding and name == COMPRESSED else [b""] * len(rows)
            for stream, more in zip(streams[name], behind, strict=True):
                padded = stream + more if stream else stream
                pairs.append((len(padded) // item, size))
                heap.append(padded)
                size += len(padded)
            kind = ">u4" if place.stop - place.start == 8 else ">u8"
            table[list(rows), place] = np.array(pairs, kind).view(np.uint8)
        header = bytes(content.read_at(hdu.header_at, hdu.data_at - hdu.header_at))
        header = _with_number(_with_number(header, "PCOUNT", size), "THEAP", table.size)
        end = b"\0" * (-(table.size + size) % BLOCK)
        return b"".join([_STUB, header, table.tobytes(), *heap, end])


def touched_rows(axes: tuple[int, ...], tile: tuple[int, ...], window: Iterable[int | slice]) -> list[int]:
    """Compute which rows of the table a window needs, in order.

    >>> touched_rows((4, 6), (2, 3), (slice(0, 2), slice(2, 5)))
    [0, 1]
    """
    grid = tuple(-(-n // t) for n, t in zip(axes, tile, strict=True))
    spans = [slice(cut, cut + 1) if isinstance(cut, int) else cut for cut in window]
    ranges = [range(cut.start // t, (cut.stop - 1) // t + 1) for cut, t in zip(spans, tile, strict=True)]
    rows: list[int] = np.ravel_multi_index(np.ix_(*ranges), grid).ravel().tolist()
    return rows


def tile_sizes(axes: tuple[int, ...], tile: tuple[int, ...]) -> list[int]:
    """Compute the number of pixels of each tile, in the order of the table.

    >>> tile_sizes((3, 4), (2, 4))
    [8, 4]
    """
    lengths = [[min(t, n - start) for start in range(0, n, t)] for n, t in zip(axes, tile, strict=True)]
    return [math.prod(sizes) for sizes in product(*lengths)]


def checked_streams(
    content: Content,
    hdu: Hdu,
    method: str,
    rows: Sequence[int],
    pixels: Sequence[int],
    streams: Mapping[str, Sequence[bytes]],
) -> dict[str, list[bytes]]:
    """Return the streams of these rows, after comparing each with the number of `pixels` of its tile.

    Gzip is inflated to one byte more than the tile at most, and returned as gzip without compression, so that nothing is
    inflated twice; the steps of PLIO are counted. RICE is checked by its decoder, HCOMPRESS by reading with two kinds of
    padding.

    Raises
    ------
    FormatError
        For a stream that does not decompress to its tile.
    """
    width = abs(hdu.bitpix) // 8
    integers = 4 if hdu.bitpix < 0 and is_quantised(hdu) else width
    result: dict[str, list[bytes]] = {name: [] for name in streams}
    for name, column in streams.items():
        size = integers if name == COMPRESSED else width
        for row, count, stream in zip(rows, pixels, column, strict=True):
            checked: bytes = stream
            try:
                if not stream:  # the tile is in another column
                    pass
                elif name == _PLAIN or (name == COMPRESSED and method == "NOCOMPRESS"):
                    checked = _of_length(stream, count * size)
                elif name == _GZIPPED or (name == COMPRESSED and method.startswith("GZIP")):
                    wide = 4 * count if hdu.bitpix in (8, 16) else count * size
                    checked = _inflated(stream, count * size, wide, method)
                elif name == COMPRESSED and method == "PLIO_1":
                    checked = _stepped(stream, count)
            except ValueError as error:
                raise refusal(content, hdu.index, f"the tile of row {row} {error}") from error
            result[name].append(checked)
    return result


def _of_length(stream: bytes, wanted: int) -> bytes:
    if len(stream) != wanted:
        raise ValueError(f"holds {len(stream)} bytes instead of {wanted}")
    return stream


def _inflated(stream: bytes, wanted: int, wide: int, method: str) -> bytes:
    """Return a gzip stream without compression; raise ValueError unless it inflates to `wanted` bytes.

    Old versions of CFITSIO write small integers in 4 bytes, `wide` in all; they must be in the range of their type.
    """
    inflater = zlib.decompressobj(wbits=31)
    try:
        data = inflater.decompress(stream, wide + 1)
        if not inflater.eof and len(data) <= wide:  # the end of the stream may take no more than its trailer
            data += inflater.decompress(inflater.unconsumed_tail, 1)
    except zlib.error as error:
        raise ValueError(f"cannot be inflated: {error}") from error
    if len(data) > wide:
        raise ValueError(f"inflates to more than its {wanted} bytes")
    widened = len(data) == wide > wanted and _is_widened(data, wanted, method)
    if not inflater.eof or not (widened or len(data) == wanted):
        raise ValueError(f"inflates to {len(data)} bytes instead of {wanted}")
    if inflater.unused_data.strip(b"\0"):
        raise ValueError("is followed by other data")
    packer = zlib.compressobj(0, wbits=31)
    return packer.compress(data) + packer.flush()


def _is_widened(data: bytes, wanted: int, method: str) -> bool:
    """Return whether integers of 4 bytes are in the range of the type whose numbers take `wanted` bytes in all."""
    planes = np.frombuffer(data, np.uint8)
    planes = planes.reshape(4, -1).T if method == "GZIP_2" else planes.reshape(-1, 4)
    values = np.ascontiguousarray(planes).view(">i4")
    low, high = (0, 255) if wanted * 4 == len(data) else (-(1 << 15), (1 << 15) - 1)
    return bool((values >= low).all() and (values <= high).all())


def _stepped(stream: bytes, pixels: int) -> bytes:
    """Return a PLIO stream, whose first words were checked; raise ValueError unless its steps give `pixels`."""
    words = np.frombuffer(stream, ">i2")
    first, last = (
        (3, int(words[2])) if words[2] > 0 else (int(words[1]), (int(words[4]) << 15) + int(words[3]))
    )
    steps = words[first:last].astype(np.int64)
    found, skip = 0, False
    for code, count in zip((steps >> 12 & 15).tolist(), (steps & 4095).tolist(), strict=True):
        if skip:  # the word behind code 1 is a part of its value
            skip = False
        elif code == 1:
            skip = True
        elif code in (0, 4, 5):
            found += count
        elif code in (6, 7):
            found += 1
    if found != pixels:
        raise ValueError(f"holds {found} pixels instead of {pixels}")
    return stream


def is_quantised(hdu: Hdu) -> bool:
    """Return whether the tiles hold integers that stand for floats."""
    return "ZSCALE" in hdu.header or any(
        card.keyword.startswith("TTYPE") and str(card.value or "").strip() == "ZSCALE"
        for card in hdu.header.cards
    )


def _with_number(header: bytes, keyword: str, value: int) -> bytes:
    """Set the cards of a keyword, where there are any, to a number."""
    line = format_card(Card(keyword, value, "")).encode("ascii")
    lines = [header[i : i + CARD] for i in range(0, len(header), CARD)]
    return b"".join(line if old[:8] == line[:8] else old for old in lines)


def _fields(content: Content, hdu: Hdu) -> int:
    fields = hdu.header.get("TFIELDS")
    if not isinstance(fields, int) or not 1 <= fields <= 999:
        raise refusal(content, hdu.index, "TFIELDS must be 1 to 999", value=fields)
    return fields


def _column(content: Content, hdu: Hdu, number: int, form: str) -> tuple[int, int]:
    """Return the bytes of a column in a row, and of one element in the heap (0 for a column without heap)."""
    descriptor = _DESCRIPTOR.match(form)
    if descriptor and descriptor[2] in _ITEMS:
        return _WIDTHS[descriptor[1]], _ITEMS[descriptor[2]]
    plain = re.match(r"(\d{0,9})([LXBIJKAEDCM])", form)
    if not plain:
        raise refusal(content, hdu.index, f"TFORM{number} is no form of a compressed image", value=form)
    repeat = int(plain[1] or 1)
    return (-(-repeat // 8) if plain[2] == "X" else repeat * _WIDTHS[plain[2]]), 0
