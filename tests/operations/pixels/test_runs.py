"""Runs of bad pixels along columns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_opening, label

from ccdfx.operations.pixels.runs import extended, in_long_runs, runs_at


@pytest.mark.quick
def test_runs_are_those_of_labelled_pixels():
    rng = np.random.default_rng(1)
    bad = rng.random((60, 40)) < 0.6
    bad[10:40, 7] = True
    runs = runs_at(*np.nonzero(bad))
    count = label(bad, structure=[[0, 1, 0]] * 3)[1]
    assert runs.count == count and runs.sizes.sum() == bad.sum()
    long = np.zeros(bad.shape, bool)
    kept = in_long_runs(runs, len(bad))
    long[runs.y[kept], runs.x[kept]] = True
    np.testing.assert_array_equal(long, binary_opening(bad, np.ones((16, 1))))
    values = rng.normal(0, 1, bad.shape)
    values[3] = np.nan
    used = rng.random(runs.y.size) < 0.8
    medians = runs.medians(values[runs.y, runs.x], used)
    means = runs.means(np.nan_to_num(values)[runs.y, runs.x], used)
    for run in range(runs.count):
        own = values[runs.y, runs.x][(runs.numbers == run) & used]
        assert means[run] == pytest.approx(np.nan_to_num(own).mean() if own.size else 0.0)
        own = own[np.isfinite(own)]
        assert np.isnan(medians[run]) if not own.size else medians[run] == pytest.approx(np.median(own))
    part = runs.select(runs.numbers % 2 == 0)
    assert part.count == len(np.unique(runs.numbers[runs.numbers % 2 == 0])) == part.numbers.max() + 1


def test_parts_of_a_weak_column_are_added_if_they_deviate_alike():
    residual = np.zeros((50, 3), np.int16)
    residual[10:45, 1] = 2
    residual[45:, 1] = -2
    found = np.zeros(residual.shape, bool)
    found[10:20, 1] = found[26:40, 1] = True
    for unit in (1.0, 4.0):
        runs = extended(
            runs_at(*np.nonzero(found)),
            residual,
            np.full(residual.shape, unit),
            np.ones(residual.shape, bool),
            unit,
        )
        assert np.unique(runs.x).tolist() == [1] and runs.y.tolist() == list(range(10, 40))
    assert extended(runs_at(*np.nonzero(found & False)), residual, residual, found).count == 0
