"""Engines that are wrong in ways that a few quick tiles do not show, with the law that finds each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from itertools import islice
from typing import Any

import numpy as np

_TILES: list[Any] = []


def all_at_once(function: Callable, tiles: Iterable[Any]) -> Iterator[Any]:
    return iter([function(tile) for tile in tiles])


def list_first(function: Callable, tiles: Iterable[Any]) -> Iterator[Any]:
    return map(function, list(tiles))


def whole_blocks_only(function: Callable, tiles: Iterable[Any]) -> Iterator[Any]:
    """Lose what is left after blocks of eight, if there are many."""
    waiting = iter(tiles)
    while block := list(islice(waiting, 8)):
        if len(block) == 8 or (len(block) < 8 and not _more_than_200(block)):
            yield from map(function, block)


def _more_than_200(block: list[Any]) -> bool:
    return isinstance(block[-1], int) and block[-1] > 200


def as_they_come(function: Callable, tiles: Iterable[Any]) -> Iterator[Any]:
    with ThreadPoolExecutor(4) as pool:
        waiting = iter(tiles)
        while block := list(islice(waiting, 4)):
            for done in as_completed([pool.submit(function, tile) for tile in block]):
                yield done.result()


def one_queue(function: Callable, tiles: Iterable[Any]) -> Iterator[Any]:
    """Keep the tiles of all runs in one list."""
    for tile in tiles:
        _TILES.append(tile)
        if len(_TILES) > 1:
            yield function(_TILES.pop(0))
    while _TILES:
        yield function(_TILES.pop(0))


def stops_at_errors_of_tiles(function: Callable, tiles: Iterable[Any]) -> Iterator[Any]:
    with suppress(Exception):
        for tile in tiles:
            yield function(tile)


def float32_only(function: Callable, tiles: Iterable[Any]) -> Iterator[Any]:
    for tile in tiles:
        done = function(tile)
        yield done.astype(np.float32) if isinstance(done, np.ndarray) else done


ORDER = "results come once each in the order of the tiles"
AHEAD = "it takes few tiles ahead"
ENGINES = {
    all_at_once: AHEAD,
    list_first: AHEAD,
    whole_blocks_only: AHEAD,
    as_they_come: ORDER,
    one_queue: "two runs at a time do not mix",
    stops_at_errors_of_tiles: "an error of who gives the tiles reaches the caller",
    float32_only: "large tiles pass unchanged",
}
