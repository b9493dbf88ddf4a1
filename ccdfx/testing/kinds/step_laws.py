"""Laws of reduction steps."""

from __future__ import annotations

import pickle
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccdfx.errors import CcdfxError
from ccdfx.pipelines.pipeline import Step
from ccdfx.records.image import Image
from ccdfx.testing.kinds.step_frames import HEADER, SHAPE, USER_FLAG, flags_of, frame_of, seeded
from ccdfx.testing.kinds.step_probes import (
    a_window_is_treated_as_that_part_of_its_frame,
    another_process_gives_the_same,
    double_precision_is_computed_in_double,
    the_variance_is_that_of_the_slope,
    threads_give_the_same,
    what_was_done_before_does_not_matter,
)
from ccdfx.testing.laws import (
    Trial,
    it_can_be_pickled,
    require,
    require_refusals,
    require_speed,
    same_bytes,
    same_image,
)

_OBSERVER = ("OBJECT", "FILTER", "DATE-OBS", "MY_CARD", "ESO OBS ID")


def the_input_never_changes(step: Step, trial: Trial) -> None:
    image = frame_of(trial)
    # Writeable arrays, so that a function that changes its input is detected.
    open_image = Image(image.array, image.header, image.mask, image.range, image.variance)
    for plane in (open_image.array, open_image.mask, open_image.variance):
        if plane is not None and plane.base is None:
            plane.flags.writeable = True
    options = _options(step)
    before = {name: _planes(value) for name, value in options.items()}
    step(open_image)
    for name in ("array", "mask", "variance"):
        require(
            same_bytes(getattr(open_image, name), getattr(image, name)),
            f"the {name} of its input has changed",
        )
    for name, value in options.items():
        require(_planes(value) == before[name], f"its option {name} has changed")


def the_result_is_an_image_that_cannot_change(step: Step, trial: Trial) -> None:
    image = frame_of(trial)
    result = step.function(image, **_options(step))
    require(isinstance(result, Image), f"it gives a {type(result).__name__}, no Image")
    planes = (result.array, result.mask, result.variance)
    require(
        not any(p.flags.writeable for p in planes if p is not None), "a plane of the result can be written"
    )
    same = all(p is None or p.shape == result.shape for p in planes) and result.array.ndim == 2
    window = (result.range.y_upper - result.range.y_lower, result.range.x_upper - result.range.x_lower)
    require(
        same and window == result.shape, f"array {result.shape}, its window {window} and planes do not agree"
    )


def the_window_of_the_result_lies_in_that_of_the_input(step: Step, trial: Trial) -> None:
    image = frame_of(trial)
    window, frame = step(image).range, image.range
    require(window.intersection(frame) == window, f"the window {frame} became {window}")


def the_same_input_gives_the_same_result(step: Step, trial: Trial) -> None:
    image = frame_of(trial)
    require(same_image(step(image), step(image)), "two runs differ")


def byte_order_and_pickling_do_not_matter(step: Step, trial: Trial) -> None:
    image = frame_of(trial)
    swapped = image.array.astype(image.dtype.newbyteorder())
    variance = image.variance
    if variance is not None:
        variance = np.asfortranarray(variance.astype(variance.dtype.newbyteorder()))
    strange = Image(np.asfortranarray(swapped), image.header, image.mask, image.range, variance)
    expected = step(image)
    require(
        same_image(step(strange), expected), "swapped bytes and another order in memory change the result"
    )
    copies = pickle.loads(pickle.dumps(step)), pickle.loads(pickle.dumps(image))
    require(same_image(copies[0](copies[1]), expected), "pickling changes the result")


def single_precision_stays_and_so_does_double(step: Step, trial: Trial) -> None:
    for dtype in ("f4", "f8"):
        image = frame_of(trial, dtypes=(dtype,))
        require(step(image).dtype == image.dtype, f"{image.dtype} becomes {step(image).dtype}")


def whole_numbers_are_numbers(step: Step, trial: Trial) -> None:
    image = frame_of(trial, dtypes=("u2", "i2", "i4"))
    short, wide = step(image), step(image.replace(array=image.array.astype("f8")))
    require(same_bytes(flags_of(short), flags_of(wide)), "integers get other flags than float64")
    near = np.allclose(short.array, wide.array, rtol=2e-5, atol=1e-3, equal_nan=True)
    require(near, "integers get another result than float64")


def a_variance_stays_and_is_never_negative(step: Step, trial: Trial) -> None:
    result = step(frame_of(trial, variance=True))
    if result.variance is None:
        require(False, "the variance is lost")
    else:
        require((np.nan_to_num(result.variance) >= 0).all(), "a variance is negative")


def a_flagged_pixel_stays_flagged(step: Step, trial: Trial) -> None:
    image = frame_of(trial, masked=False)
    y, x = _places_of(trial)
    mask = np.zeros(image.shape, np.uint8)
    mask[y, x] = USER_FLAG
    result = step(image.replace(mask=mask))
    window = result.range
    inside = window.x_lower <= x < window.x_upper and window.y_lower <= y < window.y_upper
    require(not inside or (flags_of(result) & USER_FLAG).any(), f"the flag of pixel x={x}, y={y} is lost")


def masks_only_grow(step: Step, trial: Trial) -> None:
    image = frame_of(trial, masked=True)
    if not _stays_in_place(step, image):
        return  # the step moves pixels
    lost = image.mask & ~flags_of(step(image))
    require(not lost.any(), f"a flag is lost at (y, x) {_places(lost)}")


