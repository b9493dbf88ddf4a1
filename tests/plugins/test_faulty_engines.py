"""Engines that are wrong in every way we know: each breaks the law that names its fault."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from faults import assert_words, caught

from ccdfx import Engine
from ccdfx.testing import check_engine

OPEN: list[Any] = []  # what the leaking ones hold


def map_backwards(function: Callable, tiles: Any) -> Iterator[Any]:
    return reversed([function(tile) for tile in tiles])


def map_silently(function: Callable, tiles: Any) -> Iterator[Any]:
    for tile in tiles:
        try:
            yield function(tile)
        except Exception:
            yield None


def map_leaking(function: Callable, tiles: Any) -> Iterator[Any]:
    OPEN.append(open(__file__))  # noqa: SIM115 - the fault
    return map(function, tiles)


def map_slowly(function: Callable, tiles: Any) -> Iterator[Any]:
    time.sleep(0.05)
    return map(function, tiles)


def map_roughly(function: Callable, tiles: Any) -> Iterator[Any]:
    for part in map(function, tiles):
        yield type(part)(*(a * a.dtype.type(2) for a in part.arrays())) if hasattr(part, "arrays") else part


def unchanged(engine: Engine, threads: int) -> Engine:
    return engine


ENGINES = {
    "order": (Engine("bad", map_backwards), "results come once each in the order of the tiles", "gave"),
    "silent": (Engine("bad", map_silently), "an error in a tile reaches the caller", "the caller got"),
    "leak": (Engine("bad", map_leaking), "nothing is left behind", "five more runs left 5 files open"),
    "slow": (Engine("bad", map_slowly), "it is fast", "for 100 tiny tiles"),
    "bits": (Engine("bad", map_roughly), "results are the same to the last bit", "of a stack differs"),
    "threads": (Engine("bad", threads=2, resize=unchanged), "it says what it needs", "gives Engine"),
}


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=[pytest.mark.quick] if fault == "order" else []) for fault in ENGINES]
)
def test_a_faulty_engine_is_caught(fault: str) -> None:
    engine, law, words = ENGINES[fault]
    error = caught(check_engine, engine, law, seconds=0.01 if fault == "slow" else 0.5)
    while OPEN:
        OPEN.pop().close()
    assert_words(error, words)
