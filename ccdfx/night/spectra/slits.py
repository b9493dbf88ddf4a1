"""Lines of a flat of spectra that share the light of a lamp: neighbours in one slit, of which there may be several."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

_BINS = 32  # along a line, of which neighbours are compared
_LIT = 0.02  # of the level of the brightest lines: others are beyond the slits
_ALIKE = 0.05  # of their level, by which neighbours of one slit differ at most, in half of the bins
# Lines that share a shape: few enough that it does not drift, enough that its noise is small.
_MOST_LINES, _FEWEST_LINES = 64, 8


def shapes_of(
    array: np.ndarray, good: np.ndarray, smoothed: Callable[[np.ndarray], np.ndarray]
) -> list[tuple[slice, np.ndarray]]:
    """Return groups of neighbouring lines with the light along them that they have in common, relative to their levels.

    Parameters
    ----------
    array, good : array (lines, length)
    smoothed : callable
        Smooths the profile of a group (length,).

    Returns
    -------
    list of (slice, array (length,))
        Lines that are in no group, such as those at the edges of a slit, have no shape.

    Examples
    --------
    >>> lamp = np.linspace(1, 3, 64) * np.ones((20, 1))
    >>> both = np.concatenate([lamp, np.zeros((5, 64)), lamp[:, ::-1]])
    >>> [(lines.start, lines.stop) for lines, _ in shapes_of(both, both >= 0, np.asarray)]
    [(0, 20), (25, 45)]
    """
    levels = np.array([_median(values[used]) for values, used in zip(array, good, strict=True)])
    lit = levels > _LIT * max(float(np.percentile(levels, 95)), 0.0)
    starts = np.unique(np.linspace(0, array.shape[1], _BINS + 1).astype(int)[:-1])
    sums = np.add.reduceat(np.where(good, array, 0), starts, axis=1, dtype=np.float64)
    counts = np.add.reduceat(good, starts, axis=1, dtype=np.int64)
    coarse = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    relative = coarse / np.where(lit, levels, 1)[:, None]
    steps = np.abs(np.diff(relative, axis=0))
    apart = np.array([not _median(one[np.isfinite(one)]) <= _ALIKE for one in steps], bool)
    found = []
    for lines in _runs(lit, apart):
        values = array[lines] / levels[lines, None]
        used = np.where(good[lines], values, np.nan)
        profile = np.array([_median(one[np.isfinite(one)]) for one in used.T])
        if np.isfinite(profile).all():
            found.append((lines, smoothed(profile)))
    return found


def _runs(lit: np.ndarray, apart: np.ndarray) -> list[slice]:
    """Return runs of lines that are lit and like their neighbours, neither too long nor too short."""
    runs, start = [], None
    for number in range(len(lit) + 1):
        inside = number < len(lit) and lit[number]
        if start is not None and (not inside or apart[number - 1]):
            runs.append((start, number))
            start = None
        if start is None and inside:
            start = number
    found = []
    for first, end in runs:
        parts = -(-(end - first) // _MOST_LINES)
        edges = np.linspace(first, end, parts + 1).round().astype(int)
        found += [slice(int(a), int(b)) for a, b in pairwise(edges)]
    return [one for one in found if one.stop - one.start >= _FEWEST_LINES]


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if values.size else np.nan
