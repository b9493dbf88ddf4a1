"""Scalings of images and back."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image
from ccdfx.scalings import SCALINGS, Scaling, asinh, exp, linear, log, power, scale, sqrt, unscale

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
    "sqrt": (sqrt(), np.sqrt, 0.0),
    "asinh": (asinh(3.0), lambda x: np.arcsinh(x / 3), -500.0),
    "power": (power(1.7), lambda x: x**1.7, 0.0),
    "exp": (exp(), np.exp, -20.0),
    "exp2": (exp(2.0), np.exp2, -20.0),
}


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


@pytest.mark.parametrize(
    ("scaling", "outside"),
    [(log(), [0.0, -1.0]), (sqrt(), [-0.5]), (power(2.0), [-3.0]), (exp(), [1e4]),
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
        lambda: linear(0.0), lambda: linear(-1.0), lambda: linear(1.0, np.inf), lambda: log(1.0), lambda: log(0.5),
        lambda: log(np.nan), lambda: log(minimum=1.0), lambda: log(minimum=3.0, maximum=3.0),
        lambda: log(minimum=1.0, maximum=2.0, lower=1.0, upper=1.0), lambda: asinh(0.0), lambda: asinh("wide"),
        lambda: power(0.0), lambda: power(-2.0), lambda: exp(1.0), lambda: asinh().configure(softness=2.0),
        lambda: asinh().configure(softening=-2.0), lambda: scale([[1.0]], scaling="asinh"),
        lambda: unscale([[1.0]], scaling=None),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(make) -> None:
    with pytest.raises(CcdfxError):
        make()


def test_a_name_is_not_a_scaling() -> None:
    with pytest.raises(ArgumentTypeError, match="must be a Scaling"):
        scale([[1.0]], scaling="asinh")


@pytest.mark.parametrize("scaling", SCALINGS, ids=repr)
def test_scalings_are_values(scaling: Scaling) -> None:
    copy = pickle.loads(pickle.dumps(scaling))
    assert copy == scaling and hash(copy) == hash(scaling)
    assert scaling.configure() == scaling
    with pytest.raises(AttributeError):
        scaling.name = "other"
    assert len({s.name for s in SCALINGS}) == len(SCALINGS) == 6
