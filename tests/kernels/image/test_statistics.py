"""Statistics kernels against their numpy twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccdfx.estimators import values
from ccdfx.kernels.image import blocks, statistics


def twin_ranks(array: np.ndarray, ranks: list[int]) -> list[float]:
    return [float(v) for v in np.sort(array)[ranks]]


SHAPES = {
    "normal": lambda rng, n: rng.normal(1000.0, 30.0, n),
    "whole numbers": lambda rng, n: np.rint(rng.normal(1000.0, 3.0, n)),
    "constant": lambda rng, n: np.full(n, 7.0),
    "two values": lambda rng, n: rng.integers(0, 2, n).astype(float),
    "sorted": lambda rng, n: np.sort(rng.normal(0.0, 1.0, n)),
    "outliers": lambda rng, n: np.where(rng.random(n) < 0.3, 1e6, rng.normal(0.0, 1.0, n)),
    "periodic": lambda rng, n: np.arange(n) % 256.0,
    "ramp in two halves": lambda rng, n: np.r_[np.zeros(n // 2), np.linspace(1.0, 2.0, n - n // 2)],
}


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 2, 1000, 200_001, 262_144])
def test_ranks_are_those_of_a_sort(kind: str, dtype: type, size: int) -> None:
    array = SHAPES[kind](np.random.default_rng(3), size).astype(dtype)
    wanted = sorted({0, size - 1, size // 2, (size - 1) // 2, size // 3, size * 9 // 10})
    order = values.Ranks(array)
    assert [order.at(rank) for rank in wanted] == twin_ranks(array, wanted)
    assert order.middle(0, size) == np.median(array.astype(float))
    folded = np.abs(array.astype(float) - 999.25)
    assert values.Ranks(array, 999.25).middle(0, size) == np.median(folded)


def test_a_bracket_that_misses_falls_back_to_the_exact_rank() -> None:
    array = np.random.default_rng(4).normal(size=300_000)
    order = values.Ranks(array)
    order.sample = np.full_like(order.sample, 1e9)  # a sample that says nothing true
    assert order.at(150_000) == np.sort(array)[150_000]


@pytest.mark.quick
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 1, 7, 255, 256, 257, 5000])
def test_collect_counts_and_copies(dtype: type, size: int) -> None:
    array = np.rint(np.random.default_rng(size).normal(0, 3, size)).astype(dtype)
    out = np.empty(size)
    for folded, values_seen in ((False, array), (True, np.abs(array.astype(float) - 0.5))):
        low, high = (1.5, 3.5) if folded else (-2.0, 3.0)
        below, at_low, found, at_high = statistics.collect(array, folded, 0.5, low, high, out)
        counts = [(values_seen < low).sum(), (values_seen == low).sum(), (values_seen == high).sum()]
        assert [below, at_low, at_high] == counts
        assert np.array_equal(out[:found], values_seen[(values_seen > low) & (values_seen < high)])


@settings(deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.integers(1, 300),
        elements=st.floats(-1e6, 1e6, width=32) | st.sampled_from([np.nan, np.inf, -np.inf]),
    )
)
def test_moments_are_those_of_the_finite_values(array: np.ndarray) -> None:
    finite = array[np.isfinite(array)].astype(np.float64)
    count, total, squares, low, high = statistics.moments(array, 10.0)
    assert count == finite.size
    assert total == pytest.approx((finite - 10).sum(), rel=1e-12, abs=1e-6)
    assert squares == pytest.approx(((finite - 10) ** 2).sum(), rel=1e-12, abs=1e-6)
    if count:
        assert (low, high) == (finite.min(), finite.max())
    else:
        assert (low, high) == (np.inf, -np.inf)


@settings(deadline=None)
@given(
    hnp.arrays(np.float32, st.integers(0, 200), elements=st.floats(-100, 100, width=32)),
    st.floats(-100, 100),
    st.floats(-100, 100),
)
def test_moments_between_limits(array: np.ndarray, low: float, high: float) -> None:
    wide = array.astype(np.float64)
    kept = wide[(wide >= low) & (wide <= high)]
    below, count, total, squares = statistics.moments_between(array, low, high, 0.0)
    assert (below, count) == ((wide < low).sum(), kept.size)
    assert total == pytest.approx(kept.sum(), rel=1e-9, abs=1e-6)
    assert squares == pytest.approx((kept**2).sum(), rel=1e-9, abs=1e-6)


@settings(deadline=None)
@given(hnp.arrays(np.uint16, st.integers(0, 500)))
def test_histogram(array: np.ndarray) -> None:
    counts = np.zeros((4, 65536), np.uint32)
    statistics.histogram(array, counts)
    assert np.array_equal(counts.sum(axis=0), np.bincount(array, minlength=65536))


@pytest.mark.quick
@pytest.mark.parametrize("dtype", ["f4", "f8", "u2", "i4"])
def test_good_values_leave_out_masked_and_non_finite(dtype: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)
    mask = np.zeros(array.shape, np.uint8)
    mask[1, 2] = 4
    if dtype.startswith("f"):
        array[0, 0], array[2, 3] = np.nan, -np.inf
    expected = array[(mask == 0) & np.isfinite(array)]
    assert np.array_equal(values.good_values(array, mask), expected)
    assert values.good_values(array, np.ones(array.shape, bool)).size == 0


def twin_core_scatter(deviations: np.ndarray) -> float:
    sigma = 1.4826022 * np.partition(np.abs(deviations), deviations.size // 2)[deviations.size // 2]
    if sigma == 0:
        sigma = 1.2533141 * np.abs(deviations).mean()
    for _ in range(20):
        kept = deviations[np.abs(deviations) <= 3 * sigma]
        before, sigma = sigma, np.sqrt((kept**2).mean()) / 0.98657847
        if abs(sigma - before) <= 1e-4 * before:
            break
    return float(sigma)


def twin_block(array: np.ndarray, bad: np.ndarray) -> list[float]:
    array, good = array.astype(np.float64), bad == 0
    pixels = array[good]
    median = np.partition(pixels, pixels.size // 2)[pixels.size // 2]
    limit = 3.0 * twin_core_scatter(pixels - median)
    kept = pixels[np.abs(pixels - median) <= limit]
    found = []
    for y in range(array.shape[0]):
        s = 1 + y % 3
        for x in range(array.shape[1] - s):
            if y + s < array.shape[0] and good[[y, y, y + s, y + s], [x, x + s, x, x + s]].all():
                found.append(array[y, x] - array[y, x + s] - array[y + s, x] + array[y + s, x + s])
    scatter = 0.5 * twin_core_scatter(np.array(found))
    return [pixels.size, kept.mean(), kept.std(), (pixels - median > limit).mean(), len(found), scatter]


@pytest.mark.quick
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_block_table_is_its_twin(dtype: type) -> None:
    rng = np.random.default_rng(5)
    array = (np.rint(rng.normal(300, 4, (40, 50)))).astype(dtype)
    array[5:9, 5:9] += 500
    bad = (rng.random(array.shape) < 0.1).astype(np.uint8) * 8
    bad[16:32, 32:48] = 1
    numbers = np.array([0, 1, 5, 4])  # 3 blocks across, 2 down
    table = np.empty((4, 6))
    blocks.block_table(array, bad, 16, numbers, table)
    for row, number in zip(table, numbers, strict=True):
        y, x = number // 3 * 16, number % 3 * 16
        part, flags = array[y : y + 16, x : x + 16], bad[y : y + 16, x : x + 16]
        if number == 5:
            assert row[0] == row[4] == 0 and np.isnan(row[[1, 2, 3, 5]]).all()
        else:
            assert row == pytest.approx(twin_block(part, flags), rel=1e-6)


@settings(deadline=None)
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([-0.0, 0.0, 5e-324, 1.0])),
    st.floats(-1e3, 1e3),
)
def test_the_value_of_each_rank_is_that_of_the_sorted_ones(found: list[float], last: float) -> None:
    given_ones = np.array([*found, last])
    ranked = [blocks.ranked(given_ones, rank) for rank in range(given_ones.size)]
    np.testing.assert_array_equal(ranked, np.sort(given_ones))


def test_block_scatter_ignores_planes_and_offsets_of_rows_and_columns() -> None:
    rng = np.random.default_rng(6)
    noise = rng.normal(0, 2, (32, 32))
    y, x = np.mgrid[:32, :32]
    bent = noise + 7 * x - 11 * y + rng.normal(0, 50, 32) + rng.normal(0, 50, (32, 1))
    tables = np.empty((2, 1, 6))
    for table, array in zip(tables, (noise, bent), strict=True):
        blocks.block_table(array, np.zeros(array.shape, np.uint8), 32, np.arange(1), table)
    assert tables[1, 0, 5] == pytest.approx(tables[0, 0, 5], rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.integers(8, 5000), st.integers(8, 5000))
def test_spread_blocks_are_distinct_and_inside(ny: int, nx: int) -> None:
    size = blocks.block_size((ny, nx))
    numbers = blocks.spread_blocks((ny, nx), size)
    total = (ny // size) * (nx // size)
    assert 8 <= size <= 32
    assert numbers.size == min(total, 2048)
    assert len(set(numbers.tolist())) == numbers.size
    assert numbers.min() >= 0 and numbers.max() < total
    if total > 2048:  # every part of the frame has its share
        assert np.histogram(numbers, 8, (0, total))[0].min() > 200


def test_spread_blocks_do_not_keep_to_a_few_columns() -> None:
    columns = blocks.spread_blocks((4096, 4096), 32) % 128
    assert np.bincount(columns, minlength=128).min() >= 8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 2, 3, 8, 63, 1000])
def test_the_middle_is_the_median(size: int, dtype: type) -> None:
    rng = np.random.default_rng(size)
    for given_values in (
        rng.normal(1000, 3, size), rng.integers(0, 4, size), np.full(size, -7), 1e30 * rng.normal(0, 1, size),
        np.append(rng.normal(0, 1, size - 1), 1e9),
    ):  # fmt: skip
        some = given_values.astype(dtype)
        assert blocks.middle(some) == pytest.approx(np.median(some.astype(float)), rel=2e-7)
