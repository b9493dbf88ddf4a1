"""Robust location and spread, the mode, and the sampled statistics of imcombine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ccdfx.estimators.exact import checked
from ccdfx.kernels.values import good_values, values_of

SAMPLE_PIXELS = 100_000
_COARSEST = 10  # imcombine goes no further than to every tenth pixel of every tenth line
_FEW = 10  # below, the mode is the median
_BLOCK = 2**16


def location_of(array: Any, good: Any = None) -> float:
    """Tukey's biweight location of the good values: a mean in which far values count little or nothing.

    ``M + sum (x - M)(1 - u^2)^2 / sum (1 - u^2)^2`` over ``|u| < 1``, ``u = (x - M) / (6 MAD)``, with the median M and
    the median absolute deviation MAD (Beers, Flynn & Gebhardt 1990, AJ 100, 32, one step). The median where MAD is 0.

    Parameters and the treatment of bad values are those of `median_of`; NaN when nothing is good.

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
    """The biweight standard deviation of the good values, which far values do not raise.

    ``sqrt(n sum (x - M)^2 (1 - u^2)^4) / |sum (1 - u^2)(1 - 5 u^2)|`` over ``|u| < 1``, ``u = (x - M) / (9 MAD)``, the
    square root of the biweight midvariance (Beers, Flynn & Gebhardt 1990, AJ 100, 32). 0 where MAD is 0.

    Parameters and the treatment of bad values are those of `median_of`; NaN when nothing is good.

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
    """The value about which most of the good values lie: the middle one in the fullest of overlapping bins.

    The bins have a tenth of the width of the range of the central 70 % of all values, and begin at each hundredth of
    it; of bins as full the lowest counts. Among whole numbers they are at least 1 wide and 1 apart. The median of
    fewer than 10 values.

    Parameters and the treatment of bad values are those of `median_of`; NaN when nothing is good.

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
    """The middle value of the fullest bin of at least 10 sorted values; `whole` says that they are whole numbers."""
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
    # Ranks are counted from 1 where imcombine halves their sum.
    return float(ranked[(2 * first + 2 + begin[fullest] + end[fullest]) // 2 - 1])


def sampled_statistic(array: np.ndarray, good: np.ndarray, statistic: str) -> float:
    """The "mean", "median" or "mode" of an image as imcombine estimates it for scaling; NaN when nothing is good.

    Fewer than 100,000 pixels on a grid take part: every s-th pixel of every s-th row from the first on, with the least s
    that gives so few, at most 10. Of those that are good, the median is the value of rank n // 2, counted from 1 (the
    lower middle one of an even number), and the mode that of `mode_of`.
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
    array, bad = checked(array, good)
    if array.dtype.kind == "f":
        array = array.astype(np.float32 if array.itemsize <= 4 else np.float64, copy=False)
        bad = ~np.isfinite(array) if bad is None else bad
    return good_values(array.astype(array.dtype.newbyteorder("="), copy=False), bad)


def _centred(array: Any, good: Any) -> tuple[np.ndarray, float, float]:
    """The good values, their median and the median of the distances from it."""
    values = _good(array, good)
    if values.size == 0:
        return values, math.nan, math.nan
    found = values_of(values, None)
    median = found.median(0, found.count)
    return values, median, found.median_deviation(median)


def _reduced(values: np.ndarray, median: float, reach: float) -> Iterator[np.ndarray]:
    """u: the distances from the median in units of the reach, 1 beyond it, where they weigh nothing.

    Some at a time, so that a large frame needs no second copy.
    """
    for start in range(0, values.size, _BLOCK):
        with np.errstate(over="ignore"):
            u = (values[start : start + _BLOCK].astype(np.float64) - median) / reach
        yield np.clip(u, -1.0, 1.0, out=u)
