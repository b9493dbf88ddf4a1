"""Scalings and noise models that are wrong in every way we know: each breaks the law that names its fault."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from faults import assert_words, caught

from ccdfx import NoiseModel, Scaling
from ccdfx.testing import check_noise_model, check_scaling


def _linear(x: np.ndarray, factor: float) -> np.ndarray:
    return x * factor


def _half(x: np.ndarray, factor: float) -> np.ndarray:
    return x / factor


def _slope(x: np.ndarray, factor: float) -> np.ndarray:
    return np.full_like(x, factor)


def _in_place(x: np.ndarray, factor: float) -> np.ndarray:
    x *= factor
    return x


def _as_list(x: np.ndarray, factor: float) -> Any:
    return [factor * value for value in x]


def _by_the_largest(x: np.ndarray, factor: float) -> np.ndarray:
    return x - x.max() / 2


def _turns_back(x: np.ndarray, factor: float) -> np.ndarray:
    return factor * np.abs(x - 20)


def _wide(x: np.ndarray, factor: float) -> np.ndarray:
    return (x * factor).astype(np.float64)


def _positive(factor: float) -> tuple[float, float]:
    return 0.0, np.inf


SCALING = Scaling("bad", {"factor": 2.0}, _linear, _half, _slope)


SCALINGS = {
    "in place": ({"transform": _in_place}, "the input never changes", "transform changes its input"),
    "list": ({"transform": _as_list}, "the result is an array of the shape and type of the input", "gives a list"),
    "type": ({"transform": _wide}, "the result is an array of the shape and type of the input", "float32 into float64"),
    "linked": ({"transform": _by_the_largest}, "every pixel is scaled by itself", "depends on others"),
    "turns back": ({"transform": _turns_back}, "it only rises or only falls", "becomes"),
    "inverse": ({"inverse": _linear}, "the inverse undoes it", "comes back as"),
    "slope": ({"derivative": _half}, "the derivative is the slope", "claimed is"),
    "domain": ({"domain": _positive}, "outside of the domain is no value or that of its end", "is outside of the domain"),
    "unchecked": ({}, "nonsense in an option is a typed error", "factor='nonsense' raised"),
    "lambda": ({"check": lambda factor: None}, "it can be pickled", "no lambda"),
}  # fmt: skip


@pytest.mark.quick
@pytest.mark.parametrize("fault", SCALINGS)
def test_a_faulty_scaling_is_caught(fault: str) -> None:
    fields, law, words = SCALINGS[fault]
    assert_words(caught(check_scaling, replace(SCALING, **fields), law), words)


def _variance(x: np.ndarray) -> np.ndarray:
    return np.full_like(x, 4.0)


def _sample(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return x + rng.normal(0, 2, x.shape)


def _global_sample(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return x + np.random.normal(0, 2, x.shape)  # noqa: NPY002


def _noisier_sample(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return x + rng.normal(0, 3, x.shape)


def _shifted_sample(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return x + rng.normal(1, 2, x.shape)


def _sample_in_place(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    x += rng.normal(0, 2, x.shape)
    return x


MODEL = NoiseModel("bad", {}, _variance, _sample)


MODELS = {
    "global state": ({"sample": _global_sample}, "the global state of random numbers stays", "numpy.random"),
    "seed": ({"sample": _global_sample}, "one seed makes one sample", "draws from elsewhere"),
    "variance": (
        {"sample": _noisier_sample},
        "samples have the mean and variance of the model",
        "claimed is 4",
    ),
    "mean": (
        {"sample": _shifted_sample},
        "samples have the mean and variance of the model",
        "and should have",
    ),
    "in place": ({"sample": _sample_in_place}, "the input never changes", "sample changes its input"),
    "negative": ({"variance": np.negative}, "the variance is never negative and always a number", "it is"),
    "scalar": (
        {"variance": np.max},
        "the result is an array of the shape of the input",
        "variance gives a float64",
    ),
}


@pytest.mark.quick
@pytest.mark.parametrize("fault", MODELS)
def test_a_faulty_noise_model_is_caught(fault: str) -> None:
    fields, law, words = MODELS[fault]
    assert_words(caught(check_noise_model, replace(MODEL, **fields), law), words)
