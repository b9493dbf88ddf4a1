"""Collections of values with moments and exact order statistics.

16-bit integers are stored as a histogram, which loses nothing; floats are stored one by one.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from ccdfx.kernels.image.statistics import (
    collect,
    gather_good,
    histogram,
    moments,
    moments_between,
    stratified,
)

_SAMPLE = 65536


class Values(Protocol):
    """Good, finite values with their moments and order statistics."""

    count: int
    mean: float
    std: float
    minimum: float
    maximum: float

    def median(self, first: int, count: int) -> float:
        """Return the median of the values of rank first ... first + count - 1."""

    def median_deviation(self, centre: float) -> float:
        """Return the median of |x - centre|."""

    def between(self, low: float, high: float) -> tuple[int, int, float, float]:
        """Return how many lie below `low`; count, mean and standard deviation of low <= x <= high."""


def good_values(array: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return the good values of an array, flat and contiguous; without a mask, the array itself (flat).

    Without a mask non-finite values are included: `moments` counts the finite ones, and a caller that finds
    fewer than there are values calls again with a mask of zeros.
    """
    flat = np.ascontiguousarray(array).reshape(-1)
    if mask is None:
        return flat
    flags = np.ascontiguousarray(mask).reshape(-1).view(np.uint8)
    if flat.dtype.kind != "f":
        return flat[flags == 0]
    out = np.empty(flat.size + 1, flat.dtype)  # one spare element: the kernel writes before it checks
    return out[: gather_good(flat, flags, out)]


