"""Laws of rejection rules, tested through `ccdfx.stack` alone."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ccdfx.engines import engine
from ccdfx.errors import ArgumentError, CcdfxError
from ccdfx.operations.combining.average import maximum, mean, median, minimum
from ccdfx.operations.combining.combine import Stack, stack
from ccdfx.operations.rejection.rule import Rejection
from ccdfx.records.image import Image
from ccdfx.testing.large import FRAMES, LARGEST, large_image
from ccdfx.testing.laws import (
    Trial,
    it_can_be_pickled,
    require,
    require_refusals,
    require_speed,
    same_bytes,
    same_image,
    shown,
)
from ccdfx.testing.strategies import stacks

_MAPS = ("value", "count", "rejected_low", "rejected_high", "flags")
_SETS = ("count", "rejected_low", "rejected_high")
_VARIANCE = 30.0
_MOST = 1000
_LEVEL, _SIGMA = 900.0, 30.0  # as for counts of gain 1
_TOLERANCE = 0.05


def the_input_never_changes(rule: Rejection, trial: Trial) -> None:
    frames = _frames(trial, rule)
    before = [Image(f.array, f.header, f.mask, f.range, f.variance) for f in frames]
    stack(frames, reject=rule)
    require(all(map(same_image, frames, before)), "a frame has changed")


def the_same_frames_give_the_same_result(rule: Rejection, trial: Trial) -> None:
    frames = _frames(trial, rule)
    _require_same(stack(frames, reject=rule), stack(frames, reject=rule), (*_MAPS, "variance"), "two runs")


def every_good_value_is_kept_or_rejected_once(rule: Rejection, trial: Trial) -> None:
    frames = _frames(trial, rule)
    result = stack(frames, reject=rule)
    good = np.sum([frame.good for frame in frames], axis=0)
    counted = sum(getattr(result, name).astype(int) for name in _SETS)
    said = f"of {shown(good)} good values {shown(counted)} are kept or rejected"
    require(np.array_equal(counted, good), said)


def the_result_lies_between_the_extremes(rule: Rejection, trial: Trial) -> None:
    frames = _frames(trial, rule)
    values = np.array([np.where(f.good, f.array, np.nan).astype(float) for f in frames])
    average = trial.draw("average", st.sampled_from((mean(), median(), minimum(), maximum())))
    result = stack(frames, reject=rule, average=average)
    left = result.count > 0
    low, high = np.nanmin(np.where(left, values, 0), axis=0), np.nanmax(np.where(left, values, 0), axis=0)
    inside = (result.value >= low) & (result.value <= high)
    require(inside.all(), f"{shown(result.value)} is not between {shown(low)} and {shown(high)}")
    require(result.variance is None or (result.variance >= 0).all(), "a variance is negative")


def equal_frames_are_reproduced(rule: Rejection, trial: Trial) -> None:
    (frame,) = _frames(trial, rule, (1, 1))
    count = trial.draw("count", st.integers(1, 9), lambda: FRAMES)
    result = stack([frame] * count, reject=rule)
    kept = result.count > 0
    require(np.array_equal(result.value[kept], frame.array[kept]), f"the result is {shown(result.value)}")


def the_order_of_the_frames_does_not_matter(rule: Rejection, trial: Trial) -> None:
    frames = _frames(trial, rule)
    shuffled = trial.draw("shuffled", st.permutations(frames), lambda: frames[::-1])
    _require_same(stack(shuffled, reject=rule), stack(frames, reject=rule), _MAPS, "another order")


def a_masked_value_never_counts(rule: Rejection, trial: Trial) -> None:
    frames = _frames(trial, rule, masked=True)
    other = trial.draw("other", st.sampled_from((0, 5, 60_000)))
    changed = [f.replace(array=np.where(f.mask != 0, f.dtype.type(other), f.array)) for f in frames]
    _require_same(
        stack(changed, reject=rule), stack(frames, reject=rule), _MAPS, "another value under a flag"
    )


def a_frame_masked_everywhere_equals_a_frame_left_out(rule: Rejection, trial: Trial) -> None:
    frames = _frames(trial, rule)
    blank = frames[0].replace(mask=np.full(frames[0].shape, 4, np.uint8))
    where = trial.draw("where", st.integers(0, len(frames)))
    more = stack([*frames[:where], blank, *frames[where:]], reject=rule)
    _require_same(more, stack(frames, reject=rule), ("value", *_SETS), "a frame that is masked everywhere")


def a_constant_shifts_the_result_and_leaves_the_rejected_set(rule: Rejection, trial: Trial) -> None:
    frames = _frames(trial, rule, dtypes=("u2",))
    constant = trial.draw("constant", st.integers(1, 1000), lambda: 70_000)
    if trial.large:  # integers of float64, which a constant moves without rounding
        frames = [f.replace(array=np.round(f.array.astype("f8"))) for f in frames]
    moved = stack([f.replace(array=f.array + f.dtype.type(constant)) for f in frames], reject=rule)
    expected = stack(frames, reject=rule)
    _require_same(moved, expected, _SETS, "a constant on all frames")
    left = expected.count > 0
    require(
        np.allclose(moved.value[left], expected.value[left] + constant, rtol=3e-7, atol=1e-7 * constant),
        "the result does not follow",
    )


def whole_numbers_are_numbers(rule: Rejection, trial: Trial) -> None:
    frames = _frames(trial, rule, dtypes=("u2",))
    wide = stack([f.replace(array=f.array.astype("f8")) for f in frames], reject=rule)
    _require_same(stack(frames, reject=rule), wide, _SETS, f"{frames[0].dtype} in the place of float64")


def every_pixel_is_combined_by_itself(rule: Rejection, trial: Trial) -> None:
    """Require that frames turned by 180 degrees give the result turned by 180 degrees."""
    frames = _frames(trial, rule, most=4)
    turned = stack([_turned(frame) for frame in frames], reject=rule)
    expected = stack(frames, reject=rule)
    for name in _MAPS:
        one, two = getattr(turned, name)[::-1, ::-1], getattr(expected, name)
        same = np.array_equal(one, two, equal_nan=one.dtype.kind == "f")
        require(same, f"frames turned by 180 degrees make the {name} {shown(one)} instead of {shown(two)}")


def _turned(frame: Image) -> Image:
    planes = {name: getattr(frame, name) for name in ("array", "mask", "variance")}
    return frame.replace(**{n: None if plane is None else plane[::-1, ::-1] for n, plane in planes.items()})


def infinite_limits_reject_nothing(rule: Rejection, trial: Trial) -> None:
    sides = [name for name in ("low", "high") if isinstance(rule.parameters.get(name), float)]
    try:
        open_rule = rule.configure(**dict.fromkeys(sides, np.inf))
    except CcdfxError:
        return  # its limits are not in units of sigma
    result = stack(_frames(trial, rule), reject=open_rule) if sides else None
    rejected = result is not None and (result.rejected_low.any() or result.rejected_high.any())
    require(not rejected, f"{open_rule!r} rejects")


def tiles_and_threads_do_not_matter(rule: Rejection, trial: Trial) -> None:
    frames = _frames(trial, rule, most=5)
    _require_same(_tiled(frames, rule), stack(frames, reject=rule), (*_MAPS, "variance"), "smaller tiles")


def _tiled(frames: list[Image], rule: Rejection) -> Stack:
    """Combine with little memory; a rule that looks at rows around needs more of it."""
    row = len(frames) * frames[0].shape[1]
    for row_bytes in (64, 512):
        try:
            with engine(threads=2, memory=2 * row_bytes * row):
                return stack(frames, reject=rule)
        except ArgumentError as error:
            if error.subject != "memory":
                raise
    with engine(threads=2):
        return stack(frames, reject=rule)


def nonsense_in_an_option_is_a_typed_error(rule: Rejection, trial: Trial) -> None:
    frames = _with_variance([Image(np.full((1, 3), level)) for level in (1.0, 2.0, 3.0, 4.0, 9.0)])
    require_refusals(rule.parameters, lambda options: stack(frames, reject=rule.configure(**options)))


def the_reported_error_is_the_true_one(rule: Rejection, trial: Trial) -> None:
    """Require that the standard deviation reported for normal frames is that of the result, within 5 per cent.

    4, 6, 9 and 13 frames of level 900 and sigma 30, with that variance and, where the rule needs none, without.
    """
    rng = np.random.default_rng(0)
    for count in (4, 6, 9, 13):
        frames = [Image(rng.normal(_LEVEL, _SIGMA, (120, 200)).astype("f4")) for _ in range(count)]
        given = [frame.replace(variance=np.full(frame.shape, _SIGMA**2, "f4")) for frame in frames]
        for some, what in ((given, "from variances"), (frames, "from the scatter")):
            if some is frames and _needs_variance(rule):
                continue
            result = stack(some, reject=rule)
            known = (result.count > 0) & np.isfinite(_variance(result))
            ratio = np.sqrt(_variance(result)[known].mean() / result.value[known].var())
            said = f"the error of {count} frames {what} is {ratio:.3f} of the true one"
            require(abs(ratio - 1) <= _TOLERANCE, said)


def _variance(result: Stack) -> np.ndarray:
    assert result.variance is not None
    return result.variance


def it_is_fast(rule: Rejection, trial: Trial) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.normal(100, 10, (256, 256)).astype("f4") for _ in range(5)]
    what = "5 frames of 256 x 256 pixels"
    wanted = _with_variance([Image(f) for f in frames])
    require_speed(lambda: stack(wanted, reject=rule), trial.seconds, what)


LAWS = (
    it_can_be_pickled, the_input_never_changes, the_same_frames_give_the_same_result,
    every_good_value_is_kept_or_rejected_once, the_result_lies_between_the_extremes, equal_frames_are_reproduced,
    the_order_of_the_frames_does_not_matter, a_masked_value_never_counts,
    a_frame_masked_everywhere_equals_a_frame_left_out, a_constant_shifts_the_result_and_leaves_the_rejected_set,
    whole_numbers_are_numbers, every_pixel_is_combined_by_itself, infinite_limits_reject_nothing, tiles_and_threads_do_not_matter,
    nonsense_in_an_option_is_a_typed_error, the_reported_error_is_the_true_one, it_is_fast,
)  # fmt: skip


def _frames(
    trial: Trial, rule: Rejection, count: tuple[int, int] = (3, 7), *, masked: bool | None = None,
    dtypes: tuple[str, ...] = ("u2", "f4", "f8"), most: int = 3,
) -> list[Image]:  # fmt: skip
    """Draw frames of small whole numbers, so that there are ties and no rounding."""
    shapes = st.tuples(st.integers(1, most), st.integers(1, most))
    plain = stacks(
        count=count, dtypes=("u2",), shapes=shapes, values=(0, _MOST), masked=masked, variance=False
    )
    dtype = st.sampled_from(dtypes)
    few = st.builds(lambda some, kind: [_as(f, kind) for f in some], plain, dtype)
    many = range(FRAMES if count != (1, 1) else 1)
    frames = trial.draw("frames", few, lambda: [_large(number, dtypes, masked) for number in many])
    return frames if not _needs_variance(rule) else _with_variance(frames)


def _large(number: int, dtypes: tuple[str, ...], masked: bool | None) -> Image:
    """Make a large frame of whole numbers, in float32 if there is a choice; some of them are NaN."""
    kind = "f4" if "f4" in dtypes else "i4"
    frame = large_image("i4", seed=number, masked=masked is not False)
    array = np.where(frame.array == -LARGEST, np.nan, frame.array) if kind == "f4" else frame.array
    return frame.replace(array=array.astype(kind))


def _as(frame: Image, dtype: str) -> Image:
    """Convert the pixels of a frame; in floats the largest value becomes NaN."""
    array = frame.array.astype(dtype)
    return frame.replace(
        array=np.where(array == _MOST, np.nan, array).astype(dtype) if dtype != "u2" else array
    )


def _needs_variance(rule: Rejection) -> bool:
    """Return whether the rule refuses frames without a variance."""
    plain = [np.full((1, 1), level) for level in (1.0, 2.0, 3.0, 4.0, 5.0)]
    try:
        stack(plain, reject=rule)
    except CcdfxError:
        return True
    return False


def _with_variance(frames: list[Image]) -> list[Image]:
    return [frame.replace(variance=np.full(frame.shape, _VARIANCE)) for frame in frames]


def _require_same(got: Stack, expected: Stack, names: tuple[str, ...], change: str) -> None:
    for name in names:
        one, two = getattr(got, name), getattr(expected, name)
        same = same_bytes(one, two) if name != "value" else np.array_equal(one, two)
        require(same, f"{change} makes the {name} {shown(one)} instead of {shown(two)}")
