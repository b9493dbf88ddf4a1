"""A scaling: linear near zero, a square root far from it; the sign is kept."""

from __future__ import annotations

import numpy as np

from ccdfx import ArgumentError, Scaling


def softroot(knee: float = 100.0) -> Scaling:
    """Return the scaling y = x / sqrt(1 + |x| / knee)."""
    return Scaling("softroot", {"knee": knee}, _transform, _inverse, _derivative, check=_check)


def _transform(array: np.ndarray, knee: float) -> np.ndarray:
    return array / np.sqrt(1 + np.abs(array) / knee)


def _inverse(array: np.ndarray, knee: float) -> np.ndarray:
    half = np.square(array) / (2 * knee)  # |x| solves x^2 - 2 half |x| - y^2 = 0
    return np.copysign(half + np.hypot(half, array), array)


def _derivative(array: np.ndarray, knee: float) -> np.ndarray:
    excess = np.abs(array) / knee
    return (1 + excess / 2) / (1 + excess) ** 1.5


def _check(knee: float) -> None:
    if not isinstance(knee, int | float) or not 0 < knee < np.inf:
        raise ArgumentError("knee", "must be positive and finite", value=knee)
