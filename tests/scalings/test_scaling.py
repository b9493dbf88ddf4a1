"""Scalings of images and back."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from ccdfx.errors import ArgumentError, CcdfxError
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image
from ccdfx.scalings import (
    SCALINGS,
    Scaling,
    asinh,
    contrast_bias,
    exp,
    histogram_equalisation,
    linear,
    log,
    power,
    scale,
    sqrt,
    surface_brightness,
    unscale,
)

FORMULAS = {
    "linear": (linear(2.0, -3.0), lambda x: 2 * x - 3, 2.0),
    "log": (log(), np.log10, 1e-3),
    "ln": (log(math.e), np.log, 1e-3),
    "log2": (log(2.0), np.log2, 1e-3),
    "ranged": (
        log(math.e, minimum=5.0, maximum=100.0, lower=2.0, upper=4.0),
        lambda x: np.log(1 + (math.e - 1) * (x - 5) / 95) * 2 + 2,
        -20.0,
    ),
    "ranged as in astropysics": (
        log(math.e**3, minimum=-5.0, maximum=50.0, lower=1.0, upper=4.0),
        lambda x: np.log(np.interp(x, [-5, 50], [np.e, np.e**4])),
        -5.0,
    ),
    "offset": (log(math.e, minimum=-20.0, lower=1.5), lambda x: np.log(x + 20 + np.e**1.5), -20.0),
    "sqrt": (sqrt(), np.sqrt, 0.0),
    "asinh": (asinh(3.0), lambda x: np.arcsinh(x / 3), -500.0),
    "power": (power(1.7), lambda x: x**1.7, 0.0),
    "square": (power(), np.square, 0.0),
    "root": (power(0.5), np.sqrt, 0.0),
    "surface brightness": (
        surface_brightness(25.0, 0.16),
        lambda x: 25 - 2.5 * np.log10(x) + 2.5 * np.log10(0.16),
        1e-3,
    ),
    "contrast and bias": (contrast_bias(0.5, 0.4, -20.0, 80.0), lambda x: 0.5 * (x + 20) / 100 + 0.3, -20.0),
    "histogram": (
        histogram_equalisation(values=(-10.0, 0.0, 50.0), fractions=(0.0, 0.5, 1.0)),
        lambda x: np.where(x < 0, 0.5 + x / 20, 0.5 + x / 100),
        -10.0,
    ),
    "exp": (exp(), np.exp, -20.0),
    "exp2": (exp(2.0), np.exp2, -20.0),
}


@pytest.mark.quick
@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "u2", "i4"])
def test_each_scaling_is_its_formula_and_comes_back(name: str, dtype: str) -> None:
    scaling, formula, lowest = FORMULAS[name]
    values = np.linspace(max(lowest, 1.0 if "u" in dtype or "i" in dtype else lowest), 40.0, 60)
    array = values.reshape(6, 10).astype(dtype)
    scaled = scale(array, scaling=scaling)
    assert scaled.dtype == (np.float32 if dtype in ("f4", "u2") else np.float64)
    tolerance = {"rel": 1e-5, "abs": 1e-5} if scaled.dtype == np.float32 else {"rel": 1e-12, "abs": 1e-12}
    assert scaled.array == pytest.approx(formula(array.astype(float)), **tolerance)
    assert scaled.mask is None
    tolerance = {"rel": 1e-4, "abs": 1e-4} if scaled.dtype == np.float32 else {"rel": 1e-9, "abs": 1e-9}
    assert unscale(scaled, scaling=scaling).array == pytest.approx(array.astype(float), **tolerance)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_derivative_is_that_of_the_formula(name: str) -> None:
    scaling, formula, lowest = FORMULAS[name]
    x = np.linspace(max(lowest, 0.0) + 0.5, 30.0, 40).reshape(4, 10)
    image = Image(x, variance=np.full(x.shape, 4.0))
    slope = (formula(x + 1e-6) - formula(x - 1e-6)) / 2e-6
    scaled = scale(image, scaling=scaling)
    assert scaled.variance == pytest.approx(4 * slope**2, rel=1e-5)
    assert unscale(scaled, scaling=scaling).variance == pytest.approx(image.variance, rel=1e-6)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("scaling", "outside"),
    [(log(), [0.0, -1.0]), (surface_brightness(25.0, 1.0), [0.0, -1.0]), (sqrt(), [-0.5]), (power(2.0), [-3.0]), (exp(), [1e4]),
     (log(minimum=0.0, maximum=9.0), [-1.0, -2.0])],
    ids=repr,
)  # fmt: skip
def test_values_outside_the_domain_are_flagged(scaling: Scaling, outside: list[float]) -> None:
    array = np.array([[*outside, 5.0]])
    mask = np.zeros(array.shape, np.uint8)
    mask[0, 0] = Flag.SATURATED
    scaled = scale(Image(array, mask=mask, variance=np.ones(array.shape)), scaling=scaling)
    assert np.isnan(scaled.array[0, :-1]).all() and np.isfinite(scaled.array[0, -1])
    assert scaled.mask[0, 0] == Flag.SATURATED | Flag.NO_DATA and scaled.mask[0, -1] == 0
    assert (scaled.mask[0, :-1] & Flag.NO_DATA).all()
    assert (scaled.variance >= 0).all()
    back = unscale(scaled, scaling=scaling)
    assert np.array_equal(back.mask, scaled.mask) and back.array[0, -1] == pytest.approx(5.0)


def test_values_that_were_not_numbers_are_not_flagged_anew() -> None:
    scaled = scale(np.array([[np.nan, np.inf, 2.0]]), scaling=sqrt())
    assert scaled.mask is None and np.isnan(scaled.array[0, :2]).all()


def test_header_and_range_stay_and_the_unit_says_what_happened() -> None:
    image = Image(np.ones((2, 3)), {"BUNIT": "adu", "OBJECT": "x"}, range=(3, 6, 1, 3))
    scaled = scale(scale(image, scaling=log()), scaling=asinh())
    assert scaled.header["BUNIT"] == "asinh(log(adu))" and scaled.header["OBJECT"] == "x"
    assert scaled.range == image.range
    assert unscale(unscale(scaled, scaling=asinh()), scaling=log()).header == image.header
    assert "BUNIT" not in scale(np.ones((2, 2)), scaling=log()).header


def test_a_scaling_without_inverse_or_derivative() -> None:
    equalised = Scaling("rank", {}, lambda a: np.argsort(np.argsort(a, axis=None)).reshape(a.shape))
    image = Image([[5.0, 3.0]], variance=[[1.0, 1.0]])
    scaled = scale(image, scaling=equalised)
    assert scaled.array.tolist() == [[1.0, 0.0]] and scaled.variance is None
    with pytest.raises(ArgumentError, match="inverse"):
        unscale(scaled, scaling=equalised)


@pytest.mark.parametrize(
    "make",
    [
        lambda: linear(0.0), lambda: linear(-1.0), lambda: linear(1.0, np.inf), lambda: log(0.5), lambda: log(np.nan),
        lambda: log(minimum=3.0, maximum=3.0), lambda: log(minimum=1.0, maximum=2.0, lower=1.0, upper=1.0),
        lambda: asinh("wide"), lambda: power(0.0), lambda: power(-2.0), lambda: exp(1.0),
        lambda: asinh().configure(softening=-2.0), lambda: unscale([[1.0]], scaling=None), lambda: surface_brightness("25"),
        lambda: surface_brightness(25.0, 0.0), lambda: contrast_bias(0.0), lambda: contrast_bias(minimum=1.0),
        lambda: histogram_equalisation(levels=1), lambda: histogram_equalisation(values=(1.0, 2.0)),
        lambda: histogram_equalisation(values=(1.0, 1.0), fractions=(0.0, 1.0)),
        lambda: histogram_equalisation(values=1.0, fractions=2.0),
        lambda: histogram_equalisation().configure(values=1.0, fractions=2.0),
        lambda: histogram_equalisation(values=(1.0, 2.0), fractions=(0.0,)),
        lambda: scale(np.full((2, 2), np.nan), scaling=histogram_equalisation()),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make) -> None:
    with pytest.raises(CcdfxError):
        make()


@pytest.mark.parametrize("scaling", SCALINGS, ids=repr)
def test_scalings_are_values(scaling: Scaling) -> None:
    copy = pickle.loads(pickle.dumps(scaling))
    assert copy == scaling and hash(copy) == hash(scaling)
    assert scaling.configure() == scaling
    with pytest.raises(AttributeError):
        scaling.name = "other"
    assert len({s.name for s in SCALINGS}) == len(SCALINGS) == 9


@pytest.mark.quick
def test_a_surface_brightness_takes_zero_point_and_pixel_area_from_the_image() -> None:
    """100 counts of 25 mag and pixels of 0.5" x 0.4": 25 - 5 + 2.5 log10(0.2)."""
    image = Image([[100.0, 0.0, -3.0]], variance=[[100.0, 1.0, 1.0]]).replace(
        zero_point=25.0, pixel_scale=(0.5, 0.4)
    )
    scaled = scale(image, scaling=surface_brightness())
    assert scaled.array[0, 0] == pytest.approx(20 + 2.5 * math.log10(0.2))
    assert scaled.variance[0, 0] == pytest.approx((2.5 / math.log(10) / 100) ** 2 * 100)  # 1.0857 / S/N
    assert scaled.mask.tolist() == [[0, Flag.NO_DATA, Flag.NO_DATA]]
    back = unscale(scaled, scaling=surface_brightness())
    assert back.array[0, 0] == pytest.approx(100.0) and back.variance[0, 0] == pytest.approx(100.0)
    given = scale(image, scaling=surface_brightness(20.0, 1.0))
    assert given.array[0, 0] == pytest.approx(15.0)
    fainter = Image([[1.0, 10.0]]).replace(zero_point=0.0, pixel_scale=1.0)
    assert np.diff(scale(fainter, scaling=surface_brightness()).array)[0, 0] == pytest.approx(-2.5)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "zero_point: must be in the header.*image.replace"),
        ({"zero_point": 25.0}, "pixel_area.*pixel_scale"),
    ],
)
def test_a_surface_brightness_says_what_the_image_lacks(facts: dict, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        scale(Image([[1.0]]).replace(**facts), scaling=surface_brightness())


def test_contrast_and_bias_cut_off_what_the_screen_cannot_show() -> None:
    stretch = contrast_bias(4.0, 0.5, maximum=100.0)
    image = Image([[-1e9, 0.0, 40.0, 50.0, 1e9]], variance=np.ones((1, 5)))
    scaled = scale(image, scaling=stretch)
    assert scaled.array.tolist() == [[0.0, 0.0, pytest.approx(0.1), 0.5, 1.0]] and scaled.mask is None
    assert scaled.variance == pytest.approx(np.array([[0, 0, 0.04**2, 0.04**2, 0]]))
    assert stretch.domain(**stretch.parameters) == pytest.approx((37.5, 62.5))
    back = unscale(scaled, scaling=stretch)
    assert back.array == pytest.approx(np.array([[37.5, 37.5, 40.0, 50.0, 62.5]]))
    assert np.isnan(unscale([[1.5]], scaling=stretch).array).all()


def test_an_equalised_histogram_is_flat() -> None:
    rng = np.random.default_rng(1)
    array = rng.lognormal(3, 1, (200, 200)).astype(np.float32)
    mask = np.zeros(array.shape, bool)
    mask[:50], array[:50] = True, 1e6
    scaling = histogram_equalisation(64).settled(Image(array, mask=mask))
    scaled = scale(Image(array, mask=mask), scaling=scaling)
    counts, _ = np.histogram(scaled.array[50:], bins=10, range=(0, 1))
    assert counts == pytest.approx(3000, rel=0.03)
    assert (scaled.array[:50] == 1).all()
    assert unscale(scaled, scaling=scaling).array[50:] == pytest.approx(array[50:], rel=1e-4)
    np.testing.assert_array_equal(
        scale(Image(array, mask=mask), scaling=histogram_equalisation(64)).array, scaled.array
    )
    with pytest.raises(ArgumentError, match=r"from before it was scaled.*settled\(image\)"):
        unscale(scaled, scaling=histogram_equalisation(64))


def test_an_equalised_histogram_of_few_values() -> None:
    whole = scale(np.array([[3, 3, 3, 7]], np.uint16), scaling=histogram_equalisation())
    assert whole.array[0, 3] == 1.0 and (whole.array[0, :3] == np.float32(1 / 3)).all()
    constant = Image(np.full((2, 2), 5.0), variance=np.ones((2, 2)))
    assert (scale(constant, scaling=histogram_equalisation()).array == 0.5).all()
    assert (scale(constant, scaling=histogram_equalisation()).variance == 0).all()


def test_a_scaling_must_answer_for_every_pixel() -> None:
    with pytest.raises(ArgumentError, match="shape"):
        scale([[1.0, 2.0]], scaling=Scaling("sum", {}, np.sum))
    image = Image([[1.0, -1.0]])
    same = scale(image, scaling=Scaling("same", {}, lambda a: a))
    assert same.array.tolist() == [[1.0, -1.0]]
    broken = scale(image, scaling=Scaling("same", {}, lambda a: np.broadcast_to(np.float64(np.nan), a.shape)))
    assert np.isnan(broken.array).all() and image.array.tolist() == [[1.0, -1.0]]


@pytest.mark.parametrize(
    "scaling", [log(), log(50.0, minimum=-30.0, maximum=5e4), asinh(3.0), power(1.3)], ids=repr
)
def test_threads_do_not_change_a_value(scaling: Scaling) -> None:
    from ccdfx.engines import engine

    array = np.random.default_rng(3).uniform(-20, 6e4, (900, 1300)).astype(np.float32)
    with engine(threads=1):
        one = scale(array, scaling=scaling)
    with engine(threads=3):
        three = scale(array, scaling=scaling)
    np.testing.assert_array_equal(one.array, three.array)
    np.testing.assert_array_equal(scale(array[5:6, 7:12], scaling=scaling).array, one.array[5:6, 7:12])
