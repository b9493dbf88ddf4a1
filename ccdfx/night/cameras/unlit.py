"""Strips of a flat that see no light: an overscan that no card tells, which stays in the products."""

from __future__ import annotations

import numpy as np

from ccdfx.night.words import listed

_DARK = 0.9  # of the pixels of a line
_FEWEST = 4  # lines; fewer are defects


def unlit_strips(response: np.ndarray, least: float) -> str | None:
    """Describe the strips of columns and rows whose response is below `least`; None where there are none, or all are.

    >>> response = np.ones((12, 40))
    >>> response[:, 34:] = 0.01
    >>> unlit_strips(response, 0.1)
    'columns 35 to 40'
    """
    dark = response < least
    found = []
    columns = _strips(dark.mean(axis=0) > _DARK)
    for low, high in columns:
        found.append(f"columns {low + 1} to {high}")
        dark[:, low:high] = False
    lit = response.shape[1] - sum(high - low for low, high in columns)
    rows = _strips(dark.sum(axis=1) > _DARK * lit) if lit else []
    found += [f"rows {low + 1} to {high}" for low, high in rows]
    if not lit or sum(high - low for low, high in rows) == response.shape[0]:
        return None
    return listed(found, 6) if found else None


def _strips(dark: np.ndarray) -> list[tuple[int, int]]:
    """Return the first line and the one behind the last of each run of dark lines."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], dark, [False]])))
    return [(int(low), int(high)) for low, high in edges.reshape(-1, 2) if high - low >= _FEWEST]
