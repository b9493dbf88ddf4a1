"""Checks that a compressed tile is safe to decompress.

The decoders of HCOMPRESS and PLIO trust the sizes in their streams; wrong sizes make them write or read
beyond their buffers, which crashes the process. So these sizes are first compared with the tile here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

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
