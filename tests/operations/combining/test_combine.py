"""combine and stack: frames of every kind, normalisation, headers, variances, bad input."""

from __future__ import annotations

import math
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

import ccdfx
from ccdfx.operations.combining.average import AVERAGES

SHAPE = (7, 11)


def noisy(count, seed=0, level=1000.0, sigma=20.0, shape=SHAPE, dtype="f4"):
    rng = np.random.default_rng(seed)
    return [rng.normal(level, sigma, shape).astype(dtype) for _ in range(count)]


class Rows:
    """A source that gives an image and notes which rows were asked for."""

    def __init__(self, image, name="source"):
        self.image, self.name, self.asked = ccdfx.Image.of(image), name, []
        self.shape, self.dtype, self.header, self.range = (
            self.image.shape, self.image.dtype, self.image.header, self.image.range,
        )  # fmt: skip

    def select(self, range=None):
        window = ccdfx.Range.of(range, self.image.range)
        self.asked.append(window.shape[0])
        return self.image.select(window)

    def close(self):
        pass


# ---- kinds of frames ----


@pytest.mark.quick
def test_images_arrays_and_sources_mix():
    frames = noisy(4)
    mixed = [frames[0], ccdfx.Image(frames[1]), Rows(frames[2]), np.ma.MaskedArray(frames[3])]
    assert np.array_equal(ccdfx.combine(mixed, reject=None).array, ccdfx.combine(frames, reject=None).array)


def test_the_planes_of_a_cube_are_frames():
    cube = np.array(noisy(3))
    assert np.array_equal(
        ccdfx.combine(cube, reject=None).array, ccdfx.combine(list(cube), reject=None).array
    )


def test_a_generator_is_a_sequence_too():
    frames = noisy(3)
    assert np.array_equal(
        ccdfx.combine(iter(frames), reject=None).array, ccdfx.combine(frames, reject=None).array
    )


def test_a_source_is_read_by_rows_within_the_memory():
    sources = [Rows(frame) for frame in noisy(3, shape=(64, 50))]
    with ccdfx.engine(threads=1, memory=3 * 2 * 4 * 50 * 5):
        result = ccdfx.combine(sources, reject=None)
    assert np.array_equal(result.array, ccdfx.combine([s.image for s in sources], reject=None).array)
    assert max(sources[0].asked) == 5
    assert sum(sources[0].asked) == 64 + 1  # the one row tells whether there are flags


def test_a_window_of_a_larger_frame_is_read_as_such():
    images = [ccdfx.Image(frame, range=(5, 16, 100, 107)) for frame in noisy(3)]
    result = ccdfx.combine([Rows(image) for image in images], reject=None)
    assert result.range == images[0].range
    assert np.array_equal(result.array, ccdfx.combine(images, reject=None).array)


def test_a_source_with_flags_and_variance():
    mask = np.zeros(SHAPE, np.uint8)
    mask[3, 4] = 4
    images = [ccdfx.Image(f, mask=mask, variance=np.full(SHAPE, 4.0)) for f in noisy(3)]
    got, expected = (ccdfx.stack(frames, reject=None) for frames in ([Rows(i) for i in images], images))
    assert got.value.tobytes() == expected.value.tobytes()
    assert got.variance.tobytes() == expected.variance.tobytes()
    assert got.flags[3, 4] == 4 | 16


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
@pytest.mark.parametrize("suffix", ["fits", "fits.gz"])
def test_fits_files_give_what_their_images_give(tmp_path, dtype, suffix):
    frames = noisy(5, level=100, sigma=9, dtype=dtype, shape=(40, 33))
    if dtype.startswith("float"):
        frames[1][3, 3] = np.nan
    sources = []
    for number, frame in enumerate(frames):
        path = tmp_path / f"{number}.{suffix}"
        ccdfx.write(ccdfx.Image(frame), path)
        sources.append(ccdfx.open_source(path))
    with ccdfx.engine(threads=2, memory=40_000):
        got = ccdfx.stack(sources, reject=ccdfx.sigma_clip(low=1.5, high=1.5))
    expected = ccdfx.stack(frames, reject=ccdfx.sigma_clip(low=1.5, high=1.5))
    for name in ("value", "variance", "count", "flags"):
        assert getattr(got, name).tobytes() == getattr(expected, name).tobytes()


