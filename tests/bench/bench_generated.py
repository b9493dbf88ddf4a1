"""What generated machine code gains over plain numba: python tests/bench/bench_generated.py [--quick] [--whole]

The twins (`plain_twins.py`, `plain_averages.py`) have the same results, which is checked, and take turns with the generated
code in one process. Frames of 1024 x 1024 are worked on tile by tile as `combine` does. A gain is the CPU time of the twin
by that of the generated code: of the medians, and of the minima; where these disagree the turns are repeated. With `--whole`
the twins take part in `ccdfx.combine` in memory.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import numpy as np
from numba import types
from numba.core.errors import NumbaWarning
from plain_averages import twin_average
from plain_twins import (
    calling,
    greater,
    plain_cover,
    plain_gather,
    plain_gather_ahead,
    plain_sorter,
    smaller,
)

import ccdfx
from ccdfx.kernels.compile.kernel import REORDERED_SUMS, kernel
from ccdfx.kernels.image.statistics import moments
from ccdfx.kernels.stack import averages, decode, ranked
from ccdfx.kernels.stack.decode import cover_run
from ccdfx.kernels.stack.gather import FACTOR_COLUMNS, FRAME_COLUMNS, FRAME_MASK, gather
from ccdfx.kernels.stack.lanes import address, aligned, block_lanes
from ccdfx.kernels.stack.plain import plain_average
from ccdfx.kernels.stack.sorting import REALS, middle_ranks, sorter, sorter_type
from ccdfx.operations.combining.average import efficiency_table

Work = Callable[[], Any]
Around = Callable[[], contextlib.AbstractContextManager[Any]]
STORED = {"<f4": decode.F4, ">f4": decode.BIG_F4, "<u2": decode.U2, ">i2": decode.BIG_U2, "<f8": decode.F8}
NO_ORDER = np.empty((0, 0), np.int32)
DISAGREE = 1.1


def race(
    what: str,
    where: str,
    values: int,
    generated: Work,
    twin: Work,
    *,
    repeats: int,
    around: Around = contextlib.nullcontext,
) -> None:
    """Time two works in turns and print their row.

    `values` is the number of values one run works on; the twin runs in the context that `around` makes.
    """
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(3):
        for turn in range(repeats + 1):
            for work, found, context in zip(
                (generated, twin), times, (contextlib.nullcontext, around), strict=True
            ):
                with context():
                    start = time.thread_time()
                    work()
                    spent = time.thread_time() - start
                if turn:
                    found.append(spent)
        own, other = (statistics.median(found) for found in times)
        gain, least = other / own, min(times[1]) / min(times[0])
        if 1 / DISAGREE < gain / least < DISAGREE:
            break
    own, other = (value * 1e9 / values for value in (own, other))
    print(f"| {what} | {where} | {own:.3f} | {other:.3f} | {gain:.2f} | {least:.2f} |", flush=True)


def stack_of(
    count: int, dtype: str, pixels: int, masked: bool
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return the tables of frames and of factors, and the arrays that they point to."""
    rng = np.random.default_rng(count)
    arrays = [rng.integers(0, 3000, pixels).astype(dtype) for _ in range(count)]
    masks = [(rng.random(pixels) < 0.01).astype(np.uint8) for _ in range(count if masked else 0)]
    frames, factors = np.zeros((count, FRAME_COLUMNS), np.int64), np.zeros((count, FACTOR_COLUMNS))
    frames[:, :2] = [(array.ctypes.data, STORED[dtype]) for array in arrays]
    frames[: len(masks), FRAME_MASK] = [mask.ctypes.data for mask in masks]
    factors[:] = 1, 0, 1, 0, np.nan, 1, -np.inf, np.inf
    return frames, factors, arrays + masks


def _gather_all(frames, factors, tile, pixels):
    holes = False
    for start in range(0, pixels, tile.shape[1]):
        holes |= gather(frames, factors, start, tile, min(tile.shape[1], pixels - start))
    return holes


GATHERERS = {
    name: calling(_gather_all, f"all_{name}", gather=made)
    for name, made in (("generated", gather), ("plain", plain_gather), ("ahead", plain_gather_ahead))
}


