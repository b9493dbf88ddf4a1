"""Kernels of lines of overscan pixels are their twins in numpy."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.image.lines import (
    clip_lines,
    column_spreads,
    gather_lines,
    least_mean,
    least_squares_of_lines,
)


def gathered(samples: np.ndarray, dropped: np.ndarray) -> tuple[np.ndarray, ...]:
    values = np.empty(samples.shape)
    counts, medians = np.empty(len(samples), np.int64), np.empty(len(samples))
    whole = gather_lines(samples, dropped, values, counts, medians)
    return values, counts, medians, np.bool_(whole)


@pytest.mark.quick
@pytest.mark.parametrize("whole", [True, False])
def test_lines_are_gathered_and_clipped_as_numpy_does(whole: bool) -> None:
    rng = np.random.default_rng(3)
    samples = rng.normal(900.0, 4.0, (60, 17))
    samples = np.rint(samples) if whole else samples
    samples[rng.random(samples.shape) < 0.2] = np.nan
    samples[5, 3], samples[9] = np.inf, np.nan
    samples[11, :2] = 0.0, 1e4
    samples[11, 2:] = np.nan
    dropped = np.zeros(17, np.uint8)
    dropped[6] = 1
    samples[0, 6] = 0.5  # of a column that is left out
    values, counts, medians, found_whole = gathered(samples, dropped)
    assert found_whole == whole
    kept = np.where((dropped == 0) & np.isfinite(samples), samples, np.nan)
    for line, there, count, median in zip(values, kept, counts, medians, strict=True):
        good = there[np.isfinite(there)]
        assert count == good.size
        np.testing.assert_array_equal(line[:count], good)
        assert np.isnan(line[count:]).all()
        np.testing.assert_equal(median, np.median(good) if count else np.nan)
    known = counts > 0
    values, counts, medians = values[known], counts[known], medians[known]
    means, numbers, squares = (np.empty(counts.size) for _ in range(3))
    clip_lines(values, counts, medians, 6.0, means, numbers, squares)
    for line, count, median, *found in zip(values, counts, medians, means, numbers, squares, strict=True):
        near = line[:count][np.abs(line[:count] - median) <= 6.0]
        near = near if near.size else line[:count]  # two values far apart: both
        np.testing.assert_allclose(found, [near.mean(), near.size, ((near - near.mean()) ** 2).sum()])
    free = np.concatenate(
        [n / (n - 1) * (line[:n] - m) ** 2 for line, n, m in zip(values, counts, medians, strict=True)][::3]
    )
    expected = np.sort(free)[: int(np.ceil(0.9 * free.size))].mean()
    np.testing.assert_allclose(least_squares_of_lines(values, counts, medians, 3, 0.9), expected)


@pytest.mark.quick
def test_the_mean_of_the_least_counts_equal_values_once_each() -> None:
    assert least_mean(np.array([3.0, 1.0, 3.0, 3.0, 9.0]), 3) == pytest.approx(7 / 3)
    assert np.isnan(least_squares_of_lines(np.ones((2, 1)), np.ones(2, np.int64), np.ones(2), 1, 0.9))


def test_columns_are_compared_as_numpy_does() -> None:
    rng = np.random.default_rng(4)
    samples = rng.normal(900.0, 4.0, (50, 12))
    samples[rng.random(samples.shape) < 0.1] = np.nan
    middles, spreads = np.empty(12), np.empty(12)
    column_spreads(samples, 0.9, middles, spreads)
    beside = samples - np.nanmedian(samples, axis=1, keepdims=True)
    np.testing.assert_allclose(middles, np.nanmedian(beside, axis=0), rtol=1e-9, atol=1e-12)
    for x in range(12):
        squares = np.sort((beside[:, x] - middles[x]) ** 2)
        number = np.isfinite(squares).sum()
        assert spreads[x] == pytest.approx(squares[: int(np.ceil(0.9 * number))].mean())
