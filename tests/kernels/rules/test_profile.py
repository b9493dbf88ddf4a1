"""The kernels that clip about a clean estimate, against the same in numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tables_of_frames import detector, numbers, table_of

from ccdfx.kernels.rules import profile as kernels

NO_NOISE = np.zeros((1, 5))


@pytest.mark.quick
@pytest.mark.parametrize("reach", [0.4, 1.0, 1.5, 2.0, 3.7])
def test_the_largest_change_within_a_radius(reach):
    rng = np.random.default_rng(20)
    center = rng.normal(0, 5, (9, 12)).astype("f4")
    center[3, 4] = np.nan
    change = np.zeros_like(center)
    kernels.changes(center, reach, change)

    def largest(y, x, radius):
        v, u = np.indices(center.shape)
        near = (v - y) ** 2 + (u - x) ** 2 <= radius**2
        return np.nanmax(np.abs(center[near] - center[y, x]))

    for y, x in ((0, 0), (4, 5), (8, 11), (2, 4), (5, 0)):
        inner, outer = largest(y, x, math.floor(reach)), largest(y, x, math.ceil(reach))
        expected = inner + (reach - math.floor(reach)) * (outer - inner)
        assert change[y, x] == pytest.approx(expected, rel=1e-6)


def clipped(frames, center, change, given, variance, measured=False):
    table, factors = table_of(frames)
    codes = np.empty(frames.shape, np.uint8)
    arguments = np.float32(center), np.float32(change), measured, codes
    kernels.clip_profile(table, factors, detector(variance), given, *arguments)
    return np.where(codes == kernels.UNSURE, 0, codes)


def test_codes_are_those_of_the_formula_where_neighbours_agree():
    """All pixels of a frame deviate alike, so that neighbours confirm each other, and only the formula decides."""
    rng = np.random.default_rng(21)
    levels = rng.normal(0, 6, 40)
    center, change, variance, n = 10.0, 3.0, 4.0, len(levels)
    frames = np.repeat(np.repeat((center + levels)[:, None, None], 3, 1), 300, 2).astype("f4")
    shape = frames.shape[1:]
    given = numbers(low=1.5, high=1.0, amplitude=0.2, level=2.0)
    codes = clipped(frames, np.full(shape, center), np.full(shape, change), given, variance)
    spread = math.pi / 2 * variance / n
    allowed = 0.04 * ((center - 2) ** 2 - spread) + (change**2 - 2 * spread) / 1.5**2
    sigma = math.sqrt(variance + spread + allowed)
    expected = np.where(levels < -1.5 * sigma, 1, np.where(levels > sigma, 2, 0))
    assert set(expected) == {0, 1, 2}
    assert (codes == expected[:, None, None]).all()


def test_a_single_pixel_that_only_the_allowance_keeps_is_rejected_and_a_blunt_star_is_not():
    y, x = np.mgrid[:25, :25] - 12.0
    star = 1000 * np.exp(-(x**2 + y**2) / 8)
    blunt = 1000 * 4 / 9 * np.exp(-(x**2 + y**2) / 18)
    frames = np.array([star, star, blunt, star, star], "f4")
    frames[0, 12, 17] += 60  # beside a star, on its profile
    change = np.zeros((25, 25), "f4")
    kernels.changes(star.astype("f4"), 3.0, change)
    codes = clipped(frames, star, change, numbers(amplitude=0.2), 9.0)
    assert codes[0, 12, 17] == 2
    assert np.count_nonzero(codes) == 1


def test_a_value_without_known_noise_stays_and_a_missing_one_is_missing():
    frames = np.array([[[0, 0]], [[0, 900]], [[np.nan, 0]], [[0, 0]]], "f4")
    zero = np.zeros((1, 2))
    assert clipped(frames, zero, zero, numbers(), 0.0)[:, 0].tolist() == [[0, 0], [0, 0], [3, 0], [0, 0]]
    assert clipped(frames, zero, zero, numbers(), 1.0)[:, 0].tolist() == [[0, 0], [0, 2], [3, 0], [0, 0]]
    assert not clipped(frames[:2], zero, zero, numbers(math.inf, math.inf), 1.0).any()


@pytest.mark.parametrize(
    "values", [(5.0, 800.0, 900.0), (-700.0, -800.0, 2.0), (6.0, 9.0, 700.0), (-90.0, 7.0)]
)
def test_the_estimate_of_few_values_has_no_hits(values):
    """The median, or the lower of two, is a hit where two are hit; its neighbours tell."""
    rng = np.random.default_rng(22)
    frames = rng.normal(0, 3, (len(values), 5, 6)).astype("f4")
    frames[:, 2, 3] = values
    table, factors = table_of(frames)
    center = np.sort(frames, axis=0)[(len(values) - 1) // 2]
    count = np.full(center.shape, len(values), np.uint16)
    settled = np.empty_like(center)
    kernels.settle(table, factors, detector(9.0), numbers(), center, count, False, settled)
    assert abs(settled[2, 3]) < 10
    others = np.ones(center.shape, bool)
    others[2, 3] = False
    np.testing.assert_array_equal(settled[others], center[others])


def test_scatter_replaces_a_noise_that_is_too_small_where_a_star_is():
    rng = np.random.default_rng(23)
    frames = np.array(500 + rng.normal(0, 20, (15, 6, 40)), "f4")
    center = np.sort(frames, axis=0)[7]
    zero = np.zeros_like(center)
    with_sky = numbers(scatter=1.0)
    assert clipped(frames, center, zero, numbers(), 4.0).mean() > 0.5
    assert (clipped(frames, center, zero, with_sky, 4.0) != 0).mean() < 0.03
