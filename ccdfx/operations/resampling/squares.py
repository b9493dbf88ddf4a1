"""Squares around places in an image that is resampled as it is read, such as stars whose fluxes are measured."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ccdfx.operations.resampling.lazy import Warped, moved_planes
from ccdfx.operations.resampling.move import Move, MovedPlanes
from ccdfx.records.image import Image, adopt
from ccdfx.records.range import Range


def squares(moved: Warped, places: np.ndarray, reach: int) -> Iterator[tuple[np.ndarray, Image, np.ndarray]]:
    """Yield images of the squares around places, whose pixels are those of the whole result.

    Parameters
    ----------
    moved : Warped
    places : ndarray (n, 2)
        Positions (x, y) in the array of the result.
    reach : int
        Pixels of a square on each side of its middle one.

    Yields
    ------
    (ndarray, Image, ndarray)
        The numbers of some of the places, an image with the squares around them, and the places (x, y) in it. Squares
        inside of the frame lie one below the other in one image. One that an edge cuts has an image of its own, with
        the same edge. Where the squares together have more pixels than the result, there is one image: all of it.

    Examples
    --------
    >>> from ccdfx import Transform, warp, warped
    >>> image = np.random.default_rng(1).normal(100, 5, (80, 90))
    >>> step = Transform(offset=(2.3, -0.6))
    >>> [(rows, part, at)] = squares(warped(image, transform=step), np.array([(40.2, 30.0), (33.0, 35.0)]), 5)
    >>> rows.tolist(), part.shape, at.round(1).tolist()
    ([0, 1], (22, 11), [[5.2, 5.0], [5.0, 16.0]])
    >>> bool(np.array_equal(part.array[:11], warp(image, transform=step).array[25:36, 35:46]))
    True
    """
    side = 2 * reach + 1
    ny, nx = moved.shape
    if len(places) * side**2 >= ny * nx:
        yield np.arange(len(places)), moved.select(), places
        return
    first = np.rint(places).astype(np.int64)[:, ::-1] - reach
    within = _within(moved, first, side)
    rows = np.flatnonzero(within)
    if rows.size:
        planes = _planes(moved, first[rows], side)
        at = places[rows] - first[rows][:, ::-1]
        at[:, 1] += side * np.arange(rows.size)
        yield rows, adopt(planes.array, moved.header, planes.flags, None, planes.variance), at
    for row in np.flatnonzero(~within):
        y, x = (
            (min(max(start, 0), n - 1), max(min(start + side, n), 1))
            for start, n in zip(first[row].tolist(), (ny, nx), strict=True)
        )
        planes = moved_planes(moved, y, x)
        at = places[row : row + 1] - (x[0], y[0])
        window = Range(x[0], x[1], y[0], y[1])
        yield np.array([row]), adopt(planes.array, moved.header, planes.flags, window, planes.variance), at


def _within(moved: Warped, first: np.ndarray, side: int) -> np.ndarray:
    """Return which squares, and all that they need, lie inside of the result and of the image."""
    inside = np.all((first >= 0) & (first + side <= np.array(moved.shape)), axis=1)
    move = moved.resampling
    if isinstance(move, Move):
        for axis, one in enumerate((move.down, move.across)):
            lower = first[:, axis] + one.first
            inside &= (lower >= 0) & (lower + side + one.weights.size <= move.size[axis])
    return inside


def _planes(moved: Warped, first: np.ndarray, side: int) -> MovedPlanes:
    """Compute squares, one below the other."""
    move = moved.resampling
    if isinstance(move, Move) and not move.is_exact and isinstance(moved.source, Image):
        return move.squares(moved.source, first, side, moved.usual)
    parts = [moved_planes(moved, (y, y + side), (x, x + side)) for y, x in first.tolist()]
    variances = [part.variance for part in parts if part.variance is not None]
    return MovedPlanes(
        np.concatenate([part.array for part in parts]),
        np.concatenate([part.flags for part in parts]),
        np.concatenate(variances) if variances else None,
    )
