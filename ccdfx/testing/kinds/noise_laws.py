"""Laws of noise models."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccdfx.noise import NoiseModel, add_noise, variance_of
from ccdfx.testing.elsewhere import in_another_process, in_threads
from ccdfx.testing.large import OTHER_SEED, SHAPE, large_values
from ccdfx.testing.laws import (
    Trial,
    it_can_be_pickled,
    require,
    require_refusals,
    require_speed,
    same_bytes,
    shown,
)

_SHAPE = (100, 200)
_LEVELS = st.floats(10, 5000)
_LARGE_LEVELS = (-500.0, 0.0, 30_000.0, 70_000.0, 100_000.0)
_BLOCK = 64
_CORRELATED = 0.1  # a chance correlation of 20 000 pixels has a standard deviation of 0.007


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
    require((variance >= 0).all() and np.isfinite(variance).all(), f"it is {shown(variance)}")


def the_variance_of_a_pixel_is_its_own(model: NoiseModel, trial: Trial) -> None:
    if model.variance is None:
        return
    array = _values(trial)
    whole = variance_of(array, model=model)
    width = _BLOCK // 2 if trial.large else 1
    edges = [*range(0, array.shape[1], width), array.shape[1]]
    single = np.hstack([variance_of(array[:, slice(*pair)], model=model) for pair in pairwise(edges)])
    same = np.allclose(whole, single, rtol=1e-12)
    require(same, "the variance of a pixel depends on others, or on its place")


def samples_have_the_mean_and_variance_of_the_model(model: NoiseModel, trial: Trial) -> None:
    levels = trial.draw("levels", st.tuples(_LEVELS), lambda: _LARGE_LEVELS)
    seed = trial.draw("seed", st.integers(0, 2**32))
    for level in levels:
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


def every_pixel_has_noise_of_its_own(model: NoiseModel, trial: Trial) -> None:
    """Require noise in every column and row of a wide image, and that of neighbours uncorrelated."""
    level, seed = trial.draw("level", _LEVELS), trial.draw("seed", st.integers(0, 2**32))
    noise = add_noise(np.full(_SHAPE, level), model=model, rng=seed).array - level
    if noise.std() <= 1e-9 * level:
        return  # no noise at this level
    for axis, name in ((0, "column"), (1, "row")):
        spread = noise.std(axis=axis)
        at = int(np.argmin(spread))
        require(spread[at] > 0.1 * noise.std(), f"{name} {at} has no noise of its own")
    away = noise - noise.mean()
    pairs = {"beside": (away[:, 1:], away[:, :-1]), "above": (away[1:], away[:-1])}
    for where, (one, two) in pairs.items():
        found = (one * two).mean() / noise.var()
        require(
            abs(found) < _CORRELATED, f"the noise of a pixel and of that {where} it correlate by {found:.2g}"
        )


def one_seed_makes_one_sample(model: NoiseModel, trial: Trial) -> None:
    array, seed = _values(trial), trial.draw("seed", st.integers(0, 2**32))
    one, two = (model.sample(array.copy(), np.random.default_rng(seed), **model.parameters) for _ in range(2))
    require(
        same_bytes(one, two), "two samples of one seed differ: it draws from elsewhere than its generator"
    )


def another_seed_makes_another_sample(model: NoiseModel, trial: Trial) -> None:
    image = np.full(_SHAPE, trial.draw("level", _LEVELS))
    rng = np.random.default_rng(trial.draw("seed", st.integers(0, 2**32)))
    one, two = (model.sample(image.copy(), rng, **model.parameters) for _ in range(2))
    random = not same_bytes(one, image)
    require(
        not (random and same_bytes(one, two)),
        "two samples of one generator are equal: it has a seed of its own",
    )


def what_was_done_before_does_not_matter(model: NoiseModel, trial: Trial) -> None:
    one, two = _values(trial), _values(trial, name="other values", seed=OTHER_SEED)
    for function in ("variance", "mean", "sample"):
        if getattr(model, function) is None:
            continue
        first = _apply(model, function, one.copy())
        before = first.copy()
        other = _apply(model, function, two.copy())
        require(same_bytes(first, before), f"a result of {function} changes with the next call")
        again = [_apply(model, function, values.copy()) for values in (one, two)]
        require(
            same_bytes(again[0], first) and same_bytes(again[1], other),
            f"{function} gives another result after other values",
        )


def threads_give_the_same(model: NoiseModel, trial: Trial) -> None:
    arrays = [_values(trial), _values(trial, name="other values", seed=OTHER_SEED)] * 8
    for function in ("variance", "mean", "sample"):
        if getattr(model, function) is None:
            continue
        expected = [_apply(model, function, array.copy()) for array in arrays[:2]]
        found = in_threads(partial(_apply, model, function), [a.copy() for a in arrays])
        same = all(same_bytes(one, expected[number % 2]) for number, one in enumerate(found))
        require(
            same, f"{function} gives other results in four threads at a time: it shares memory between calls"
        )


def another_process_gives_the_same(model: NoiseModel, trial: Trial) -> None:
    array = _values(trial)
    other = large_values(array.shape, seed=OTHER_SEED)
    for function in ("variance", "mean", "sample"):
        if getattr(model, function) is None:
            continue
        _apply(model, function, other.copy())  # here it has been called before, and there it has not
        expected = _apply(model, function, array.copy())
        try:
            found = in_another_process(_apply, model, function, array)
        except RuntimeError as error:
            require(False, str(error))
        else:
            require(same_bytes(found, expected), f"{function} gives another result in a new process")


def _apply(model: NoiseModel, name: str, array: np.ndarray) -> np.ndarray:
    more = (np.random.default_rng(0),) if name == "sample" else ()
    return getattr(model, name)(array, *more, **model.parameters)


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
    samples_have_the_mean_and_variance_of_the_model, every_pixel_has_noise_of_its_own, one_seed_makes_one_sample,
    another_seed_makes_another_sample, the_global_state_of_random_numbers_stays, what_was_done_before_does_not_matter,
    threads_give_the_same, another_process_gives_the_same, nonsense_in_an_option_is_a_typed_error, it_is_fast,
)  # fmt: skip


def _values(trial: Trial, low: float = 0, name: str = "array", seed: int = 0) -> np.ndarray:
    few = hnp.arrays(np.float64, (1, 4), elements=st.floats(low, 1e4, width=32))
    return trial.draw(name, few, lambda: large_values(SHAPE, seed=seed))
