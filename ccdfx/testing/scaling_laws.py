"""Laws of scalings."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccdfx.records.image import Image
from ccdfx.scalings import Scaling, scale, unscale
from ccdfx.testing.laws import Trial, it_can_be_pickled, require, require_refusals, require_speed, same_bytes

_MOST = 90.0  # the largest value, so that its exponential is finite
_EDGE = 0.05  # distance from the ends of the domain at which slopes are measured


def the_input_never_changes(scaling: Scaling, trial: Trial) -> None:
    array = _values(trial, scaling)
    for name in ("transform", "inverse", "derivative"):
        given = array.copy()
        _apply(scaling, name, given)
        require(same_bytes(given, array), f"{name} changes its input")


def the_result_is_an_array_of_the_shape_and_type_of_the_input(scaling: Scaling, trial: Trial) -> None:
    array = _values(trial, scaling, ("f4", "f8"))
    for name in ("transform", "inverse", "derivative"):
        result = _apply(scaling, name, array.copy())
        if result is not None:
            require(isinstance(result, np.ndarray), f"{name} gives a {type(result).__name__}, no numpy array")
            require(result.shape == array.shape, f"{name} makes the shape {array.shape} into {result.shape}")
            require(result.dtype == array.dtype, f"{name} makes {array.dtype} into {result.dtype}")


def the_same_input_gives_the_same_result(scaling: Scaling, trial: Trial) -> None:
    array = _values(trial, scaling)
    one, two = (_apply(scaling, "transform", array.copy()) for _ in range(2))
    require(same_bytes(one, two), "transform gives different results for one input")


def every_pixel_is_scaled_by_itself(scaling: Scaling, trial: Trial) -> None:
    array = _values(trial, scaling)
    whole = _apply(scaling, "transform", array.copy())
    single = [_apply(scaling, "transform", array[:, i : i + 1].copy()) for i in range(array.shape[1])]
    same = np.allclose(np.hstack(single), whole, rtol=1e-12, atol=1e-12, equal_nan=True)
    require(same, "the result of a pixel depends on others")


def it_only_rises_or_only_falls(scaling: Scaling, trial: Trial) -> None:
    low, high = _bounds(scaling, 0)
    order = np.concatenate([[low], np.sort(_values(trial, scaling)[0]), [high]])
    scaled = _apply(scaling, "transform", order[np.newaxis])[0]
    steps = np.diff(scaled) * np.sign(scaled[-1] - scaled[0])
    steady = (steps >= -1e-12 * np.abs(scaled[1:])).all() and scaled[0] != scaled[-1]
    require(steady, f"{order.tolist()} becomes {scaled.tolist()}")


def the_inverse_undoes_it(scaling: Scaling, trial: Trial) -> None:
    if scaling.inverse is None:
        return
    array = _values(trial, scaling)
    back = unscale(scale(array, scaling=scaling), scaling=scaling).array
    require(np.allclose(back, array, rtol=1e-6, atol=1e-6), f"{array.tolist()} comes back as {back.tolist()}")


def the_derivative_is_the_slope(scaling: Scaling, trial: Trial) -> None:
    if scaling.derivative is None:
        return
    x = _values(trial, scaling, margin=_EDGE)
    h = 1e-5 * np.maximum(1, np.abs(x))
    above, below = (_apply(scaling, "transform", x + step) for step in (h, -h))
    slope, claimed = (above - below) / (2 * h), _apply(scaling, "derivative", x.copy())
    rounding = 1e-9 * np.abs(above) / h
    near = np.abs(claimed - slope) <= 1e-4 * np.abs(slope) + 10 * rounding + 1e-12
    require(near.all(), f"the slope at {x.tolist()} is {slope.tolist()}, claimed is {claimed.tolist()}")


def outside_of_the_domain_is_no_value_or_that_of_its_end(scaling: Scaling, trial: Trial) -> None:
    low, high = _domain(scaling)
    for edge, side in ((low, -1), (high, 1)):
        if np.isfinite(edge):
            x = edge + side * trial.draw("distance", st.floats(0.1, 100))
            scaled = scale(np.array([[edge, x]]), scaling=scaling)
            end, beyond = scaled.array[0]
            lost = not scaled.good[0, 1]
            require(lost or beyond == end, f"{x:g} is outside of the domain, and becomes {beyond:g}")


def pixels_without_a_value_are_flagged_and_flags_stay(scaling: Scaling, trial: Trial) -> None:
    array = trial.draw("array", hnp.arrays(np.float64, (1, 3), elements=st.floats(allow_nan=False, width=64)))
    scaled = scale(Image(array, mask=np.array([[0, 4, 0]], np.uint8)), scaling=scaling)
    unflagged = np.isfinite(array) & ~np.isfinite(scaled.array) & (scaled.mask == 0)
    require(not unflagged.any(), "a pixel has lost its value without a flag")
    require(scaled.mask is not None and scaled.mask[0, 1] & 4, "a flag is lost")


def nonsense_in_an_option_is_a_typed_error(scaling: Scaling, trial: Trial) -> None:
    require_refusals(
        scaling.parameters, lambda options: scale(np.ones((1, 2)), scaling=scaling.configure(**options))
    )


def it_is_fast(scaling: Scaling, trial: Trial) -> None:
    array = np.linspace(*_bounds(scaling, 0), 512 * 512).reshape(512, 512)
    require_speed(lambda: scale(array, scaling=scaling), trial.seconds, "a frame of 512 x 512 pixels")


LAWS = (
    it_can_be_pickled, the_input_never_changes, the_result_is_an_array_of_the_shape_and_type_of_the_input,
    the_same_input_gives_the_same_result, every_pixel_is_scaled_by_itself, it_only_rises_or_only_falls,
    the_inverse_undoes_it, the_derivative_is_the_slope, outside_of_the_domain_is_no_value_or_that_of_its_end,
    pixels_without_a_value_are_flagged_and_flags_stay, nonsense_in_an_option_is_a_typed_error, it_is_fast,
)  # fmt: skip


def _apply(scaling: Scaling, name: str, array: np.ndarray) -> Any:
    function = getattr(scaling, name)
    with np.errstate(all="ignore"):  # as in `scale`
        return None if function is None else function(array, **scaling.parameters)


def _domain(scaling: Scaling) -> tuple[float, float]:
    return scaling.domain(**scaling.parameters) if scaling.domain else (-np.inf, np.inf)


def _bounds(scaling: Scaling, margin: float) -> tuple[float, float]:
    low, high = _domain(scaling)
    return max(low + max(margin, 1e-3), -_MOST), min(high - margin, _MOST)


def _values(
    trial: Trial, scaling: Scaling, dtypes: tuple[str, ...] = ("f8",), margin: float = 0
) -> np.ndarray:
    """Draw values in the domain."""
    low, high = _bounds(scaling, margin)
    dtype = trial.draw("dtype", st.sampled_from(dtypes)) if len(dtypes) > 1 else dtypes[0]
    unit = trial.draw("values", hnp.arrays(np.float64, (1, 4), elements=st.floats(0, 1, width=32)))
    return np.clip(low + unit * (high - low), low, high).astype(dtype)