def decoding(counts: list[int], pixels: int, repeats: int) -> None:
    """Compare decoding: with the twin, and with the twin that prefetches."""
    for count in counts:
        for dtype in STORED:
            for masked in (False, True):
                frames, factors, _arrays = stack_of(count, dtype, pixels, masked)
                kind = np.dtype(np.float64 if dtype == "<f8" else np.float32)
                tiles = {
                    name: aligned(count, block_lanes(count, kind.itemsize), kind.type) for name in GATHERERS
                }
                works = {
                    name: functools.partial(work, frames, factors, tiles[name], pixels)
                    for name, work in GATHERERS.items()
                }
                holes = {work() for work in works.values()}
                assert len(holes) == 1
                assert all(np.array_equal(tile, tiles["generated"]) for tile in tiles.values())
                where = f"{count} {dtype}{' masked' if masked else ''}"
                for name, what in (("plain", "decode"), ("ahead", "decode, twin prefetches")):
                    race(what, where, count * pixels, works["generated"], works[name], repeats=repeats)


def _cover_all(mask, tile, times):
    for _ in range(times):
        for row in range(tile.shape[0]):
            cover_run(address(mask), tile, row, tile.shape[1])


def covering(repeats: int) -> None:
    """Compare masking alone, in the cache."""
    works = calling(_cover_all, "cover_all"), calling(_cover_all, "cover_all_twin", cover_run=plain_cover)
    mask = (np.random.default_rng(0).random(448) < 0.01).astype(np.uint8)
    tiles = np.ones((2, 25, 448), np.float32)
    own, other = (functools.partial(work, mask, tile, 1000) for work, tile in zip(works, tiles, strict=True))
    own(), other()
    assert np.array_equal(*tiles)
    race("cover", "25 float32", 1000 * 25 * 448, own, other, repeats=repeats)


@functools.cache
def _repeated(kind: str) -> Any:
    def run(sort, tile, order, times):
        for _ in range(times):
            sort(tile, order)

    array = types.Array(REALS[kind], 2, "C"), types.Array(types.int32, 2, "C")
    return kernel(run, signature=types.void(sorter_type(kind), *array, types.int64))


