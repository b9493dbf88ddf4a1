"""Tile-compressed images: their tables are checked here, their tiles are decompressed by astropy.

The decoders of HCOMPRESS and PLIO trust the sizes in their streams; wrong sizes make them write or read
beyond their buffers, which crashes the process. So these sizes are first compared with the tile here.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from ccdfx.errors import FormatError
from ccdfx.io.content import INFLATED_MINIMUM, INFLATED_RATIO, Content, FileContent
from ccdfx.io.fits.hdus import Hdu, refusal
from ccdfx.records.card import Card
from ccdfx.records.header import Header

_METHODS = ("RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "PLIO_1", "HCOMPRESS_1", "NOCOMPRESS")
OF_TABLE = re.compile(
    r"(T(FIELDS|HEAP)|T(TYPE|FORM|UNIT|NULL|SCAL|ZERO|DISP|BCOL|DIM|CTYP|CUNI|CRPX|CRVL|CDLT)\d*"
    r"|Z(IMAGE|CMPTYPE|MASKCMP|QUANTIZ|DITHER0|BLANK|SCALE|ZERO|SIMPLE|TENSION|BITPIX|EXTEND|BLOCKED|PCOUNT|GCOUNT"
    r"|HECKSUM|DATASUM)|Z(NAXIS|TILE|NAME|VAL)\d*)\Z"
)
_DESCRIPTOR = re.compile(r"1?([PQ])([A-Z])(\(\d*\))?\Z")
_WIDTHS = {"L": 1, "X": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8,
           "Q": 16}  # fmt: skip
_ITEMS = {"B": 1, "I": 2, "J": 4, "E": 4, "D": 8}


def image_header(hdu: Hdu) -> Header:
    """Return the header of the compressed image, with BITPIX and NAXISn of the image, not of the table."""
    cards = [Card("XTENSION", "IMAGE", ""), Card("BITPIX", hdu.bitpix, ""), Card("NAXIS", len(hdu.axes), "")]
    cards += [Card(f"NAXIS{i}", n, "") for i, n in enumerate(reversed(hdu.axes), 1)]
    taken = {card.keyword for card in cards} | {"PCOUNT", "GCOUNT", "CHECKSUM", "DATASUM"}
    for card in hdu.header.cards:
        generic = card.keyword == "EXTNAME" and card.value == "COMPRESSED_IMAGE"
        if card.keyword not in taken and not generic and not OF_TABLE.match(card.keyword):
            cards.append(card)
    return Header._of(tuple(cards))


def check_tiles(content: Content, hdu: Hdu) -> None:
    """Check the table against its contents, before anything is allocated or decompressed.

    Raises
    ------
    FormatError
        For an unknown method, impossible tiles, a wrong number of rows, a tile outside the heap, or an image
        that is larger than its compressed bytes can give.
    """
    header = hdu.header
    method = str(header.get("ZCMPTYPE") or "").strip()
    if method not in _METHODS:
        raise refusal(content, hdu.index, f"ZCMPTYPE must be one of {', '.join(_METHODS)}", value=method)
    count = len(hdu.axes)
    tile: tuple[Any, ...] = tuple(
        header.get(f"ZTILE{i}", hdu.axes[-1] if i == 1 else 1) for i in range(count, 0, -1)
    )
    if not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in tile):
        raise refusal(content, hdu.index, "ZTILEn must be whole numbers above 0", value=tile[::-1])
    rows = header.get("NAXIS2")
    wanted = math.prod(-(-n // t) for n, t in zip(hdu.axes, tile, strict=True))
    if rows != wanted:
        raise refusal(
            content, hdu.index, f"the table must have one row for each of the {wanted} tiles", value=rows
        )
    claimed = math.prod(hdu.axes) * abs(hdu.bitpix) // 8
    if claimed > max(INFLATED_MINIMUM, INFLATED_RATIO * hdu.size):
        raise refusal(
            content, hdu.index, "claims more than its compressed bytes can hold", value=f"{claimed} bytes"
        )
    _check_settings(content, hdu)
    _check_descriptors(content, hdu, method, tile)


def read_tiles(content: Content, hdu: Hdu, plane: int, rows: slice, columns: slice) -> np.ndarray:
    """Read the stored numbers of a window, without BZERO, BSCALE and BLANK; quantised floats are restored.

    Only the tiles that the window touches are decompressed.
    """
    lead = np.unravel_index(plane, hdu.axes[:-2]) if len(hdu.axes) > 2 else ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _section(content, hdu.index, (*(int(i) for i in lead), rows, columns))
    except FormatError:
        raise
    except Exception as error:  # broken tiles can make astropy raise any exception
        raise refusal(
            content, hdu.index, f"its tiles cannot be decompressed: {type(error).__name__}: {error}"
        ) from error


def _section(content: Content, index: int, window: tuple[Any, ...]) -> np.ndarray:
    from astropy.io import fits

    options: dict[str, Any] = {
        "memmap": False,
        "do_not_scale_image_data": True,
        "uint": False,
        "mode": "readonly",
    }
    if isinstance(content, FileContent):
        with content.handle(), fits.open(content.path, **options) as opened:
            return np.asarray(opened[index].section[window])
    end = 1 << 62
    with fits.open(io.BytesIO(bytes(content.read_at(0, end))), **options) as opened:
        return np.asarray(opened[index].section[window])


def _check_settings(content: Content, hdu: Hdu) -> None:
    settings = {
        str(card.value).strip().upper(): hdu.header.get(f"ZVAL{card.keyword[5:]}")
        for card in hdu.header.cards
        if card.keyword.startswith("ZNAME")
    }
    for name, allowed in (("BLOCKSIZE", (16, 32)), ("BYTEPIX", (1, 2, 4, 8))):
        if name in settings and settings[name] not in allowed:
            raise refusal(
                content,
                hdu.index,
                f"{name} of the compression must be one of {allowed}",
                value=settings[name],
            )


def _check_descriptors(content: Content, hdu: Hdu, method: str, tile: tuple[int, ...]) -> None:
    """Check that every tile lies within the heap of the table, and that its stream has the right size."""
    count, width = hdu.stored_axes
    heap = hdu.header.get("THEAP", width * count)
    if isinstance(heap, bool) or not isinstance(heap, int) or not width * count <= heap <= hdu.size:
        rule = "THEAP must lie between the end of the table and that of the data"
        raise refusal(content, hdu.index, rule, value=heap)
    table = np.frombuffer(content.read_at(hdu.data_at, width * count), np.uint8).reshape(count, width)
    position = 0
    for i in range(1, _fields(content, hdu) + 1):
        form = str(hdu.header.get(f"TFORM{i}") or "").strip()
        size, item = _column(content, hdu, i, form)
        if position + size > width:
            raise refusal(
                content, hdu.index, "its columns are wider than its rows", value=f"TFORM{i} = {form}"
            )
        if item:
            column = np.ascontiguousarray(table[:, position : position + size])
            pairs = column.view(">u4" if size == 8 else ">u8")
            ends = pairs.astype(np.float64) @ (item, 1)
            if ends.size and ends.max() > hdu.size - heap:
                where = f"row {int(ends.argmax())}"
                raise refusal(content, hdu.index, "a tile lies outside the data of its table", value=where)
            if str(hdu.header.get(f"TTYPE{i}")).strip() == "COMPRESSED_DATA":
                _check_streams(content, hdu, method, tile, hdu.data_at + heap, pairs.astype(int) * (item, 1))
        position += size


def _check_streams(
    content: Content, hdu: Hdu, method: str, tile: tuple[int, ...], heap: int, places: np.ndarray
) -> None:
    """Compare the sizes in the stream of each tile with the tile; `places` are (bytes, offset)."""
    check = stream_checker(method)
    if check is None:
        return
    for row, (pixels, (length, offset)) in enumerate(zip(tile_sizes(hdu.axes, tile), places, strict=True)):
        problem = check(bytes(content.read_at(heap + offset, HEAD_BYTES)), length, pixels) if length else None
        if problem:
            raise refusal(content, hdu.index, f"the tile of row {row} {problem}")


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


_MAGIC = b"\xdd\x99"
_HEAD = 25  # bytes of HCOMPRESS's magic, nx, ny, scale, sum and three numbers of bit planes
_PLANES = 62  # bits of a coefficient at most
HEAD_BYTES = 32


def stream_checker(method: str) -> Callable[[bytes, int, int], str | None] | None:
    """Return the check of streams, ``check(head, length, pixels)``, which returns a fault or None."""
    return {"HCOMPRESS_1": _hcompress, "PLIO_1": _plio}.get(method)


def tile_sizes(axes: tuple[int, ...], tile: tuple[int, ...]) -> list[int]:
    """Compute the number of pixels of each tile, in the order of the table.

    >>> tile_sizes((3, 4), (2, 4))
    [8, 4]
    """
    lengths = [[min(t, n - start) for start in range(0, n, t)] for n, t in zip(axes, tile, strict=True)]
    return [math.prod(sizes) for sizes in product(*lengths)]


def _hcompress(head: bytes, length: int, pixels: int) -> str | None:
    if length < _HEAD or head[:2] != _MAGIC:
        return "is no HCOMPRESS stream"
    nx, ny = (int.from_bytes(head[i : i + 4], "big", signed=True) for i in (2, 6))
    if nx < 1 or ny < 1 or nx * ny != pixels:
        return f"claims {nx} x {ny} pixels, and its tile has {pixels}"
    if max(head[22:25]) > _PLANES:
        return f"claims {max(head[22:25])} bit planes"
    return None


def _plio(head: bytes, length: int, pixels: int) -> str | None:
    words = [int.from_bytes(head[i : i + 2], "big", signed=True) for i in range(0, min(length, 14), 2)]
    if len(words) < 3:
        return "is no PLIO stream"
    if words[2] > 0:
        first, claimed = 3, words[2]
    elif len(words) < 5:
        return "is no PLIO stream"
    else:
        first, claimed = words[1], (words[4] << 15) + words[3]
    if not 0 <= first <= claimed <= length // 2:
        return f"claims {claimed} words from {first} on, and has {length // 2}"
    return None
