"""Medians in a sliding window, two rows at a time: windows of adjacent rows share all pixels but a row each.

Of the shared pixels only the middle ranks can be medians. They are sorted out once, and merged with the upper row of the
upper window and with the lower row of the lower one: half of the work of `window_medians`, with the same results.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ccdfx.kernels.compile.kernel import PassedKernel, kernel
from ccdfx.kernels.compile.llvm import vector_bytes
from ccdfx.kernels.defects.medians import WINDOW_LANES
from ccdfx.kernels.stack.lanes import aligned, copy, fill
from ccdfx.kernels.stack.sorting import (
    LANE_STEP,
    MOST_STRAIGHT,
    REALS,
    Block,
    Column,
    Comparators,
    sorting_network,
    write_sort,
)

LARGEST_PAIRED_BOX = 9
"""Larger windows have more rows than straight-line code sorts."""


@functools.cache
def paired_sorter(kind: str, box: int) -> PassedKernel:
    """Load from the cache or compile the kernel that finds the medians of two windows of box x box pixels.

    It takes a tile [place][lane] of 'f4', 'f8' or 'u2' with the ``box + 1`` rows of both windows and ``box + 1`` rows of
    scratch, and leaves the medians in the row ``box // 2`` of the first and of the last row of pixels.
    """
    assert (box + 1) * (box + 1) <= MOST_STRAIGHT
    return PassedKernel(_sorting(box), types.void(types.Array(REALS[kind], 2, "C")))


def _sorting(box: int) -> Any:
    first = box + shared_ranks(box)[0]
    scratch = (box + 1) * box

    def sort(tile):
        _compare_rows(tile, box, 0)
        for k in range(box + 1):
            copy(tile[first + k], tile[scratch + k])
        _compare_rows(tile, box, 1)

    return sort


def shared_ranks(box: int) -> range:
    """Return the ranks of the shared pixels of two windows that may be medians.

    >>> shared_ranks(3)
    range(1, 5)
    """
    middle = box * box // 2
    return range(middle - box, middle + 1)


@functools.cache
def sharing_network(box: int) -> Comparators:
    """Return the comparators that sort the first and the last row of pixels, and put the `shared_ranks` in place."""
    shared = needed_for(shared_ranks(box), sorting_network(box * box - box))
    ends = [(i + start, j + start) for start in (0, box * box) for i, j in sorting_network(box)]
    return (*ends, *((i + box, j + box) for i, j in shared))


@functools.cache
def merging_network(box: int) -> Comparators:
    """Return the comparators that find both medians: of the shared ranks and the first row, of their copy and the last."""
    found = []
    for ranks, row in ((box + shared_ranks(box)[0], 0), ((box + 1) * box, box * box)):
        # As in a merge of Batcher's sort, whose last row would be infinite.
        places = [ranks + k // 2 if k % 2 == 0 else row + k // 2 for k in range(2 * box + 1)]
        size = 2 * box + 2
        merge = [(i, j) for i, j in _merge(size) if j < size - 1]
        found += [(places[i], places[j]) for i, j in needed_for([box], merge)]
    return tuple(found)


def _merge(count: int) -> Iterable[tuple[int, int]]:
    """Return the comparators that merge the sorted rows of even and of odd places (Knuth, as in `sorting_network`)."""
    yield from ((k, k + 1) for k in range(0, count - 1, 2))
    ahead = 1 << (count - 1).bit_length()
    while ahead > 2:
        ahead //= 2
        yield from zip(range(1, count, 2), range(ahead, count, 2), strict=False)


def needed_for(ranks: Iterable[int], network: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the comparators that the values at some ranks depend on.

    >>> needed_for([0], [(0, 1), (1, 2), (0, 1)])
    [(0, 1), (1, 2), (0, 1)]
    >>> needed_for([2], [(0, 1), (1, 2), (0, 1)])
    [(0, 1), (1, 2)]
    """
    needed, kept = set(ranks), []
    for pair in reversed(list(network)):
        if needed.intersection(pair):
            needed.update(pair)
            kept.append(pair)
    return kept[::-1]


@intrinsic(prefer_literal=True)
def _compare_rows(typingctx, tile, box, stage):
    """Apply the comparators of a stage to the rows of a tile."""
    if not all(isinstance(kind, types.Literal) for kind in (box, stage)):
        return None
    network = (sharing_network, merging_network)[stage.literal_value](box.literal_value)

    def codegen(context, builder, signature, args):
        lanes = vector_bytes() * 8 // signature.args[0].dtype.bitwidth
        array = context.make_array(signature.args[0])(context, builder, value=args[0])
        width = cgutils.unpack_tuple(builder, array.shape)[1]
        with cgutils.for_range_slice(builder, width.type(0), width, width.type(lanes), width.type) as (
            lane,
            _,
        ):
            column = Column(builder, builder.gep(array.data, [lane]), width, lanes)
            write_sort(builder, [column], [Block(network, 1, 2)])
        return context.get_dummy_value()

    return types.void(tile, box, stage), codegen


@kernel
def paired_medians(source, box, sort, out):
    """Store in ``out[y, x]`` the median of ``source[y : y + box, x : x + box]``; no value is NaN.

    `sort` is a `paired_sorter`; source is (rows + box - 1, columns + box - 1), out is (rows, columns).
    """
    rows, columns = out.shape
    places = (box + 1) * box
    step = min(WINDOW_LANES, (columns + LANE_STEP - 1) // LANE_STEP * LANE_STEP)
    tile = aligned(places + box + 1, step, out.dtype)
    for row in range(tile.shape[0]):
        fill(tile[row], tile.dtype.type(0))
    lanes = min(step, columns)
    for y in range(0, rows, 2):
        for start in range(0, columns, lanes):
            x = min(start, columns - lanes)  # whole tiles only: the last two may overlap
            for j in range(box + 1):
                line = min(y + j, source.shape[0] - 1)  # the lower window of the last row may be none
                for i in range(box):
                    copy(source[line, x + i : x + i + lanes], tile[j * box + i])
            sort(tile)
            copy(tile[box // 2, :lanes], out[y, x : x + lanes])
            if y + 1 < rows:
                copy(tile[box * box + box // 2, :lanes], out[y + 1, x : x + lanes])
