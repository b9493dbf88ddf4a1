"""Weights of frames in a mean: given, or from their exposure, noise, variance, header or level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.operations.frames import Frame
from ccdfx.operations.levels import Level
from ccdfx.records.header import Header, lenient_number


def require_mean(weights: Any, average: str) -> None:
    """Refuse weights for anything but a mean."""
    if weights is not None and average != "mean":
        raise ArgumentError("weights", "go with the mean only", value=average, remedy="leave them out")


def weights_from(
    values: Sequence[float], which: Level | None, frames: Sequence[Frame], scales: Sequence[float]
) -> tuple[float, ...]:
    """Compute the weights, with the sum 1, from given numbers or measured values.

    Noise sigma and variance v, measured before scaling by s, give s^2 / sigma^2 and s^2 / v. Exposures,
    keywords and other statistics are weights of a single exposure and are multiplied by NCOMBINE, as in
    imcombine.

    Raises
    ------
    ArgumentError
        When a weight is negative or not finite, all weights are 0, or a noise, variance or exposure is not
        above 0.
    """
    word = which.statistic if which is not None else None
    if which is not None and (which.kind == "exposure" or word in ("noise", "variance")):
        for frame, value in zip(frames, values, strict=True):
            if not value > 0:
                raise ArgumentError(
                    f"{word or 'exposure'} of {frame.name}", "must be above 0 for weights", value=value,
                    remedy="leave the frame out, or give the weights as numbers",
                )  # fmt: skip
    if word in ("noise", "variance"):
        power = 2.0 if word == "noise" else 1.0
        values = [s * s / value**power for s, value in zip(scales, values, strict=True)]
    elif which is not None and not callable(word):
        values = [value * combined_number(frame.header) for value, frame in zip(values, frames, strict=True)]
    return _normalised(values, frames)


def combined_number(header: Header) -> int:
    """Return the number of exposures averaged in a frame: NCOMBINE, or 1."""
    number = lenient_number(header, "NCOMBINE")
    return int(number) if number and number >= 1 else 1


def _normalised(values: Sequence[float], frames: Sequence[Frame]) -> tuple[float, ...]:
    for frame, value in zip(frames, values, strict=True):
        if not (math.isfinite(value) and value >= 0):
            raise ArgumentError(
                f"weights of {frame.name}", "must be finite and not negative", value=value,
                remedy="give positive numbers",
            )  # fmt: skip
    largest = max(values)
    if largest == 0:
        raise ArgumentError(
            "weights",
            "must be positive for some frame, not all 0",
            value=list(values),
            remedy="give positive numbers",
        )
    parts = [value / largest for value in values]  # so that their sum does not overflow
    return tuple(part / math.fsum(parts) for part in parts)
