"""Noise models: variances, samples, sums, and the noise of images that they predict."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable

import numpy as np
import pytest

import ccdfx
from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError
from ccdfx.noise import (
    MODELS,
    NoiseModel,
    add_noise,
    ccd_noise,
    gaussian_noise,
    poisson_noise,
    snr,
    std_of,
    uniform_noise,
    variance_of,
)
from ccdfx.records.header import Header
from ccdfx.records.image import Image


@pytest.mark.quick
def test_the_ccd_equation() -> None:
    signal = np.array([[-50.0, 0.0, 100.0, 60000.0]])
    expected = np.maximum(signal, 0) / 1.8 + (9.0 / 1.8) ** 2 + (0.01 * signal) ** 2
    model = ccd_noise(gain=1.8, readnoise=9.0, sensitivity=0.01)
    assert model.name == "ccd" and dict(model.parameters) == {
        "gain": 1.8,
        "readnoise": 9.0,
        "sensitivity": 0.01,
    }
    assert variance_of(signal, model=model) == pytest.approx(expected)
    assert std_of(signal, model=model) == pytest.approx(np.sqrt(expected))
    assert snr(signal, model=model) == pytest.approx(signal / np.sqrt(expected))


@pytest.mark.parametrize(
    ("dtype", "wanted"), [("u2", "f4"), ("f4", "f4"), ("f8", "f8"), ("i4", "f8"), ("u1", "f4")]
)
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_results_have_the_working_type_and_are_fresh(dtype: str, wanted: str, model: NoiseModel) -> None:
    image = Image(np.full((3, 4), 9, dtype))
    variance = variance_of(image, model=model)
    assert variance.dtype == wanted and variance.shape == (3, 4) and variance.flags.writeable
    variance += 1
    noisy = add_noise(image, model=model, rng=1)
    assert noisy.dtype == wanted and (image.array == 9).all()


@pytest.mark.quick
def test_models_add_up() -> None:
    signal = np.full((2, 2), 400.0)
    total = ccd_noise(2.0, 6.0) + gaussian_noise(3.0) + uniform_noise(0.0, 1.0)
    assert total.name == "ccd+gaussian+uniform"
    assert variance_of(signal, model=total) == pytest.approx(200 + 9 + 9 + 1 / 12)
    assert total.mean(signal) == pytest.approx(400.5)
    with pytest.raises(CcdfxError, match="takes no options"):
        total.configure(gain=3.0)
    with pytest.raises(TypeError):
        total + 3
    with pytest.raises(ArgumentError, match="clamp the sum"):
        total.clamped(floor=0.0) + gaussian_noise(1.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ccd_noise(0.0, 5.0), "gain: must be finite and above 0"),
        (lambda: ccd_noise(-1.0, 5.0), "gain: must be finite and above 0"),
        (lambda: ccd_noise(np.inf, 5.0), "gain: must be finite"),
        (lambda: ccd_noise(np.nan, 5.0), "gain: must be finite"),
        (lambda: ccd_noise(1.0, 5.0, -0.1), "sensitivity: must be finite and at least 0"),
        (lambda: ccd_noise("many", 5.0), "gain: must be a number"),
        (lambda: ccd_noise(None, 5.0), "gain: must be a number"),
        (lambda: gaussian_noise(-1.0), "sigma: must be finite and at least 0"),
        (lambda: gaussian_noise(np.nan), "sigma: must be finite"),
        (lambda: uniform_noise(1.0, 0.0), "lower, upper: must be in order"),
        (lambda: uniform_noise(-np.inf, 0.0), "lower: must be finite"),
        (lambda: ccd_noise(1.0, 5.0).configure(gain=0.0), "gain: must be finite and above 0"),
        (lambda: gaussian_noise(1.0).configure(sigmma=1.0), "did you mean 'sigma'"),
        (lambda: add_noise([[1.0]], model=poisson_noise(), rng="seed"), "rng: must be a numpy Generator"),
        (lambda: add_noise([[1.0]], model=poisson_noise(), rng=-1), "rng: must be .* a seed"),
        (lambda: add_noise([[1.0]], model=poisson_noise(), rng=np.random.RandomState(1)), r"default_rng\(seed\)"),
        # Variances that no number holds.
        (lambda: gaussian_noise(1e308), r"sigma: must be below 1.34e\+154.*; give the standard deviation"),
        (lambda: uniform_noise(-1e308, 1e308), r"upper - lower: must be below 1.34e\+154.*; give limits"),
        (lambda: uniform_noise(0, 1e200, fraction=True), "upper - lower: must be below"),
        (lambda: ccd_noise(1e-300, 1.0), r"readnoise / gain: must be below .*; give e- rms and e-/ADU"),
        (lambda: ccd_noise(np.float64(5e-324), np.float64(1.0)), "readnoise / gain: must be below"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(make: Callable[[], object], words: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=words):
        make()


def test_noise_wider_than_the_type_of_the_image_needs_a_wider_type() -> None:
    model = uniform_noise(-1e40, 1e40)
    image = np.zeros((2, 2), np.float32)
    assert np.isposinf(variance_of(image, model=model)).all()
    with pytest.raises(ArgumentError, match="lower, upper: must be limits that float32 can hold"):
        add_noise(image, model=model, rng=1)
    assert np.isfinite(add_noise(image.astype(np.float64), model=model, rng=1).array).all()
    largest = gaussian_noise(1.3e154)
    assert np.isfinite(variance_of([[0.0]], model=largest)).all()


def test_configure_gives_another_model_of_the_kind() -> None:
    model = ccd_noise(1.0, 0.0)
    other = model.configure(gain=2.5)
    assert other == ccd_noise(2.5, 0.0) and model.parameters["gain"] == 1.0
    with pytest.raises(CcdfxError, match="gain"):
        model.configure(gian=2.0)


@pytest.mark.quick
def test_models_are_values() -> None:
    for model in (*MODELS, ccd_noise(2.0, 3.0).clamped(0.0, 9.0), ccd_noise(2.0, 3.0) + gaussian_noise(1.0)):
        copy = pickle.loads(pickle.dumps(model))
        assert copy == model and hash(copy) == hash(model)
        assert np.array_equal(
            add_noise([[5.0]], model=copy, rng=1).array, add_noise([[5.0]], model=model, rng=1).array
        )
        with pytest.raises(AttributeError):
            model.name = "other"
        with pytest.raises((AttributeError, TypeError)):
            model.parameters["gain"] = 3


@pytest.mark.quick
def test_noise_comes_from_the_generator_alone() -> None:
    np.random.seed(4)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    image, model = np.full((20, 20), 100.0), ccd_noise(1.5, 5.0, 0.01)
    one, same, other = (add_noise(image, model=model, rng=seed).array for seed in (3, 3, 4))
    assert np.array_equal(one, same) and not np.array_equal(one, other)
    rng = np.random.default_rng(3)
    assert np.array_equal(add_noise(image, model=model, rng=rng).array, one)
    assert not np.array_equal(add_noise(image, model=model, rng=rng).array, one)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("model", [*MODELS, ccd_noise(2.0, 3.0, 0.01) + gaussian_noise(1.0)], ids=repr)
def test_the_number_of_threads_does_not_change_the_noise(model: NoiseModel) -> None:
    from ccdfx.engines import engine

    image = np.random.default_rng(1).uniform(-5, 100, (300, 1000)).astype(np.float32)
    drawn = []
    for threads in (1, 2, 5):
        with engine(threads=threads):
            drawn.append(add_noise(image, model=model, rng=7).array)
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[0], drawn[2])
    bands = drawn[0][:60], drawn[0][120:180]  # no two bands have the same random numbers
    assert not np.array_equal(bands[0] - image[:60], bands[1] - image[120:180])


def test_a_plugin_that_only_draws_samples_has_variance_noise_and_ratio() -> None:
    def shot(array: np.ndarray, rng: np.random.Generator, width: float) -> np.ndarray:
        return array + width * rng.laplace(size=array.shape)

    model = NoiseModel("laplace", {"width": 3.0}, None, shot)
    flat = np.full((40, 50), 90.0)
    assert variance_of(flat, model=model).mean() == pytest.approx(18.0, rel=0.05)
    assert variance_of(flat, model=model, samples=400).mean() == pytest.approx(18.0, rel=0.02)
    assert np.median(snr(flat, model=model)) == pytest.approx(90 / np.sqrt(18), rel=0.02)
    both = (model + ccd_noise(1.0, 4.0)).clamped(floor=0.0, ceiling=100.0)
    noisy = add_noise(flat, model=both, rng=1)
    assert noisy.array.max() == 100.0 and noisy.variance.mean() < 90 + 16 + 18  # the clamp takes some away


def test_add_noise_keeps_mask_and_header_and_adds_its_variance() -> None:
    image = Image(
        np.full((2, 3), 100.0),
        Header({"OBJECT": "x"}),
        [[0, 4, 0], [0, 0, 0]],
        (5, 8, 1, 3),
        np.full((2, 3), 7.0),
    )
    noisy = add_noise(image, model=ccd_noise(2.0, 6.0), rng=1)
    assert noisy.header == image.header and noisy.range == image.range
    assert np.array_equal(noisy.mask, image.mask)
    assert noisy.variance == pytest.approx(np.full((2, 3), 7 + 50 + 9.0))
    assert not np.array_equal(noisy.array, image.array)


def test_values_that_are_not_numbers_pass_through() -> None:
    image = np.array([[np.nan, np.inf, -np.inf, 10.0]])
    for model in (*MODELS, ccd_noise(2.0, 3.0) + gaussian_noise(1.0)):
        noisy = add_noise(image, model=model, rng=1)
        assert np.array_equal(noisy.array[0, :3], image[0, :3], equal_nan=True) and np.isfinite(
            noisy.array[0, 3]
        )
        assert np.isfinite(noisy.variance).all()
        assert np.isnan(variance_of(image, model=model)[0, :3]).all()


def test_extreme_counts_can_be_drawn() -> None:
    image = np.array([[1e12, 1e30, -5.0, 0.0]])
    noisy = add_noise(image, model=poisson_noise(), rng=1).array[0]
    assert abs(noisy[0] - 1e12) < 6e6 and abs(noisy[1] - 1e30) < 6e15 and noisy[2] == -5.0 and noisy[3] == 0.0


def test_a_clamp_limits_samples_and_sampled_variance() -> None:
    model = gaussian_noise(10.0).clamped(floor=0.0, ceiling=100.0)
    image = np.tile([0.0, 50.0, 100.0], (2000, 1))
    noisy = add_noise(image, model=model, rng=1).array
    assert noisy.min() == 0.0 and noisy.max() == 100.0
    assert variance_of(image, model=model) == pytest.approx(100.0)
    sampled = variance_of(image, model=model, samples=50, rng=2).mean(axis=0)
    half = 100 * (0.5 - 1 / (2 * math.pi))  # a normal deviation cut off at its middle
    assert sampled == pytest.approx([half, 100.0, half], rel=0.02)


def test_a_model_without_a_formula_is_sampled() -> None:
    model = NoiseModel(
        "flip", {"by": 3.0}, None, lambda a, rng, by: a + by * rng.choice([-1.0, 1.0], a.shape)
    )
    found = variance_of(np.zeros((50, 50)), model=model)
    assert found.mean() == pytest.approx(9.0, rel=0.02)
    assert np.array_equal(found, variance_of(np.zeros((50, 50)), model=model))  # the same draws every time
    assert variance_of([[0.0]], model=model + gaussian_noise(4.0), samples=4000)[0, 0] == pytest.approx(
        25, rel=0.1
    )


def test_a_model_answers_for_every_pixel() -> None:
    three = NoiseModel("three", {}, lambda array: np.zeros(3), lambda array, rng: np.zeros(3))
    for ask in (
        lambda: variance_of(np.ones((2, 2)), model=three),
        lambda: add_noise([[1.0]], model=three, rng=1),
    ):
        with pytest.raises(ArgumentError, match=r"three: must give an array of the shape"):
            ask()
    one = NoiseModel("one", {}, lambda array: 4.0, lambda array, rng: array)
    assert variance_of(np.ones((2, 2)), model=one).tolist() == [[4.0, 4.0]] * 2
    assert np.isinf(variance_of(np.ones((1, 1), np.float32), model=gaussian_noise(1e30))).all()


def test_snr_without_noise() -> None:
    found = snr([[0.0, 5.0, -5.0]], model=gaussian_noise(0.0))
    assert np.isnan(found[0, 0]) and found[0, 1] == np.inf and found[0, 2] == -np.inf
    assert snr([[1e308]], model=gaussian_noise(0.5)) == np.inf


def test_what_the_type_cannot_hold_is_infinite() -> None:
    """Without a warning, which would be an error here."""
    noisy = add_noise(np.array([[1e308, 3.0]]), model=ccd_noise(2.0, 3.0), rng=1)
    assert noisy.array[0, 0] == np.inf and np.isfinite(noisy.array[0, 1])
    image = Image(np.full((1, 1), 3e38, np.float32), variance=np.full((1, 1), 3e38, np.float32))
    assert add_noise(image, model=ccd_noise(1.0, 1.0), rng=1).variance[0, 0] == np.inf
    assert ccdfx.add_variance(image, noise=ccd_noise(1.0, 1.0)).variance[0, 0] == np.inf
