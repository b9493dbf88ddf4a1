"""Tile-compressed images: their tables are checked here, their tiles are decompressed by astropy.

The decoders of HCOMPRESS and PLIO trust the sizes in their streams; wrong sizes make them write or read
beyond their buffers, which crashes the process. So these sizes are first compared with the tile here.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ccdfx.errors import FormatError
from ccdfx.io.content import Content
from ccdfx.io.fits.compressed import hcompress, rice
from ccdfx.io.fits.compressed.streams import (
    COMPRESSED,
    TileTable,
    checked_streams,
    is_quantised,
    tile_sizes,
    touched_rows,
)
from ccdfx.io.fits.hdus import Hdu, refusal
from ccdfx.io.limits import INFLATION_REMEDY, inflation_limit
from ccdfx.records.card import Card
from ccdfx.records.header import Header

_METHODS = ("RICE_1", "RICE_ONE", "GZIP_1", "GZIP_2", "PLIO_1", "HCOMPRESS_1", "NOCOMPRESS")
OF_TABLE = re.compile(
    r"(T(FIELDS|HEAP)|T(TYPE|FORM|UNIT|NULL|SCAL|ZERO|DISP|BCOL|DIM|CTYP|CUNI|CRPX|CRVL|CDLT)\d*"
    r"|Z(IMAGE|CMPTYPE|MASKCMP|QUANTIZ|DITHER0|BLANK|SCALE|ZERO|SIMPLE|TENSION|BITPIX|EXTEND|BLOCKED|PCOUNT|GCOUNT"
    r"|HECKSUM|DATASUM)|Z(NAXIS|TILE|NAME|VAL)\d*)\Z"
)


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
    tile = _tile(content, hdu)
    rows = header.get("NAXIS2")
    wanted = math.prod(-(-n // t) for n, t in zip(hdu.axes, tile, strict=True))
    if rows != wanted:
        raise refusal(
            content, hdu.index, f"the table must have one row for each of the {wanted} tiles", value=rows
        )
    claimed, limit = _claimed(hdu), inflation_limit(hdu.size)
    if claimed > limit:
        rule = f"claims more than the {limit} bytes that tiles of its size may inflate to"
        raise refusal(content, hdu.index, rule, value=f"{claimed} bytes", remedy=INFLATION_REMEDY)
    _check_settings(content, hdu)
    streams = TileTable(content, hdu).streams.get(COMPRESSED)
    if streams is not None:
        _check_streams(content, hdu, method, tile, streams[2])


def check_all_tiles(content: Content, hdus: Sequence[Hdu]) -> None:
    """Compare what all tiles of a file claim together with their compressed bytes.

    Raises
    ------
    FormatError
        Where they claim more than their bytes may inflate to.
    """
    tiled = [hdu for hdu in hdus if hdu.kind == "tiles"]
    claimed, limit = sum(map(_claimed, tiled)), inflation_limit(sum(hdu.size for hdu in tiled))
    if claimed > limit:
        rule = f"claims more than the {limit} bytes that all its tiles may inflate to"
        raise FormatError(content.name, rule, value=f"{claimed} bytes", remedy=INFLATION_REMEDY)


def _claimed(hdu: Hdu) -> int:
    """Return the bytes that the pixels of an HDU of tiles take when they are decompressed."""
    return math.prod(hdu.axes) * abs(hdu.bitpix) // 8


def read_tiles(content: Content, hdu: Hdu, plane: int, rows: slice, columns: slice) -> np.ndarray:
    """Read the stored numbers of a window, without BZERO, BSCALE and BLANK; quantised floats are restored.

    Only the tiles that the window touches are decompressed.
    """
    lead = np.unravel_index(plane, hdu.axes[:-2]) if len(hdu.axes) > 2 else ()
    window: tuple[int | slice, ...] = (*(int(i) for i in lead), rows, columns)
    method = str(hdu.header["ZCMPTYPE"]).strip()
    table, tile = TileTable(content, hdu), _tile(content, hdu)
    needed = touched_rows(hdu.axes, tile, window)
    found = table.read(content, needed)
    settings = rice.settings_of(hdu, tile)
    if settings and rice.decoder() and not is_quantised(hdu) and all(found.get(COMPRESSED, (b"",))):
        return rice.decode_rows(content, hdu, needed, found[COMPRESSED], settings)[:, columns]
    sizes = tile_sizes(hdu.axes, tile)
    pixels = [sizes[row] for row in needed]
    streams = checked_streams(content, hdu, method, needed, pixels, found)
    parameters = rice.parameters_of(hdu) if rice.decoder() else None
    if parameters:
        streams[COMPRESSED] = [
            rice.checked(content, hdu, row, stream, parameters, count)
            for row, stream, count in zip(needed, streams[COMPRESSED], pixels, strict=True)
        ]
    if method != "HCOMPRESS_1":
        return _section(content, hdu, table.part(content, hdu, needed, streams), window)
    # A stream that ends too early is decoded from what follows it, so it differs between two kinds of padding.
    lengths = [
        hcompress.padding(stream, count) for stream, count in zip(streams[COMPRESSED], pixels, strict=True)
    ]
    one, two = (
        _section(content, hdu, table.part(content, hdu, needed, streams, [byte * n for n in lengths]), window)
        for byte in (b"\0", b"\xff")
    )
    if one.tobytes() != two.tobytes():
        raise refusal(
            content, hdu.index, f"a tile of the rows {needed[0]} to {needed[-1]} ends before its last pixel"
        )
    for row, stream, count in zip(needed, streams[COMPRESSED], pixels, strict=True):
        if hcompress.goes_on(stream, count):
            raise refusal(content, hdu.index, f"the tile of row {row} goes on behind its last pixel")
    return one


def _section(content: Content, hdu: Hdu, file: bytes, window: tuple[Any, ...]) -> np.ndarray:
    """Read a window of the first extension of a file, with astropy."""
    from astropy.io import fits

    options: dict[str, Any] = {
        "memmap": False,
        "do_not_scale_image_data": True,
        "uint": False,
        "mode": "readonly",
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(io.BytesIO(file), **options) as opened:
                return np.asarray(opened[1].section[window])
    except Exception as error:  # broken tiles can make astropy raise any exception
        raise refusal(
            content, hdu.index, f"its tiles cannot be decompressed: {type(error).__name__}: {error}"
        ) from error


def _tile(content: Content, hdu: Hdu) -> tuple[int, ...]:
    """Return the shape of a tile, in the order of the axes."""
    count = len(hdu.axes)
    tile: tuple[Any, ...] = tuple(
        hdu.header.get(f"ZTILE{i}", hdu.axes[-1] if i == 1 else 1) for i in range(count, 0, -1)
    )
    if not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in tile):
        raise refusal(content, hdu.index, "ZTILEn must be whole numbers above 0", value=tile[::-1])
    return tile


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


def _check_streams(
    content: Content, hdu: Hdu, method: str, tile: tuple[int, ...], places: np.ndarray
) -> None:
    """Compare the sizes in the stream of each tile with the tile; `places` are (bytes, offset in the file)."""
    check = stream_checker(method)
    if check is None:
        return
    for row, (pixels, (length, offset)) in enumerate(zip(tile_sizes(hdu.axes, tile), places, strict=True)):
        problem = check(bytes(content.read_at(offset, HEAD_BYTES)), length, pixels) if length else None
        if problem:
            raise refusal(content, hdu.index, f"the tile of row {row} {problem}")


_MAGIC = b"\xdd\x99"
_PLANES = 62  # bits of a coefficient at most
HEAD_BYTES = 32


def stream_checker(method: str) -> Callable[[bytes, int, int], str | None] | None:
    """Return the check of streams, ``check(head, length, pixels)``, which returns a fault or None."""
    return {"HCOMPRESS_1": _hcompress, "PLIO_1": _plio}.get(method)


def _hcompress(head: bytes, length: int, pixels: int) -> str | None:
    if length < hcompress.HEAD or head[:2] != _MAGIC:
        return "is no HCOMPRESS stream"
    nx, ny = (int.from_bytes(head[i : i + 4], "big", signed=True) for i in (2, 6))
    if nx < 1 or ny < 1 or nx * ny != pixels:
        return f"claims {nx} x {ny} pixels, and its tile has {pixels}"
    if max(head[22 : hcompress.HEAD]) > _PLANES:
        return f"claims {max(head[22 : hcompress.HEAD])} bit planes"
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
