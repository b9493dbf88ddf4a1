"""Frames moved by a fraction of a pixel, computed when their rows are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.kernels.shift import REACH
from ccdfx.operations.frames import Frame
from ccdfx.operations.shift import resampled, taps
from ccdfx.records.image import Image
from ccdfx.records.pixels import working_dtype
from ccdfx.records.range import Range

_SAMPLE = 16  # rows from which the typical value and variance are computed


@dataclass(frozen=True, slots=True)
class Resampled:
    """The rows of ``shift(frame, dx, dy, kernel)`` for steps below a pixel, from these rows and a few around.

    `usual` holds the value and the variance that replace bad pixels far from any good pixel. They are fixed
    in advance, so that a row does not depend on the rows that are read with it.
    """

    frame: Frame
    dx: float
    dy: float
    kernel: str
    usual: tuple[float, float]
    reach: int

    @staticmethod
    def of(frame: Frame, dx: float, dy: float, kernel: str) -> Resampled:
        """Make the frame moved by (dx, dy)."""
        weights = taps(dy, kernel, working_dtype(frame))
        reach = max(-weights.first, weights.first + weights.weights.size) + REACH
        return Resampled(frame, dx, dy, kernel, _usual(frame), reach)

    @property
    def name(self) -> str:
        """The name in messages."""
        return self.frame.name

    def select(self, range: Any = None) -> Image:
        """Return the rows of a window that is as wide as the frame; None means all rows."""
        window = self.frame.range if range is None else range
        lower, upper = (y - self.frame.range.y_lower for y in (window.y_lower, window.y_upper))
        first, last = max(lower - self.reach, 0), min(upper + self.reach, self.frame.shape[0])
        moved = resampled(self.frame.rows(first, last), self.dx, self.dy, self.kernel, self.usual)
        rows = slice(lower - first, upper - first)
        return Image(
            moved.array[rows],
            mask=None if moved.mask is None else moved.mask[rows],
            variance=None if moved.variance is None else moved.variance[rows],
            range=Range.whole((upper - lower, self.frame.shape[1])),
        )


def _usual(frame: Frame) -> tuple[float, float]:
    """Compute the medians of value and variance of the good pixels of some rows."""
    height = frame.shape[0]
    rows = np.unique(np.linspace(0, height - 1, min(_SAMPLE, height)).astype(int))
    values, variances = [], []
    for row in rows:
        image = frame.rows(int(row), int(row) + 1)
        values.append(image.array[image.good])
        if image.variance is not None:
            variances.append(image.variance[image.good & np.isfinite(image.variance)])
    return _median(values), _median(variances)


def _median(parts: list[np.ndarray]) -> float:
    found = np.concatenate(parts) if parts else np.empty(0)
    return float(np.median(found)) if found.size else 0.0
