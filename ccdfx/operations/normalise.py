"""Bringing frames to one level before they are combined: x' = x / scale - zero."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.operations.frames import Frame
from ccdfx.records.image import Image

Factor = Sequence[float] | str | Callable[[Image], float] | None
STATISTICS = ("mean", "median")


def value_limits(limits: Any) -> tuple[float, float] | None:
    """The least and the greatest value that takes part, or None where all do.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        What is not two numbers, or a lower limit above the upper one.
    """
    if limits is None:
        return None
    try:
        low, high = (float(limit) for limit in limits)
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            "limits", "must be two numbers, the least and the greatest value", value=limits,
            remedy="infinity turns a side off",
        ) from None  # fmt: skip
    if not low <= high:
        raise ArgumentError(
            "limits",
            "must be a least value and one that is not below it",
            value=(low, high),
            remedy="give (low, high), None for no limit",
        )
    return low, high


def factors_of(
    frames: Sequence[Frame], scale: Factor, zero: Factor, limits: tuple[float, float] | None = None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The scale s_l and the zero z_l of each frame.

    A list is taken as it is. From statistics S and Z of the frames' good pixels within the limits, s_l = S_l / S_1 and z_l = Z_l / s_l - Z_1.
    """
    count = len(frames)
    levels: dict[Any, list[float]] = {}
    for chosen, name in ((scale, "scale"), (zero, "zero")):
        if _is_statistic(chosen, name) and chosen not in levels:
            levels[chosen] = [_level(frame, chosen, name, limits) for frame in frames]
    scales = [1.0] * count
    if scale is not None:
        given = levels[scale] if _is_statistic(scale, "scale") else _numbers(scale, "scale", count)
        for frame, value in zip(frames, given, strict=True):
            if not value > 0:
                raise ArgumentError(
                    f"scale of {frame.name}",
                    "must be above 0",
                    value=value,
                    remedy="use zero, or leave it out",
                )
        scales = [value / given[0] for value in given] if _is_statistic(scale, "scale") else given
    zeros = [0.0] * count
    if zero is not None:
        if _is_statistic(zero, "zero"):
            given = levels[zero]
            zeros = [value / factor - given[0] for value, factor in zip(given, scales, strict=True)]
        else:
            zeros = _numbers(zero, "zero", count)
    return tuple(scales), tuple(zeros)


def _is_statistic(chosen: Any, name: str) -> bool:
    if isinstance(chosen, str) and chosen not in STATISTICS:
        raise ArgumentError(
            name,
            f"must be numbers, a function or one of {', '.join(STATISTICS)}",
            value=chosen,
            remedy="choose one of these",
        )
    return isinstance(chosen, str) or callable(chosen)


def _level(frame: Frame, statistic: Any, name: str, limits: tuple[float, float] | None) -> float:
    """The level of the good pixels of a frame, the same whatever order its pixels have in memory."""
    image = frame.image() if limits is None else _within(frame.image(), *limits)
    value = float(statistic(image)) if callable(statistic) else _exact(image, statistic)
    if not math.isfinite(value):
        raise ArgumentError(
            f"{name} of {frame.name}", "must be a finite number", value=value, remedy="leave the frame out"
        )
    return value


def _within(image: Image, low: float, high: float) -> Image:
    """The image with the pixels outside the limits flagged."""
    from ccdfx.records.flags import Flag

    outside = ~((image.array >= low) & (image.array <= high))
    mask = np.zeros(image.shape, np.uint8) if image.mask is None else image.mask.copy()
    mask[outside] |= np.uint8(Flag.OUTLIER)
    return image.replace(mask=mask)


def _exact(image: Image, statistic: str) -> float:
    from ccdfx.estimators import median_of

    good = image.good
    if not good.any():
        return math.nan
    if statistic == "median":
        return float(median_of(image.array, None if good.all() else good))
    return float(np.mean(image.array, where=good, dtype=np.float64))


def _numbers(values: Any, name: str, count: int) -> list[float]:
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            name, "must be numbers, one a frame", value=values, remedy="give as many as frames"
        ) from None
    if len(numbers) != count:
        raise ArgumentError(
            name,
            f"must be one for each of the {count} frames",
            value=len(numbers),
            remedy="give as many as frames",
        )
    if not all(math.isfinite(number) for number in numbers):
        raise ArgumentError(name, "must be finite numbers", value=numbers, remedy="leave the frame out")
    return numbers
