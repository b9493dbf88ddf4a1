"""Laws of engines. Functions and tiles are defined in this module, so that remote workers can import them."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ccdfx.engines import Engine, engine, map_serially
from ccdfx.errors import FileError
from ccdfx.operations.combining.combine import stack
from ccdfx.testing.large import FRAMES, large_image
from ccdfx.testing.laws import Trial, open_files, require, require_speed, same_bytes, shown
from ccdfx.testing.strategies import stacks

_TILES = 203


def double(tile: int) -> int:
    """Return twice the tile."""
    return 2 * tile


def slowest_first(tile: int) -> int:
    """Return the tile; wait at first, so that the others are ready before it."""
    if tile == 0:
        time.sleep(0.03)
    return tile


def fail_at_three(tile: int) -> int:
    """Return the tile; raise FileError for tile 3."""
    if tile == 3:
        raise FileError("tile 3", "cannot be read", remedy="this is a test")
    return tile


def results_come_once_each_in_the_order_of_the_tiles(chosen: Engine, trial: Trial) -> None:
    tiles = trial.draw("tiles", st.lists(st.integers(-100, 100), max_size=20))
    results = list(chosen.map(double, iter(tiles)))
    require(results == [2 * tile for tile in tiles], f"twice the tiles gave {shown(results)}")
    slow = list(chosen.map(slowest_first, range(12)))
    require(slow == list(range(12)), f"tiles of which the first takes longest gave {slow}")


def it_takes_few_tiles_ahead(chosen: Engine, trial: Trial) -> None:
    """Require it, since a tile is read, and takes its memory, when it is taken."""
    taken = _Counted(_TILES)
    most, count = 0, 0
    results = chosen.map(double, taken)
    require(taken.count <= _ahead(chosen), f"map takes {taken.count} tiles before a result is asked for")
    for result in results:
        require(result == 2 * count, f"result {count} is {result}")
        count += 1
        most = max(most, taken.count - count)
    require(count == _TILES, f"of {_TILES} tiles {count} came back")
    allowed = _ahead(chosen)
    require(
        most <= allowed,
        f"it takes {most} tiles ahead of the results; with {chosen.threads} threads {allowed} are enough",
    )


def an_error_of_who_gives_the_tiles_reaches_the_caller(chosen: Engine, trial: Trial) -> None:
    try:
        results = list(chosen.map(double, _failing_tiles()))
    except FileError as error:
        require(error.subject == "tile 5", f"it became {error!r}")
        return
    require(False, f"the tiles raised a FileError, and the caller got {results}")


def two_runs_at_a_time_do_not_mix(chosen: Engine, trial: Trial) -> None:
    pairs = list(zip(chosen.map(double, range(30)), chosen.map(double, range(100, 130)), strict=True))
    require(pairs == [(2 * n, 2 * n + 200) for n in range(30)], f"two runs gave {shown(pairs)}")


class _Counted:
    """Tiles that count how many of them were taken."""

    def __init__(self, most: int) -> None:
        self.count, self.most = 0, most

    def __iter__(self) -> Iterator[int]:
        for number in range(self.most):
            self.count += 1
            yield number


def _failing_tiles() -> Iterator[int]:
    yield from range(5)
    raise FileError("tile 5", "cannot be read", remedy="this is a test")


def _ahead(chosen: Engine) -> int:
    return 8 * chosen.threads + 8


def an_error_in_a_tile_reaches_the_caller(chosen: Engine, trial: Trial) -> None:
    try:
        results = list(chosen.map(fail_at_three, range(6)))
    except FileError as error:
        require(error.subject == "tile 3", f"it became {error!r}")
        return
    require(False, f"a tile raised a FileError, and the caller got {results}")


def a_caller_may_leave_early(chosen: Engine, trial: Trial) -> None:
    tiles = _Counted(_TILES)
    results = iter(chosen.map(double, tiles))
    require(next(results) == 0, "the first result is wrong")
    getattr(results, "close", lambda: None)()
    require(tiles.count <= _ahead(chosen), f"it took {tiles.count} tiles of a caller who left after one")
    require(list(chosen.map(double, [4])) == [8], "it does not work after a caller has left early")


def results_are_the_same_to_the_last_bit(chosen: Engine, trial: Trial) -> None:
    shapes = st.tuples(st.integers(1, 6), st.integers(1, 4))
    few = stacks(count=(1, 5), shapes=shapes, finite=False)
    frames = trial.draw(
        "frames", few, lambda: [large_image("f4", seed=n, masked=True) for n in range(FRAMES)]
    )
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
    tiles: list[Any] = [np.full((130, 150), number, np.float32) for number in range(4)]
    tiles += [large_image(kind).array for kind in (">i4", "f8", "u2")]
    found = list(chosen.map(np.negative, tiles))
    require(all(map(same_bytes, found, map(np.negative, tiles))), "arrays come back as something else")


LAWS = (
    results_come_once_each_in_the_order_of_the_tiles, it_takes_few_tiles_ahead, two_runs_at_a_time_do_not_mix,
    an_error_of_who_gives_the_tiles_reaches_the_caller, an_error_in_a_tile_reaches_the_caller,
    a_caller_may_leave_early, results_are_the_same_to_the_last_bit, it_says_what_it_needs, it_cannot_change,
    large_tiles_pass_unchanged, nothing_is_left_behind, it_is_fast,
)  # fmt: skip
