"""Weights of the pixels around a place that interpolate there: splines and Lanczos."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ccdfx.errors import UnknownNameError
from ccdfx.records.checks import one_of

KERNELS = ("spline", "lanczos")
SHIFT_KERNELS = (*KERNELS, "spline1", "spline2", "spline4", "spline5")
"""The kernels of moves by a constant step; "spline" is that of order 3."""
POLE = math.sqrt(3) - 2
# Pixels on each side where the weights fall below the precision of float32 and of float64: 1.4e-7 and 1.9e-14.
_RADII = {"spline1": (1, 1), "spline2": (9, 18), "spline": (12, 24), "spline4": (16, 31), "spline5": (19, 38)}
_GRID = 512  # pixels, on which the weights of the splines are computed


class AxisWeights(NamedTuple):
    """Weights along one axis of an image, as kernels take them: also those of pixels near its edges.

    ``out[n] = sum_j table[kinds[n], j] source[n + first + j]``, where `source` is reflected beyond its edges. `kinds`
    is 0 but near the edges.
    """

    first: int
    table: np.ndarray
    kinds: np.ndarray


@dataclass(frozen=True, slots=True)
class Taps:
    """Weights of a resampling along one axis: ``out[n] = sum_j weights[j] source[n + first + j]``."""

    first: int
    weights: np.ndarray

    def padded(self, dtype: np.dtype) -> np.ndarray:
        """Return the weights, padded with zeros to the multiple of 3 that `separable` needs."""
        return np.pad(self.weights, (0, -self.weights.size % 3)).astype(dtype)

    def raised(self, dtype: np.dtype, power: int = 1) -> Taps:
        """Return the weights to a power, in a type.

        Squares at the ends are left out as far as all of them together are below the precision of their sum.
        """
        weights, first = self.weights**power, self.first
        if power > 1:
            limit = float(np.finfo(dtype).eps) * float(weights.sum())
            lower = int(np.searchsorted(np.cumsum(weights), limit / 2))
            upper = weights.size - int(np.searchsorted(np.cumsum(weights[::-1]), limit / 2))
            weights, first = weights[lower:upper], first + lower
        return Taps(first, weights.astype(dtype))

    def along(self, size: int, dtype: np.dtype, power: int = 1) -> AxisWeights:
        """Return the weights to a power for an axis of `size` pixels.

        Near an edge several weights are for the same pixel, as what lies beyond the edge is reflected. The power is
        that of their sum: the error of a pixel that counts twice does so with itself.
        """
        one = self.raised(dtype, power)
        kinds = np.zeros(size, np.int64)
        if power == 1:
            return AxisWeights(one.first, one.weights[None], kinds)
        first = np.arange(size) + self.first
        last = first + self.weights.size - 1
        edge = np.flatnonzero(((first < 0) | (last >= size)) & (last >= 0) & (first < size))
        sums = np.zeros((edge.size, size))
        places = mirrored_places(first[edge][:, None] + np.arange(self.weights.size), size)
        np.add.at(sums, (np.arange(edge.size)[:, None], places), self.weights)
        places = mirrored_places(edge[:, None] + one.first + np.arange(one.weights.size), size)
        again = np.tril(places[:, :, None] == places[:, None, :], -1).any(axis=2)
        near = np.where(again, 0, np.take_along_axis(sums, places, axis=1) ** power)
        kinds[(last < 0) | (first >= size)] = min(1, edge.size)  # no pixel of the result is there
        kinds[edge] = 1 + np.arange(edge.size)
        return AxisWeights(one.first, np.vstack([one.weights, near]).astype(dtype), kinds)


def taps(step: float, kernel: str, dtype: np.dtype) -> Taps:
    """Compute the weights of a move by `step` pixels along one axis, which sum to 1."""
    if float(step).is_integer():
        return Taps(-int(step), np.ones(1))
    radius = 3 if kernel == "lanczos" else _RADII[kernel][dtype != np.float32]
    first = math.floor(-step) - radius + 1
    distance = -step - np.arange(first, first + 2 * radius)
    if kernel == "lanczos":
        weights = lanczos(distance)
    else:
        weights = cardinal(distance) if kernel == "spline" else cardinal_of_order(distance, int(kernel[-1]))
    return Taps(first, weights / weights.sum())


def mirrored_places(index: np.ndarray, size: int) -> np.ndarray:
    """Return the pixels of an axis to which those beyond its ends are reflected, as by the kernels.

    >>> mirrored_places(np.array([-1, 0, 2, 3]), 3).tolist()
    [1, 0, 2, 1]
    """
    period = max(2 * (size - 1), 1)
    return np.minimum(index % period, period - index % period) if size > 1 else np.zeros_like(index)


def lanczos(distance: np.ndarray) -> np.ndarray:
    """Evaluate the windowed sinc with three lobes, at distances below 3, without normalisation."""
    return np.sinc(distance) * np.sinc(distance / 3)


def cardinal(distance: np.ndarray) -> np.ndarray:
    """Evaluate the cubic spline that is 1 at 0 and 0 at all other whole distances."""
    lower = np.floor(distance)
    found = np.zeros(np.shape(distance))
    for step in (-1, 0, 1, 2):  # further away the basis is 0
        k = lower + step
        t = np.abs(distance - k)
        b3 = np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.where(t < 2, (2 - t) ** 3 / 6, 0.0))
        found += math.sqrt(3) * POLE ** np.abs(k) * b3
    return found


def cardinal_of_order(distance: np.ndarray, order: int) -> np.ndarray:
    """Evaluate the spline of an order that is 1 at 0 and 0 at all other whole distances.

    It is ``sum_k c_k B(t - k)``, where the Fourier transform of c is 1 over that of B at whole distances (Unser
    1999, IEEE Signal Processing Magazine 16, 22).

    >>> cardinal_of_order(np.array([0.0, 0.25, 0.5, 1.0]), 1).tolist()
    [1.0, 0.75, 0.5, 0.0]
    """
    from scipy.interpolate import BSpline

    ends = (order + 1) / 2
    coefficients = _coefficients(order)
    k = np.arange(-_GRID // 4, _GRID // 4 + 1)
    basis = BSpline.basis_element(np.arange(order + 2) - ends, extrapolate=False)
    return np.nan_to_num(basis(np.asarray(distance)[..., None] - k)) @ coefficients[k]


@cache
def _coefficients(order: int) -> np.ndarray:
    """Compute the weights of the B-splines at whole distances, those of negative ones at the end."""
    from scipy.interpolate import BSpline

    ends = (order + 1) / 2
    k = np.fft.fftfreq(_GRID, 1 / _GRID)
    basis = BSpline.basis_element(np.arange(order + 2) - ends, extrapolate=False)
    return np.fft.ifft(1 / np.fft.fft(np.nan_to_num(basis(k)))).real


def check_kernel(kernel: Any, known: tuple[str, ...] = KERNELS) -> None:
    """Raise unless a kernel of that name is known."""
    one_of("kernel", kernel, known, UnknownNameError)