def sorting(counts: list[int], repeats: int) -> None:
    """Compare sorting of a tile in the cache; the network takes the same time whatever the values are."""
    for kind in ("f4", "u2", "f8"):
        for count in counts:
            for options in ({}, {"middle": True}, {"ordered": True}):
                if kind == "u2" and "ordered" in options:
                    continue
                lanes = block_lanes(count, int(kind[1])) // 64 * 64
                source = np.random.default_rng(0).integers(0, 3000, (count, lanes)).astype(kind)
                times = max(3_000_000 // (count * lanes * count.bit_length()), 1)
                tiles, works = [], []
                for make in (sorter, plain_sorter):
                    tile = source.copy()
                    order = np.empty(tile.shape if "ordered" in options else (0, 0), np.int32)
                    made = make(kind, count, **options)
                    made(tile, order)
                    tiles.append(tile[list(middle_ranks(count))] if "middle" in options else tile.copy())
                    works.append(functools.partial(_repeated(kind), made, tile, order, times))
                assert np.array_equal(*tiles)
                race(
                    f"sort {' '.join(options)}",
                    f"{count} {kind}",
                    times * count * lanes,
                    *works,
                    repeats=repeats,
                )


def averaging(counts: list[int], pixels: int, repeats: int) -> None:
    """Compare plain averages with their variances."""
    for count in counts:
        for dtype in ("<f4", ">f4", "<u2", ">i2"):
            for masked in (False, True):
                frames, factors, _arrays = stack_of(count, dtype, pixels, masked)
                for average, code in (
                    (ccdfx.mean(), averages.AVERAGE_MEAN),
                    (ccdfx.median(), averages.AVERAGE_MEDIAN),
                ):
                    tables = np.ones((2, count + 1))
                    tables[0] = efficiency_table(average, count)
                    plan, outputs, works = (tables, code, averages.PICK_MIDDLE), [], []
                    for work in (plain_average, twin_average):
                        maps = [np.empty(pixels, kind) for kind in ("f4", "f4", "u2", "u2", "u2", "u1")]
                        outputs.append(maps)
                        works.append(
                            functools.partial(work, frames, factors, *plan, *maps, np.empty((0, 0), np.uint8))
                        )
                        works[-1]()
                    assert all(np.array_equal(a, b) for a, b in zip(*outputs, strict=True))
                    where = f"{count} {dtype}{' masked' if masked else ''}"
                    race(f"plain {average.name}", where, count * pixels, *works, repeats=repeats)


def extremes(pixels: int, repeats: int) -> None:
    """Compare the minimum and maximum among the moments; its sums are added in another order than the twin's."""
    twin = calling(moments, "moments_twin", REORDERED_SUMS, lower=smaller, upper=greater)
    for kind in (np.float32, np.float64):
        values = np.random.default_rng(0).random(pixels).astype(kind)
        own, other = (functools.partial(work, values, 0.5) for work in (moments, twin))
        assert np.allclose(own(), other(), rtol=1e-9)
        race("moments", np.dtype(kind).name, pixels, own, other, repeats=repeats)


# Whole combines.


@kernel
def _owned(array):
    return array


PLAIN_STACK = {
    "decode": {"gather": plain_gather},
    "decode, twin prefetches": {"gather": plain_gather_ahead},
    "borrowed": {"borrowed": _owned},
}


@functools.cache
def _plain_stack(piece: str, kind: str, by_frame: bool) -> Any:
    name = f"stack_{list(PLAIN_STACK).index(piece)}"
    made = calling(ranked._stack, name, **PLAIN_STACK[piece])
    return kernel(made.py_func, signature=ranked.stack_signature(kind, by_frame))


@contextlib.contextmanager
def twin_of(piece: str) -> Iterator[None]:
    """Let `ccdfx.combine` call the twin of a piece."""
    where, twin = {
        "plain averages": ("plain.plain_average", twin_average),
        "sort": ("sorting.sorter", plain_sorter),
    }.get(piece, ("ranked.stack_kernel", functools.partial(_plain_stack, piece)))
    with mock.patch(f"ccdfx.kernels.stack.{where}", twin):
        yield


def combining(counts: list[int], size: int, repeats: int) -> None:
    """Compare `ccdfx.combine` in memory."""
    rng = np.random.default_rng(0)
    for count in counts:
        for dtype in ("f4", "u2"):
            for masked in (False, True):
                images = [
                    ccdfx.Image(
                        rng.normal(1000, 20, (size, size)).astype(dtype),
                        mask=rng.random((size, size)) < 0.01 if masked else None,
                    )
                    for _ in range(count)
                ]
                where = f"{count} {dtype}{' masked' if masked else ''}"
                for name, options, pieces in (
                    ("mean", {"reject": None}, ["plain averages"]),
                    ("median", {"reject": None, "average": ccdfx.median()}, ["plain averages"]),
                    ("sigma_clip", {"reject": ccdfx.sigma_clip()}, ["sort", *PLAIN_STACK]),
                ):
                    own = functools.partial(ccdfx.combine, images, **options)
                    for piece in pieces:
                        around = functools.partial(twin_of, piece)
                        with around():
                            found = own()
                        assert np.array_equal(own().array, found.array)
                        what, values = f"combine {name}: {piece}", count * size * size
                        race(what, where, values, own, own, repeats=repeats, around=around)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="5 and 25 frames of 512 x 512")
    parser.add_argument("--whole", action="store_true", help="ccdfx.combine as a whole, not its pieces")
    parser.add_argument("--repeats", type=int, default=7)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore", NumbaWarning)  # twins that get functions as arguments are not cached
    counts, size = ([5, 25], 512) if chosen.quick else ([5, 25, 100], 1024)
    print("| kernel | where | generated ns/value | twin ns/value | gain | gain of minima |")
    print("|---|---|---|---|---|---|")
    if chosen.whole:
        with ccdfx.engine(threads=1):
            combining(counts, size, chosen.repeats)
        return
    decoding(counts, size * size, chosen.repeats)
    covering(chosen.repeats)
    sorting(counts, chosen.repeats)
    averaging(counts, size * size, chosen.repeats)
    extremes(size * size, chosen.repeats)


if __name__ == "__main__":
    main()
