"""Scales, zeros and weights of frames as numbers, and by statistics of their pixels."""

from __future__ import annotations

import numpy as np
import pytest
from noisy_frames import SHAPE, noisy

import ccdfx


@pytest.mark.quick
def test_scale_and_zero_as_numbers():
    frames = [np.full(SHAPE, 12.0), np.full(SHAPE, 40.0)]
    result = ccdfx.combine(frames, reject=None, scale=[2.0, 4.0], zero=[1.0, 3.0])
    assert np.all(result.array == ((12 / 2 - 1) + (40 / 4 - 3)) / 2)


@pytest.mark.parametrize(
    "statistic", ["mean", "median", lambda image: float(np.max(image.array))], ids=["mean", "median", "own"]
)
def test_scale_from_a_statistic_brings_frames_to_the_first(statistic):
    base = noisy(1, level=500)[0].astype("f8")
    frames = [base * factor for factor in (1.0, 2.0, 0.25)]
    result = ccdfx.stack(frames, reject=None, scale=statistic)
    np.testing.assert_allclose(result.value, base, rtol=1e-12)
    result = ccdfx.stack([base, base + 7.0, base - 100.0], reject=None, zero=statistic)
    np.testing.assert_allclose(result.value, base, rtol=1e-12)


def test_scale_and_zero_together_follow_imcombine():
    base = noisy(1, level=500)[0].astype("f8")
    scales, zeros = (1.0, 2.0), (0.0, 30.0)
    frames = [base * s + z for s, z in zip(scales, zeros, strict=True)]
    factors = [float(np.mean(f)) / float(np.mean(frames[0])) for f in frames]
    levels = [float(np.median(f)) for f in frames]
    expected = np.mean(
        [f / s - (z / s - levels[0]) for f, s, z in zip(frames, factors, levels, strict=True)], axis=0
    )
    got = ccdfx.combine(frames, reject=None, scale="mean", zero="median").array
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_statistics_for_scaling_leave_flagged_and_nan_pixels_out():
    base = np.full(SHAPE, 10.0)
    bad = base * 3
    bad[0, 0], bad[0, 1] = 1e6, np.nan
    mask = np.zeros(SHAPE, bool)
    mask[0, 0] = True
    result = ccdfx.combine([base, ccdfx.Image(bad, mask=mask)], reject=None, scale="mean")
    assert np.all(result.array == 10.0)


def test_weights():
    frames = [np.full(SHAPE, v) for v in (1.0, 2.0, 10.0)]
    assert np.all(ccdfx.combine(frames, reject=None, weights=[1, 1, 2]).array == 23 / 4)
    same = noisy(4)
    np.testing.assert_allclose(
        ccdfx.combine(same, weights=[3.0] * 4).array, ccdfx.combine(same).array, rtol=2e-7
    )
