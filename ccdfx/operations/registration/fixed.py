"""Sources that are no part of the sky: those that stand at the same pixels, or in one row or column.

Blemishes that look like stars keep their pixels while the field moves. Rows and columns of the detector, and
spectra, make many sources on a line.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ccdfx.operations.registration.coincidence import CERTAIN, mutual_pairs, poisson_tails
from ccdfx.operations.registration.star_list import StarList

_SAME = 0.5  # pixels: a source within this, and two errors of its centroid, is at the same place
_BAND = 2.5  # pixels: half the width of a row or column of sources
_ELONGATED = 0.5
_AROUND = 25.0  # pixels: half the width of the surroundings that it is compared with


def standing(reference: StarList, image: StarList, tolerance: float) -> np.ndarray:
    """Find the index pairs (reference, image) of sources at the same pixels of both."""
    pairs = mutual_pairs(reference.places, image.places, np.zeros(2), tolerance)
    gaps = reference.places[pairs[:, 0]] - image.places[pairs[:, 1]]
    squares = reference.squares[pairs[:, 0]] + image.squares[pairs[:, 1]]
    return pairs[(gaps**2).sum(axis=1) <= _SAME**2 + 4 * squares]


def in_most(lists: Sequence[StarList]) -> list[np.ndarray]:
    """Return for each list which of its sources stand at the same pixels in more than half of the lists."""
    counts = [np.ones(len(one.places), np.int64) for one in lists]
    for i, one in enumerate(lists):
        for j in range(i):
            pairs = standing(one, lists[j], 2 * _SAME)
            counts[i][pairs[:, 0]] += 1
            counts[j][pairs[:, 1]] += 1
    return [2 * count > len(lists) for count in counts]


def unlike_stars(stars: StarList, shape: tuple[int, int]) -> np.ndarray:
    """Return which sources are parts of rows or columns, or far more elongated than the roundest quarter."""
    out = np.zeros(len(stars.snr), bool)
    if not out.size:
        return out
    while (more := lined_up(stars.places[~out], shape)).any():
        out[np.flatnonzero(~out)[more]] = True
    rounder = np.quantile(stars.roundness[~out], 0.75) if not out.all() else 0.0
    return out | (stars.roundness < _ELONGATED * rounder)


def lined_up(places: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return which sources lie in a row or column of many more than chance puts there.

    The expectation is that of a uniform field, or that of the rows around, where it is more: a cluster of
    stars is no row.
    """
    out = np.zeros(len(places), bool)
    for along, size in zip(places.T, shape[::-1], strict=True):
        order = np.sort(along)

        def within(reach: float, along: np.ndarray = along, order: np.ndarray = order) -> np.ndarray:
            return np.searchsorted(order, along + reach, "right") - np.searchsorted(order, along - reach)

        near, around = within(_BAND), within(_AROUND)
        uniform = 2 * _BAND / size * len(places)
        expected = np.maximum(uniform, (around - near) * _BAND / (_AROUND - _BAND))
        crowded = np.sort(along[poisson_tails(near - 1, expected) * len(places) < CERTAIN])
        if crowded.size:
            after = np.searchsorted(crowded, along - _BAND)
            out |= np.abs(crowded[np.minimum(after, crowded.size - 1)] - along) <= _BAND
    return out
