"""Levels of lines of overscan pixels, with their errors: clipped mean, mean, median, extremes or a function."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.operations.calibration.overscan_fit import Levels
from ccdfx.records.checks import real

LevelStatistic = str | Callable[[np.ndarray], float]
LEVEL_STATISTICS = ("clipped_mean", "mean", "median", "min", "max")

# A line with fewer pixels than this is given the scatter of a typical line.
FEWEST_FOR_SCATTER = 5
# Values further from the level of their line than this multiple of the scatter are rejected.
CLIP = 4.0
# A column deviates if it lies further from the others than this multiple of the scatter in most lines.
DEVIANT = 3.0
# Fewer columns or lines do not tell which column deviates; more lines do not tell it better.
_FEWEST_COLUMNS, _FEWEST_LINES, _MOST_LINES = 3, 8, 512
# The mean square of the least 90 % of normal deviates is this part of their variance.
_LEAST, _LEAST_SQUARES = 0.9, 0.62298
_ROUNDING = 1.0 / 12.0  # variance of the error of rounding to whole numbers
_NOISELESS = 1e-6  # a scatter below this fraction of the values is of their type's precision


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Pixels of lines in ascending order, (lines, pixels), NaN behind the `counts` of each line.

    `whole`: whether all values are whole numbers, as read out of a converter.
    """

    ordered: np.ndarray
    counts: np.ndarray
    whole: bool

    @property
    def medians(self) -> np.ndarray:
        """The median of each line."""
        lines = np.arange(self.counts.size)
        return self.ordered[lines, (self.counts - 1) // 2] / 2 + self.ordered[lines, self.counts // 2] / 2


def sample_levels(samples: np.ndarray, statistic: LevelStatistic) -> Levels:
    """Measure the level and its squared error for every line with good pixels.

    Columns that deviate from the others in most lines are left out.

    Parameters
    ----------
    samples : (lines, pixels) float64
        NaN where a pixel is missing.
    """
    samples = samples[:, ~deviant_columns(samples)]
    ordered = np.sort(samples, axis=1)
    counts = np.isfinite(ordered).sum(axis=1)
    known = np.flatnonzero(counts)
    if known.size == 0:
        raise ArgumentError("overscan", "must have a good pixel", remedy="check the section and the mask")
    with np.errstate(over="ignore", invalid="ignore"):
        lines = _Lines(ordered[known], counts[known], _whole(samples))
        levels, errors = _measured(lines, statistic)
    if not np.isfinite(levels).all():
        raise ArgumentError("overscan", "must have a level that is a number: its pixels are too large",
                            remedy="divide the image first")  # fmt: skip
    return Levels(known, levels, errors, counts.size)


def deviant_columns(samples: np.ndarray) -> np.ndarray:
    """Mark the columns that lie more than `DEVIANT` times the scatter beside the others in most lines.

    Such a column holds light, charge left by incomplete transfer, or a defect. Its median distance from the
    median of each line is compared with the scatter of a typical column. At least 3 columns and 8 lines are
    needed; never are half of the columns marked.

    >>> samples = np.random.default_rng(1).normal(1000.0, 5.0, (60, 9))
    >>> samples[:, 8] -= 550
    >>> np.flatnonzero(deviant_columns(samples))
    array([8])
    """
    number = samples.shape[1]
    nothing = np.zeros(number, bool)
    if number < _FEWEST_COLUMNS or samples.shape[0] < _FEWEST_LINES:
        return nothing
    part = samples[:: max(1, samples.shape[0] // _MOST_LINES)]
    part = part[np.isfinite(part).sum(axis=1) >= _FEWEST_COLUMNS]
    filled = np.isfinite(part).sum(axis=0)
    if not (filled >= _FEWEST_LINES).all():
        return nothing
    with np.errstate(over="ignore", invalid="ignore"):
        median = np.nanmedian if np.isnan(part).any() else np.median  # the second is five times as fast
        beside = part - median(part, axis=1, keepdims=True)
        middles = median(beside, axis=0)
        squares = np.sort((beside - middles) ** 2, axis=0)  # NaN last
        least = np.arange(len(squares))[:, None] < np.maximum(_LEAST * filled, 1)
        typical = np.median(np.mean(squares, axis=0, where=least) / _LEAST_SQUARES)
        scatter = max(math.sqrt(typical), _least_scatter(part, _whole(part)))
        marked = np.abs(middles - np.median(middles)) > DEVIANT * scatter
    return marked if 2 * marked.sum() < number else nothing


def _whole(values: np.ndarray) -> bool:
    return bool((np.isnan(values) | (values == np.floor(values))).all())


def _least_scatter(values: np.ndarray, whole: bool) -> float:
    """Return the scatter that rounding alone gives: to whole numbers, or to the precision of the type."""
    return max(math.sqrt(_ROUNDING) if whole else 0.0, _NOISELESS * float(np.nanmax(np.abs(values))))


def _measured(lines: _Lines, statistic: LevelStatistic) -> tuple[np.ndarray, np.ndarray]:
    """Compute the level of each line and its squared error."""
    ordered, counts = lines.ordered, lines.counts
    present = np.isfinite(ordered)
    rounding = _ROUNDING if lines.whole else 0.0
    if callable(statistic):
        answers = (statistic(line[:n].copy()) for line, n in zip(ordered, counts, strict=True))
        remedy = "the function must return one finite number for the pixels of a line"
        levels = np.array([real("statistic", answer, remedy=remedy) for answer in answers])
        return levels, _scatter(ordered, present, counts, levels) / counts
    if not isinstance(statistic, str) or statistic not in LEVEL_STATISTICS:
        raise ArgumentError(
            "statistic",
            "must be 'clipped_mean', 'mean', 'median', 'min', 'max' or a function",
            value=statistic,
            remedy="give a function of a 1-D array for any other level",
        )
    if statistic == "mean":
        levels = _sum(ordered, present) / counts
        return levels, _scatter(ordered, present, counts, levels) / counts
    if statistic in ("clipped_mean", "median"):
        kept = _near(lines)
        number = kept.sum(axis=1)
        means = _sum(ordered, kept) / number
        scatter = _scatter(ordered, kept, number, means)
        if statistic == "clipped_mean":
            return means, scatter / number
        return lines.medians, _median_errors(scatter, counts, rounding)
    extreme = ordered[:, 0] if statistic == "min" else ordered[np.arange(counts.size), counts - 1]
    share = np.minimum(1.0, np.pi**2 / 12 / np.log(np.maximum(counts, 2)))
    return extreme, _scatter(ordered, present, counts, extreme) * share + rounding


def _median_errors(scatter: np.ndarray, counts: np.ndarray, rounding: float) -> np.ndarray:
    """Compute the squared errors of medians.

    The median of rounded values is rounded itself, an error that does not average down; of an even number it
    is the mean of two, which is rounded by half as much where these lie apart.
    """
    from ccdfx.estimators.order_statistics import median_efficiency  # it loads compiled code

    efficiency = np.array([median_efficiency(n) for n in range(counts.max() + 1)])
    own = np.maximum(scatter - rounding, 0.0)
    apart = np.sqrt(2 * np.pi * own) / counts  # the typical distance of the middle two of normal values
    share = np.where(counts % 2, 1.0, (1.0 + np.exp(-6.0 * apart)) / 2)
    return own * efficiency[counts] / counts + rounding * share


def _near(lines: _Lines) -> np.ndarray:
    """Mark the values within `CLIP` times the scatter of a typical line from the level of their line.

    The scatter starts from the least 90 % of the distances from the medians of the lines, and is then that of
    the values kept, about their means.
    """
    ordered, counts = lines.ordered, lines.counts
    present = np.isfinite(ordered)
    several = counts > 1
    if not several.any():
        return present
    distances = ordered - lines.medians[:, None]
    free = (counts[several] / (counts[several] - 1.0))[:, None]
    squares = np.sort((free * distances[several] ** 2)[present[several]])
    least = squares[: max(1, math.ceil(_LEAST * squares.size))]
    square = float(least.mean()) / _LEAST_SQUARES
    floor = _least_scatter(ordered, lines.whole)
    for _ in range(3):
        kept = present & (np.abs(distances) <= CLIP * max(math.sqrt(square), floor))
        kept |= present & (~kept.any(axis=1))[:, None]  # two values far apart: both
        number = kept.sum(axis=1)
        distances = ordered - (_sum(ordered, kept) / number)[:, None]
        square = _typical(distances, kept, number)
    return kept


def _sum(values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Add up the values of each line that are kept."""
    return np.where(kept, values, 0.0).sum(axis=1)


def _typical(distances: np.ndarray, kept: np.ndarray, counts: np.ndarray) -> float:
    """Compute the variance of the pixels of a typical line from their distances from its mean."""
    several = counts > 1
    if not several.any():
        return 0.0
    squares = np.where(kept, distances, 0.0) ** 2
    squares = squares if several.all() else squares[several]
    return float(squares.sum() / (counts[several] - 1).sum())


def _scatter(values: np.ndarray, kept: np.ndarray, counts: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Compute the variance of the pixels of each line; for lines of few pixels, that of a typical line."""
    distances = values - (_sum(values, kept) / counts)[:, None]
    own = (np.where(kept, distances, 0.0) ** 2).sum(axis=1) / np.maximum(counts - 1, 1)
    if (counts < FEWEST_FOR_SCATTER).any():
        if (counts > 1).any():
            typical = _typical(distances, kept, counts)
        else:
            typical = float(np.mean(np.diff(levels) ** 2) / 2) if levels.size > 1 else 0.0
        own = np.where(counts >= FEWEST_FOR_SCATTER, own, typical)
    return own