@pytest.mark.parametrize(
    ("stored", "cards"),
    [
        (">i2", {"BSCALE": 0.5, "BZERO": 10.0}),
        (">i2", {"BZERO": 32768.0, "BLANK": -7}),
        (">i2", {"BLANK": 3}),
        (">u1", {"BZERO": -128.0}),
        (">i4", {"BSCALE": 0.25, "BLANK": 5}),
        (">i4", {"BZERO": 2147483648.0}),
        (">f4", {"BSCALE": 2.0, "BZERO": 1.0}),
    ],
)
def test_raw_pixels_with_scale_and_blank_are_decoded_as_read_does(tmp_path, stored, cards):
    rng = np.random.default_rng(1)
    paths = []
    for number in range(3):
        values = rng.integers(-20 if "i" in stored else 0, 50, (6, 9)).astype(stored)
        bits = {"i2": 16, "u1": 8, "i4": 32, "f4": -32}[stored[1:]]
        lines = {"SIMPLE": "T", "BITPIX": bits, "NAXIS": 2, "NAXIS1": 9, "NAXIS2": 6, **cards}
        header = "".join(f"{key:8}= {value!s:>20}".ljust(80) for key, value in lines.items()) + "END".ljust(
            80
        )
        data = values.tobytes()
        path = tmp_path / f"{number}.fits"
        path.write_bytes(header.ljust(2880).encode() + data.ljust(-(-len(data) // 2880) * 2880, b"\0"))
        paths.append(path)
    sources = [ccdfx.open_source(path) for path in paths]
    assert sources[0].raw is not None
    got = ccdfx.stack(sources, reject=None, average=ccdfx.median())
    expected = ccdfx.stack([ccdfx.read(path) for path in paths], reject=None, average=ccdfx.median())
    assert got.count.tobytes() == expected.count.tobytes()
    np.testing.assert_allclose(got.value, expected.value, rtol=3e-7)
    assert got.value.dtype == expected.value.dtype


@pytest.mark.quick
@pytest.mark.parametrize("stored", ["u1", "<i2", "<u2", "<i4", "<f4", "<f8", ">i2", ">f8"])
def test_raw_pixels_of_either_byte_order_are_those_in_memory(tmp_path, stored):
    frames = [(frame * 100 % 250).astype(stored) for frame in noisy(3, shape=(40, 30))]
    sources = []
    for number, frame in enumerate(frames):
        path = tmp_path / f"{number}.raw"
        path.write_bytes(b"head" + frame.tobytes())
        source = Rows(ccdfx.Image(np.zeros_like(frame)))  # a source that gave its rows would give zeros
        source.raw = ccdfx.RawLayout(str(path), 4, frame.dtype.str.replace("|", ">"), frame.shape)
        sources.append(source)
    assert ccdfx.combine(sources).array.tobytes() == ccdfx.combine(frames).array.tobytes()


def test_a_file_that_becomes_shorter_is_an_error_that_names_it(tmp_path):
    paths = [tmp_path / f"{number}.fits" for number in range(2)]
    for path, frame in zip(paths, noisy(2, shape=(64, 64)), strict=True):
        ccdfx.write(ccdfx.Image(frame), path)
    sources = [ccdfx.open_source(path) for path in paths]
    raw = sources[1].raw
    os.truncate(paths[1], os.path.getsize(paths[1]) - 5760)
    with pytest.raises(ccdfx.FileError, match=r"1\.fits"):
        ccdfx.combine(sources)

    class Unstamped(Rows):
        pass

    # Also where the source did not note what the file was like: the bytes run out.
    source = Unstamped(ccdfx.Image((64, 64)))
    source.dtype = np.dtype("f4")
    source.raw = type(raw)(raw.path, raw.offset, raw.dtype, raw.shape)
    with pytest.raises(ccdfx.FileError, match=r"1\.fits.*cut"):
        ccdfx.combine([source])


def test_a_file_that_is_gone(tmp_path):
    path = tmp_path / "a.fits"
    ccdfx.write(ccdfx.Image(noisy(1)[0]), path)
    source = ccdfx.open_source(path)
    source.raw
    path.unlink()
    with pytest.raises(ccdfx.FileError, match=r"a\.fits"):
        ccdfx.combine([source, source])


def test_inputs_never_change():
    frames = noisy(3)
    before = [frame.copy() for frame in frames]
    frames[0][1, 1] = before[0][1, 1] = np.nan
    ccdfx.combine(frames, average=ccdfx.median(), scale="median", zero=[0.0, 1.0, 2.0])
    for frame, old in zip(frames, before, strict=True):
        assert frame.tobytes() == old.tobytes()


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


# ---- values ----


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
    """Its error on normal values against that of the mean; docs of `default_rejection` quote the worst case."""
    frames = noisy(count, seed=count, level=0.0, sigma=1.0, shape=(100, 200))
    result = ccdfx.stack(frames)
    rejected = (result.rejected_low.mean() + result.rejected_high.mean()) / count
    assert rejected < {3: 0.11, 4: 0.06, 5: 0.05, 7: 0.025, 10: 0.01}.get(count, 0.002)
    assert result.value.std() * math.sqrt(count) < 1.12


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


# ---- variance ----


@pytest.mark.quick
def test_variance_is_propagated_when_all_frames_have_one():
    images = [
        ccdfx.Image(f, variance=np.full(SHAPE, v)) for f, v in zip(noisy(3), (1.0, 4.0, 7.0), strict=True)
    ]
    assert np.allclose(ccdfx.combine(images, reject=None).variance, 12 / 9)
    assert np.allclose(ccdfx.combine(images, reject=None, average=ccdfx.total()).variance, 12)
    assert np.allclose(ccdfx.combine(images, reject=None, average=ccdfx.median()).variance, 1.346013 * 12 / 9)
    assert np.allclose(ccdfx.combine(images, reject=None, weights=[1, 2, 1]).variance, (1 + 16 + 7) / 16)
    assert np.allclose(ccdfx.combine(images, reject=None, scale=[1, 2, 1]).variance, (1 + 1 + 7) / 9)
    some = [images[0], images[1], images[2].replace(variance=None)]
    empirical = np.var([i.array for i in images], axis=0, ddof=1, dtype=float) / 3
    np.testing.assert_allclose(ccdfx.combine(some, reject=None).variance, empirical, rtol=1e-6)


def test_variance_of_survivors_only():
    frames = noisy(5)
    frames[2][1, 1] = 1e6
    images = [
        ccdfx.Image(f, variance=np.full(SHAPE, v))
        for f, v in zip(frames, (1.0, 1.0, 1e9, 1.0, 1.0), strict=True)
    ]
    result = ccdfx.stack(images, reject=ccdfx.ccd_clip(readnoise=25.0, gain=1.0, low=8, high=8))
    assert result.count[1, 1] == 4
    assert result.variance[1, 1] == pytest.approx(0.25)


def test_variance_where_nothing_or_one_value_is_left():
    masks = np.zeros((2, 1, 3), np.uint8)
    masks[0, 0, :2] = 1
    masks[1, 0, 1] = 4
    frames = [ccdfx.Image(np.ones((1, 3)), mask=mask) for mask in masks]
    result = ccdfx.stack(frames)
    assert result.count.tolist() == [[1, 0, 2]]
    assert result.variance.tolist() == [[np.inf, 0.0, 0.0]]
    assert result.value.tolist() == [[1.0, 0.0, 1.0]]
    assert result.flags.tolist() == [[0, 1 | 4 | 16, 0]]
    assert result.image.mask.tolist() == result.flags.tolist()


@pytest.mark.parametrize("reject", [None, ccdfx.variance_clip(), ccdfx.minmax()], ids=str)
def test_an_unknown_variance_leaves_that_of_the_pixel_unknown(reject):
    """And not NaN, even where the value weighs nothing."""
    frames = [
        ccdfx.Image(np.full((1, 3), level), variance=[[1.0, np.nan, np.inf]]) for level in (1.0, 2.0, 3.0)
    ]
    for average in AVERAGES.values():
        variance = ccdfx.combine(frames, average=average(), reject=reject).variance
        assert 0 < variance[0, 0] < 10 and (variance[0, 1:] == np.inf).all()
    frames[0] = frames[0].replace(array=np.full((1, 3), 2.0))
    frames[1] = frames[1].replace(variance=np.ones((1, 3)))
    if reject is None or reject.name == "variance_clip":
        weighted = ccdfx.combine(frames, weights=[0, 1, 0], reject=reject)
        assert weighted.variance.tolist() == [[1.0, 1.0, 1.0]]


@pytest.mark.parametrize("reject", [None, ccdfx.minmax(), ccdfx.mad_clip()], ids=str)
def test_the_scatter_of_values_whose_squares_are_no_numbers_is_unknown(reject):
    frames = [np.full((1, 2), level) for level in (1e300, 2e300, 4e300, 3e300)]
    for average in (ccdfx.mean(), ccdfx.median(), ccdfx.total(), ccdfx.minimum()):
        assert (ccdfx.combine(frames, average=average, reject=reject).variance == np.inf).all()


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


CLIPS = [None, ccdfx.minmax(low=1, high=1), ccdfx.sigma_clip(low=4, high=4), ccdfx.mad_clip(low=6, high=6)]


# Clipping few values by their own scatter narrows it, and with it the empirical variance: `default_rejection` says so.
@pytest.mark.parametrize(
    ("reject", "count"),
    [(r, n) for r in CLIPS[:2] for n in (4, 5, 12)] + [(CLIPS[2], 20), (CLIPS[3], 12)],
    ids=str,
)
@pytest.mark.parametrize("average", ["mean", "median", "total"])
@pytest.mark.parametrize("propagated", [False, True])
def test_variance_matches_the_scatter_of_simulated_frames(count, reject, average, propagated):
    shape = (120, 200)
    frames = noisy(count, seed=count, level=0.0, sigma=3.0, shape=shape)
    images = [ccdfx.Image(f, variance=np.full(shape, 9.0)) for f in frames] if propagated else frames
    result = ccdfx.combine(images, average=getattr(ccdfx, average)(), reject=reject)
    assert np.mean(result.variance) == pytest.approx(np.var(result.array), rel=0.1)


def test_variance_of_a_weighted_mean_matches_the_scatter():
    frames = noisy(6, level=0.0, sigma=3.0, shape=(120, 200))
    result = ccdfx.combine(frames, reject=None, weights=[1, 2, 3, 1, 1, 0])
    assert np.mean(result.variance) == pytest.approx(np.var(result.array), rel=0.05)


# ---- header ----


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
    assert ccdfx.combine([*same[:2], noisy(1)[0]]).header["EXPTIME"] == 10
    assert "EXPTIME" not in ccdfx.combine(noisy(2)).header
    assert ccdfx.combine([ccdfx.combine(images), images[0]]).header["NCOMBINE"] == 4
    assert ccdfx.combine([i.replace(header={"EXPTIME": "long"}) for i in images]).header["EXPTIME"] == "long"


# ---- bad input ----

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


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (ccdfx.minmax, {"low": -1}),
        (ccdfx.minmax, {"low": 1.5}),
        (ccdfx.minmax, {"high": math.nan}),
        (ccdfx.sigma_clip, {"low": 0}),
        (ccdfx.sigma_clip, {"high": -3}),
        (ccdfx.sigma_clip, {"high": math.nan}),
        (ccdfx.sigma_clip, {"center": "mode"}),
        (ccdfx.sigma_clip, {"keep": 1.5}),
        (ccdfx.sigma_clip, {"low": "three"}),
        (ccdfx.sigma_clip, {"low": np.array([3.0, 4.0])}),
        (ccdfx.sigma_clip, {"scaled": 1}),
        (ccdfx.mad_clip, {"floor": -1.0}),
        (ccdfx.ccd_clip, {"gain": 0.0}),
        (ccdfx.ccd_clip, {"gain": -2.0}),
        (ccdfx.ccd_clip, {"gain": b"GAIN"}),
        (ccdfx.ccd_clip, {"readnoise": -1.0}),
        (ccdfx.ccd_clip, {"readnoise": math.inf}),
    ],
)
def test_rules_refuse_nonsense(make, options):
    with pytest.raises((ccdfx.ArgumentError, ccdfx.ArgumentTypeError), match=next(iter(options))):
        make(**options)
    with pytest.raises((ccdfx.ArgumentError, ccdfx.ArgumentTypeError), match=next(iter(options))):
        make().configure(**options)


@pytest.mark.quick
def test_rules_are_values():
    rule = ccdfx.sigma_clip(low=2.5)
    assert pickle.loads(pickle.dumps(rule)) == rule != ccdfx.sigma_clip()
    assert rule.configure(high=9).parameters == {
        "low": 2.5, "high": 9.0, "center": "median", "keep": 0, "grow": 0.0, "scaled": False,
    }  # fmt: skip
    assert len({rule, ccdfx.sigma_clip(low=2.5)}) == 1
    with pytest.raises(TypeError):
        ccdfx.median().parameters["even"] = "lower"
    assert len({ccdfx.median(), ccdfx.median()}) == 1
    assert repr(ccdfx.minmax(low=np.int64(2), high=0.25)) == "minmax(low=2, high=0.25, grow=0.0)"
    assert ccdfx.ccd_clip(gain=np.array(2.0)) == ccdfx.ccd_clip(gain=2)
    with pytest.raises(TypeError):
        rule.parameters["low"] = 3
    with pytest.raises(ccdfx.ArgumentTypeError, match="did you mean 'low'"):
        rule.configure(lwo=3)


def test_rules_are_registered():
    from ccdfx import registry

    for name in ("minmax", "sigma_clip", "mad_clip", "ccd_clip"):
        assert registry.lookup("rejection", name).name == name


def test_memory_too_small_for_a_row():
    sources = [Rows(frame) for frame in noisy(3)]
    with ccdfx.engine(memory=100), pytest.raises(ccdfx.ArgumentError, match="memory: must hold a row"):
        ccdfx.combine(sources)


# ---- limits on raw values ----


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


def test_scaled_integers_of_files_keep_digits_that_32_bits_do_not_hold(tmp_path: Path) -> None:
    """A float32 beside 2**25 is a multiple of 4."""
    from astropy.io import fits

    path = tmp_path / "scaled.fits"
    hdu = fits.PrimaryHDU(np.array([[-1, 0, 1]], np.int16))
    hdu.header["BZERO"] = 2.0**25
    hdu.writeto(path)
    found = ccdfx.combine([ccdfx.open_source(path)] * 3, reject=None)
    assert found.array.tolist() == [[2**25 - 1, 2**25, 2**25 + 1]]


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


def test_an_unknown_word_for_an_even_number():
    with pytest.raises(ccdfx.ArgumentError, match="even"):
        ccdfx.median(even="upper")
