"""A noise model: the rounding error of an analogue-to-digital converter."""

from __future__ import annotations

import numpy as np

from ccdfx import ArgumentError, NoiseModel


def digitisation_noise(bit: float = 1.0) -> NoiseModel:
    """Return the noise model of rounding to multiples of `bit` ADU: var = bit**2 / 12."""
    return NoiseModel("digitisation", {"bit": bit}, _variance, _sample, check=_check)


def _variance(array: np.ndarray, bit: float) -> np.ndarray:
    return np.full_like(array, bit**2 / 12)


def _sample(array: np.ndarray, rng: np.random.Generator, bit: float) -> np.ndarray:
    return array + rng.uniform(-bit / 2, bit / 2, array.shape)


def _check(bit: float) -> None:
    if not isinstance(bit, int | float) or not 0 < bit < np.inf:
        raise ArgumentError("bit", "must be a positive number of ADU", value=bit)
