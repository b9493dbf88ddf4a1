"""Laws of engines. Functions and tiles are defined in this module, so that remote workers can import them."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ccdfx.engines import Engine, engine, map_serially
from ccdfx.errors import FileError
from ccdfx.operations.combining.combine import stack
from ccdfx.testing.laws import Trial, open_files, require, require_speed, same_bytes
from ccdfx.testing.strategies import stacks


def double(tile: int) -> int:
    """Return twice the tile."""
    return 2 * tile


def fail_at_three(tile: int) -> int:
    """Return the tile; raise FileError for tile 3."""
    if tile == 3:
        raise FileError("tile 3", "cannot be read", remedy="this is a test")
    return tile


def results_come_once_each_in_the_order_of_the_tiles(chosen: Engine, trial: Trial) -> None:
    tiles = trial.draw("tiles", st.lists(st.integers(-100, 100), max_size=20))
    results = list(chosen.map(double, iter(tiles)))
    require(results == [2 * tile for tile in tiles], f"twice the tiles gave {results}")


def an_error_in_a_tile_reaches_the_caller(chosen: Engine, trial: Trial) -> None:
    try:
        results = list(chosen.map(fail_at_three, range(6)))
    except FileError as error:
        require(error.subject == "tile 3", f"it became {error!r}")
        return
    require(False, f"a tile raised a FileError, and the caller got {results}")


def a_caller_may_leave_early(chosen: Engine, trial: Trial) -> None:
    results = iter(chosen.map(double, range(50)))
    require(next(results) == 0, "the first result is wrong")
    getattr(results, "close", lambda: None)()
    require(list(chosen.map(double, [4])) == [8], "it does not work after a caller has left early")


def results_are_the_same_to_the_last_bit(chosen: Engine, trial: Trial) -> None:
    shapes = st.tuples(st.integers(1, 6), st.integers(1, 4))
    frames = trial.draw("frames", stacks(count=(1, 5), shapes=shapes, finite=False))
    with engine(Engine("serial", map_serially)):
        expected = stack(frames)
    with engine(chosen, memory=64 * chosen.threads * len(frames) * frames[0].shape[1]):
        found = stack(frames)
    for name in ("value", "variance", "count", "rejected_low", "rejected_high", "flags"):
        require(same_bytes(getattr(found, name), getattr(expected, name)), f"the {name} of a stack differs")


def it_says_what_it_needs(chosen: Engine, trial: Trial) -> None:
    if chosen.resize is not None:
        smaller = chosen.resize(chosen, 1)
        right = isinstance(smaller, Engine) and smaller.threads == 1
        require(right, f"resize(engine, 1) gives {smaller!r}")
        require(list(smaller.map(double, [1, 2])) == [2, 4], "it does not work with one thread")


def it_cannot_change(chosen: Engine, trial: Trial) -> None:
    require(dataclasses.replace(chosen, memory=1).memory == 1 and chosen.memory > 1, "it is no frozen record")


def nothing_is_left_behind(chosen: Engine, trial: Trial) -> None:
    def work() -> tuple[int, int]:
        list(chosen.map(double, range(8)))
        return open_files(), threading.active_count()

    work()  # resources that the first use opens may stay open
    before = work()
    for _ in range(5):
        after = work()
    require(after[0] <= before[0], f"five more runs left {after[0] - before[0]} files open")
    require(after[1] <= before[1], f"five more runs left {after[1] - before[1]} threads")


def it_is_fast(chosen: Engine, trial: Trial) -> None:
    require_speed(lambda: list(chosen.map(double, range(100))), trial.seconds, "100 tiny tiles")


def large_tiles_pass_unchanged(chosen: Engine, trial: Trial) -> None:
    tiles: list[Any] = [np.full((64, 64), number, np.float32) for number in range(4)]
    found = list(chosen.map(np.negative, tiles))
    require(all(map(same_bytes, found, map(np.negative, tiles))), "arrays come back as something else")


LAWS = (
    results_come_once_each_in_the_order_of_the_tiles, an_error_in_a_tile_reaches_the_caller,
    a_caller_may_leave_early, results_are_the_same_to_the_last_bit, it_says_what_it_needs, it_cannot_change,
    large_tiles_pass_unchanged, nothing_is_left_behind, it_is_fast,
)  # fmt: skip
