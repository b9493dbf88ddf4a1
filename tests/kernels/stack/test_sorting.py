"""Sorters of any number of rows against NumPy, and the order of the comparators of a network."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx.kernels.stack.sorting import (
    LANE_STEP,
    MOST_STRAIGHT,
    in_order_of_use,
    middle_network,
    middle_ranks,
    sorter,
    sorting_blocks,
    sorting_network,
)

NO_ORDER = np.empty((0, 0), np.int32)


def tile_of(kind: str, count: int, seed: int = 0) -> np.ndarray:
    """Few different values, so that many are equal, and for floats both infinities."""
    rng = np.random.default_rng(seed)
    tile = rng.integers(0, max(count // 2, 2), (count, 2 * LANE_STEP)).astype(kind)
    if kind != "u2":
        tile[rng.random(tile.shape) < 0.1] = np.inf
        tile[rng.random(tile.shape) < 0.1] = -np.inf
    return tile


@given(st.integers(1, 80), st.data())
def test_networks_sort_zeros_and_ones_and_so_everything(count: int, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    for comparators in (sorting_network(count), in_order_of_use(sorting_network(count))):
        line = list(values)
        for i, j in comparators:
            line[i], line[j] = min(line[i], line[j]), max(line[i], line[j])
        assert line == sorted(values)


@given(st.integers(1, 80), st.data())
def test_the_middle_network_finds_the_middle_ranks(count: int, data: st.DataObject) -> None:
    line = data.draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
    expected = [sorted(line)[rank] for rank in middle_ranks(count)]
    for i, j in in_order_of_use(middle_network(count)):
        line[i], line[j] = min(line[i], line[j]), max(line[i], line[j])
    assert [line[rank] for rank in middle_ranks(count)] == expected


def in_blocks(count: int, most: int) -> list[tuple[int, int]]:
    """The comparators of all blocks, in their turn."""
    found = []
    for block in sorting_blocks(count, most):
        for steps in itertools.product(*(range(0, step * times, step) for step, times in block.loops)):
            start = block.first + sum(steps)
            found += [
                tuple(start + k // 2 * block.far + k % 2 * block.near for k in pair)
                for pair in block.comparators
            ]
    return found


@given(st.integers(1, 300), st.integers(4, 40), st.data())
def test_blocks_sort_zeros_and_ones_by_the_same_comparators(
    count: int, most: int, data: st.DataObject
) -> None:
    comparators = in_blocks(count, most)
    assert sorted(comparators) == sorted(sorting_network(count))
    ones = data.draw(st.sets(st.integers(0, count - 1)))
    line = [int(row in ones) for row in range(count)]
    for i, j in comparators:
        line[i], line[j] = min(line[i], line[j]), max(line[i], line[j])
    assert line == sorted(line)


@given(st.integers(1, 150))
def test_an_order_of_use_keeps_every_comparator_in_its_turn(count: int) -> None:
    comparators, ordered = sorting_network(count), in_order_of_use(sorting_network(count))
    assert sorted(comparators) == sorted(ordered)
    for row in range(count):
        assert [pair for pair in comparators if row in pair] == [pair for pair in ordered if row in pair]


COUNTS = [1, 2, 3, 5, 16, 25, MOST_STRAIGHT, MOST_STRAIGHT + 1, 161, 300, 530]
SORTERS = [
    *(("f4", count) for count in COUNTS),
    *((kind, count) for kind in ("f8", "u2") for count in (3, 25, 161)),
]


@pytest.mark.parametrize(("kind", "count"), SORTERS)
def test_a_sorter_sorts_every_lane(kind: str, count: int) -> None:
    tile = tile_of(kind, count)
    expected = np.sort(tile, axis=0)
    sorter(kind, count)(tile, NO_ORDER)
    assert np.array_equal(tile, expected)


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("count", [1, 2, pytest.param(5, marks=pytest.mark.quick), 25, MOST_STRAIGHT + 7])
def test_an_ordered_sorter_says_where_each_value_comes_from(kind: str, count: int) -> None:
    tile = tile_of(kind, count)
    source, expected = tile.copy(), np.sort(tile, axis=0)
    order = np.full(tile.shape, -1, np.int32)
    sorter(kind, count, ordered=True)(tile, order)
    assert np.array_equal(tile, expected)
    assert np.array_equal(np.take_along_axis(source, order, 0), expected)
    assert np.array_equal(np.sort(order, axis=0), np.broadcast_to(np.arange(count)[:, None], tile.shape))


@pytest.mark.parametrize(("kind", "count"), SORTERS)
def test_a_sorter_of_the_middle_brings_the_middle_ranks_into_place(kind: str, count: int) -> None:
    tile = tile_of(kind, count, seed=1)
    ranks = list(middle_ranks(count))
    expected = np.sort(tile, axis=0)[ranks]
    sorter(kind, count, middle=True)(tile, NO_ORDER)
    assert np.array_equal(tile[ranks], expected)


ALONE = """
import sys
import numpy as np
from ccdfx.kernels.stack.sorting import sorter
from ccdfx.kernels.defects.medians import median_rows
sorters = {count: sorter("f4", count) for count in map(int, sys.argv[1:])}
plane = np.random.default_rng(0).random((40, 50), np.float32)
for count, made in sorters.items():
    out = np.empty_like(plane)
    median_rows(plane, 1, count, made, False, out, 0, 40)
    middle = np.median([plane[:, x : x + count] for x in range(50 - count)], axis=2)
    assert np.array_equal(out[:, count // 2 : 50 - count + count // 2], middle.T), count
"""


@pytest.mark.slow
def test_sorters_that_other_processes_compiled_are_not_confused(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    for counts in (["5"], ["9"], ["5", "9"], ["9", "5"]):
        subprocess.run([sys.executable, "-c", ALONE, *counts], check=True)


SCRIPT = """
import numpy as np
from ccdfx.kernels.stack.sorting import sorter
tile = np.arange(7 * 64, dtype=np.float32).reshape(7, 64)[::-1].copy()
for made in (sorter("f4", 7), sorter("f4", 7, middle=True), sorter("f4", 7, ordered=True)):
    made(tile, np.empty((7, 64), np.int32))
    print(sum(made._compiled.stats.cache_hits.values()))
"""


@pytest.mark.slow
def test_sorters_are_loaded_by_the_next_process(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    said = [
        subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    ]
    assert [line.split() for line in said] == [["0"] * 3, ["1"] * 3]
