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
    """Good pixels of lines, (lines, pixels), NaN behind the `counts` of each line, and the median of each.

    `whole`: whether all values are whole numbers, as read out of a converter.
    """

    values: np.ndarray
    counts: np.ndarray
    medians: np.ndarray
    whole: bool

    @classmethod
    def of(cls, samples: np.ndarray, dropped: np.ndarray) -> _Lines:
        """Collect the good pixels of each line, of some columns."""
        from ccdfx.kernels.image.lines import gather_lines  # it loads compiled code

        values = np.empty(samples.shape)
        counts, medians = np.empty(len(samples), np.int64), np.empty(len(samples))
        samples = np.ascontiguousarray(samples, np.float64)
        return cls(
            values, counts, medians, gather_lines(samples, dropped.astype(np.uint8), values, counts, medians)
        )

    def known(self, lines: np.ndarray) -> _Lines:
        """Keep some lines."""
        if lines.size == self.counts.size:
            return self
        return _Lines(self.values[lines], self.counts[lines], self.medians[lines], self.whole)

    def means(self, limit: float = math.inf, centres: np.ndarray | None = None) -> _Means:
        """Compute the mean of the values of each line within a limit of the centres, by default of the medians."""
        from ccdfx.kernels.image.lines import clip_lines

        found = _Means(*(np.empty(self.counts.size) for _ in range(3)))
        centres = self.medians if centres is None else centres
        clip_lines(self.values, self.counts, centres, limit, found.values, found.numbers, found.squares)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Means:
    """Means of lines, how many values are in each, and the sums of the squares of their distances from it."""

    values: np.ndarray
    numbers: np.ndarray
    squares: np.ndarray

    @property
    def typical(self) -> float:
        """The variance of the pixels of a typical line; 0 where no line has several."""
        several = self.numbers > 1
        return (
            float(self.squares[several].sum() / (self.numbers[several] - 1).sum()) if several.any() else 0.0
        )

    def scatter(self, levels: np.ndarray) -> np.ndarray:
        """Compute the variance of the pixels of each line; for lines of few pixels, that of a typical line."""
        own = self.squares / np.maximum(self.numbers - 1, 1)
        few = self.numbers < FEWEST_FOR_SCATTER
        if few.any():
            if (self.numbers > 1).any():
                typical = self.typical
            else:
                typical = float(np.mean(np.diff(levels) ** 2) / 2) if levels.size > 1 else 0.0
            own = np.where(few, typical, own)
        return own


def sample_levels(samples: np.ndarray, statistic: LevelStatistic) -> Levels:
    """Measure the level and its squared error for every line with good pixels.

    Columns that deviate from the others in most lines are left out.

    Parameters
    ----------
    samples : (lines, pixels) float64
        NaN where a pixel is missing.
    """
    lines = _Lines.of(samples, deviant_columns(samples))
    known = np.flatnonzero(lines.counts)
    if known.size == 0:
        raise ArgumentError("overscan", "must have a good pixel", remedy="check the section and the mask")
    with np.errstate(over="ignore", invalid="ignore"):
        levels, errors = _measured(lines.known(known), statistic)
    if not np.isfinite(levels).all():
        raise ArgumentError("overscan", "must have a level that is a number: its pixels are too large",
                            remedy="divide the image first")  # fmt: skip
    return Levels(known, levels, errors, len(samples))


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
    part = np.ascontiguousarray(part[np.isfinite(part).sum(axis=1) >= _FEWEST_COLUMNS])
    if not (np.isfinite(part).sum(axis=0) >= _FEWEST_LINES).all():
        return nothing
    from ccdfx.kernels.image.lines import column_spreads

    middles, spreads = np.empty(number), np.empty(number)
    with np.errstate(over="ignore", invalid="ignore"):
        column_spreads(part, _LEAST, middles, spreads)
        typical = float(np.median(spreads)) / _LEAST_SQUARES
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
    values, counts = lines.values, lines.counts
    rounding = _ROUNDING if lines.whole else 0.0
    if callable(statistic):
        answers = (statistic(line[:n].copy()) for line, n in zip(values, counts, strict=True))
        remedy = "the function must return one finite number for the pixels of a line"
        levels = np.array([real("statistic", answer, remedy=remedy) for answer in answers])
        return levels, lines.means().scatter(levels) / counts
    if not isinstance(statistic, str) or statistic not in LEVEL_STATISTICS:
        raise ArgumentError(
            "statistic",
            "must be 'clipped_mean', 'mean', 'median', 'min', 'max' or a function",
            value=statistic,
            remedy="give a function of a 1-D array for any other level",
        )
    means = _clipped(lines) if statistic in ("clipped_mean", "median") else lines.means()
    if statistic == "median":
        return lines.medians, _median_errors(means.scatter(lines.medians), counts, rounding)
    if statistic in ("clipped_mean", "mean"):
        return means.values, means.scatter(means.values) / means.numbers
    extreme = (np.fmin if statistic == "min" else np.fmax).reduce(values, axis=1)
    share = np.minimum(1.0, np.pi**2 / 12 / np.log(np.maximum(counts, 2)))
    return extreme, means.scatter(extreme) * share + rounding


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


def _clipped(lines: _Lines) -> _Means:
    """Compute the means within `CLIP` times the scatter of a typical line from the level of each line.

    The scatter starts from the least 90 % of the distances from the medians of some lines, and is then that of
    the values kept, about their means.
    """
    from ccdfx.kernels.image.lines import least_squares_of_lines

    if not (lines.counts > 1).any():
        return lines.means()
    step = max(1, lines.counts.size // _MOST_LINES)
    step = step if (lines.counts[::step] > 1).any() else 1
    square = least_squares_of_lines(lines.values, lines.counts, lines.medians, step, _LEAST) / _LEAST_SQUARES
    floor, found = _least_scatter(lines.values, lines.whole), None
    for _ in range(3):
        found = lines.means(
            CLIP * max(math.sqrt(square), floor), lines.medians if found is None else found.values
        )
        square = found.typical
    assert found is not None
    return found
