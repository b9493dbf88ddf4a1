"""Runs of deviant sums against the loops of IRAF's ccdmask, restated."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.kernels.defects.column_sums import close_gaps, flag_lines, flag_sums


def plain_sums(residual, variance, low, high, bad):
    """Flag the runs of one line as cm_mask of noao.imred.ccdred does, one sum after the other."""
    n, length = residual.size, 2
    while length <= n:
        before = bad.copy()
        for first in range(n - length + 1):
            part = slice(first, first + length)
            used = ~before[part]
            total, sigma = residual[part][used].sum(), np.sqrt(variance[part][used].sum())
            if used.any() and (total < -low * sigma or total > high * sigma):
                bad[part] = True
        if length == n:
            break
        length = length + 1 if length < 10 else min(2 * length, n)


@pytest.mark.quick
@pytest.mark.parametrize("size", [2, 9, 10, 47, 160])
def test_sums_equal_those_of_their_twin(size):
    rng = np.random.default_rng(size)
    residual = rng.normal(0, 1, (12, size)) + rng.choice([0.0, 1.2, -2.0], (12, 1))
    residual[3, size // 3 : size // 2] += 2.5
    variance = rng.uniform(0.8, 1.2, residual.shape)
    bad = np.abs(residual) > 3.5
    expected = bad.copy()
    for line in range(12):
        plain_sums(residual[line], variance[line], 4.0, 3.5, expected[line])
    flag_sums(residual, variance, 4.0, 3.5, bad)
    np.testing.assert_array_equal(bad, expected)


def test_a_line_without_variance_is_left_alone():
    bad = np.zeros((1, 20), bool)
    flag_sums(np.zeros((1, 20)), np.zeros((1, 20)), 6.0, 6.0, bad)
    assert not bad.any()


def test_short_gaps_are_closed_and_longer_ones_are_not():
    line = np.array([[0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0]], bool)
    close_gaps(line, 5)
    assert line.astype(int).tolist() == [[1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1]]
    nothing = np.zeros((1, 12), bool)
    close_gaps(nothing, 5)
    assert not nothing.any()


@pytest.mark.parametrize("kind", ["f8", "f4", "i2"])
@pytest.mark.parametrize("columns", [True, False])
@pytest.mark.parametrize("scale", [1.0, 1e-25])
def test_lines_side_by_side_are_those_of_one_after_the_other(kind, columns, scale):
    rng = np.random.default_rng(4)
    shape = (90, 150) if columns else (150, 90)
    residual = rng.normal(0, 100, shape)
    residual[:, 20] += 60
    residual[30:55, 70] -= 150
    residual[40] += 45
    residual[60, 30:40] += 170
    residual, unit = residual.astype(kind), scale / 100
    sigma = rng.uniform(0.8, 1.2, shape) * scale
    good = rng.random(shape) < 0.95
    sigma[10:14, 10:14] = 0
    found = np.zeros(shape, bool)
    for first in range(0, 150, 64):
        last = min(first + 64, 150)
        flag_lines(residual, unit, sigma, good, columns, 4.0, 3.5, 5, first, last, found)
    usable = good & (sigma > 0)
    values, spread = np.where(usable, residual * unit, 0.0), np.where(usable, sigma, 0.0)
    bad = usable & ((values < -4.0 * spread) | (values > 3.5 * spread))
    turned = [np.ascontiguousarray(one.T if columns else one) for one in (values, spread**2, bad)]
    flag_sums(turned[0], turned[1], 4.0, 3.5, turned[2])
    close_gaps(turned[2], 5)
    assert found.any()
    np.testing.assert_array_equal(found, (turned[2].T if columns else turned[2]) & good)
