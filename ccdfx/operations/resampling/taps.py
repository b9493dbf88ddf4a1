"""Weights of the pixels around a place that interpolate there: cubic spline and Lanczos."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import UnknownNameError
from ccdfx.records.checks import one_of

KERNELS = ("spline", "lanczos")
POLE = math.sqrt(3) - 2


@dataclass(frozen=True, slots=True)
class Taps:
    """Weights of a resampling along one axis: ``out[n] = sum_j weights[j] source[n + first + j]``."""

    first: int
    weights: np.ndarray

    def padded(self, dtype: np.dtype, power: int = 1) -> np.ndarray:
        """Return the weights to a power, padded with zeros to the multiple of 3 that the kernel needs."""
        return np.pad(self.weights**power, (0, -self.weights.size % 3)).astype(dtype)


def taps(step: float, kernel: str, dtype: np.dtype) -> Taps:
    """Compute the weights of a move by `step` pixels along one axis, which sum to 1."""
    if float(step).is_integer():
        return Taps(-int(step), np.ones(1))
    radius = 3 if kernel == "lanczos" else 12 if dtype == np.float32 else 24
    first = math.floor(-step) - radius + 1
    distance = -step - np.arange(first, first + 2 * radius)
    weights = lanczos(distance) if kernel == "lanczos" else cardinal(distance)
    return Taps(first, weights / weights.sum())


def lanczos(distance: np.ndarray) -> np.ndarray:
    """Evaluate the windowed sinc with three lobes, at distances below 3, without normalisation."""
    return np.sinc(distance) * np.sinc(distance / 3)


def cardinal(distance: np.ndarray) -> np.ndarray:
    """Evaluate the cubic spline that is 1 at 0 and 0 at all other whole distances."""
    k = np.arange(-60, 61)
    t = np.abs(distance[..., None] - k)
    b3 = np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.where(t < 2, (2 - t) ** 3 / 6, 0.0))
    return (math.sqrt(3) * POLE ** np.abs(k) * b3).sum(axis=-1)


def check_kernel(kernel: Any) -> None:
    """Raise unless a kernel of that name exists."""
    one_of("kernel", kernel, KERNELS, UnknownNameError)
