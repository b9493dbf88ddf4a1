"""Ranks of blocks against sorted pixels."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.image.block_ranks import BLOCK_MEDIAN, block_ranks, outside_blocks


@pytest.mark.quick
@pytest.mark.parametrize("kind", ["f4", "f8", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("size", [(15, 15), (4, 7)])
def test_ranks_are_those_of_sorted_pixels(kind, size):
    rng = np.random.default_rng(1)
    values = rng.normal(0 if kind[0] != "u" else 200, 30, (47, 38)).astype(kind)
    good = rng.random(values.shape) < 0.7
    good[: size[0], : size[1]] = False
    if kind[0] == "f":
        values[~good] = np.nan
        values[20, 20] = -np.inf
    low, high, counts = block_ranks(values, good, size, (30.9, 69.1))
    assert low.shape == (47 // size[0], 38 // size[1]) and counts[0, 0] == 0
    for row, column in np.ndindex(low.shape):
        part = (
            slice(row * size[0], (row + 1) * size[0]),
            slice(column * size[1], (column + 1) * size[1]),
        )
        kept = np.sort(values[part][good[part]])
        assert counts[row, column] == kept.size
        if kept.size:
            for found, percent in ((low, 30.9), (high, 69.1)):
                rank = max(0, int(np.floor(percent * kept.size / 100 - 0.5)))
                assert found[row, column] == kept[rank]


def test_what_is_outside_is_found_up_to_the_edges():
    values = np.random.default_rng(2).normal(0, 1, (20, 23))
    good = values < 2.5
    limits = np.array([[1.0, 0.0, 2.0], [0.5, 1.5, 1.0]])
    out = np.empty(values.shape, bool)
    outside_blocks(values, good, limits, 8, 7, out)
    plane = limits[np.minimum(np.arange(20) // 8, 1)][:, np.minimum(np.arange(23) // 7, 2)]
    np.testing.assert_array_equal(out, good & (plane > 0) & (np.abs(values) > plane))


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_the_mean_of_the_middle_ranks_is_the_median(missing):
    rng = np.random.default_rng(3)
    values = rng.normal(0, 1, (32, 48))
    good = rng.random(values.shape) >= missing
    low, high, _ = block_ranks(values, good, (8, 8), **BLOCK_MEDIAN)
    blocks = np.where(good, values, np.nan).reshape(4, 8, 6, 8).swapaxes(1, 2).reshape(4, 6, 64)
    np.testing.assert_array_equal((low + high) / 2, np.nanmedian(blocks, axis=2))
