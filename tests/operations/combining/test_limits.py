"""Limits on raw values, before anything else is done with them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from noisy_frames import noisy

import ccdfx


@pytest.mark.quick
@pytest.mark.parametrize("dtype", ["u2", "i4", "f4", "f8", ">i2"])
def test_limits_leave_values_out_before_they_are_scaled(dtype):
    values = np.array([[[10, 20]], [[30, 20]], [[99, 99]], [[5, 7]]], dtype)
    result = ccdfx.stack(list(values), reject=None, limits=(10, 30), scale=[1, 10, 1, 1], zero=[0, -1, 0, 0])
    assert result.value.tolist() == [[7.0, 11.5]] and result.count.tolist() == [[2, 2]]
    assert not result.rejected_low.any() and not result.rejected_high.any()


def test_limits_reach_the_raw_values_of_files(tmp_path):
    for number, level in enumerate((100, 40000, 300)):
        ccdfx.write(ccdfx.Image(np.full((2, 3), level, "u2")), tmp_path / f"{number}.fits")
    sources = [ccdfx.open_source(tmp_path / f"{number}.fits") for number in range(3)]
    assert ccdfx.combine(sources, reject=None, limits=(-math.inf, 39999)).array.tolist() == [[200.0] * 3] * 2


def test_where_all_values_are_outside_there_is_no_data():
    result = ccdfx.combine(noisy(3), limits=(-10, 0))
    assert not result.array.any() and (result.mask == int(ccdfx.Flag.NO_DATA)).all()


@pytest.mark.parametrize(
    "statistic", ["median", "mean", lambda image: float(np.median(image.array[image.good]))]
)
def test_statistics_of_frames_know_the_limits(statistic):
    frames = [np.array([[v, v, v, 60000.0, 60000.0, 60000.0, 60000.0]]) for v in (10.0, 20.0)]
    result = ccdfx.combine(frames, reject=None, scale=statistic, limits=(0, 1000))
    assert result.array.tolist() == [[10.0] * 3 + [0.0] * 4]


@pytest.mark.parametrize(
    "limits", [5, (1,), (1, 2, 3), (3, 1), (math.nan, 1), "ab", ("a", "b"), (0, 10**400)]
)
def test_limits_that_are_nonsense(limits):
    with pytest.raises((ccdfx.ArgumentError, ccdfx.ArgumentTypeError), match="limits"):
        ccdfx.combine(noisy(3), limits=limits)
