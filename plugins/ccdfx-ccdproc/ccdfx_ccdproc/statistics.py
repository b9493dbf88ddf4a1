"""Statistics of many frames pixel by pixel by `ccdfx.stack`, and the functions of numpy that they stand for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import ccdfx

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
SCATTERS = ("std", "mad", "mad_std")
"""The scatters that `combined` knows."""
_ROWS = 32
_TINY = 1e-300  # a deviation of 0 rejects whatever differs from the centre
Planes = Sequence[np.ndarray]
"""Values or masks of the frames, all of one shape (ny, nx)."""


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


def rule_for(
    low: float | None,
    high: float | None,
    centre: Callable[..., Any] | str,
    deviation: Callable[..., Any] | str,
) -> ccdfx.Rejection | None:
    """Return the rule of one pass that limits and functions stand for; None where there is none.

    Examples
    --------
    >>> rule_for(3, None, np.ma.mean, np.ma.std).name, rule_for(3, 3, np.ma.mean, np.ptp)
    ('sample_clip', None)
    """
    words = word_for(centre), word_for(deviation)
    below, above = (np.inf if limit is None else abs(float(limit)) for limit in (low, high))
    if words[0] in ("mean", "median") and words[1] == "std":
        return ccdfx.sample_clip(low=below, high=above, center=words[0], iterations=1)
    if words[0] == "median" and words[1] in ("mad", "mad_std"):
        unit = MAD_TO_SIGMA if words[1] == "mad" else 1.0
        return ccdfx.mad_clip(low=below / unit, high=above / unit, floor=_TINY, iterations=1)
    return None


def lend(values: Planes, masks: Planes) -> list[ccdfx.Image]:
    """Make the frames of one call to `ccdfx.stack`: float64, without copies where they are."""
    return [
        ccdfx.borrow(plane.astype(np.float64, copy=False), mask=mask)
        for plane, mask in zip(values, masks, strict=True)
    ]


def clipped(values: Planes, masks: Planes, rule: ccdfx.Rejection) -> np.ndarray:
    """Find the values that are masked, not finite, or rejected by a rule, (n, ny, nx)."""
    with warnings.catch_warnings():  # a rule that cannot reject anything from so few frames says so
        warnings.simplefilter("ignore", ccdfx.CcdfxWarning)
        return ~ccdfx.find_survivors(lend(values, masks), reject=rule)


def extrema(values: Planes, low: int, high: int) -> np.ndarray:
    """Find the `low` lowest and `high` highest values of each pixel, (n, ny, nx)."""
    if low + high >= len(values):
        return np.ones((len(values), *values[0].shape), bool)
    frames = [ccdfx.borrow(plane.astype(np.float64, copy=False)) for plane in values]
    missing = [~frame.good for frame in frames]
    return ~ccdfx.find_survivors(frames, reject=ccdfx.minmax(low=low, high=high)) & ~np.array(missing)


class Combined(NamedTuple):
    """Frames combined, (ny, nx): values, their errors, and the number of values each is made of."""

    value: np.ndarray
    error: np.ndarray
    number: np.ndarray


def combined(
    values: Planes,
    masks: Planes,
    method: str,
    scatter: str | None,
    *,
    rule: ccdfx.Rejection | None = None,
    factors: np.ndarray | None = None,
    weights: Planes | None = None,
) -> Combined:
    """Combine the values that are not masked.

    Parameters
    ----------
    values, masks : sequences of arrays (ny, nx)
    method : {"average", "median", "sum"}
    scatter : {"std", "mad", "mad_std"}, optional
        The error is that over the root of the number of values, or times it for a sum; NaN without it.
    rule : Rejection, optional
        By which values are rejected before they are multiplied by factors.
    factors : array, optional
        By which the frames are multiplied.
    weights : sequence of arrays (ny, nx), optional
        Of the values; not for a median.

    Examples
    --------
    >>> levels, good = [np.full((1, 1), level) for level in (1.0, 2.0, 6.0)], [np.zeros((1, 1), bool)] * 3
    >>> combined(levels, good, "median", "mad").value, combined(levels, good, "sum", "std").error.round(3)
    (array([[2.]]), array([[3.742]]))
    """
    weights = None if method == "median" else weights
    if rule is not None and not (
        scatter == "std" and method != "median" and factors is None and weights is None
    ):
        masks, rule = list(clipped(values, masks, rule)), None
    if factors is not None:
        values = [plane * factor for plane, factor in zip(values, factors, strict=True)]
    frames = lend(values, masks)
    with np.errstate(all="ignore"):
        if scatter == "std" and method != "median":
            result = _quietly_stacked(frames, rule, ccdfx.mean() if method == "average" else ccdfx.total())
            error = _error_of(result, total=method == "sum")
        else:
            average = {"average": ccdfx.mean, "sum": ccdfx.total, "median": ccdfx.median}[method]
            result = ccdfx.stack(frames, average=average(), reject=None)
            error = _other_error(frames, result, method, scatter)
        value = result.value
        if weights is not None:
            value = _weighted(frames, weights, method)
        elif method != "sum" and not result.count.all():
            value = np.where(result.count > 0, value, np.nan)
    return Combined(value if value.flags.writeable else value.copy(), error, result.count)


def _quietly_stacked(
    frames: list[ccdfx.Image], rule: ccdfx.Rejection | None, average: ccdfx.Average
) -> ccdfx.Stack:
    """Combine with the scatter; a rule that cannot reject anything from so few frames says nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ccdfx.CcdfxWarning)
        return ccdfx.stack(frames, average=average, reject=rule, scatter=True)


