"""Offsets and levels: one number subtracted from an image."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.errors import ArgumentError, ArgumentTypeError, MismatchError
from ccdfx.operations.calibration.offset import offset, subtract_level
from ccdfx.records.image import Image

FULL = Image([[2.0, 5.0, 7.0, -9.0]], mask=[[0, 0, 0, 1]])
PART = FULL.select((1, 4, 0, 1))


@pytest.mark.quick
@pytest.mark.parametrize(
    ("statistic", "first"),
    [(4, 1.0), (-4.5, 9.5), ("min", 0.0), ("minp1", 1.0), ("gmin", 3.0), ("gminp1", 4.0)],
)
def test_what_an_offset_does(statistic, first):
    full = FULL if str(statistic).startswith("g") else None
    done = offset(PART, statistic=statistic, full=full)
    assert done.array.tolist() == [[first, first + 2, first - 14]]
    assert done.mask is PART.mask and done.range == PART.range and done.header == PART.header


def test_an_offset_by_a_minimum_is_one_by_its_number():
    image = Image(np.array([[7, 9]], np.uint16), variance=[[1, 2]])
    one, two = offset(image, statistic="min"), offset(image, statistic=7)
    assert one.dtype == np.float32 and one.array.tolist() == two.array.tolist() == [[0, 2]]
    assert one.variance is image.variance


def test_integers_never_wrap_and_large_ones_stay_exact():
    assert offset(np.array([[1, 65535]], np.uint16), statistic=3).array.tolist() == [[-2, 65532]]
    assert offset(np.array([[2**31 - 1, 0]], np.int32), statistic="minp1").array.tolist() == [[2**31, 1]]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("statistic", "level"),
    [
        ("median", 101.0),
        ("mean", 102.0),
        ("min", 100.0),
        ("max", 105.0),
        (lambda values: values[0] + 1, 101.0),
    ],
)
def test_the_level_of_a_region(statistic, level):
    image = Image(
        [[100.0, 105.0, 101.0, np.nan, 900.0, 50.0]], mask=[[0, 0, 0, 0, 1, 0]], range=(10, 16, 0, 1)
    )
    done = subtract_level(image, section=(10, 15, 0, 1), statistic=statistic)
    assert done.array[0, 5] == 50 - level and done.range == image.range
    np.testing.assert_array_equal(done.mask, image.mask)
    assert (done.variance > 0).all() and np.unique(done.variance).size == 1


@pytest.mark.parametrize("statistic", ["median", "mean"])
def test_the_variance_of_the_level_is_that_of_simulated_frames(statistic):
    rng = np.random.default_rng(4)
    frames = [rng.normal(500, 6, (20, 12)) for _ in range(400)]
    done = [subtract_level(frame, section=(0, 10, 0, 15), statistic=statistic) for frame in frames]
    levels = [frame[0, 0] - one.array[0, 0] for frame, one in zip(frames, done, strict=True)]
    predicted = np.mean([one.variance[0, 0] for one in done])
    assert np.var(levels) == pytest.approx(predicted, rel=0.2)


def test_the_error_of_the_level_adds_to_the_variance():
    image = Image(np.arange(12.0).reshape(3, 4), variance=np.full((3, 4), 2.0))
    start = subtract_level(image.replace(variance=None), section=(0, 4, 0, 2), statistic="mean").variance
    np.testing.assert_allclose(
        subtract_level(image, section=(0, 4, 0, 2), statistic="mean").variance, start + 2
    )
    np.testing.assert_allclose(start, np.var(np.arange(8.0), ddof=1) / 8)


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("statistic: must be a number or one of min", lambda: offset(PART, statistic="median")),
        ("statistic: must be a number", lambda: offset(PART, statistic=None)),
        ("statistic: must be finite", lambda: offset(PART, statistic=np.inf)),
        ("full: must be given", lambda: offset(PART, statistic="gmin")),
        ("full: is for", lambda: offset(PART, statistic="min", full=FULL)),
        ("full: is for", lambda: offset(PART, statistic=3, full=FULL)),
        (
            "full: must be in",
            lambda: offset(PART.replace(unit="s"), statistic="gmin", full=FULL.replace(unit="adu")),
        ),
        ("image: must have a good pixel", lambda: offset(np.full((1, 1), np.nan), statistic="min")),
        (
            "full: must have a good pixel",
            lambda: offset(PART, statistic="gmin", full=np.full((1, 1), np.nan)),
        ),
        ("section: must be a region", lambda: subtract_level(FULL, section=None)),
        ("section: must lie inside", lambda: subtract_level(FULL, section=(0, 9, 0, 1))),
        ("section: must hold a good pixel", lambda: subtract_level(FULL, section=(3, 4, 0, 1))),
        (
            "statistic: must be 'clipped_mean'",
            lambda: subtract_level(FULL, section=(0, 2, 0, 1), statistic="mode"),
        ),
        (
            "statistic: must be finite",
            lambda: subtract_level(FULL, section=(0, 2, 0, 1), statistic=lambda v: np.nan),
        ),
    ],
)
def test_nonsense_is_refused(words, wrong):
    with pytest.raises((ArgumentError, ArgumentTypeError, MismatchError), match=words):
        wrong()
