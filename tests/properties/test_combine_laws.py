"""Laws of combining that hold for every rule and average."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import ccdfx
from ccdfx.operations.rejection.builtin import REJECTIONS

# Any rule on any number of frames, few ones too.
pytestmark = pytest.mark.filterwarnings("ignore::ccdfx.CcdfxWarning")

RULES = {
    "none": None,
    "minmax": ccdfx.minmax(low=0, high=0.3),
    "sigma_clip": ccdfx.sigma_clip(low=1.5, high=1.5),
    "sigma_clip mean": ccdfx.sigma_clip(low=1.5, high=1.5, center="mean"),
    "mad_clip": ccdfx.mad_clip(low=2, high=2),
    "ccd_clip": ccdfx.ccd_clip(gain=2.0, readnoise=10.0),
    "ccd_clip mean": ccdfx.ccd_clip(gain=2.0, readnoise=10.0, center="mean"),
    "keep": ccdfx.sigma_clip(low=0.8, high=0.8, keep=3),
    "default": ccdfx.mad_clip(low=5, high=5, floor=None),
    "cr_reject": ccdfx.cr_reject(gain=2.0, readnoise=10.0, high=2.0),
    "sample_clip": ccdfx.sample_clip(low=1.5, high=1.5),
    "average_sigma_clip": ccdfx.average_sigma_clip(low=1, high=1, center="mean"),
    "percentile_clip": ccdfx.percentile_clip(rank=-0.5, low=2, high=1.5),
    "winsorized_clip": ccdfx.winsorized_clip(low=1.5, high=1.5),
    "linear_fit_clip": ccdfx.linear_fit_clip(low=1.5, high=1.5),
    "gesd": ccdfx.gesd(fraction=0.5, significance=0.4),
    "relative_clip": ccdfx.relative_clip(low=0.3, high=0.1, keep=1),
    "mad_clip mean": ccdfx.mad_clip(low=2, high=2, center="mean", iterations=2),
    **{f"{rule.name} keep": rule.configure(keep=2) for rule in REJECTIONS if "keep" in rule.parameters},
    "profile_clip": ccdfx.profile_clip(gain=2.0, readnoise=10.0, low=2, high=2),
    "variance_clip": ccdfx.variance_clip(low=1, high=1),
    "variance_clip mean": ccdfx.variance_clip(low=1, high=1, center="mean"),
}
COUNT_FRAMES = ("minmax", "percentile_clip")  # they drop by the number of frames, masked or not
KNOW_NOISE = (
    "ccd_clip",
    "cr_reject",
    "profile_clip",
    "variance_clip",
    "average_sigma_clip",
    "relative_clip",
)  # their limits are in units of the frames
AVERAGES = (
    ccdfx.mean(), ccdfx.median(), ccdfx.median(even="lower"), ccdfx.minimum(), ccdfx.maximum(), ccdfx.total(),
)  # fmt: skip


def every_rule(*, but=()):
    """With other options than the conformance kit, and under all averages."""
    rules = {name: rule for name, rule in RULES.items() if rule is None or rule.name not in but}
    return pytest.mark.parametrize("rule", rules.values(), ids=rules)


@st.composite
def stacks(draw, least=1, most=9, dtypes=("u2", "f4", "f8")):
    """Images of one shape: values with ties, NaN, masks."""
    count, width = draw(st.integers(least, most)), draw(st.integers(1, 5))
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    value = (
        st.integers(0, 300)
        if dtype.kind == "u"
        else st.one_of(st.integers(0, 20), st.floats(0, 1000, width=32), st.just(math.nan))
    )
    row = st.lists(value, min_size=width, max_size=width)
    flags = st.lists(st.sampled_from([0, 0, 0, 1, 8]), min_size=width, max_size=width)
    masked = draw(st.booleans())
    return [
        ccdfx.Image(np.array([draw(row)], dtype), mask=np.array([draw(flags)], np.uint8) if masked else None)
        for _ in range(count)
    ]


def stack(frames, *, reject, **options):
    """`ccdfx.stack`; frames get a variance where the rule needs one."""
    if reject is not None and reject.name == "variance_clip":
        frames = [frame if isinstance(frame, ccdfx.Image) else ccdfx.Image(frame) for frame in frames]
        frames = [frame.replace(variance=np.full(frame.shape, 30.0)) for frame in frames]
    return ccdfx.stack(frames, reject=reject, **options)


def same(a, b, *names):
    for name in names or ("value", "variance", "count", "rejected_low", "rejected_high", "flags"):
        x, y = getattr(a, name), getattr(b, name)
        assert (x is None and y is None) or x.tobytes() == y.tobytes(), name


@every_rule()
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_the_order_of_the_frames_does_not_matter(rule, data):
    frames = data.draw(stacks())
    for average in AVERAGES:
        expected = stack(frames, reject=rule, average=average)
        shuffled = data.draw(st.permutations(frames))
        got = stack(shuffled, reject=rule, average=average)
        same(got, expected, "value", "count", "rejected_low", "rejected_high", "flags")
        if expected.variance is not None:
            np.testing.assert_allclose(got.variance, expected.variance, rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"keep": 3}])
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_which_of_equal_values_goes_does_not_depend_on_the_order_of_the_frames(options, data):
    """A line through sorted values gives each rank another residual, so one of two equal values may go alone."""
    count = data.draw(st.integers(3, 12))
    values = data.draw(st.lists(st.integers(0, 6), min_size=count, max_size=count))
    variances = data.draw(st.lists(st.sampled_from([1.0, 4.0, 9.0]), min_size=count, max_size=count))
    frames = [
        ccdfx.Image(np.full((1, 1), x, "f8"), variance=np.full((1, 1), v))
        for x, v in zip(values, variances, strict=True)
    ]
    rule = ccdfx.linear_fit_clip(low=1.1, high=1.1, **options)
    expected, got = (stack(f, reject=rule) for f in (frames, data.draw(st.permutations(frames))))
    same(got, expected, "value", "count", "rejected_low", "rejected_high")
    np.testing.assert_allclose(got.variance, expected.variance, rtol=1e-12)


@every_rule()
@settings(max_examples=8, deadline=None)
@given(frames=stacks())
def test_the_average_lies_between_the_extremes(rule, frames):
    values = np.array([np.where(f.good, f.array, np.nan).astype(float) for f in frames])
    for average in AVERAGES[:-1]:
        result = stack(frames, reject=rule, average=average)
        left = result.count > 0
        lowest = np.nanmin(np.where(left, values, 0), axis=0)
        highest = np.nanmax(np.where(left, values, 0), axis=0)
        assert ((result.value >= lowest) & (result.value <= highest)).all()
        assert (result.variance is None) or (result.variance >= 0).all()


@every_rule()
@settings(max_examples=8, deadline=None)
@given(frame=stacks(most=1), count=st.integers(1, 12))
def test_equal_frames_are_reproduced(rule, frame, count):
    result = stack(frame * count, reject=rule)
    good = frame[0].good
    assert np.array_equal(result.value, np.where(good, frame[0].array, 0))
    if count > 2 and (rule is None or rule.name != "variance_clip"):  # which has the variances of the frames
        assert not result.variance[good].any()


@every_rule(but=COUNT_FRAMES)
@settings(max_examples=8, deadline=None)
@given(frames=stacks(), where=st.integers(0, 9))
def test_a_frame_masked_everywhere_equals_a_frame_left_out(rule, frames, where):
    blank = ccdfx.Image(
        np.full(frames[0].shape, 77, frames[0].dtype), mask=np.full(frames[0].shape, 4, np.uint8)
    )
    more = [*frames[:where], blank, *frames[where:]]
    for average in AVERAGES:
        expected = stack(frames, reject=rule, average=average)
        got = stack(more, reject=rule, average=average)
        same(got, expected, "count", "rejected_low", "rejected_high")
        np.testing.assert_array_equal(got.value, expected.value)


@every_rule()
@settings(max_examples=8, deadline=None)
@given(frames=stacks(least=2), data=st.data())
def test_a_masked_pixel_never_counts(rule, frames, data):
    changed = []
    for frame in frames:
        if frame.mask is None:
            changed.append(frame)
            continue
        array = frame.array.copy()
        array[frame.mask != 0] = data.draw(st.sampled_from([0, 5, 60_000]))
        changed.append(frame.replace(array=array))
    same(stack(changed, reject=rule), stack(frames, reject=rule))


@every_rule(but=("average_sigma_clip", "relative_clip"))  # their units grow with the level
@settings(max_examples=8, deadline=None)
@given(frames=stacks(dtypes=("u2",)), data=st.data())
def test_a_constant_shifts_the_result_and_leaves_the_rejected_set(rule, frames, data):
    constant = data.draw(st.integers(1, 1000))
    if rule is not None and rule.name in ("ccd_clip", "cr_reject", "profile_clip"):
        rule = rule.configure(
            gain=1e30, readnoise=1e31
        )  # its noise grows with the level, so only the constant part
    moved = [frame.replace(array=frame.array + np.uint16(constant)) for frame in frames]
    expected, got = stack(frames, reject=rule), stack(moved, reject=rule)
    same(got, expected, "count", "rejected_low", "rejected_high")
    left = expected.count > 0
    np.testing.assert_allclose(got.value[left], expected.value[left] + constant, rtol=3e-7)


@every_rule(but=("average_sigma_clip",))  # its sum over a line is of values in the working type
@settings(max_examples=8, deadline=None)
@given(frames=stacks(dtypes=("u2",)))
def test_integers_equal_float64(rule, frames):
    floats = [frame.replace(array=frame.array.astype("f8")) for frame in frames]
    if rule is RULES["default"]:
        rule = rule.configure(floor=0.3)  # by default it knows that whole numbers are rounded
    got, expected = stack(frames, reject=rule), stack(floats, reject=rule)
    same(got, expected, "count", "rejected_low", "rejected_high")
    np.testing.assert_allclose(got.value, expected.value, rtol=1e-7)


@every_rule()
@pytest.mark.parametrize("order", ["C", "F", "strided", "big-endian"])
def test_the_layout_in_memory_does_not_matter(rule, order):
    rng = np.random.default_rng(0)
    frames = [rng.normal(100, 10, (6, 8)).astype("f4") for _ in range(5)]
    laid = {
        "C": np.ascontiguousarray,
        "F": np.asfortranarray,
        "strided": lambda a: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3],
        "big-endian": lambda a: a.astype(">f4"),
    }[order]
    same(stack([laid(f) for f in frames], reject=rule), stack(frames, reject=rule))


@every_rule(but=KNOW_NOISE)
@settings(max_examples=8, deadline=None)
@given(frames=stacks(least=2, dtypes=("f4", "f8")), factor=st.sampled_from([0.25, 2.0, 8.0]))
def test_variance_goes_with_the_square_of_a_factor(rule, frames, factor):
    scaled = [frame.replace(array=frame.array * frame.dtype.type(factor)) for frame in frames]
    exact = (
        np.array_equal(s.array / factor, f.array, equal_nan=True) for s, f in zip(scaled, frames, strict=True)
    )
    assume(all(exact))  # the least numbers have no quarter
    expected, got = stack(frames, reject=rule), stack(scaled, reject=rule)
    same(got, expected, "count")
    np.testing.assert_allclose(got.variance, expected.variance * factor**2, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(frames=stacks(least=5, most=5, dtypes=("f4",)), hit=st.floats(1e5, 1e30), where=st.integers(0, 4))
def test_a_huge_hit_in_one_of_five_frames_is_rejected_by_default(frames, hit, where):
    values = np.stack([frame.array for frame in frames])
    whole = [ccdfx.Image(np.nan_to_num(v, nan=10.0)) for v in values]
    array = whole[where].array.copy()
    array[:] = np.float32(hit)
    whole[where] = ccdfx.Image(array)
    result = ccdfx.stack(whole)
    assert (result.rejected_high >= 1).all()
    assert (result.value <= 1000).all()
