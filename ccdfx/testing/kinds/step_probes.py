"""Laws of steps that compare results: of changed pixels, of windows, and of calls in another order or place."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from ccdfx.errors import CcdfxError
from ccdfx.pipelines.pipeline import Step
from ccdfx.records.image import Image
from ccdfx.records.range import Range
from ccdfx.testing.elsewhere import in_another_process, in_threads
from ccdfx.testing.kinds.step_frames import flags_of, frame_of, seeded
from ccdfx.testing.large import OTHER_SEED, WINDOWS
from ccdfx.testing.laws import Trial, require, same_bytes, same_image

_CHANGE = 1.0  # of a value, to measure a slope
_SMALL_CHANGE = 2.0**-16  # lost if a value of some thousand is rounded to float32
_LEAST_SLOPE = 0.01  # a pixel that another one has filled, or that a filter hardly weighs, tells nothing
_MORE = 100.0  # of variance
_SMALL_WINDOWS = (Range(2, 7, 1, 6), Range(0, 4, 3, 8), Range(5, 6, 4, 5))
_OUTSIDE = (0.0, 1e6, 3000.0)


def the_variance_is_that_of_the_slope(step: Step, trial: Trial) -> None:
    """Require var(y) = (dy/dx)^2 var(x) for good pixels y of the result that are linear in the pixel x that is changed."""
    probe = _probe(step, trial)
    if probe is None:
        return
    y, x, image = probe.y, probe.x, probe.image
    assert image.variance is not None
    variance = image.variance.copy()
    variance[y, x] += _MORE
    more = step(image.replace(variance=variance))
    if more.variance is None or probe.base.variance is None or more.shape != probe.base.shape:
        return  # another law
    with np.errstate(invalid="ignore"):  # an unknown variance is infinite in both
        grown = more.variance.astype(float) - probe.base.variance
    wanted = probe.slope**2 * _MORE
    near = np.abs(grown - wanted) <= 1e-3 * wanted + 1e-5 * (
        np.abs(probe.base.variance) + np.abs(more.variance)
    )
    wrong = probe.linear & np.isfinite(grown) & ~near
    if wrong.any():
        at = tuple(map(int, np.argwhere(wrong)[0]))
        said = f"{_MORE:g} more at y={y}, x={x} are {grown[at]:g} more at y={at[0]}, x={at[1]} of the result"
        require(False, f"{said}, and with the slope {probe.slope[at]:g} they should be {wanted[at]:g}")


def double_precision_is_computed_in_double(step: Step, trial: Trial) -> None:
    probe = _probe(step, trial)
    if probe is None:
        return
    moved = probe.moved(step, _SMALL_CHANGE)
    if moved.shape != probe.base.shape or moved.dtype != np.float64:
        return  # another law
    slope = (moved.array - probe.base.array) / _SMALL_CHANGE
    wrong = probe.linear & ~(np.abs(slope - probe.slope) <= 0.02 * np.abs(probe.slope) + 1e-4)
    require(
        not wrong.any(),
        f"a change of 2**-16 at y={probe.y}, x={probe.x} is rounded away: does it convert to float32?",
    )


@dataclass(frozen=True)
class _Probe:
    """A frame, its result, the slope of the result in one pixel, and where that is linear and keeps its flags."""

    image: Image
    y: int
    x: int
    base: Image
    slope: np.ndarray
    linear: np.ndarray

    def moved(self, step: Step, change: float) -> Image:
        """Return the result for another value of the pixel."""
        return step(_moved(self.image, self.y, self.x, change))


def _moved(image: Image, y: int, x: int, change: float) -> Image:
    array = image.array.copy()
    array[y, x] += change
    return image.replace(array=array)


def _probe(step: Step, trial: Trial) -> _Probe | None:
    image = frame_of(trial, dtypes=("f8",), masked=False, variance=True)
    y = trial.draw("y", st.integers(3, 5), lambda: 127)
    x = trial.draw("x", st.integers(3, 6), lambda: 148)
    image = image.replace(variance=np.full(image.shape, 4.0))
    if trial.large:  # a value beyond uint16, which float32 rounds to 2**-7
        image = _moved(image, y, x, 90_000.0 - image.array[y, x])
    base = step(image)
    up, down, far = (step(_moved(image, y, x, change * _CHANGE)) for change in (1, -1, 2))
    if any(other.shape != base.shape for other in (up, down, far)):
        return None
    with np.errstate(all="ignore"):
        a, b, c, d = (one.array.astype(float) for one in (down, base, up, far))
        slope = (c - a) / (2 * _CHANGE)
        small = 1e-9 * (np.abs(b) + np.abs(c - b)) + 1e-7 * np.abs(slope)
        linear = (np.abs(c - 2 * b + a) <= small) & (np.abs(d - 2 * c + b) <= small)
    linear &= base.good & (np.abs(slope) > _LEAST_SLOPE)
    for one, two in pairwise((base, up, down, far)):
        linear &= flags_of(one) == flags_of(two)
    return _Probe(image, y, x, base, slope, linear)


def a_window_is_treated_as_that_part_of_its_frame(step: Step, trial: Trial) -> None:
    """Require it of windows on whose pixels those outside have no influence."""
    image = frame_of(trial, dtypes=("f4",))
    whole = step(image)
    if whole.range != image.range or whole.shape != image.shape:
        return  # it cuts, or moves pixels
    for window in WINDOWS if trial.large else _SMALL_WINDOWS:
        inside = whole.select(window)
        if not all(
            _same_pixels(step(other).select(window), inside) for other in _changed_outside(image, window)
        ):
            continue
        try:
            alone = step(image.select(window))
        except CcdfxError:
            continue  # a master frame among its options does not fit
        require(alone.range == window, f"the window {window} becomes {alone.range}")
        require(
            _same_pixels(alone, inside),
            f"the window {window} alone gives other pixels than in its frame, where no pixel outside matters",
        )


def _changed_outside(image: Image, window: Range) -> list[Image]:
    inside = np.zeros(image.shape, bool)
    inside[window.slices] = True
    changed = [np.where(inside, image.array, np.float32(value)) for value in _OUTSIDE]
    upside_down = np.where(inside, image.array, image.array[::-1, ::-1])
    return [image.replace(array=array.astype(image.dtype)) for array in (*changed, upside_down)]


def _same_pixels(one: Image, two: Image) -> bool:
    planes = one.array.shape == two.array.shape and np.array_equal(one.array, two.array, equal_nan=True)
    return planes and np.array_equal(flags_of(one), flags_of(two)) and _same_variance(one, two)


def _same_variance(one: Image, two: Image) -> bool:
    if one.variance is None or two.variance is None:
        return one.variance is two.variance
    return np.array_equal(one.variance, two.variance, equal_nan=True)


def what_was_done_before_does_not_matter(step: Step, trial: Trial) -> None:
    one, two = _two(trial)
    first = step(one)
    before = [None if p is None else p.tobytes() for p in (first.array, first.mask, first.variance)]
    other = step(two)
    after = [None if p is None else p.tobytes() for p in (first.array, first.mask, first.variance)]
    require(after == before, "the result for a frame changes when the next frame is done")
    require(same_image(step(one), first), "after another frame, a frame gives another result than before")
    require(same_image(step(two), other), "after another frame, a frame gives another result than before")


def threads_give_the_same(step: Step, trial: Trial) -> None:
    one, two = _two(trial)
    frames = [one, two] * 8
    expected = [step(one), step(two)]
    found = in_threads(step, frames)
    same = all(same_image(image, expected[number % 2]) for number, image in enumerate(found))
    require(same, "four threads at a time give other results than one: it shares memory between calls")


def another_process_gives_the_same(step: Step, trial: Trial) -> None:
    image = frame_of(trial)
    values = seeded().uniform(1, 6000, image.shape).astype(image.dtype)
    step(image.replace(array=values))  # here it has been called before, and there it has not
    expected = step(image)
    try:
        found = in_another_process(step, image)
    except RuntimeError as error:
        require(False, str(error))
    else:
        same = same_bytes(found.array, expected.array) and same_image(found, expected)
        require(same, "a process that has done nothing before gives another result")


def _two(trial: Trial) -> tuple[Image, Image]:
    return frame_of(trial), frame_of(trial, name="another image", seed=OTHER_SEED)