def _count(result: ccdfx.Stack) -> np.ndarray:
    """Return the number of values of each pixel, as one number if all have the same."""
    least = result.count.min()
    return np.array(least if least == result.count.max() else result.count, np.float64)


def _error_of(result: ccdfx.Stack, *, total: bool) -> np.ndarray:
    """Return the error of means or totals: the standard deviation with the divisor n over the root of n, or times it."""
    assert result.scatter is not None
    count = _count(result)
    error = result.scatter * (np.sqrt(count - 1) if total else np.sqrt(count - 1) / count)
    if result.count.min() < 2:
        error[result.count == 1] = 0.0
    return error


def _other_error(
    frames: list[ccdfx.Image], result: ccdfx.Stack, method: str, scatter: str | None
) -> np.ndarray:
    """Return the error by another scatter than that of a mean or total."""
    if scatter is None:
        return np.full(result.value.shape, np.nan)
    if scatter == "std":
        return _error_of(_quietly_stacked(frames, None, ccdfx.mean()), total=False)
    error = _absolute_deviation(frames, result if method == "median" else None)
    unit, root = (MAD_TO_SIGMA if scatter == "mad_std" else 1.0), np.sqrt(_count(result))
    error *= unit * root if method == "sum" else unit / root
    return error


def _absolute_deviation(frames: list[ccdfx.Image], medians: ccdfx.Stack | None) -> np.ndarray:
    """Return the median of the distances from the median."""
    if medians is None:
        medians = ccdfx.stack(frames, average=ccdfx.median(), reject=None)
    away = np.empty((len(frames), *medians.value.shape))
    for distance, frame in zip(away, frames, strict=True):
        for start in range(0, len(distance), _ROWS):  # so few that they stay in the cache
            some = slice(start, start + _ROWS)
            np.subtract(frame.array[some], medians.value[some], out=distance[some])
            np.abs(distance[some], out=distance[some])
    lent = [ccdfx.borrow(distance, mask=frame.mask) for distance, frame in zip(away, frames, strict=True)]
    return ccdfx.stack(lent, average=ccdfx.median(), reject=None).value.copy()


def _weighted(frames: list[ccdfx.Image], weights: Planes, method: str) -> np.ndarray:
    """Return the sum of the products, over that of the weights of the values that are there for an average."""
    products, masses = [], []
    for frame, weight in zip(frames, weights, strict=True):
        missing = ~frame.good
        products.append(ccdfx.borrow(frame.array * weight, mask=missing))
        masses.append(ccdfx.borrow(np.broadcast_to(weight, frame.shape), mask=missing))
    total = ccdfx.total()
    sums = ccdfx.stack(products, average=total, reject=None).value
    return sums if method == "sum" else sums / ccdfx.stack(masses, average=total, reject=None).value
