"""A mean over blocks of a frame and pairs of frames, with its error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ccdfx.errors import ArgumentError

_LEAST_BLOCKS = 8


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over blocks with its error, those of each pair with their errors, and the number of blocks."""

    value: float
    error: float
    alone: tuple[float, ...]
    errors: tuple[float, ...]
    blocks: int


def combined(name: str, values: np.ndarray, weights: np.ndarray, *, same: bool = True) -> Estimate:
    """Average over pairs (rows) and blocks (columns), without outlying blocks.

    The error is that of the blocks; where all pairs measure the `same` number, it grows to their disagreement.
    """
    known = np.isfinite(values)
    weight = weights[:, None] * known
    total = weight.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        blocks = (np.where(known, values, 0.0) * weight).sum(axis=0) / total
    kept = np.isfinite(blocks)
    for _ in range(10):
        if kept.sum() < _LEAST_BLOCKS:
            raise ArgumentError(
                name, f"must have at least {_LEAST_BLOCKS} blocks of good pixels", value=int(kept.sum()),
                remedy="give larger frames (64 x 64 at least) or flag fewer pixels",
            )  # fmt: skip
        middle = np.median(blocks[kept])
        reach = 4.0 * 1.4826 * np.median(np.abs(blocks[kept] - middle))
        inside = kept & (np.abs(blocks - middle) <= reach)
        if inside.sum() in (kept.sum(), 0):
            break
        kept = inside
    count = int(kept.sum())
    error = float(blocks[kept].std(ddof=1)) / math.sqrt(count)
    alone, errors = [], []
    for row in values:
        own = row[kept & np.isfinite(row)]
        alone.append(float(own.mean()) if own.size else math.nan)
        errors.append(float(own.std(ddof=1)) / math.sqrt(own.size) if own.size > 1 else math.nan)
    value = float(blocks[kept].mean())
    if same:
        error *= _disagreement(np.array(alone), np.array(errors))
    return Estimate(value, error, tuple(alone), tuple(errors), count)


def _disagreement(values: np.ndarray, errors: np.ndarray) -> float:
    """Return the square root of the reduced chi-squared of the pairs about their mean, at least 1."""
    usable = np.isfinite(values) & np.isfinite(errors) & (errors > 0)
    if usable.sum() < 2:
        return 1.0
    values, weights = values[usable], errors[usable] ** -2.0
    chi = float((weights * (values - np.average(values, weights=weights)) ** 2).sum()) / (len(values) - 1)
    return max(1.0, math.sqrt(chi))


def fitted_slope(estimate: Estimate, levels: np.ndarray) -> tuple[float, float]:
    """Fit the slope of the pairs' estimates with level; return it and its error, (0, 0) where levels are alike."""
    values, errors = np.array(estimate.alone), np.array(estimate.errors)
    usable = np.isfinite(values) & np.isfinite(errors) & np.isfinite(levels) & (errors > 0)
    if usable.sum() < 2:
        return 0.0, 0.0
    values, weights, levels = values[usable], errors[usable] ** -2.0, levels[usable]
    about = levels - np.average(levels, weights=weights)
    curvature = float((weights * about**2).sum())
    if curvature == 0.0:
        return 0.0, 0.0
    return float((weights * about * values).sum()) / curvature, curvature**-0.5
