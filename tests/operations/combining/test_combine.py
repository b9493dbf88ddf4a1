"""combine and stack: what they give, headers, and bad input."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from noisy_frames import SHAPE, noisy

import ccdfx
from ccdfx.operations.combining.average import AVERAGES


def test_results_are_read_only_and_pickle():
    result = ccdfx.stack(noisy(3))
    assert not any(getattr(result, name).flags.writeable for name in ("value", "variance", "count", "flags"))
    copy = pickle.loads(pickle.dumps(result.image))
    assert copy.array.tobytes() == result.value.tobytes()


@pytest.mark.quick
def test_stack_and_combine_agree():
    frames = [ccdfx.Image(frame, variance=np.full(SHAPE, 400.0)) for frame in noisy(6)]
    frames[0] = frames[0].replace(array=np.full(SHAPE, np.nan, "f4"))
    assert {"mean", "median"} < set(AVERAGES)
    for average in AVERAGES.values():
        for reject in (
            None,
            ccdfx.minmax(),
            ccdfx.sigma_clip(low=1.5, high=1.5),
            ccdfx.mad_clip(),
            ccdfx.ccd_clip(readnoise=20.0),
        ):
            image = ccdfx.combine(frames, average=average(), reject=reject)
            other = ccdfx.stack(frames, average=average(), reject=reject).image
            assert image.array.tobytes() == other.array.tobytes()
            assert image.variance.tobytes() == other.variance.tobytes()
            assert image.mask is other.mask is None


def stacks_to_follow():
    """Frames with flags and variances, and plain ones; of many equal values, and of few."""
    rng = np.random.default_rng(5)
    for dtype, step in (("f4", 0.0), ("f8", 0.0), ("f4", 5.0), ("f8", 5.0)):
        arrays = rng.normal(1000, 10, (9, 30, 37))
        arrays = np.round(arrays / step) * step if step else arrays
        yield [
            ccdfx.Image(array.astype(dtype), mask=rng.random(array.shape) < 0.05,
                        variance=rng.uniform(50, 200, array.shape).astype(dtype))
            for array in arrays
        ]  # fmt: skip
        yield [ccdfx.Image(array.astype(dtype)) for array in arrays]


@pytest.mark.parametrize(
    "reject", [ccdfx.minmax(low=1, high=2), ccdfx.mad_clip(), ccdfx.ccd_clip(readnoise=9)]
)
@pytest.mark.parametrize("average", AVERAGES)
def test_following_the_frames_changes_no_byte(average, reject):
    scaled = {"scale": list(np.linspace(0.9, 1.1, 9)), "zero": list(np.linspace(-5, 5, 9))}
    for frames in stacks_to_follow():
        for options in ({}, scaled):
            if average == "inverse_variance_mean" and frames[0].variance is None:
                continue
            if average == "mean":
                options = {**options, "weights": [1, 3, 2, 1.5, 0, 1, 0.7, 2, 1]}
            options = {**options, "average": AVERAGES[average](), "reject": reject}
            followed, expected = ccdfx.stack(frames, **options, follow=True), ccdfx.combine(frames, **options)
            assert followed.value.tobytes() == expected.array.tobytes()
            assert followed.variance.tobytes() == expected.variance.tobytes()


def test_working_type():
    for dtype, expected in (
        ("u2", "f4"),
        ("i2", "f4"),
        ("f4", "f4"),
        ("i4", "f8"),
        ("u4", "f8"),
        ("f8", "f8"),
    ):
        assert ccdfx.combine(noisy(2, dtype=dtype), reject=None).dtype == np.dtype(expected)


@pytest.mark.quick
def test_a_thousand_sigma_hit_in_one_of_five_goes_by_default():
    frames = noisy(5)
    frames[3][2, 2] += 20_000
    assert abs(ccdfx.combine(frames).array[2, 2] - 1000) < 40
    assert ccdfx.combine(frames, reject=None).array[2, 2] > 4000
    constant = [np.full(SHAPE, 100.0) for _ in range(5)]
    constant[0][0, 0] = 1e6
    assert ccdfx.combine(constant).array[0, 0] == 100.0
    integers = [np.full(SHAPE, value, np.uint16) for value in (300, 300, 301, 300, 300)]
    integers[4][1, 1] = 60_000
    result = ccdfx.stack(integers)
    assert result.value[1, 1] == np.float32(300.25)
    assert result.value[0, 0] == np.float32(300.2)  # one unit more is rounding, not an outlier


@pytest.mark.parametrize("count", [3, 4, 5, 7, 10, 25, 100])
def test_the_default_costs_little_on_clean_data(count):
    frames = noisy(count, seed=count, level=0.0, sigma=1.0, shape=(100, 200))
    result = ccdfx.stack(frames)
    rejected = (result.rejected_low.mean() + result.rejected_high.mean()) / count
    assert rejected < {3: 0.06, 4: 0.03, 5: 0.03, 7: 0.015, 10: 0.01}.get(count, 0.002)
    assert result.value.std() * math.sqrt(count) < 1.09


def test_one_frame():
    frame = noisy(1)[0]
    known = ccdfx.Image(frame, variance=np.full(SHAPE, 3.0))
    for average in AVERAGES.values():
        assert np.array_equal(ccdfx.combine([known], average=average()).array, frame)
    for average in (ccdfx.mean(), ccdfx.median(), ccdfx.total()):
        result = ccdfx.combine([frame], average=average)
        assert np.array_equal(result.array, frame)
        assert result.variance is None
    assert np.all(ccdfx.combine([ccdfx.Image(frame, variance=np.full(SHAPE, 3.0))]).variance == 3.0)


@pytest.mark.quick
def test_header_is_that_of_the_first_frame():
    images = [
        ccdfx.Image(f, {"OBJECT": name, "EXPTIME": time})
        for f, name, time in zip(noisy(3), "abc", (10.0, 20.0, 60.0), strict=True)
    ]
    header = ccdfx.combine(images).header
    assert (header["OBJECT"], header["NCOMBINE"], header["EXPTIME"]) == ("a", 3, 30.0)
    assert ccdfx.combine(images, average=ccdfx.total()).header["EXPTIME"] == 90.0
    same = [image.replace(header={"EXPTIME": 10}) for image in images]
    assert ccdfx.combine(same, average=ccdfx.median()).header["EXPTIME"] == 10
    assert "EXPTIME" not in ccdfx.combine([*same[:2], noisy(1)[0]]).header, "one frame does not say it"
    assert "EXPTIME" not in ccdfx.combine(noisy(2)).header
    assert ccdfx.combine([ccdfx.combine(images), images[0]]).header["NCOMBINE"] == 4
    assert "EXPTIME" not in ccdfx.combine([i.replace(header={"EXPTIME": "long"}) for i in images]).header


GOOD = [np.ones((2, 3)), np.ones((2, 3))]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("frames", "options", "error", "text"),
    [
        ([], {}, ccdfx.ArgumentError, "at least one frame"),
        (np.ones((2, 3)), {}, ccdfx.ArgumentTypeError, "sequence"),
        ("a.fits", {}, ccdfx.ArgumentTypeError, "sequence"),
        (None, {}, ccdfx.ArgumentTypeError, "sequence"),
        (["a.fits", "b.fits"], {}, ccdfx.ArgumentTypeError, "frames\\[0\\]"),
        ([*GOOD, np.ones((2, 4))], {}, ccdfx.MismatchError, r"frames\[2\]"),
        ([ccdfx.Image(GOOD[0], {"BUNIT": "adu"}), ccdfx.Image(GOOD[0], {"BUNIT": "electron"})], {}, ccdfx.MismatchError, "unit"),
        ([ccdfx.Image(GOOD[0], {"CCDSUM": "1 1"}), ccdfx.Image(GOOD[0], {"CCDSUM": "2 2"})], {}, ccdfx.MismatchError, "binning"),
        ([ccdfx.Image(GOOD[0], range=(1, 4, 1, 3)), ccdfx.Image(GOOD[0], range=(2, 5, 1, 3))], {}, ccdfx.MismatchError, "window"),
        (GOOD, {"reject": "sigma_clip"}, ccdfx.ArgumentTypeError, "reject"),
        (GOOD, {"reject": ccdfx.minmax(low=1, high=1)}, ccdfx.ArgumentError, "leave at least one of 2"),
        (GOOD, {"reject": ccdfx.minmax(low=0.5, high=0.5)}, ccdfx.ArgumentError, "leave at least one"),
        (GOOD, {"average": "median"}, ccdfx.ArgumentTypeError, "average"),
        (GOOD, {"weights": [1.0]}, ccdfx.ArgumentError, "each of the 2 frames"),
        (GOOD, {"weights": [1.0, -1.0]}, ccdfx.ArgumentError, "negative"),
        (GOOD, {"weights": [0.0, 0.0]}, ccdfx.ArgumentError, "not all 0"),
        (GOOD, {"weights": [1.0, math.nan]}, ccdfx.ArgumentError, "finite"),
        (GOOD, {"weights": 3}, ccdfx.ArgumentTypeError, "weights"),
        (GOOD, {"weights": [1, 1], "average": ccdfx.median()}, ccdfx.ArgumentError, "mean only"),
        (GOOD, {"scale": "average"}, ccdfx.ArgumentError, "mean, median"),
        (GOOD, {"scale": [1.0]}, ccdfx.ArgumentError, "each of the 2 frames"),
        (GOOD, {"scale": [1.0, 0.0]}, ccdfx.ArgumentError, r"frames\[1\].*above 0"),
        (GOOD, {"scale": [1.0, -2.0]}, ccdfx.ArgumentError, "above 0"),
        (GOOD, {"zero": [1.0, math.inf]}, ccdfx.ArgumentError, "finite"),
        (GOOD, {"zero": 4.0}, ccdfx.ArgumentTypeError, "zero"),
        ([GOOD[0], GOOD[0] * 0], {"scale": "median"}, ccdfx.ArgumentError, r"frames\[1\]"),
        ([GOOD[0], GOOD[0] * np.nan], {"zero": "mean"}, ccdfx.ArgumentError, r"frames\[1\].*finite"),
        ([np.ones((2, 2), complex)], {}, ccdfx.ArgumentTypeError, "real numbers"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(frames, options, error, text):
    with pytest.raises(error, match=text):
        ccdfx.combine(frames, **options)
    with pytest.raises(error, match=text):
        ccdfx.stack(frames, **options)


def test_an_unknown_word_for_an_even_number():
    with pytest.raises(ccdfx.ArgumentError, match="even"):
        ccdfx.median(even="upper")
