"""Runs of bad pixels along columns, as lists of their pixels: bad pixels are rare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LONG = 16
"""Pixels: shorter runs are single defects beside each other."""
_ALIKE = 3.0  # sigma


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Runs of adjacent pixels of columns.

    Parameters
    ----------
    y, x : int array (pixels,)
        Column by column, from the first row to the last.
    numbers : int array (pixels,)
        The run of each pixel, from 0.
    count : int
        Number of runs.
    """

    y: np.ndarray
    x: np.ndarray
    numbers: np.ndarray
    count: int

    @property
    def sizes(self) -> np.ndarray:
        """Pixels of each run."""
        return np.bincount(self.numbers, minlength=self.count)

    def means(self, values: np.ndarray, used: np.ndarray) -> np.ndarray:
        """Compute the mean of the used values of each run; 0 for one without any."""
        which = self.numbers[used]
        sums = np.bincount(which, weights=values[used], minlength=self.count)
        return sums / np.maximum(np.bincount(which, minlength=self.count), 1)

    def medians(self, values: np.ndarray, used: np.ndarray) -> np.ndarray:
        """Compute the median of the finite ones of the used values of each run; NaN for one without any."""
        inside = used & np.isfinite(values)
        which, here = self.numbers[inside], values[inside].astype(np.float64)
        size = np.bincount(which, minlength=self.count)
        if (size > 1).any():
            here = here[np.lexsort((here, which))]
        start = np.cumsum(size) - size
        seen = size > 0
        out = np.full(self.count, np.nan)
        low, high = start + (size - 1) // 2, start + size // 2
        out[seen] = 0.5 * (here[low[seen]] + here[high[seen]])
        return out

    def select(self, kept: np.ndarray) -> Runs:
        """Return some pixels (bool array); runs are counted anew, without those that have none left."""
        numbers = self.numbers[kept]
        counted, renewed = np.unique(numbers, return_inverse=True)
        return Runs(self.y[kept], self.x[kept], renewed, counted.size)


def runs_at(y: np.ndarray, x: np.ndarray) -> Runs:
    """Join pixels to runs along columns."""
    order = np.lexsort((y, x))
    y, x = y[order], x[order]
    first = np.ones(y.size, bool)
    first[1:] = (x[1:] != x[:-1]) | (y[1:] != y[:-1] + 1)
    numbers = np.cumsum(first) - 1
    return Runs(y, x, numbers, int(np.count_nonzero(first)))


def in_long_runs(runs: Runs, height: int) -> np.ndarray:
    """Return which pixels are part of a run of 16 or more, or of the whole height of the image (bool array)."""
    return runs.sizes[runs.numbers] >= min(LONG, height)


def extended(
    long: Runs, residual: np.ndarray, sigma: np.ndarray, good: np.ndarray, unit: float = 1.0
) -> Runs:
    """Extend long runs over the pixels between them and beside them that deviate alike.

    Short sums are less significant than long ones, so that parts of a weak column stay unfound. A part that is
    shorter than what was found in its column is added if its sum deviates by 3 sigma to the same side.

    Parameters
    ----------
    long : Runs
    residual, sigma : array (ny, nx)
        The former in the `unit`, the latter not; pixels without sigma are not used.
    good : bool array (ny, nx)
    """
    if not long.count:
        return long
    ys, xs = [long.y], [long.x]
    columns, starts = np.unique(long.x, return_index=True)
    for x, found in zip(columns, np.split(long.y, starts[1:]), strict=True):
        here = np.zeros(len(good), bool)
        here[found] = True
        values, spread = unit * residual[:, x].astype(np.float64), sigma[:, x].astype(np.float64)
        usable = good[:, x] & (spread > 0)
        side = np.sign(np.sum(values[here]))
        edges = np.flatnonzero(np.diff(np.concatenate([[True], here, [True]]).astype(np.int8)))
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            part = np.arange(first, last)[usable[first:last]]
            error = np.sqrt(np.sum(spread[part] ** 2))
            if 0 < part.size < found.size and side * np.sum(values[part]) > _ALIKE * error:
                ys.append(part)
                xs.append(np.full(part.size, x))
    return runs_at(np.concatenate(ys), np.concatenate(xs)) if len(ys) > 1 else long
