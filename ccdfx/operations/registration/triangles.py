"""Candidate similarities between two lists of positions, from votes of triangles of the same shape.

Positions are complex numbers, and a similarity is ``a * z + b``, or ``a * conj(z) + b`` for a mirror image.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

_LOOSEST = 0.01
_FLATTEST = 0.05
_MOST_VOTES = 100_000
_CANDIDATES = 25


class Similarity(NamedTuple):
    """``a * z + b``, or with `flip` of the conjugate; and the number of triangles that vote for it."""

    a: complex
    b: complex
    flip: bool
    votes: int


class _Triangles(NamedTuple):
    corners: np.ndarray  # (n, 3): opposite the shortest, the middle and the longest side
    shape: np.ndarray  # (n, 2): the shorter sides over the longest
    size: np.ndarray  # (n,): the longest side
    left: np.ndarray  # (n,): whether the corners are counter-clockwise


def candidates(
    reference: np.ndarray, image: np.ndarray, tolerance: float, scales: tuple[float, float]
) -> list[Similarity]:
    """Find the similarities from `image` to `reference` with most votes of triangles, in descending order.

    All triangles of one list are compared with all of the other. Each pair of the same shape defines a
    similarity, and the votes of those that agree within twice the tolerance, in pixels over the field, are
    added.
    """
    first, second = _triangles(reference, tolerance), _triangles(image, tolerance)
    if first is None or second is None:
        return []
    one, two = _alike(first, second, tolerance)
    found: list[Similarity] = []
    for flip in (False, True):
        which = (first.left[one] == second.left[two]) != flip
        corners = first.corners[one[which]], second.corners[two[which]]
        found += _popular(corners, flip, image, 2 * tolerance, scales)
    return sorted(found, key=lambda similarity: -similarity.votes)[:_CANDIDATES]


def _triangles(places: np.ndarray, tolerance: float) -> _Triangles | None:
    if len(places) < 3:
        return None
    index = np.array(list(itertools.combinations(range(len(places)), 3)))
    corners = places[index]
    sides = np.abs(corners[:, [1, 2, 0]] - corners[:, [2, 0, 1]])
    order = np.argsort(sides, axis=1)
    sides = np.take_along_axis(sides, order, axis=1)
    corners = np.take_along_axis(corners, order, axis=1)
    turn = ((corners[:, 1] - corners[:, 0]) * np.conj(corners[:, 2] - corners[:, 0])).imag
    # Flat triangles equal their mirror images; the shapes of small ones are dominated by noise.
    keep = (np.abs(turn) > _FLATTEST * sides[:, 2] ** 2) & (sides[:, 2] > 10 * tolerance)
    if not keep.any():
        return None
    sides = sides[keep]
    return _Triangles(corners[keep], sides[:, :2] / sides[:, 2:], sides[:, 2], turn[keep] < 0)


def _alike(first: _Triangles, second: _Triangles, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Find index pairs of triangles of the same shape, within the errors that the tolerance implies."""
    from scipy.spatial import cKDTree

    tree = cKDTree(first.shape)
    reach = np.minimum(tolerance / second.size, _LOOSEST)
    counts = tree.query_ball_point(second.shape, reach, return_length=True)
    if counts.sum() > _MOST_VOTES:
        reach *= np.sqrt(_MOST_VOTES / counts.sum())
    near = tree.query_ball_point(second.shape, reach)
    lengths = np.fromiter(map(len, near), np.int64, len(near))
    return np.fromiter(itertools.chain.from_iterable(near), np.int64, lengths.sum()), np.repeat(
        np.arange(len(near)), lengths
    )


def _popular(
    corners: tuple[np.ndarray, np.ndarray],
    flip: bool,
    image: np.ndarray,
    reach: float,
    scales: tuple[float, float],
) -> list[Similarity]:
    """Find the similarities from the second corners to the first that most others agree with."""
    from scipy.spatial import cKDTree

    there, here = corners[0], np.conj(corners[1]) if flip else corners[1]
    m_there, m_here = there.mean(axis=1, keepdims=True), here.mean(axis=1, keepdims=True)
    spread = (np.abs(here - m_here) ** 2).sum(axis=1)
    a = ((there - m_there) * np.conj(here - m_here)).sum(axis=1) / spread
    inside = (np.abs(a) >= scales[0]) & (np.abs(a) <= scales[1])
    a, b = a[inside], (m_there - a[:, None] * m_here)[inside, 0]
    if not a.size:
        return []
    # The images of the middle of the field and of its radius under a similarity: all four in pixels.
    places = np.conj(image) if flip else image
    middle = places.mean()
    radius = np.sqrt((np.abs(places - middle) ** 2).mean())
    moved = a * middle + b
    features = np.column_stack([moved.real, moved.imag, radius * a.real, radius * a.imag])
    tree = cKDTree(features)
    votes = tree.query_ball_point(features, reach, return_length=True)
    chosen: list[Similarity] = []
    free = np.ones(a.size, bool)
    for k in np.argsort(-votes, kind="stable"):
        if not free[k]:
            continue
        around = tree.query_ball_point(features[k], reach)
        free[tree.query_ball_point(features[k], 2 * reach)] = False
        chosen.append(
            Similarity(complex(np.mean(a[around])), complex(np.mean(b[around])), flip, int(votes[k]))
        )
        if len(chosen) == _CANDIDATES:
            break
    return chosen
