"""Statistics of many frames pixel by pixel, by the kernels of ccdfx; the functions of numpy that they stand for."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

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


class Planes:
    """Frames of any one shape as the images that ccdfx combines, each multiplied by its scale.

    Parameters
    ----------
    values : array, shape (n, ...)
    missing : bool array of the same shape
        Values that are left out; so are those that are not finite.
    scales : array, shape (n,), optional
        Above 0.
    """

    def __init__(
        self, values: np.ndarray, missing: np.ndarray, scales: Sequence[float] | None = None
    ) -> None:
        self.shape = values.shape[1:]
        self.flat = values.reshape(len(values), -1, values.shape[-1] if values.ndim > 1 else 1)
        self.missing = missing.reshape(self.flat.shape)
        self.scales = None if scales is None else [1.0 / float(scale) for scale in scales]

    def images(self) -> list[ccdfx.Image]:
        """Return the frames as images, masked where values are missing."""
        return [
            ccdfx.Image(plane, mask=gone if gone.any() else None)
            for plane, gone in zip(self.flat, self.missing, strict=True)
        ]

    def stack(self, **options: Any) -> ccdfx.Stack:
        """Combine the frames with options of `ccdfx.stack`, their warnings left out."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ccdfx.CcdfxWarning)
            return ccdfx.stack(self.images(), scale=self.scales, passes=0, **options)

    def rejected(self, rule: ccdfx.Rejection) -> np.ndarray:
        """Return where a rule rejects values, as bool of the shape (n, ...)."""
        found = self.stack(reject=rule, follow=True)
        return np.stack([found.rejected_in(i) for i in range(len(self.flat))]).reshape(-1, *self.shape)

    def moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return mean, standard deviation (divisor n) and number of the values; NaN where there is none."""
        found = self.stack(reject=None, average=ccdfx.mean())
        count = found.count.astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            # The variance of ccdfx is that of the mean, from the deviations with the divisor n - 1.
            std = (
                np.sqrt(np.asarray(found.variance) * np.maximum(count - 1, 0))
                if found.variance is not None
                else 0 * count
            )
        std[count == 1] = 0
        mean = np.array(found.value, np.float64)
        mean[count == 0] = std[count == 0] = np.nan
        return self.shaped(mean), self.shaped(std), self.shaped(count)

    def median(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the median and the number of the values; NaN where there is none."""
        found = self.stack(reject=None, average=ccdfx.median())
        value = np.array(found.value, np.float64)
        value[found.count == 0] = np.nan
        return self.shaped(value), self.shaped(found.count.astype(np.float64))

    def mad(self, median: np.ndarray) -> np.ndarray:
        """Return the median absolute deviation from the median; NaN where there is no value."""
        centre = median.reshape(self.flat.shape[1:])
        far = np.empty(self.flat.shape, np.float64)
        for i, plane in enumerate(self.flat):
            np.multiply(plane, 1.0 if self.scales is None else 1.0 / self.scales[i], out=far[i])
            far[i] -= centre
            np.abs(far[i], out=far[i])
        return Planes(far, self.missing).median()[0].reshape(self.shape)

    def total(self) -> np.ndarray:
        """Return the sum of the values; 0 where there is none."""
        return self.shaped(np.array(self.stack(reject=None, average=ccdfx.total()).value, np.float64))

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        """Return the mean weighted by a number for each frame, or for each value; NaN where all weights are 0."""
        if weights.ndim == 1:
            found = self.stack(reject=None, average=ccdfx.mean(), weights=[float(w) for w in weights])
            there = np.any(~self.missing & (weights[:, None, None] != 0) & np.isfinite(self.flat), axis=0)
            return self.shaped(np.where(there, found.value, np.nan))
        sums = Planes(self.flat * weights.reshape(self.flat.shape), self.missing)
        sums.scales = self.scales
        known = self.missing | ~np.isfinite(self.flat)
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.shaped(sums.total() / Planes(weights.reshape(self.flat.shape), known).total())

    def shaped(self, plane: np.ndarray) -> np.ndarray:
        """Return a map in the shape of the frames."""
        return plane.reshape(self.shape)


def reject_extrema(planes: Planes, low: int, high: int) -> np.ndarray:
    """Return where values are among the lowest or highest of all, also of those that are masked."""
    everything = Planes(planes.flat, np.zeros_like(planes.missing))
    if np.isfinite(planes.flat).all() and low + high < len(planes.flat):
        return everything.rejected(ccdfx.minmax(low=low, high=high)).reshape(-1, *planes.shape)
    order = np.argsort(planes.flat, axis=0, kind="stable")
    found = np.zeros(planes.flat.shape, bool)
    for ranks in (order[:low], order[len(order) - high :] if high else order[:0]):
        np.put_along_axis(found, ranks, True, axis=0)
    return found.reshape(-1, *planes.shape)


def clipping_rule(
    low: float | None,
    high: float | None,
    centre: Callable[..., Any] | str,
    deviation: Callable[..., Any] | str,
) -> ccdfx.Rejection | None:
    """Return the rule of ccdfx that is one pass of a sigma clip; None if there is none.

    Limits below 1 are left to astropy, as they can reject one of two values.
    """
    about, of = word_for(centre), word_for(deviation)
    limits: dict[str, Any] = {
        "low": np.inf if low is None else abs(low),
        "high": np.inf if high is None else abs(high),
    }
    if about not in ("mean", "median") or min(limits.values()) < 1:
        return None
    if of == "std":
        return ccdfx.sample_clip(**limits, center=about, ddof=0, iterations=1)
    if of == "mad":
        limits = {side: limit / MAD_TO_SIGMA for side, limit in limits.items()}
    if of not in ("mad", "mad_std"):
        return None
    return ccdfx.mad_clip(**limits, center=about, floor=np.finfo(float).tiny, iterations=1)
