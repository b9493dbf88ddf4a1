"""Statistics of many frames pixel by pixel, and the functions of numpy that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ccdfx_ccdproc.lanes import (
    distances,
    fill,
    medians,
    moments,
    multiply_rows,
    network,
    reject_beyond,
    reject_ranks,
    sort_frames,
    weighted_sums,
)

MAD_TO_SIGMA = 1.482602218505602
"""The standard deviation of normal values over their median absolute deviation."""
_WORDS = {
    "mean": "mean",
    "nanmean": "mean",
    "average": "mean",
    "median": "median",
    "nanmedian": "median",
    "sum": "sum",
    "nansum": "sum",
    "std": "std",
    "nanstd": "std",
    "mad_std": "mad_std",
    "sigma_func": "mad_std",
    "median_absolute_deviation": "mad",
}
_HOMES = ("numpy", "bottleneck", "astropy", "ccdfx_ccdproc")
_BLOCK = 1 << 18  # values in work at a time: 2 MiB, which stay in the cache
_NOTHING = np.zeros(0, bool)
_NO_RECORD = np.zeros((0, 0), bool)


def word_for(function: Any) -> str | None:
    """Return the statistic that a function or a word stands for; None for a function that is not known.

    Examples
    --------
    >>> word_for(np.ma.median), word_for("std"), word_for(np.ptp)
    ('median', 'std', None)
    """
    if isinstance(function, str):
        return _WORDS.get(function)
    name = getattr(function, "__name__", "")
    home = (getattr(function, "__module__", None) or "").partition(".")[0]
    return (
        _WORDS.get(name) if home in _HOMES or name in ("nansum", "nanstd", "nanmean", "nanmedian") else None
    )


class Clip(NamedTuple):
    """A sigma clip of one pass: limits in deviations, infinite for none; words for centre and deviation."""

    low: float
    high: float
    centre: str
    deviation: str


def clip_for(
    low: float | None,
    high: float | None,
    centre: Callable[..., Any] | str,
    deviation: Callable[..., Any] | str,
) -> Clip | None:
    """Return the clip that limits and functions stand for; None where a function is not known."""
    words = word_for(centre), word_for(deviation)
    if words[0] not in ("mean", "median") or words[1] not in ("std", "mad_std", "mad"):
        return None
    return Clip(*(np.inf if limit is None else abs(float(limit)) for limit in (low, high)), *words)  # type: ignore[arg-type]


class Block:
    """Some pixels of all frames: float64 (frames, pixels), a missing value is infinite."""

    def __init__(self, frames: int, pixels: int) -> None:
        self.values = np.empty((frames, pixels))
        self._pairs = network(frames)
        self._scratch = np.empty_like(self.values)
        self._found: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._ordered = False

    @property
    def pixels(self) -> int:
        """Return the number of pixels."""
        return self.values.shape[1]

    def fill(self, frame: int, values: np.ndarray, mask: np.ndarray | None) -> None:
        """Store the values of a frame."""
        fill(self.values, frame, values.reshape(-1), _NOTHING if mask is None else mask.reshape(-1))
        self._forget()

    def multiply(self, factors: np.ndarray | None) -> None:
        """Multiply each frame by its factor."""
        if factors is not None:
            multiply_rows(self.values, factors)
            self._forget()

    def clip(self, clip: Clip, rejected: np.ndarray = _NO_RECORD) -> None:
        """Make values beyond the limits of a clip missing, and record where."""
        centre = self.mean() if clip.centre == "mean" else self.median()
        deviation = self.scatter(clip.deviation)
        with np.errstate(invalid="ignore"):
            reject_beyond(self.values, centre, deviation, clip.low, clip.high, rejected)
        self._forget()

    def extrema(self, low: int, high: int) -> np.ndarray:
        """Find the lowest and highest values of each pixel."""
        rejected = np.zeros(self.values.shape, bool)
        if low + high >= len(self.values):
            rejected[:] = True
            return rejected
        ordered = self._in_order()
        lowest, highest = ordered[max(0, low - 1)].copy(), ordered[-max(1, high)].copy()
        reject_ranks(self.values, lowest, highest, low, high, rejected)
        return rejected

    def drop(self, rejected: np.ndarray) -> None:
        """Make the values at these places missing."""
        self.values[rejected] = np.inf
        self._forget()

    def count(self) -> np.ndarray:
        """Return the number of values of each pixel."""
        return self._moments()[0]

    def mean(self) -> np.ndarray:
        """Return the mean; NaN without values."""
        return self._moments()[1]

    def total(self) -> np.ndarray:
        """Return the sum; 0 without values."""
        return self.weighted(np.ones((len(self.values), 1)))[0]

    def median(self) -> np.ndarray:
        """Return the median; NaN without values."""
        found = np.empty(self.pixels)
        medians(self._in_order(), self.count(), found)
        return found

    def scatter(self, word: str) -> np.ndarray:
        """Return the standard deviation with the divisor n ("std"), or the median absolute deviation ("mad", "mad_std")."""
        if word == "std":
            return self._moments()[2]
        centre = self.median()
        distances(self.values, centre, self._scratch)
        self._ordered = False
        sort_frames(self._scratch, self._pairs)
        found = np.empty(self.pixels)
        medians(self._scratch, self.count(), found)
        return found * MAD_TO_SIGMA if word == "mad_std" else found

    def weighted(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the sum of weighted values, and that of their weights."""
        sums, total = np.empty(self.pixels), np.empty(self.pixels)
        weighted_sums(
            self.values, np.ascontiguousarray(weights.reshape(len(weights), -1), np.float64), sums, total
        )
        return sums, total

    def _forget(self) -> None:
        self._found, self._ordered = None, False

    def _moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if self._found is None:
            self._found = (np.empty(self.pixels), np.empty(self.pixels), np.empty(self.pixels))
            moments(self.values, *self._found)
        return self._found

    def _in_order(self) -> np.ndarray:
        if not self._ordered:
            self._scratch[:] = self.values
            sort_frames(self._scratch, self._pairs)
            self._ordered = True
        return self._scratch


def combine_block(
    block: Block, method: str, scatter: str | None, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Combine the values of a block.

    Parameters
    ----------
    block : Block
    method : {"average", "median", "sum"}
    scatter : str, optional
        Of `Block.scatter`; the error is that over the root of the number of values, or times it for a sum.
    weights : array, shape (frames, 1) or (frames, pixels), optional
        Not for a median.

    Returns
    -------
    value, error, count : arrays, shape (pixels,)
    """
    count = block.count()
    error = np.full(block.pixels, np.nan) if scatter is None else block.scatter(scatter)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = error * np.sqrt(count) if method == "sum" else error / np.sqrt(count)
        if method == "median":
            return block.median(), error, count
        if weights is not None:
            sums, total = block.weighted(weights)
            return (sums if method == "sum" else sums / total), error, count
        return (block.total() if method == "sum" else block.mean()), error, count


def pieces(frames: int, lines: int, width: int) -> Iterator[slice]:
    """Yield the lines of frames that are combined at a time, so that all their values stay in the cache.

    Examples
    --------
    >>> list(pieces(frames=100, lines=3, width=2000))
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None)]
    """
    step = max(1, _BLOCK // max(1, frames * width))
    for start in range(0, lines, step):
        yield slice(start, min(start + step, lines))
