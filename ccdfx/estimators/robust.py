"""Robust location and spread, the mode, and the sampled statistics of imcombine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ccdfx.estimators.exact import checked_values
from ccdfx.estimators.values import good_values, values_of

SAMPLE_PIXELS = 100_000
_COARSEST = 10  # largest step: imcombine samples at least every tenth pixel of every tenth line
_FEW = 10  # with fewer values the mode is the median
_BLOCK = 2**16


def location_of(array: Any, good: Any = None) -> float:
    """Compute Tukey's biweight location of the good values: a mean with little or no weight for far values.

    ``M + sum (x - M)(1 - u^2)^2 / sum (1 - u^2)^2`` over ``|u| < 1``, ``u = (x - M) / (6 MAD)``, with the
    median M and the median absolute deviation MAD (Beers, Flynn & Gebhardt 1990, AJ 100, 32, one step). The
    median where MAD is 0.

    Parameters and the treatment of bad values are those of `median_of`; NaN when no value is good.

    Examples
    --------
    >>> round(location_of([1.0, 2.0, 3.0, 4.0, 5.0, 1e6]), 2)
    3.05
    """
    values, median, mad = _centred(array, good)
    if not mad > 0:
        return median
    above = below = 0.0
    for u in _reduced(values, median, 6.0 * mad):
        weight = (1.0 - u * u) ** 2
        above += float(np.sum(weight * u))
        below += float(np.sum(weight))
    return median + 6.0 * mad * above / below


def spread_of(array: Any, good: Any = None) -> float:
    """Compute the biweight standard deviation of the good values, robust against outliers.

    ``sqrt(n sum (x - M)^2 (1 - u^2)^4) / |sum (1 - u^2)(1 - 5 u^2)|`` over ``|u| < 1``,
    ``u = (x - M) / (9 MAD)``, the square root of the biweight midvariance (Beers, Flynn & Gebhardt
    1990, AJ 100, 32). 0 where MAD is 0.

    Parameters and the treatment of bad values are those of `median_of`; NaN when no value is good.

    Examples
    --------
    >>> round(spread_of([1.0, 2.0, 3.0, 4.0, 5.0, 1e6]), 3)
    1.688
    """
    values, median, mad = _centred(array, good)
    if not mad > 0:
        return mad
    above = below = 0.0
    for u in _reduced(values, median, 9.0 * mad):
        u2 = u * u
        above += float(np.sum(u2 * (1.0 - u2) ** 4))
        below += float(np.sum((1.0 - u2) * (1.0 - 5.0 * u2)))
    return 9.0 * mad * math.sqrt(values.size * above) / abs(below)


def mode_of(array: Any, good: Any = None) -> float:
    """Estimate the mode of the good values: the middle value of the fullest of overlapping bins.

    The bins are a tenth as wide as the range of the central 70 % of all values, and begin at each hundredth
    of that range; of equally full bins the lowest is taken. For whole numbers they are at least 1 wide and 1
    apart. Of fewer than 10 values the median is returned.

    Parameters and the treatment of bad values are those of `median_of`; NaN when no value is good.

    Examples
    --------
    >>> mode_of([7, 7, 7, 7, 8, 9, 12, 15, 20, 30, 40, 50])
    7.0
    """
    values = _good(array, good)
    if values.size >= _FEW:
        return fullest_bin(np.sort(values), values.dtype.kind != "f")
    found = values_of(values, None)
    return found.median(0, found.count) if values.size else math.nan


def fullest_bin(ranked: np.ndarray, whole: bool) -> float:
    """Return the middle value of the fullest bin of 10 or more sorted values; `whole` marks whole numbers."""
    first, last = 3 * ranked.size // 20, 17 * ranked.size // 20
    lower, upper = float(ranked[first]), float(ranked[last])
    if lower == upper:
        return lower
    step, width = 0.01 * (upper - lower), 0.1 * (upper - lower)
    if whole:
        step, width = max(1.0, step), max(1.0, width)
    edges = lower + step * np.arange(math.ceil((upper - lower) / step) + 1)
    inside = ranked[first:last]
    begin, end = np.searchsorted(inside, edges), np.searchsorted(inside, edges + width)
    fullest = int(np.argmax(end - begin))
    # imcombine counts ranks from 1 and halves their sum.
    return float(ranked[(2 * first + 2 + begin[fullest] + end[fullest]) // 2 - 1])


def sampled_statistic(array: np.ndarray, good: np.ndarray, statistic: str) -> float:
    """Estimate the "mean", "median" or "mode" of an image as imcombine does for scaling; NaN if all are bad.

    Fewer than 100,000 pixels on a grid are used: every s-th pixel of every s-th row from the first on, with
    the smallest s that gives so few, at most 10. Of the good ones, the median is the value of rank n // 2,
    counted from 1 (the lower middle one of an even number), and the mode is that of `mode_of`.
    """
    array, good = (plane[_grid(array.shape)] for plane in (array, good))
    values = array[good]
    if values.size == 0:
        return math.nan
    if statistic == "mean":
        return float(np.mean(values, dtype=np.float64))
    ranked = np.sort(values)
    if statistic == "mode" and ranked.size >= _FEW:
        return fullest_bin(ranked, ranked.dtype.kind != "f")
    return float(ranked[max(ranked.size // 2 - 1, 0)])


def _grid(shape: tuple[int, ...]) -> tuple[slice, ...]:
    for step in range(1, _COARSEST + 1):
        if math.prod((size - 1) // step + 1 for size in shape) < SAMPLE_PIXELS:
            break
    return tuple(slice(None, None, step) for _ in shape)


def _good(array: Any, good: Any) -> np.ndarray:
    array, bad = checked_values(array, good)
    if array.dtype.kind == "f":
        array = array.astype(np.float32 if array.itemsize <= 4 else np.float64, copy=False)
        bad = ~np.isfinite(array) if bad is None else bad
    return good_values(array.astype(array.dtype.newbyteorder("="), copy=False), bad)


def _centred(array: Any, good: Any) -> tuple[np.ndarray, float, float]:
    """Return the good values, their median, and the median of their distances from it."""
    values = _good(array, good)
    if values.size == 0:
        return values, math.nan, math.nan
    found = values_of(values, None)
    median = found.median(0, found.count)
    return values, median, found.median_deviation(median)


def _reduced(values: np.ndarray, median: float, reach: float) -> Iterator[np.ndarray]:
    """Yield u, the deviations from the median in units of the reach, cut at -1 and 1, where the weight is 0.

    They come in blocks, so that a large frame needs no second copy.
    """
    for start in range(0, values.size, _BLOCK):
        with np.errstate(over="ignore"):
            u = (values[start : start + _BLOCK].astype(np.float64) - median) / reach
        yield np.clip(u, -1.0, 1.0, out=u)
