"""Levels of lines: errors that are true, whole numbers, few columns, columns that deviate."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.operations.calibration.line_levels import deviant_columns, sample_levels
from ccdfx.operations.calibration.overscan import subtract_overscan


def read_out(columns, sigma, seed, lines=6000, level=1000.3):
    rng = np.random.default_rng(seed)
    return np.rint(level + rng.normal(0, sigma, (lines, columns)))


@pytest.mark.quick
@pytest.mark.parametrize("columns", [4, 8, 32])
@pytest.mark.parametrize("sigma", [0.7, 2.5])
def test_the_default_is_unbiased_with_the_error_of_the_mean(columns, sigma):
    samples = read_out(columns, sigma, 21 + columns)
    found = sample_levels(samples, "clipped_mean")
    error = found.values - 1000.3
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(error.size) + 0.01
    assert np.sqrt(found.errors.mean()) == pytest.approx(error.std(), rel=0.03)
    plain = sample_levels(samples, "mean").values - 1000.3
    assert np.std(error) == pytest.approx(np.std(plain), rel=0.01)


@pytest.mark.parametrize("columns", [4, 5, 8, 32])
def test_a_median_of_few_columns_has_its_own_error(columns):
    """The levels differ from line to line, so that the error of rounding is as likely of either sign."""
    rng = np.random.default_rng(columns)
    truth = rng.uniform(900, 1100, 8000)
    samples = np.rint(truth[:, None] + rng.normal(0, 2.5, (8000, columns)))
    found = sample_levels(samples, "median")
    assert np.sqrt(found.errors.mean()) == pytest.approx(np.std(found.values - truth), rel=0.03)


def test_small_noise_of_whole_numbers_is_not_clipped_away():
    for sigma in (0.25, 0.4):
        samples = read_out(32, sigma, 8)
        found = sample_levels(samples, "clipped_mean")
        assert found.values.mean() == pytest.approx(samples.mean(), abs=0.002)  # the median says 1000.0
        assert np.sqrt(found.errors.mean()) == pytest.approx(found.values.std(), rel=0.04)


@pytest.mark.quick
@pytest.mark.parametrize("columns", [4, 12, 45])
@pytest.mark.parametrize("statistic", ["clipped_mean", "mean", "median", "max", np.mean])
def test_a_bad_column_is_found_whatever_the_statistic(columns, statistic):
    samples = read_out(columns, 1.3, 5, lines=120)
    spoilt = np.column_stack([samples, samples[:, 0] - 550])
    good, found = sample_levels(samples, statistic), sample_levels(spoilt, statistic)
    np.testing.assert_array_equal(found.values, good.values)
    np.testing.assert_array_equal(found.errors, good.errors)


def test_columns_that_deviate_in_few_lines_or_by_little_stay():
    samples = read_out(20, 3.0, 6, lines=200)
    samples[40:80, 3] += 500  # a trail of charge in a fifth of the lines
    samples[:, 7] += 4
    assert not deviant_columns(samples).any()
    found = sample_levels(samples, "clipped_mean")  # there the single values are rejected
    assert np.abs(found.values[40:80] - 1000.5).max() < 3
    assert found.errors[40:80].max() < 2
    alternating = samples + np.where(np.arange(20) % 2, 30.0, 0.0)
    assert not deviant_columns(alternating).any()


def test_two_columns_or_few_lines_tell_nothing():
    assert not deviant_columns(read_out(2, 1.0, 1) + np.array([0.0, 99.0])).any()
    assert not deviant_columns(read_out(5, 1.0, 1, lines=7) + np.array([0.0, 99.0, 0, 0, 0])).any()


def test_rays_in_the_overscan_are_rejected_and_the_variance_of_a_frame_is_that_of_good_columns():
    rng = np.random.default_rng(9)
    raw = rng.normal(500.0, 4.0, (300, 80))
    hit = rng.random((300, 20)) < 0.01
    raw[:, 60:][hit] += 800.0
    raw[:, 79] = 0.0  # the last column is dead
    found = subtract_overscan(raw, overscan="[61:80,1:300]")
    assert found.array[:, :60].mean(axis=1).std() == pytest.approx(np.sqrt(16 / 60 + 16 / 18.8), rel=0.12)
    assert np.mean(found.variance[:, 0]) == pytest.approx(16 / 18.8, rel=0.06)
