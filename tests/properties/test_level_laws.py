"""Laws of scaling, weights and the inverse-variance mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx.operations.rejection.builtin import REJECTIONS

# Any rule on any number of frames, few ones too.
pytestmark = pytest.mark.filterwarnings("ignore::ccdfx.CcdfxWarning")

FACTORS = st.floats(0.01, 100)
# Their limits are in units of the frames; the others see the same values whatever the frames were multiplied with.
KNOW_NOISE = ("ccd_clip", "cr_reject", "variance_clip", "average_sigma_clip")
RULES = [
    None,
    ccdfx.minmax(low=0, high=0.3),
    *(rule for rule in REJECTIONS if rule.name not in (*KNOW_NOISE, "minmax")),
]
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name if rule else "none")
sums_alone = pytest.mark.usefixtures("without_variance_factors")  # these are measured, for a number of frames


@st.composite
def stacks(draw, least=2, most=7, masked=True):
    """Positive values without ties, so that rounding does not decide what is rejected."""
    count, seed = draw(st.integers(least, most)), draw(st.integers(0, 2**31))
    rng = np.random.default_rng(seed)
    frames = [rng.gamma(20, 30, (4, 10)) + 10 for _ in range(count)]
    masks = rng.random((count, 4, 10)) < draw(st.sampled_from([0.0, 0.2 * masked]))
    masks[:, 0, 0] = False
    return [ccdfx.Image(f, mask=m, variance=f) for f, m in zip(frames, masks, strict=True)]


def undone(frames, factors, rule, word):
    """Multiplying the frames but the first changes nothing where they are scaled by a level."""
    multiplied = [
        f.replace(array=f.array * c, variance=f.variance * c**2)
        for f, c in zip(frames, [1.0, *factors], strict=False)
    ]
    expected = ccdfx.stack(frames, reject=rule, scale=word)
    got = ccdfx.stack(multiplied, reject=rule, scale=word)
    assert np.array_equal(got.count, expected.count)
    np.testing.assert_allclose(got.value, expected.value, rtol=1e-9)
    np.testing.assert_allclose(got.variance, expected.variance, rtol=1e-9)


six_factors = st.lists(FACTORS, min_size=6, max_size=6)


@every_rule
@pytest.mark.parametrize("word", ["mean", "location", "spread"])
@settings(max_examples=10, deadline=None)
@given(frames=stacks(), factors=six_factors)
def test_a_factor_of_a_frame_is_undone_by_its_scale(rule, word, frames, factors):
    undone(frames, factors, rule, word)


@every_rule
@settings(max_examples=10, deadline=None)
@given(frames=stacks(masked=False), factors=six_factors)
def test_a_factor_of_a_frame_is_undone_by_its_median(rule, frames, factors):
    """Of an even number of pixels it is none of them: scaling would make those of all frames equal."""
    undone(frames, factors, rule, "median")


@settings(max_examples=30, deadline=None)
@given(frames=stacks(), factors=six_factors)
def test_a_factor_of_a_frame_is_undone_by_its_mode(frames, factors):
    undone(frames, factors, None, "mode")


@pytest.mark.parametrize("word", ["mean", "median", "location", "mode"])
@settings(max_examples=20, deadline=None)
@given(frames=stacks(), steps=st.lists(st.floats(-1000, 1000), min_size=7, max_size=7))
def test_a_step_of_a_frame_is_undone_by_its_zero(word, frames, steps):
    steps[0] = 0.0
    moved = [f.replace(array=f.array + step) for f, step in zip(frames, steps, strict=False)]
    expected, got = (ccdfx.combine(some, reject=None, zero=word) for some in (frames, moved))
    np.testing.assert_allclose(got.array, expected.array, rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(frames=stacks(), gains=st.lists(FACTORS, min_size=7, max_size=7), data=st.data())
def test_spread_and_location_undo_any_straight_line(frames, gains, data):
    steps = data.draw(st.lists(st.floats(-1000, 1000), min_size=7, max_size=7))
    gains[0], steps[0] = 1.0, 0.0
    bent = [f.replace(array=f.array * c + z) for f, c, z in zip(frames, gains, steps, strict=False)]
    expected, got = (
        ccdfx.combine(some, reject=None, scale="spread", zero="location") for some in (frames, bent)
    )
    np.testing.assert_allclose(got.array, expected.array, rtol=1e-7)


@every_rule
@settings(max_examples=15, deadline=None)
@given(frames=stacks(), factor=st.floats(1e-12, 1e12), data=st.data())
def test_weights_times_a_constant_change_nothing(rule, frames, factor, data):
    weights = data.draw(st.lists(st.floats(0.1, 10), min_size=len(frames), max_size=len(frames)))
    expected = ccdfx.stack(frames, reject=rule, weights=weights)
    got = ccdfx.stack(frames, reject=rule, weights=[weight * factor for weight in weights])
    assert np.array_equal(got.count, expected.count)
    np.testing.assert_allclose(got.value, expected.value, rtol=1e-13)
    np.testing.assert_allclose(got.variance, expected.variance, rtol=1e-12)


@every_rule
@sums_alone
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=stacks(), variance=st.floats(1e-6, 1e6))
def test_the_inverse_variance_mean_of_equal_variances_is_the_mean(rule, frames, variance):
    equal = [frame.replace(variance=np.full(frame.shape, variance)) for frame in frames]
    expected = ccdfx.stack(equal, reject=rule)
    got = ccdfx.stack(equal, reject=rule, average=ccdfx.inverse_variance_mean())
    assert np.array_equal(got.count, expected.count) and np.array_equal(got.flags, expected.flags)
    np.testing.assert_allclose(got.value, expected.value, rtol=1e-12)
    np.testing.assert_allclose(got.variance, expected.variance, rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(frames=stacks(), data=st.data())
def test_the_inverse_variance_mean_is_the_most_precise_and_lies_between_the_extremes(frames, data):
    spread = data.draw(st.lists(st.floats(0.1, 100), min_size=len(frames), max_size=len(frames)))
    images = [f.replace(variance=f.variance * v) for f, v in zip(frames, spread, strict=True)]
    got = ccdfx.stack(images, reject=None, average=ccdfx.inverse_variance_mean())
    assert (got.variance <= ccdfx.stack(images, reject=None).variance * (1 + 1e-12)).all()
    values = np.array([np.where(f.good, f.array, np.nan) for f in images])
    left = got.count > 0
    slack = 1 + 1e-12
    assert (got.value[left] <= np.nanmax(values[:, left], axis=0) * slack).all()
    assert (got.value[left] * slack >= np.nanmin(values[:, left], axis=0)).all()


def test_the_variance_of_an_inverse_variance_mean_matches_the_scatter():
    rng = np.random.default_rng(2)
    frames = []
    for sigma in (1.0, 2.0, 5.0, 3.0):
        variance = sigma**2 * rng.uniform(0.5, 2, (300, 300))
        frames.append(ccdfx.Image(rng.normal(0, 1, variance.shape) * np.sqrt(variance), variance=variance))
    result = ccdfx.combine(frames, average=ccdfx.inverse_variance_mean(), reject=None)
    assert np.var(result.array / np.sqrt(result.variance)) == pytest.approx(1, rel=0.02)
    assert np.var(result.array) < 0.4 * np.var(ccdfx.combine(frames, reject=None).array)


@pytest.mark.parametrize("weights", ["noise", "variance"])
def test_weights_by_noise_reach_the_precision_of_the_right_weights(weights):
    rng = np.random.default_rng(4)
    sigmas = np.array([1.0, 2.0, 6.0])
    frames = [
        ccdfx.Image(rng.normal(100, s, (256, 256)), variance=np.full((256, 256), s * s)) for s in sigmas
    ]
    result = ccdfx.combine(frames, weights=weights, reject=None)
    assert np.var(result.array) == pytest.approx(1 / np.sum(sigmas**-2.0), rel=0.03)
    assert np.mean(result.variance) == pytest.approx(np.var(result.array), rel=0.03)


@every_rule
@sums_alone
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_order_of_the_frames_does_not_matter_to_the_inverse_variance_mean(rule, data):
    count = data.draw(st.integers(3, 8))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    frames = [
        ccdfx.Image(rng.integers(0, 12, (3, 8)), mask=rng.random((3, 8)) < 0.1, variance=rng.choice([0, 1, 4, 9.0], (3, 8)))
        for _ in range(count)
    ]  # fmt: skip
    blank = frames[0].replace(mask=np.full((3, 8), 4, np.uint8), variance=np.zeros((3, 8)))
    average = ccdfx.inverse_variance_mean()
    expected = ccdfx.stack(frames, reject=rule, average=average)
    got = ccdfx.stack(data.draw(st.permutations(frames)), reject=rule, average=average)
    np.testing.assert_allclose(got.value, expected.value, rtol=1e-12)
    np.testing.assert_allclose(got.variance, expected.variance, rtol=1e-12)
    if rule is None or rule.name not in ("minmax", "percentile_clip"):  # those count frames, masked or not
        more = ccdfx.stack([*frames, blank], reject=rule, average=average)
        np.testing.assert_allclose(more.value, expected.value, rtol=1e-12)
        np.testing.assert_allclose(more.variance, expected.variance, rtol=1e-12)
