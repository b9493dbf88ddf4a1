"""The weighted mean of values some of which are wrong, with an error from their scatter."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

_LIMIT = 3.5  # robust standard deviations
_MOST_PASSES = 20
_FEW = 5  # values, by whose scatter a good one is often an outlier


class ClippedMean(NamedTuple):
    """A mean, its error from the scatter of the values and that from their own errors, and which are kept.

    NaN without values; a single value has no scatter.
    """

    mean: float
    scatter: float
    own: float
    kept: np.ndarray

    @property
    def error(self) -> float:
        """The standard error: that from the scatter, and at least that from the errors of the values."""
        return self.own if math.isnan(self.scatter) else max(self.scatter, self.own)


def clipped_mean(
    values: np.ndarray, errors: np.ndarray, *, slopes: np.ndarray | None = None, spread: float = 0.0
) -> ClippedMean:
    """Compute the mean weighted by 1 / error^2 of the values within 3.5 robust sigma of it.

    Of up to five values, those within 3.5 of their own errors are kept too: of three good ones the scatter
    alone drops one every third time.

    With `slopes`, the values are a mean plus an unknown times the slopes: the unknown is expected to be 0
    within `spread` and is fitted too. The error from the scatter has the factor by which one from so few values
    is too small: the 68 % quantile of Student's t.

    Examples
    --------
    >>> found = clipped_mean(np.array([1.0, 2.0, 3.0, 2.0, 90.0]), np.ones(5))
    >>> found.mean, round(found.error, 2), found.kept.tolist()
    (2.0, 0.5, [True, True, True, True, False])
    """
    known = np.isfinite(values) & np.isfinite(errors)
    slopes = np.zeros(len(values)) if slopes is None else slopes
    if not known.any():
        return ClippedMean(math.nan, math.nan, math.nan, known)
    least = 1.0 if known.sum() <= _FEW else 1e-9
    mean, slope, kept = float(np.median(values[known])), 0.0, known
    for _ in range(_MOST_PASSES):
        residuals = values - mean - slope * slopes
        units = np.where(known, np.abs(residuals) / np.where(known, errors, 1), np.inf)
        # Errors that are too large must not keep what is wrong, nor too small ones drop what is right.
        scale = max(1.4826 * float(np.median(units[known])), least)
        now = (units <= _LIMIT * scale) | (units == units.min())
        mean, slope, own = _fitted(values[now], errors[now], slopes[now], spread)
        if (now == kept).all():
            break
        kept = now
    free = int(kept.sum()) - 1
    if free == 0:
        return ClippedMean(mean, math.nan, own, kept)
    chi2 = float((((values - mean - slope * slopes)[kept] / errors[kept]) ** 2).sum()) / free
    return ClippedMean(mean, own * math.sqrt(chi2) * (1 + 0.5 / free + 0.34 / free**2), own, kept)


def _fitted(
    values: np.ndarray, errors: np.ndarray, slopes: np.ndarray, spread: float
) -> tuple[float, float, float]:
    """Fit values = mean + slope x slopes with slope = 0 +- spread: mean, slope, and the error of the mean."""
    weights = 1 / errors**2
    w, wx = float(weights.sum()), float(weights @ slopes)
    if spread <= 0:
        return float(weights @ values) / w, 0.0, 1 / math.sqrt(w)
    wxx = float(weights @ slopes**2) + 1 / spread**2
    wy, wxy = float(weights @ values), float(weights @ (slopes * values))
    determinant = w * wxx - wx * wx
    return (
        (wxx * wy - wx * wxy) / determinant,
        (w * wxy - wx * wy) / determinant,
        math.sqrt(wxx / determinant),
    )
