"""The shift on which most pairs of two star lists agree, from votes of all pairs."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ccdfx.operations.registration.coincidence import mutual_pairs, poisson_tail
from ccdfx.operations.registration.star_list import StarList

_BRIGHTEST = 150
_MOST = 2000
_CANDIDATES = 12
_WIDE = 16


class Vote(NamedTuple):
    """A step (x, y) from `image` to `reference`, and the evidence for it.

    `chance` is the probability that unrelated lists agree as well at any step that was searched; `pairs`
    holds indices (reference, image).
    """

    step: np.ndarray
    chance: float
    pairs: np.ndarray


def voted(reference: StarList, image: StarList, limit: tuple[float, float], tolerance: float) -> Vote | None:
    """Find the step on which most stars agree within the tolerance; return None where fewer than three do.

    `limit` bounds the step in x and y.
    """
    if min(len(reference.snr), len(image.snr)) < 3:
        return None
    bright = reference.places[:_BRIGHTEST], image.places[:_BRIGHTEST]
    steps = (bright[0][:, None, :] - bright[1][None, :, :]).reshape(-1, 2)
    steps = steps[(np.abs(steps) <= np.asarray(limit) + tolerance).all(axis=1)]
    trials = 4 * limit[0] * limit[1] / tolerance**2 + 1
    found = [_judged(bright, step, tolerance, trials) for step in _peaks(steps, tolerance)]
    found = [(chance, count, step) for chance, count, step in found if count >= 3]
    if not found:
        return None
    chance, _, step = min(found, key=lambda item: (item[0], -item[1]))
    places = reference.places[:_MOST], image.places[:_MOST]
    pairs = mutual_pairs(*places, step, tolerance)
    for _ in range(2):
        centre = np.median(places[0][pairs[:, 0]] - places[1][pairs[:, 1]], axis=0)
        now = mutual_pairs(*places, centre, tolerance)
        if len(now) < len(pairs):
            break
        step, pairs = centre, now
    gaps = places[0][pairs[:, 0]] - places[1][pairs[:, 1]]
    # Pairs that agree much better than the tolerance are less probable by chance.
    scatter = 1.4826 * float(np.median(np.abs(gaps - step)))
    closer = min(max(4 * scatter, 0.3), tolerance)
    again, count, _ = _judged(bright, step, closer, trials * (tolerance / closer) ** 2)
    return Vote(step, min(chance, 2 * again) if count >= 3 else chance, pairs)


def _peaks(steps: np.ndarray, tolerance: float) -> np.ndarray:
    """Find the steps with the largest excess of differences over their wider surroundings."""
    if not len(steps):
        return steps
    lower = steps.min(axis=0) - 2 * tolerance
    cells = ((steps - lower) / tolerance).astype(np.int64)
    shape = cells.max(axis=0) + _WIDE + 2
    x, y, near = _three(cells, shape)
    some = near >= min(3, near.max())
    x, y, near = x[some], y[some], near[some]
    expected = _surroundings(cells, shape)[x // _WIDE, y // _WIDE] * 9
    excess = (near - expected) / np.sqrt(expected + 1)
    chosen: list[np.ndarray] = []
    for k in np.argsort(-excess, kind="stable")[: 4 * _CANDIDATES]:
        centre = lower + (np.array([x[k], y[k]]) + 0.5) * tolerance
        step = np.median(steps[np.abs(steps - centre).max(axis=1) <= 1.5 * tolerance], axis=0)
        if all(np.hypot(*(step - other)) > tolerance for other in chosen):
            chosen.append(step)
        if len(chosen) == _CANDIDATES:
            break
    return np.array(chosen)


def _three(cells: np.ndarray, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum the votes over squares of 3 x 3 cells; return x, y and the sum where there are any, in the order of the rows.

    Nearly all cells are empty, and are not looked at. No vote is in the outermost cells.
    """
    nx, ny = shape.tolist()
    full, counts = np.unique(cells[:, 0] * ny + cells[:, 1], return_counts=True)
    votes = np.zeros(nx * ny, np.int32)
    votes[full] = counts
    around = np.array([i * ny + j for i in (-1, 0, 1) for j in (-1, 0, 1)])
    seen = np.zeros(nx * ny, bool)
    for step in around:
        seen[full + step] = True
    places = np.flatnonzero(seen)
    return places // ny, places % ny, sum(votes[places + step] for step in around)


def _surroundings(cells: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Average the votes per cell over each block of 16 x 16 cells and the blocks around it."""
    nx, ny = (-(-shape // _WIDE)).tolist()
    blocks = np.zeros((nx + 2, ny + 2), np.int64)
    np.add.at(blocks, tuple(cells.T // _WIDE + 1), 1)
    total = sum(blocks[1 + i : nx + 1 + i, 1 + j : ny + 1 + j] for i in (-1, 0, 1) for j in (-1, 0, 1))
    return np.asarray(total) / (9 * _WIDE**2)


def _judged(
    bright: tuple[np.ndarray, np.ndarray], step: np.ndarray, tolerance: float, trials: float
) -> tuple[float, int, np.ndarray]:
    """Compute the probability of as many pairs by chance, estimated from their numbers at nearby steps."""
    pairs = mutual_pairs(*bright, step, tolerance)
    if len(pairs) < 3:
        return 1.0, len(pairs), step
    angles = np.arange(12) * (np.pi / 6)
    nearby = [
        len(mutual_pairs(*bright, step + 4 * tolerance * np.array([math.cos(a), math.sin(a)]), tolerance))
        for a in angles
    ]
    area = np.prod(np.ptp(bright[1], axis=0) + 4 * tolerance)
    uniform = len(bright[0]) * len(bright[1]) * math.pi * tolerance**2 / area
    expected = max(sum(nearby) / len(nearby), 2 * uniform)
    # `trials` is the number of independent steps in the range that was searched.
    return min(1.0, trials * poisson_tail(len(pairs), expected)), len(pairs), step
