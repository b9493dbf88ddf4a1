"""ccdfx.kernels.image.counts: against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.image.counts import count_between, sum_blocks, whole_bits


@pytest.mark.quick
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_counts_are_those_of_numpy(dtype):
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(0, 1, 5000), np.linspace(-2, 2, 41), [np.nan, np.inf, -np.inf]])
    values = values.astype(dtype)
    for edges in (np.linspace(-2, 2, 41), np.array([-2.0, -1.1, 0.0, 0.7, 2.0]), np.array([-1.0, 1.0])):
        counts = np.zeros(edges.size - 1, np.int64)
        count_between(values, edges, counts)
        assert counts.tolist() == np.histogram(values.astype(float), bins=edges)[0].tolist()


def test_sums_of_blocks_are_those_of_numpy():
    rng = np.random.default_rng(2)
    array, good = rng.normal(5, 1, (23, 31)), rng.random((23, 31)) > 0.2
    array[~good] = np.nan
    totals, counts = np.empty((4, 6)), np.empty((4, 6), np.int64)
    sum_blocks(array, good, 6, totals, counts)
    for y in range(4):
        for x in range(6):
            part = np.s_[6 * y : 6 * y + 6, 6 * x : 6 * x + 6]
            assert counts[y, x] == good[part].sum()
            assert totals[y, x] == pytest.approx(array[part][good[part]].sum())


@pytest.mark.parametrize(
    ("values", "bits"), [([4.0, 8.0], 12), ([-2.0], -2), ([4.0, 0.5], 1), ([2.0**60, 4.0], 1), ([], 0)]
)
def test_bits_of_whole_numbers(values, bits):
    assert whole_bits(np.array(values, np.float64)) == bits
