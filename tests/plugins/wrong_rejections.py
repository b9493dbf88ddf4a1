"""Rejection rules that are wrong in ways that short stacks do not show, with the law that finds each.

They are rules in plain Python, so that nothing is compiled, and reject values of more than 1.2 standard deviations.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from ccdfx import Arrangement, Rejection

_CALLS: list[int] = []
_SHARED: dict[str, np.ndarray] = {}


def far(values: np.ma.MaskedArray, limit: float = 1.2) -> np.ndarray:
    """Do it right: the others differ from this one by a fault each."""
    values = values.astype(float)
    with np.errstate(all="ignore"):
        deviation = np.ma.abs(values - np.ma.median(values, axis=0))
        return (deviation > limit * np.ma.std(values, axis=0)).filled(False)


def of_64_pixels(values: np.ma.MaskedArray) -> np.ndarray:
    rejected = far(values)
    rejected[:, 64:] = False
    return rejected


def but_the_last_pixel(values: np.ma.MaskedArray) -> np.ndarray:
    rejected = far(values)
    rejected[:, 149::150] = False
    return rejected


def of_nine_frames(values: np.ma.MaskedArray) -> np.ndarray:
    rejected = np.zeros(values.shape, bool)
    rejected[:9] = far(values[:9])
    return rejected


def of_uint16(values: np.ma.MaskedArray) -> np.ndarray:
    return far(np.ma.clip(values, 0, 65535))


def of_positive_values(values: np.ma.MaskedArray) -> np.ndarray:
    return far(np.ma.abs(values))


def of_masked_values_too(values: np.ma.MaskedArray) -> np.ndarray:
    return far(np.ma.array(np.nan_to_num(values.data.astype(float), posinf=0, neginf=0)))


def by_the_number_of_calls(values: np.ma.MaskedArray) -> np.ndarray:
    _CALLS.append(1)
    return far(values, 0.5 + 0.618 * len(_CALLS) % 1)  # never the same again, however many tiles a stack has


def with_a_shared_stack(values: np.ma.MaskedArray) -> np.ndarray:
    _SHARED["values"] = values
    time.sleep(1e-3)
    other = _SHARED["values"]
    return far(other if other.shape == values.shape else values)


def drops_by(select: Callable) -> Rejection:
    def rule() -> Rejection:
        return Rejection("bad", rule, lambda parameters, facts: Arrangement(select=select), {})

    return rule()


ITSELF = "every pixel is combined by itself"
CONSTANT = "a constant shifts the result and leaves the rejected set"
REJECTIONS = {
    of_64_pixels: ITSELF,
    but_the_last_pixel: ITSELF,
    of_nine_frames: "the order of the frames does not matter",
    of_uint16: CONSTANT,
    of_positive_values: CONSTANT,
    of_masked_values_too: "a frame masked everywhere equals a frame left out",
    by_the_number_of_calls: "the same frames give the same result",
    with_a_shared_stack: "tiles and threads do not matter",
}
