"""Laws of noise models with options of all sizes and of their sums, and of statistics."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccdfx.estimators import statistics
from ccdfx.noise import (
    NoiseModel,
    add_noise,
    ccd_noise,
    gaussian_noise,
    poisson_noise,
    std_of,
    uniform_noise,
    variance_of,
)
from ccdfx.records.image import Image


def zero_or(lower: float, upper: float) -> st.SearchStrategy[float]:
    """Zero, or a number of a size whose square does not vanish."""
    return st.just(0.0) | st.floats(lower, upper).filter(lambda value: abs(value) >= 1e-3)


simple = st.one_of(
    st.builds(ccd_noise, st.floats(0.2, 10), zero_or(1e-3, 30), zero_or(1e-3, 0.1)),
    st.just(poisson_noise()),
    st.builds(gaussian_noise, zero_or(1e-3, 50)),
    st.builds(
        lambda low, width, fraction: uniform_noise(low, low + width, fraction),
        zero_or(-2, 2), zero_or(1e-3, 3), st.booleans(),
    ),
)  # fmt: skip
models = st.one_of(
    simple, st.lists(simple, min_size=2, max_size=3).map(lambda parts: sum(parts[1:], parts[0]))
)


@settings(deadline=None, max_examples=60)
@given(models, st.just(0.0) | st.floats(-20, -1) | st.floats(10, 5000), st.integers(0, 2**32))
def test_samples_have_the_mean_and_variance_of_the_model(model: NoiseModel, level: float, seed: int) -> None:
    image = np.full((100, 200), level)
    drawn = add_noise(image, model=model, rng=seed).array
    variance = variance_of([[level]], model=model)[0, 0]
    mean = level if model.mean is None else model.mean(image, **model.parameters)[0, 0]
    assert abs(drawn.mean() - mean) <= 6 * np.sqrt(variance / drawn.size) + 1e-9 * abs(mean)
    # two counts or more are expected, so the excess kurtosis is below 1 and six standard errors below 15 %
    assert drawn.var() == pytest.approx(variance, rel=0.15, abs=1e-9)


@settings(deadline=None)
@given(models, models, hnp.arrays(np.float64, (3, 4), elements=st.floats(-1e4, 1e4)))
def test_variances_add_and_are_never_negative(one: NoiseModel, two: NoiseModel, array: np.ndarray) -> None:
    variance = variance_of(array, model=one)
    assert (variance >= 0).all()
    assert std_of(array, model=one) == pytest.approx(np.sqrt(variance))
    assert variance_of(array, model=one + two) == pytest.approx(variance + variance_of(array, model=two))
    assert variance_of(array, model=one + two) == pytest.approx(variance_of(array, model=two + one))


@settings(deadline=None)
@given(models, st.floats(-5, 5), st.floats(0, 20), st.integers(0, 99))
def test_a_clamp_is_never_left(model: NoiseModel, floor: float, width: float, seed: int) -> None:
    drawn = add_noise(np.full((5, 5), 3.0), model=model.clamped(floor, floor + width), rng=seed).array
    assert drawn.min() >= floor and drawn.max() <= floor + width


pixels = hnp.arrays(
    st.sampled_from([np.uint16, np.int16, np.float32, np.float64]),
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
)


@settings(deadline=None)
@given(pixels, st.data())
def test_a_masked_pixel_never_influences_a_statistic(array: np.ndarray, data: st.DataObject) -> None:
    mask = data.draw(hnp.arrays(bool, array.shape))
    other = data.draw(hnp.arrays(array.dtype, array.shape))
    found = statistics(Image(array, mask=mask))
    changed = statistics(Image(np.where(mask, other, array), mask=mask))
    assert dataclasses.astuple(found) == pytest.approx(
        dataclasses.astuple(changed), nan_ok=True, rel=0, abs=0
    )
    assert found.count + found.masked == array.size
    if found.count:
        small = 1e-9 * max(abs(found.minimum), abs(found.maximum))
        assert found.minimum <= found.median <= found.maximum
        assert found.minimum - small <= found.mean <= found.maximum + small
        assert found.std >= 0 and found.mad_std >= 0 and 1 <= found.clipped_count <= found.count


@settings(deadline=None)
@given(hnp.arrays(np.float64, (5, 7), elements=st.floats(-1e6, 1e6)), st.randoms(use_true_random=False))
def test_statistics_do_not_depend_on_order_or_layout(array: np.ndarray, random) -> None:
    shuffled = array.ravel().tolist()
    random.shuffle(shuffled)
    one, two = statistics(array), statistics(np.reshape(shuffled, array.shape))
    assert dataclasses.astuple(one) == pytest.approx(dataclasses.astuple(two), rel=1e-9, abs=1e-6)
    for other in (np.asfortranarray(array), array.astype(">f8"), array[::-1, ::-1][::-1, ::-1]):
        assert statistics(other) == one


@settings(deadline=None)
@given(
    hnp.arrays(np.float64, (6, 6), elements=st.floats(-1e3, 1e3)),
    st.integers(-1000, 1000),
    st.sampled_from([0.5, 2.0, 8.0]),
)
def test_statistics_follow_shift_and_scale(array: np.ndarray, shift: int, factor: float) -> None:
    one, two = statistics(array), statistics(array * factor + shift)
    for name in ("mean", "median", "minimum", "maximum"):
        assert getattr(two, name) == pytest.approx(getattr(one, name) * factor + shift, rel=1e-9, abs=1e-8)
    for name in ("std", "mad_std"):
        assert getattr(two, name) == pytest.approx(getattr(one, name) * factor, rel=1e-6, abs=1e-6)
