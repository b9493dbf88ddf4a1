"""Places that lie near each other, such as the stars of two lists."""

from __future__ import annotations

import numpy as np


def pairs_within(
    first: np.ndarray, second: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find all pairs of places that are no further apart than `reach`.

    The plane is divided into cells of that size, in which only neighbours are compared: a fraction of the time that
    building a tree takes, as long as few places share a cell.

    Parameters
    ----------
    first, second : array, shapes (n, 2) and (m, 2)
        Positions (x, y), finite.
    reach : float
        Above 0.

    Returns
    -------
    (array, array, array)
        The indices in both lists, and the distances.

    Examples
    --------
    >>> pairs_within(np.array([(0.0, 0.0), (9.0, 9.0)]), np.array([(1.0, 0.0), (40.0, 3.0)]), 2.0)
    (array([0]), array([0]), array([1.]))
    """
    cells = np.floor(np.concatenate([first, second]) / reach).astype(np.int64)
    cells -= cells.min(axis=0, initial=np.iinfo(np.int64).max)
    width = int(cells[:, 0].max(initial=0)) + 3  # so that no cell has neighbours at the other edge
    codes = cells[:, 1] * width + cells[:, 0]
    own, others = codes[: len(first)], codes[len(first) :]
    order = np.argsort(others, kind="stable")
    others = others[order]
    rows, columns = [], []
    for step in (-width, 0, width):
        lower = np.searchsorted(others, own + (step - 1), "left")
        number = np.searchsorted(others, own + (step + 1), "right") - lower
        row = np.repeat(np.arange(len(own)), number)
        start = np.repeat(lower - np.cumsum(number) + number, number)
        rows.append(row)
        columns.append(order[start + np.arange(row.size)])
    i, j = np.concatenate(rows), np.concatenate(columns)
    gaps = np.hypot(*(first[i] - second[j]).T)
    near = gaps <= reach
    return i[near], j[near], gaps[near]


def mutual_neighbours(first: np.ndarray, second: np.ndarray, reach: float) -> np.ndarray:
    """Find the pairs of places that are each other's nearest, and no further apart than `reach`.

    Returns
    -------
    array, shape (k, 2)
        Indices in both lists, in the order of the first.

    Examples
    --------
    >>> mutual_neighbours(np.array([(0.0, 0.0), (9.0, 9.0)]), np.array([(9.0, 8.0), (8.5, 9.0), (0.0, 1.0)]), 2.0)
    array([[0, 2],
           [1, 1]])
    """
    i, j, gaps = pairs_within(first, second, reach)
    farthest_first = np.argsort(gaps, kind="stable")[::-1]
    i, j = i[farthest_first], j[farthest_first]
    there, back = np.full(len(first), -1), np.full(len(second), -1)
    there[i], back[j] = j, i  # the last assignment, of the nearest, stays
    rows = np.flatnonzero(there >= 0)
    rows = rows[back[there[rows]] == rows]
    return np.column_stack([rows, there[rows]])