class Ranks:
    """Exact order statistics of many finite values, or of their distances from a centre, without a full sort.

    A sample brackets the wanted rank, one pass collects the values inside the bracket, and these are sorted.
    The bracket is kept, so ranks near the last one cost nothing. A rank outside it is found by a partition of
    all values.
    """

    def __init__(self, values: np.ndarray, centre: float | None = None) -> None:
        self.values = values
        self.centre = centre
        self.low = self.high = math.nan
        self.edges = (0, 0, 0, 0)
        self.inner = np.empty(0)
        sample = values
        if values.size > 2 * _SAMPLE:
            sample = np.empty(_SAMPLE, values.dtype)
            stratified(values, sample)
        self.sample = np.sort(self._distances(sample))

    def _distances(self, values: np.ndarray) -> np.ndarray:
        if self.centre is None:
            return values
        with np.errstate(over="ignore"):  # a distance beyond the largest float is infinite, and ranked so
            return np.abs(values.astype(np.float64) - self.centre)

    def at(self, rank: int) -> float:
        """Return the value of this 0-based rank."""
        if self.sample.size == self.values.size:
            return float(self.sample[rank])
        found = self._look(rank)
        if found is None:
            self._bracket(rank)
            found = self._look(rank)
        return float(np.partition(self._distances(self.values), rank)[rank]) if found is None else found

    def middle(self, first: int, count: int) -> float:
        """Return the median of the ranks first ... first + count - 1 (mean of two when count is even)."""
        low = self.at(first + (count - 1) // 2)
        return low if count % 2 else 0.5 * low + 0.5 * self.at(first + count // 2)

    def _look(self, rank: int) -> float | None:
        below, at_low, found, at_high = self.edges
        rank -= below
        if 0 <= rank < at_low:
            return self.low
        rank -= at_low
        if 0 <= rank < found:
            return float(self.inner[rank])
        return self.high if 0 <= rank - found < at_high and rank >= 0 else None

    def _bracket(self, rank: int) -> None:
        size = self.sample.size
        middle = rank * size // self.values.size
        margin = 3 * int(np.sqrt(size))  # six standard deviations of a sample rank at the median
        self.low = float(self.sample[max(0, middle - margin)])
        self.high = float(self.sample[min(size - 1, middle + margin)])
        buffer = np.empty(self.values.size)  # memory pages that are not written cost nothing
        below, at_low, found, at_high = collect(
            self.values, self.centre is not None, self.centre or 0.0, self.low, self.high, buffer
        )
        self.inner = np.sort(buffer[:found])
        if self.low == self.high:
            at_high = 0
        self.edges = (below, at_low, found, at_high)


class Listed:
    """Floating-point values, stored one by one."""

    def __init__(self, array: np.ndarray, mask: np.ndarray | None) -> None:
        self._values = good_values(array, mask)
        pivot = _pivot(self._values)
        self.count, total, squares, low, high = moments(self._values, pivot)
        self._unit = 1.0
        if self.count == 0:
            self.mean = self.std = self.minimum = self.maximum = math.nan
            return
        if self.count < self._values.size:
            self._values = good_values(array, np.zeros(array.size, np.uint8))
        self._ranks = Ranks(self._values)
        self.minimum, self.maximum = float(low), float(high)
        reach = max(abs(self.minimum), abs(self.maximum))
        if reach > 1e150:  # squares would overflow
            self._unit = reach
        offset = total / self.count
        variance = squares / self.count - offset * offset
        if self._unit == 1.0 and variance > 1e-6 * offset * offset:
            self.mean, self.std = pivot + offset, math.sqrt(variance)
        else:  # the pivot was far from the mean: the difference of squares has lost digits
            _, _, self.mean, self.std = self.between(-math.inf, math.inf)

    def median(self, first: int, count: int) -> float:
        return self._ranks.middle(first, count)

    def median_deviation(self, centre: float) -> float:
        return Ranks(self._values, centre).middle(0, self.count)

    def between(self, low: float, high: float) -> tuple[int, int, float, float]:
        pivot = self._ranks.at(self.count // 2)
        if self._unit != 1.0:
            return self._between_scaled(low, high)
        below, count, total, squares = moments_between(self._values, low, high, pivot)
        if count == 0:
            return below, 0, math.nan, math.nan
        offset = total / count
        return below, count, pivot + offset, math.sqrt(max(0.0, squares / count - offset * offset))

    def _between_scaled(self, low: float, high: float) -> tuple[int, int, float, float]:
        unit = self._unit
        scaled = self._values.astype(np.float64) / unit
        below, count, total, squares = moments_between(scaled, low / unit, high / unit, 0.0)
        if count == 0:
            return below, 0, math.nan, math.nan
        mean = total / count
        return below, count, mean * unit, unit * math.sqrt(max(0.0, squares / count - mean * mean))


class Counted:
    """Integers of at most 16 bits, stored as a histogram: the levels that occur, and how often each does."""

    def __init__(self, values: np.ndarray) -> None:
        counts = np.zeros((4, 65536), np.uint32)
        offset = 0
        if values.dtype.kind == "i":
            offset = -32768
            values = values.astype(np.int16, copy=False).view(np.uint16) ^ np.uint16(0x8000)
        histogram(values.astype(np.uint16, copy=False), counts)
        number = counts.sum(axis=0, dtype=np.int64)
        levels = np.flatnonzero(number)
        self.numbers = number[levels]
        self.levels = levels + offset
        self._ranks = np.cumsum(self.numbers)
        self.count = int(self._ranks[-1]) if levels.size else 0
        _, _, self.mean, self.std = self.between(-math.inf, math.inf)
        self.minimum = float(self.levels[0]) if levels.size else math.nan
        self.maximum = float(self.levels[-1]) if levels.size else math.nan

    def median(self, first: int, count: int) -> float:
        ends = np.array([first + (count - 1) // 2, first + count // 2])
        return float(self.levels[np.searchsorted(self._ranks, ends, side="right")].mean())

    def median_deviation(self, centre: float) -> float:
        deviations = np.abs(self.levels - centre)
        order = np.argsort(deviations)
        ranks = np.cumsum(self.numbers[order])
        ends = np.array([(self.count - 1) // 2, self.count // 2])
        return float(deviations[order][np.searchsorted(ranks, ends, side="right")].mean())

    def between(self, low: float, high: float) -> tuple[int, int, float, float]:
        first = int(np.searchsorted(self.levels, low, side="left"))
        last = int(np.searchsorted(self.levels, high, side="right"))
        levels, number = self.levels[first:last], self.numbers[first:last]
        below = int(self.numbers[:first].sum())
        count = int(number.sum())
        if count == 0:
            return below, 0, math.nan, math.nan
        total = int((number * levels).sum())
        squares = int((number * levels * levels).sum())
        # integers until the last division: no cancellation
        return below, count, total / count, math.sqrt((count * squares - total * total) / count**2)


def values_of(array: np.ndarray, mask: np.ndarray | None) -> Values:
    """Collect the good values in the class that suits their type and number."""
    kind, width = array.dtype.kind, array.dtype.itemsize
    if kind in "ui" and width <= 2 and array.size > 65536:
        return Counted(good_values(array, mask))
    narrow = (kind == "f" and width <= 4) or (kind in "bui" and width <= 2)
    return Listed(np.ascontiguousarray(array, np.float32 if narrow else np.float64), mask)


def _pivot(values: np.ndarray) -> float:
    """Return a number near the data: sums of differences from it lose fewer digits than sums of values."""
    head = values[:1024]
    head = head[np.isfinite(head)]
    return float(np.partition(head, head.size // 2)[head.size // 2]) if head.size else 0.0
