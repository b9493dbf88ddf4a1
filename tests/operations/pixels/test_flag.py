"""Flagging, bad-pixel maps and replacement."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.errors import ArgumentError, ArgumentTypeError, MismatchError
from ccdfx.operations.pixels.flag import mask_from, mask_invalid, mask_saturated, replace_masked
from ccdfx.records.flags import Flag
from ccdfx.records.history import Master
from ccdfx.records.image import Image


@pytest.mark.quick
def test_saturation_is_at_or_above_the_level():
    image = mask_saturated(Image(np.array([[99, 100, 101]], np.uint16), mask=[[1, 1, 0]]), saturation=100)
    np.testing.assert_array_equal(image.mask, [[1, 5, 4]])
    assert image.dtype == np.uint16
    assert not mask_saturated(np.ones((1, 2), np.float32), saturation=1e300).mask.any()  # and no warning


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "i4", "u8", "f4", "f8"])
@pytest.mark.parametrize("level", [0.5, 99.0, 99.5, 100.0, 127.0, 127.5, 300.0, 1e9, 1e300])
def test_a_level_between_numbers_or_beyond_them_serves_for_every_type(kind, level):
    array = np.array([[0, 1, 99, 100, 127]]).astype(kind)
    found = mask_saturated(array, saturation=level).mask
    assert found.tolist() == [[4 if value >= level else 0 for value in (0, 1, 99, 100, 127)]]


def test_a_mask_appears_even_when_nothing_is_found():
    assert mask_saturated(np.zeros((1, 2)), saturation=5).mask.tolist() == [[0, 0]]
    assert mask_invalid(np.zeros((1, 2), np.int32)).mask.tolist() == [[0, 0]]


def test_nan_and_infinities_are_no_data():
    image = mask_invalid(np.array([[np.nan, np.inf, -np.inf, 1.0]], np.float32))
    assert image.mask.tolist() == [[16, 16, 16, 0]]
    assert mask_saturated(image, saturation=10).mask.tolist() == [[16, 20, 16, 0]]


FLAGS = np.array([[0, 1, 4], [9, 0, 255]], np.uint8)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("bad_pixels", "expected"),
    [
        (FLAGS != 0, FLAGS != 0),
        (FLAGS, FLAGS),
        (FLAGS.astype(np.int32), FLAGS),
        (Image(FLAGS.astype(np.int16)), FLAGS),
        (Image(FLAGS.astype(np.float32)), FLAGS),
        (Image(np.full((2, 3), 1.5), mask=FLAGS), FLAGS),
        (Image(np.array([[0, 0, 0], [0, 2, 0]]), mask=FLAGS), FLAGS | np.array([[0, 0, 0], [0, 2, 0]])),
        (Master(Image(FLAGS), "bad.fits", "0" * 64), FLAGS),
    ],
    ids=["bool", "uint8", "int32", "Image", "float map", "float with mask", "map with mask", "Master"],
)
def test_every_kind_of_map(bad_pixels, expected):
    image = Image(np.ones((2, 3)), mask=np.full((2, 3), 64, np.uint8))
    found = mask_from(image, bad_pixels=bad_pixels)
    np.testing.assert_array_equal(found.mask, expected.astype(np.uint8) | 64)
    np.testing.assert_array_equal(
        mask_from(image.array, bad_pixels=bad_pixels).mask, expected.astype(np.uint8)
    )


@pytest.mark.parametrize(
    "bad_pixels",
    [
        np.full((2, 3), 300), np.full((2, 3), -1), np.full((2, 3), 0.5), np.full((2, 3), np.nan),
        Image(np.full((2, 3), 1000, np.uint16)),
    ],
)  # fmt: skip
def test_a_frame_is_not_a_map(bad_pixels):
    with pytest.raises(ArgumentError, match="bad_pixels: must hold bool or flags"):
        mask_from(np.ones((2, 3)), bad_pixels=bad_pixels)


def test_maps_must_fit():
    with pytest.raises(MismatchError, match="bad_pixels"):
        mask_from(np.ones((2, 3)), bad_pixels=np.zeros((1, 3), bool))
    with pytest.raises(MismatchError, match="window"):
        mask_from(Image(np.ones((2, 3)), range=(5, 8, 5, 7)), bad_pixels=Image(FLAGS, range=(4, 7, 5, 7)))
    for wrong in (None, "bad.fits", [np.zeros((2, 3), bool)] * 2):
        with pytest.raises(ArgumentTypeError, match="bad_pixels"):
            mask_from(np.ones((2, 3)), bad_pixels=wrong)


def test_a_unit_of_the_map_does_not_matter():
    image = Image(np.ones((2, 3)), {"BUNIT": "adu"})
    found = mask_from(image, bad_pixels=Image(FLAGS, {"BUNIT": "bits"}))
    np.testing.assert_array_equal(found.mask, FLAGS)
    assert found.unit == "adu"


@pytest.mark.quick
def test_replacing_keeps_the_flags_and_leaves_good_pixels():
    rng = np.random.default_rng(3)
    array = rng.normal(100, 1, (30, 30)).astype(np.float32)
    array[4, 5], array[20, 20] = 1e6, np.nan
    mask = np.zeros(array.shape, np.uint8)
    mask[4, 5] = Flag.COSMIC_RAY
    image = Image(array, mask=mask, variance=np.ones_like(array))
    found = replace_masked(image)
    assert abs(found.array[4, 5] - 100) < 2 and abs(found.array[20, 20] - 100) < 2
    touched = (mask != 0) | np.isnan(array)
    np.testing.assert_array_equal(found.array[~touched], array[~touched])
    assert found.mask[4, 5] == Flag.COSMIC_RAY and found.mask[20, 20] == Flag.NO_DATA
    assert np.count_nonzero(found.mask) == 2
    np.testing.assert_array_equal(np.isinf(found.variance), touched)
    np.testing.assert_array_equal(replace_masked(image, by=-5).array[touched], [-5, -5])


def test_replacing_gives_floats_of_integers():
    found = replace_masked(Image(np.array([[1, 2, 9, 4]], np.uint16), mask=[[0, 0, 1, 0]]))
    assert found.dtype == np.float32 and found.array.tolist() == [[1, 2, 2, 4]]


def test_replacing_far_from_good_pixels_takes_the_median_of_the_image():
    array = np.full((5, 60), np.nan)
    array[:, :2] = [[1.0, 3.0]]
    assert replace_masked(array).array[2, 59] == 2.0


@pytest.mark.parametrize("by", ["mean", None, True, [1], np.nan, np.inf])
def test_replacing_by_nonsense(by):
    with pytest.raises((ArgumentError, ArgumentTypeError), match="by"):
        replace_masked(np.ones((2, 2)), by=by)


def test_replacing_by_what_the_type_cannot_hold():
    with pytest.raises(ArgumentError, match="by: must fit in float32"):
        replace_masked(np.array([[1.0, np.nan]], np.float32), by=1e300)


def test_replacing_without_a_good_pixel():
    with pytest.raises(ArgumentError, match="good pixel"):
        replace_masked(np.full((2, 2), np.nan))
    assert replace_masked(np.full((2, 2), np.nan), by=1).array.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_replacing_near_the_largest_number_of_the_type(dtype):
    largest = np.finfo(dtype).max
    for low, expected in ((-largest, 0), (largest, largest)):
        array = np.array([[low, low, np.nan, largest, largest]], dtype)
        assert replace_masked(array).array[0, 2] == expected
        alone = np.array([[largest, largest] + [np.nan] * 60], dtype)
        assert replace_masked(alone).array[0, -1] == largest
