"""Laws of noise models."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccdfx.noise import NoiseModel, add_noise, variance_of
from ccdfx.testing.laws import Trial, it_can_be_pickled, require, require_refusals, require_speed, same_bytes

_SHAPE = (100, 200)
_LEVELS = st.floats(10, 5000)


def the_input_never_changes(model: NoiseModel, trial: Trial) -> None:
    array = _values(trial)
    for name in ("variance", "mean"):
        given, function = array.copy(), getattr(model, name)
        if function is not None:
            function(given, **model.parameters)
            require(same_bytes(given, array), f"{name} changes its input")
    given = array.copy()
    model.sample(given, np.random.default_rng(0), **model.parameters)
    require(same_bytes(given, array), "sample changes its input")


def the_result_is_an_array_of_the_shape_of_the_input(model: NoiseModel, trial: Trial) -> None:
    array = _values(trial)
    results = {"sample": model.sample(array.copy(), np.random.default_rng(0), **model.parameters)}
    for name in ("variance", "mean"):
        if getattr(model, name) is not None:
            results[name] = getattr(model, name)(array.copy(), **model.parameters)
    for name, result in results.items():
        require(isinstance(result, np.ndarray), f"{name} gives a {type(result).__name__}, no numpy array")
        require(result.shape == array.shape, f"{name} makes the shape {array.shape} into {result.shape}")
        require(result.dtype.kind == "f", f"{name} gives {result.dtype}, no floats")


def the_variance_is_never_negative_and_always_a_number(model: NoiseModel, trial: Trial) -> None:
    if model.variance is None:
        return
    variance = variance_of(_values(trial, -1e4), model=model)
    require((variance >= 0).all() and np.isfinite(variance).all(), f"it is {variance.tolist()}")


def the_variance_of_a_pixel_is_its_own(model: NoiseModel, trial: Trial) -> None:
    if model.variance is None:
        return
    array = _values(trial)
    whole = variance_of(array, model=model)
    single = np.hstack([variance_of(array[:, i : i + 1], model=model) for i in range(array.shape[1])])
    require(np.allclose(whole, single, rtol=1e-12), "the variance of a pixel depends on others")


def samples_have_the_mean_and_variance_of_the_model(model: NoiseModel, trial: Trial) -> None:
    level, seed = trial.draw("level", _LEVELS), trial.draw("seed", st.integers(0, 2**32))
    image = np.full(_SHAPE, level)
    drawn = add_noise(image, model=model, rng=seed).array
    mean = level if model.mean is None else model.mean(image, **model.parameters)[0, 0]
    spread = drawn.std() / np.sqrt(drawn.size)
    require(
        abs(drawn.mean() - mean) <= 6 * spread + 1e-9 * abs(mean),
        f"samples of {level:g} have the mean {drawn.mean():g}, and should have {mean:g}",
    )
    if model.variance is not None:
        claimed = variance_of([[level]], model=model)[0, 0]
        # With an excess kurtosis below 1, six standard errors are below 15 %.
        near = abs(drawn.var() - claimed) <= 0.15 * claimed + 1e-9
        require(near, f"samples of {level:g} have the variance {drawn.var():g}, claimed is {claimed:g}")


def one_seed_makes_one_sample(model: NoiseModel, trial: Trial) -> None:
    array, seed = _values(trial), trial.draw("seed", st.integers(0, 2**32))
    one, two = (model.sample(array.copy(), np.random.default_rng(seed), **model.parameters) for _ in range(2))
    require(
        same_bytes(one, two), "two samples of one seed differ: it draws from elsewhere than its generator"
    )


def the_global_state_of_random_numbers_stays(model: NoiseModel, trial: Trial) -> None:
    before: Any = np.random.get_state()  # noqa: NPY002 - a plugin might use it
    model.sample(_values(trial), np.random.default_rng(0), **model.parameters)
    after: Any = np.random.get_state()  # noqa: NPY002
    same = np.array_equal(before[1], after[1]) and before[2] == after[2]
    require(same, "it draws from numpy.random instead of the generator that it is given")


def nonsense_in_an_option_is_a_typed_error(model: NoiseModel, trial: Trial) -> None:
    require_refusals(
        model.parameters, lambda options: add_noise(np.ones((1, 2)), model=model.configure(**options), rng=0)
    )


def it_is_fast(model: NoiseModel, trial: Trial) -> None:
    image = np.full((512, 512), 100.0)
    require_speed(lambda: add_noise(image, model=model, rng=0), trial.seconds, "a frame of 512 x 512 pixels")


LAWS = (
    it_can_be_pickled, the_input_never_changes, the_result_is_an_array_of_the_shape_of_the_input,
    the_variance_is_never_negative_and_always_a_number, the_variance_of_a_pixel_is_its_own,
    samples_have_the_mean_and_variance_of_the_model, one_seed_makes_one_sample,
    the_global_state_of_random_numbers_stays, nonsense_in_an_option_is_a_typed_error, it_is_fast,
)  # fmt: skip


def _values(trial: Trial, low: float = 0) -> np.ndarray:
    return trial.draw("array", hnp.arrays(np.float64, (1, 4), elements=st.floats(low, 1e4, width=32)))
