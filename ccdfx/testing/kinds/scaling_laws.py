"""Laws of scalings."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ccdfx.records.image import Image
from ccdfx.scalings import Scaling, scale, unscale
from ccdfx.testing.elsewhere import in_another_process, in_threads
from ccdfx.testing.large import LARGEST, OTHER_SEED, SHAPE, large_values
from ccdfx.testing.laws import (
    Trial,
    it_can_be_pickled,
    require,
    require_refusals,
    require_speed,
    same_bytes,
    shown,
)

_MOST = 90.0  # the largest value, so that its exponential is finite
_BLOCK = 64
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
    array, other = _values(trial, scaling), _values(trial, scaling, name="other values", seed=OTHER_SEED)
    for name in ("transform", "inverse", "derivative"):
        one = _apply(scaling, name, array.copy())
        before = None if one is None else one.copy()
        two = _apply(scaling, name, other.copy())
        require(same_bytes(one, before), f"a result of {name} changes with the next call")
        again = [_apply(scaling, name, values.copy()) for values in (array, other)]
        require(
            same_bytes(one, again[0]) and same_bytes(two, again[1]),
            f"{name} gives different results for one input",
        )


def threads_give_the_same(scaling: Scaling, trial: Trial) -> None:
    arrays = [_values(trial, scaling), _values(trial, scaling, name="other values", seed=OTHER_SEED)] * 8
    for name in ("transform", "inverse", "derivative"):
        expected = [_apply(scaling, name, array.copy()) for array in arrays[:2]]
        found = in_threads(partial(_apply, scaling, name), [a.copy() for a in arrays])
        same = all(same_bytes(one, expected[number % 2]) for number, one in enumerate(found))
        require(same, f"{name} gives other results in four threads at a time: it shares memory between calls")


def another_process_gives_the_same(scaling: Scaling, trial: Trial) -> None:
    array = _values(trial, scaling)
    low, high = _bounds(scaling, 0)
    other = np.random.default_rng(7).uniform(low, high, array.shape)
    _apply(scaling, "transform", other)  # here it has been called before, and there it has not
    expected = _apply(scaling, "transform", array.copy())
    try:
        found = in_another_process(_apply, scaling, "transform", array)
    except RuntimeError as error:
        require(False, str(error))
    else:
        require(same_bytes(found, expected), "a process that has done nothing before gives another result")


def every_pixel_is_scaled_by_itself(scaling: Scaling, trial: Trial) -> None:
    array = _values(trial, scaling)
    whole = _apply(scaling, "transform", array.copy())
    for name in ("transform", "inverse", "derivative"):
        whole = _apply(scaling, name, array.copy())
        if whole is None:
            continue
        pieces = [_apply(scaling, name, array[:, part].copy()) for part in _columns(array.shape[1])]
        rows = [_apply(scaling, name, array[part].copy()) for part in _columns(array.shape[0])]
        for joined in (np.hstack(pieces), np.vstack(rows)):
            same = np.allclose(joined, whole, rtol=1e-12, atol=1e-12, equal_nan=True)
            require(same, f"the result of {name} for a pixel depends on others, or on its place")


def it_only_rises_or_only_falls(scaling: Scaling, trial: Trial) -> None:
    low, high = _bounds(scaling, 0, LARGEST if trial.large else _MOST)
    order = np.concatenate([[low], np.sort(_values(trial, scaling).ravel()), [high]])
    scaled = _apply(scaling, "transform", order[np.newaxis])[0]
    order, scaled = order[np.isfinite(scaled)], scaled[np.isfinite(scaled)]
    steps = np.diff(scaled) * np.sign(scaled[-1] - scaled[0])
    turns = steps < -1e-12 * np.abs(scaled[1:])
    said = shown(order), shown(scaled)
    if turns.any():
        at = int(np.argmax(turns))
        said = order[at : at + 2].tolist(), scaled[at : at + 2].tolist()
    require(not turns.any() and scaled[0] != scaled[-1], f"{said[0]} becomes {said[1]}")


def the_inverse_undoes_it(scaling: Scaling, trial: Trial) -> None:
    if scaling.inverse is None:
        return
    array = _values(trial, scaling)
    scaled = scale(array, scaling=scaling)
    back = unscale(scaled, scaling=scaling).array
    near = np.abs(back - array) <= 1e-6 * (1 + np.abs(array))
    if trial.large:  # where two neighbouring numbers become one, the inverse cannot tell them apart
        step = 1e-7 * (1 + np.abs(array))
        above, below = (_apply(scaling, "transform", array + sign * step) for sign in (1, -1))
        with np.errstate(all="ignore"):
            near |= ~(np.abs(above - below) > 1e-14 * np.abs(scaled.array) / 1e-2)
        near |= ~scaled.good
    wrong = array[~near], back[~near]
    require(near.all(), f"{shown(wrong[0][:4])} comes back as {shown(wrong[1][:4])}")


def the_derivative_is_the_slope(scaling: Scaling, trial: Trial) -> None:
    if scaling.derivative is None:
        return
    x = _values(trial, scaling, margin=_EDGE)
    h = 1e-5 * np.maximum(1, np.abs(x))
    above, below = (_apply(scaling, "transform", x + step) for step in (h, -h))
    here, claimed = _apply(scaling, "transform", x.copy()), _apply(scaling, "derivative", x.copy())
    rounding = 1e-9 * np.abs(above) / h
    near = np.zeros(x.shape, bool)
    with np.errstate(all="ignore"):
        slopes = [(above - below) / (2 * h)]
        if trial.large:  # some of many values are at a bend, where the slopes of its sides differ
            slopes += [(above - here) / h, (here - below) / h]
        for slope in slopes:
            near |= np.abs(claimed - slope) <= 1e-4 * np.abs(slope) + 10 * rounding + 1e-12
        near |= ~np.isfinite(slopes[0])
    wrong = x[~near], slopes[0][~near], claimed[~near]
    said = [shown(values[:4]) for values in wrong]
    require(near.all(), f"the slope at {said[0]} is {said[1]}, claimed is {said[2]}")


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
    missing = _apply(scaling, "transform", np.array([[np.nan, 1.0]]))[0, 0]
    require(not np.isfinite(missing), f"a pixel without a value (NaN) becomes {missing:g}")


def nonsense_in_an_option_is_a_typed_error(scaling: Scaling, trial: Trial) -> None:
    require_refusals(
        scaling.parameters, lambda options: scale(np.ones((1, 2)), scaling=scaling.configure(**options))
    )


def it_is_fast(scaling: Scaling, trial: Trial) -> None:
    array = np.linspace(*_bounds(scaling, 0), 512 * 512).reshape(512, 512)
    require_speed(lambda: scale(array, scaling=scaling), trial.seconds, "a frame of 512 x 512 pixels")


LAWS = (
    it_can_be_pickled, the_input_never_changes, the_result_is_an_array_of_the_shape_and_type_of_the_input,
    the_same_input_gives_the_same_result, threads_give_the_same, another_process_gives_the_same, every_pixel_is_scaled_by_itself, it_only_rises_or_only_falls,
    the_inverse_undoes_it, the_derivative_is_the_slope, outside_of_the_domain_is_no_value_or_that_of_its_end,
    pixels_without_a_value_are_flagged_and_flags_stay, nonsense_in_an_option_is_a_typed_error, it_is_fast,
)  # fmt: skip


def _apply(scaling: Scaling, name: str, array: np.ndarray) -> Any:
    function = getattr(scaling, name)
    with np.errstate(all="ignore"):  # as in `scale`
        return None if function is None else function(array, **scaling.parameters)


def _domain(scaling: Scaling) -> tuple[float, float]:
    return scaling.domain(**scaling.parameters) if scaling.domain else (-np.inf, np.inf)


def _bounds(scaling: Scaling, margin: float, most: float = _MOST) -> tuple[float, float]:
    low, high = _domain(scaling)
    return max(low + max(margin, 1e-3), -most), min(high - margin, most)


def _values(
    trial: Trial, scaling: Scaling, dtypes: tuple[str, ...] = ("f8",), margin: float = 0, name: str = "values",
    seed: int = 0,
) -> np.ndarray:  # fmt: skip
    """Draw values in the domain."""
    low, high = _bounds(scaling, margin, LARGEST if trial.large else _MOST)
    dtype = trial.draw("dtype", st.sampled_from(dtypes)) if len(dtypes) > 1 else dtypes[0]
    some = hnp.arrays(np.float64, (1, 4), elements=st.floats(0, 1, width=32))
    within = trial.draw(
        name,
        some.map(lambda unit: np.clip(low + unit * (high - low), low, high)),
        lambda: large_values(SHAPE, low=low, high=high, seed=seed),
    )
    return within.astype(dtype)


def _columns(count: int) -> list[slice]:
    """Divide columns into single ones and, where there are many, across the borders of blocks of 64."""
    if count < 2 * _BLOCK:
        return [slice(i, i + 1) for i in range(count)]
    edges = [0, 1, _BLOCK // 2, 3 * _BLOCK // 2, count - 1, count]
    return [slice(*pair) for pair in pairwise(edges)]
