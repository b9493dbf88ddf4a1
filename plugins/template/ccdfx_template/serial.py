"""An engine: the tiles one after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ccdfx import Engine


def map_tiles(function: Callable[[Any], Any], tiles: Iterable[Any]) -> Iterator[Any]:
    """Yield the results in the order of the tiles, and take a tile when its result is asked for."""
    for tile in tiles:
        yield function(tile)


SERIAL = Engine("serial", map=map_tiles, threads=1, shares_memory=True)
