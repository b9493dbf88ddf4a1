"""Bias, dark, flat, gain and noise: values, variances, flags, header, and every refusal."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import subtract_level, subtract_overscan
from ccdfx.engines import engine
from ccdfx.errors import MismatchError
from ccdfx.noise import ccd_noise, gaussian_noise, poisson_noise
from ccdfx.operations.calibration.calibrate import (
    add_variance,
    calibrate,
    divide_flat,
    subtract_bias,
    subtract_dark,
)
from ccdfx.operations.calibration.electrons import to_electrons
from ccdfx.records.flags import Flag
from ccdfx.records.history import Master
from ccdfx.records.image import Image

ONES = np.ones((2, 3))


def master(image: Image) -> Master:
    return Master(image, "master.fits", "0" * 64)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("raw", "bias", "dtype"),
    [
        (np.uint16, np.uint16, np.float32), (np.int16, np.uint8, np.float32), (np.uint8, np.int16, np.float32),
        (np.int32, np.float32, np.float64), (np.float32, np.int64, np.float64), (np.float32, np.float64, np.float64),
        (np.uint16, np.float64, np.float64),
    ],
)  # fmt: skip
def test_integers_never_wrap(raw, bias, dtype):
    found = subtract_bias(np.full((2, 2), 5, raw), bias=np.full((2, 2), 10, bias))
    assert (
        found.dtype == dtype and (found.array == -5).all() and found.mask is None and found.variance is None
    )


def test_wide_integers_keep_their_last_digit():
    found = subtract_bias(np.full((1, 1), 2**24 + 1), bias=np.ones((1, 1), np.uint16))
    assert found.array[0, 0] == 2**24


@pytest.mark.quick
def test_masters_come_as_image_array_or_master():
    for bias in (ONES, Image(ONES), master(Image(ONES))):
        np.testing.assert_array_equal(subtract_bias(ONES, bias=bias).array, 0)


@pytest.mark.quick
def test_variances_of_differences_add():
    image = Image(ONES * 9, variance=ONES * 4)
    assert (subtract_bias(image, bias=Image(ONES, variance=ONES * 2)).variance == 6).all()
    assert (subtract_bias(Image(ONES), bias=Image(ONES, variance=ONES * 2)).variance == 2).all()
    assert (subtract_bias(image, bias=ONES).variance == 4).all()
    assert (subtract_dark(image, dark=Image(ONES, variance=ONES * 2), scale=3).variance == 4 + 9 * 2).all()


def test_flags_of_masters_join():
    image = Image(ONES, mask=[[4, 0, 0], [0, 0, 0]])
    bias = Image(ONES, mask=[[1, 2, 0], [0, 0, 0]])
    for function, name in ((subtract_bias, "bias"), (subtract_dark, "dark")):
        found = function(image, **{name: bias})
        assert found.mask.tolist() == [[5, 2, 0], [0, 0, 0]] and (found.array == 0).all()
    assert divide_flat(image, flat=bias).mask.tolist() == [[5, 3, 0], [0, 0, 0]]


def test_a_master_pixel_that_is_not_finite_is_not_applied():
    hole = np.array([[np.nan, np.inf, 1.0]])
    for found in (subtract_bias([[5.0, 5, 5]], bias=hole), subtract_dark([[5.0, 5, 5]], dark=hole, scale=2)):
        assert found.array[0, :2].tolist() == [5, 5] and found.mask.tolist() == [[1, 1, 0]]


def test_pixels_that_are_not_finite_are_flagged_no_data():
    found = subtract_bias([[np.nan, np.inf, 1.0]], bias=[[1.0, 1, 1]])
    assert found.mask.tolist() == [[Flag.NO_DATA, Flag.NO_DATA, 0]]


FLAT = np.array([[2.0, 4.0, 0.0, -1.0, np.nan, np.inf, 1e-8, 2.0]])


def test_a_flat_pixel_without_light_divides_nothing():
    mask = np.zeros(FLAT.shape, np.uint8)
    mask[0, 7] = Flag.SATURATED
    variance = np.full(FLAT.shape, 3.0)
    image = Image(np.full(FLAT.shape, 8.0), variance=variance)
    found = divide_flat(image, flat=Image(FLAT, mask=mask, variance=variance * 0.1), statistic=2)
    assert found.array.tolist() == [[8, 4, 8, 8, 8, 8, 8, 8]]
    assert found.mask.tolist() == [[0, 0, 1, 1, 1, 1, 1, 5]]
    relative = 0.3 / 4
    np.testing.assert_allclose(found.variance[0, :2], [3 + 64 * relative, (3 + 16 * relative) / 4])
    np.testing.assert_array_equal(found.variance[0, 2:], 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_division_gives_infinity(dtype):
    flat = np.array([[5e-324, 1e-38, 1e-300, 0.0, -0.0]]).astype(dtype)
    found = divide_flat(np.full((1, 5), 1e5, dtype), flat=flat, statistic=None)
    assert np.isfinite(found.array).all() and (found.mask == Flag.BAD_PIXEL).all()


@pytest.mark.parametrize(
    ("statistic", "level"),
    [
        ("median", 3.0),
        ("mean", 13 / 3),
        ("min", 2.0),
        ("max", 8.0),
        (None, 1.0),
        (5, 5.0),
        (np.max, 8.0),
        (lambda values: values.size, 3.0),
    ],
)
def test_the_level_of_a_flat_comes_from_its_good_pixels(statistic, level):
    flat = Image(np.array([[2.0, 3.0, 8.0, 900.0, np.nan, -7.0, 0.0]]), mask=[[0, 0, 0, 1, 0, 0, 0]])
    found = divide_flat(np.full((1, 7), 6.0), flat=flat, statistic=statistic)
    np.testing.assert_allclose(found.array[0, :3], 6 * level / np.array([2, 3, 8]))


def test_the_level_is_that_of_the_flat_at_hand():
    image = np.full((1, 2), 12.0)
    for value in range(1, 60):
        flat = Image(np.array([[value, 3.0 * value]]))
        np.testing.assert_allclose(divide_flat(image, flat=flat).array, [[24, 8]])
        masked = flat.replace(mask=[[0, 1]])
        np.testing.assert_allclose(divide_flat(image, flat=masked).array, [[12, 12]])
        np.testing.assert_allclose(divide_flat(image, flat=flat, statistic="mean").array, [[24, 8]])


def test_a_filter_is_that_which_a_file_keeps_of_its_name():
    frame, flat = Image(np.ones((2, 2)), {"FILTER": "Grün"}), Image(np.ones((2, 2)), {"FILTER": "Grun"})
    assert (divide_flat(frame, flat=flat).array == 1).all()
    with pytest.raises(MismatchError, match="filter"):
        divide_flat(frame, flat=flat.replace(header={"FILTER": "Grön"}))


def test_filters_are_compared_when_both_are_known():
    v, r, none = (Image(ONES, {} if band is None else {"FILTER": band}) for band in ("V", "R", None))
    assert (divide_flat(v, flat=none).array == 1).all() and (divide_flat(none, flat=r).array == 1).all()
    assert (divide_flat(v, flat=v.replace(band="V ")).array == 1).all()
    for johnson, other in (("R", "r"), ("V", "v")):  # r of Sloan, v of Stroemgren
        with pytest.raises(MismatchError, match="filter"):
            divide_flat(v.replace(band=johnson), flat=v.replace(band=other))


def test_a_flat_has_a_unit_of_its_own():
    assert (
        divide_flat(Image(ONES, {"BUNIT": "adu"}), flat=Image(ONES, {"BUNIT": "electron"})).array == 1
    ).all()


def exposure(seconds) -> Image:
    return Image(ONES * 6, {} if seconds is None else {"EXPTIME": seconds}, variance=ONES)


@pytest.mark.parametrize(
    ("image", "dark", "scale", "factor"),
    [
        (20, 60, "exposure", 1 / 3), ("10,5", 21, "exposure", 0.5), (60, 60, None, 1), (None, 60, None, 1),
        (60, None, None, 1), (60, 60.03, None, 1), (20, 60, 2.5, 2.5), (None, None, 0.5, 0.5),
    ],
)  # fmt: skip
def test_a_dark_is_scaled_only_when_told(image, dark, scale, factor):
    found = subtract_dark(exposure(image), dark=exposure(dark), scale=scale)
    np.testing.assert_allclose(found.array, 6 - 6 * factor, atol=1e-12)
    np.testing.assert_allclose(found.variance, 1 + factor**2)


def test_electrons():
    header = {"BUNIT": ("ADU", "unit"), "OBJECT": "x"}
    found = to_electrons(Image(np.full((1, 2), 3, np.uint16), header, variance=[[2.0, 4.0]]), gain=2)
    assert found.array.tolist() == [[6, 6]] and found.variance.tolist() == [[8, 16]]
    assert found.unit == "electron" and found.header["OBJECT"] == "x"
    assert to_electrons(ONES, gain=1).unit == "electron"


def test_variance_is_the_ccd_equation():
    found = add_variance([[-100.0, 0.0, 400.0]], noise=ccd_noise(2.0, 6.0, 0.01))
    np.testing.assert_allclose(found.variance, [[10, 9, 225]])
    again = add_variance(found, noise=gaussian_noise(2.0))
    np.testing.assert_allclose(again.variance, [[14, 13, 229]])
    assert add_variance(np.ones((1, 1), np.uint16), noise=poisson_noise()).dtype == np.uint16


@pytest.mark.quick
def test_calibrate_takes_all_at_once():
    raw = Image(np.array([[1000, 60000, 500]], np.uint16), {"BUNIT": "adu", "EXPTIME": 30, "FILTER": "V"})
    found = calibrate(
        raw,
        bias=master(Image([[100.0, 100, 100]], variance=[[1.0, 1, 1]])),
        dark=Image([[10.0, 10, 10]], {"EXPTIME": 60}),
        dark_scale="exposure",
        flat=Image([[1.0, 2.0, 0.0]], {"FILTER": "V"}),
        statistic=None,
        noise=ccd_noise(gain=2.0, readnoise=4.0),
        saturation=60000,
        bad_pixels=np.array([[False, False, True]]),
        gain=2.0,
    )
    np.testing.assert_allclose(found.array, [[1790, 59895, 790]])
    np.testing.assert_allclose(found.variance, [[4 * 455, 29955, 4 * 205]])
    assert found.mask.tolist() == [[0, 4, 1]] and found.unit == "electron"


@pytest.mark.parametrize(
    "noise", [ccd_noise(1.5, 5.0, 0.01), gaussian_noise(3.0), ccd_noise(1.5, 5.0) + gaussian_noise(1.0)]
)
def test_any_noise_model_can_be_fused(noise):
    raw, bias, flat = Image(ONES * 500), Image(ONES * 100, variance=ONES), Image(ONES * 2)
    found = calibrate(raw, bias=bias, flat=flat, statistic=None, noise=noise, gain=1.5)
    steps = add_variance(subtract_bias(raw, bias=bias), noise=noise)
    steps = to_electrons(divide_flat(steps, flat=flat, statistic=None), gain=1.5)
    np.testing.assert_allclose(found.array, steps.array)
    np.testing.assert_allclose(found.variance, steps.variance)


def test_threads_and_tiles_change_nothing(monkeypatch):
    from ccdfx.operations.calibration import one_pass

    rng = np.random.default_rng(2)
    raw = Image(rng.integers(0, 65535, (300, 257), dtype=np.uint16))
    bias = Image(rng.normal(300, 3, raw.shape).astype(np.float32), variance=np.ones(raw.shape, np.float32))
    flat = Image(rng.normal(1, 0.3, raw.shape).astype(np.float32))
    options = {"bias": bias, "flat": flat, "noise": ccd_noise(1.5, 5.0), "saturation": 60000}
    one = calibrate(raw, **options)
    for size, threads in ((1000, 1), (1000, 3), (7777, 2)):
        monkeypatch.setattr(one_pass, "BAND_PIXELS", size)
        with engine(threads=threads):
            many = calibrate(raw, **options)
        for name in ("array", "mask", "variance"):
            np.testing.assert_array_equal(getattr(one, name), getattr(many, name))


def test_an_engine_elsewhere_does_not_get_pixels_in_memory(monkeypatch):
    from ccdfx.engines import Engine
    from ccdfx.operations.calibration import one_pass

    def never(function, tiles):
        raise AssertionError("tiles were sent away")

    monkeypatch.setattr(one_pass, "BAND_PIXELS", 2)
    with engine(Engine("far", never)):
        assert (subtract_bias(ONES, bias=ONES).array == 0).all()


def test_a_variance_that_float32_cannot_hold_is_not_known():
    """That, and no warning, which would be an error here."""
    array = np.full((3, 4), 100.0, np.float32)
    image = Image(array, variance=np.where(np.eye(3, 4), 1e300, 4.0))
    assert image.variance.dtype == np.float64
    results = [
        subtract_bias(image, bias=image),
        subtract_bias(array, bias=image),
        divide_flat(image, flat=array),
        to_electrons(image, gain=2.0),
        subtract_overscan(image, overscan=(3, 4, 0, 3)),
        subtract_level(image, section=(3, 4, 0, 3)),
    ]
    for result in results:
        assert result.variance.dtype == np.float32
        assert np.array_equal(np.isinf(result.variance), np.eye(3, 4) > 0)


def test_a_flat_without_variance_adds_none_however_large_the_value() -> None:
    image = Image(np.array([[3e19, -1e38, 5.0]], np.float32), variance=np.ones((1, 3)))
    ones = np.ones((1, 3), np.float32)
    assert subtract_bias(image, bias=np.zeros_like(ones)).variance.tolist() == [[1, 1, 1]]
    assert divide_flat(image, flat=ones).variance.tolist() == [[1, 1, 1]]
    unknown = Image(ones, variance=np.full((1, 3), np.inf))
    zero = Image(np.array([[0.0, 2.0, 0.0]], np.float32), variance=np.ones((1, 3)))
    assert divide_flat(zero, flat=unknown).variance.tolist() == [[1, np.inf, 1]]


def test_an_unknown_variance_stays_unknown_under_the_brightest_flat() -> None:
    image = Image(np.ones((1, 3), np.float32), variance=np.array([[np.inf, 4.0, np.inf]]))
    flat = np.array([[1e20, 1e20, 1.8e19]], np.float32)
    variance = divide_flat(image, flat=flat, statistic=None).variance
    assert np.isposinf(variance[0, [0, 2]]).all() and 0 <= variance[0, 1] < 1e-37


def test_noise_that_all_pixels_share_is_that_of_pixels_one_by_one():
    rng = np.random.default_rng(7)
    raw = rng.integers(900, 1100, (40, 50)).astype("u2")
    mask = (rng.random((40, 50)) < 0.1).astype("u1")
    same, other = (
        calibrate(Image(kind, {"BUNIT": "adu"}, mask=mask), noise=gaussian_noise(3.3), saturation=1090.0)
        for kind in (raw, raw.astype("f4"))
    )
    assert same.header == other.header and same.variance.dtype == np.float32
    for one, two in ((same.array, other.array), (same.mask, other.mask), (same.variance, other.variance)):
        assert one.tobytes() == two.tobytes()
    assert 0 < np.count_nonzero(same.mask & 4) < same.size