def sky_positions_stay(step: Step, trial: Trial) -> None:
    image = frame_of(trial)
    result = step(image)
    window, frame = result.range, image.range
    if result.wcs is None or (window == frame and not _stays_in_place(step, image)):
        return  # no WCS to compare, or the step moves pixels
    x, y = window.x_lower - frame.x_lower, window.y_lower - frame.y_lower
    there, here = result.wcs.all_pix2world(0.5, 1.5, 0), image.wcs.all_pix2world(x + 0.5, y + 1.5, 0)
    require(
        np.allclose(there, here, rtol=0, atol=1e-9), f"the WCS puts a pixel at {there}, and it was at {here}"
    )


def what_a_flagged_pixel_holds_reaches_no_good_one(step: Step, trial: Trial) -> None:
    image = frame_of(trial, masked=True)
    value = trial.draw("value", st.floats(width=16))
    other = image.replace(array=np.where(image.mask != 0, image.dtype.type(value), image.array))
    one, two = step(image), step(other)
    good = one.good & two.good
    require(np.array_equal(one.array[good], two.array[good]), "a good pixel depends on a flagged one")


def pixels_without_a_value_are_flagged(step: Step, trial: Trial) -> None:
    result = step(frame_of(trial, low=-1e4))
    unflagged = ~np.isfinite(result.array) & (flags_of(result) == 0)
    require(not unflagged.any(), f"a value is lost without a flag at (y, x) {_places(unflagged)}")


def nan_and_infinity_raise_nothing(step: Step, trial: Trial) -> None:
    image = frame_of(trial)
    factor = trial.draw("factor", st.sampled_from((1, 1e-36, 1e32)))
    odd = (0, np.nan, np.inf, -np.inf, 1e30, 3.4e38, -3.4e38)
    few = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from(odd))
    spots = trial.draw("odd", few, lambda: seeded().choice(odd, image.shape))
    array = np.where(spots == 0, image.array * np.float32(factor), spots)
    step(image.replace(array=array.astype("f4")))


def a_plain_array_will_do(step: Step, trial: Trial) -> None:
    array = frame_of(trial).array
    require(same_image(step(array), step(Image(array))), "an array gives another result than its Image")


def one_line_of_history_is_added(step: Step, trial: Trial) -> None:
    image = frame_of(trial).replace(header=HEADER.add_history("before"))
    history = step(image).header.history
    fits = len(history) == 2 and history[0] == "before" and step.name in history[1].split()
    require(fits, f"the history is {list(history)}")


def the_cards_of_the_observer_stay(step: Step, trial: Trial) -> None:
    image = frame_of(trial)
    result = step(image).header
    for card in image.header.cards:
        if card.keyword in _OBSERVER:
            require(card in result.cards, f"the card {tuple(card)} is lost or has changed")
    require(result.get("BUNIT"), "the unit of the pixels (BUNIT) is lost")


def nonsense_in_an_option_is_a_typed_error(step: Step, trial: Trial) -> None:
    image = Image(np.full(SHAPE, 100.0), HEADER)
    require_refusals(step.parameters, lambda options: step.configure(**options)(image))


def it_is_fast(step: Step, trial: Trial) -> None:
    for shape in ((512, 512), SHAPE):  # the small one if an option such as a master frame requires it
        image = Image(np.full(shape, 100, np.float32), HEADER)
        with suppress(CcdfxError):
            require_speed(partial(step, image), trial.seconds, f"a frame of {shape[0]} x {shape[1]} pixels")
            return


LAWS = (
    it_can_be_pickled, the_input_never_changes, the_result_is_an_image_that_cannot_change,
    the_window_of_the_result_lies_in_that_of_the_input, the_same_input_gives_the_same_result,
    byte_order_and_pickling_do_not_matter, single_precision_stays_and_so_does_double, whole_numbers_are_numbers,
    a_variance_stays_and_is_never_negative, a_flagged_pixel_stays_flagged, masks_only_grow, sky_positions_stay,
    what_a_flagged_pixel_holds_reaches_no_good_one, pixels_without_a_value_are_flagged,
    the_variance_is_that_of_the_slope, double_precision_is_computed_in_double,
    a_window_is_treated_as_that_part_of_its_frame, what_was_done_before_does_not_matter, threads_give_the_same,
    another_process_gives_the_same, the_cards_of_the_observer_stay,
    nan_and_infinity_raise_nothing, a_plain_array_will_do, one_line_of_history_is_added,
    nonsense_in_an_option_is_a_typed_error, it_is_fast,
)  # fmt: skip


def _options(step: Step) -> dict[str, Any]:
    from ccdfx.records.history import Master

    return {n: v.image if isinstance(v, Master) else v for n, v in step.options.items()}


def _planes(value: Any) -> Any:
    """Return the bytes of the planes of an option that is a frame; None for anything else."""
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, Image):
        planes = (value.array, value.mask, value.variance)
        return [None if plane is None else plane.tobytes() for plane in planes]
    return None


def _places_of(trial: Trial) -> tuple[int, int]:
    """Draw a pixel that most windows hold."""
    y = trial.draw("y", st.integers(3, 5), lambda: 4)
    return y, trial.draw("x", st.integers(3, 6), lambda: 5)


def _stays_in_place(step: Step, image: Image) -> bool:
    """Return whether the step keeps two flags at their pixels, and the window."""
    mask = np.zeros(image.shape, np.uint8)
    mask[1, 2] = mask[2, 5] = USER_FLAG
    result = step(image.replace(mask=mask))
    return result.range == image.range and bool((flags_of(result)[mask != 0] & USER_FLAG).all())


def _places(spots: np.ndarray) -> str:
    """Format the first three pixels that are not zero."""
    found = [tuple(map(int, at)) for at in np.argwhere(spots)]
    return ", ".join(map(str, found[:3])) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
