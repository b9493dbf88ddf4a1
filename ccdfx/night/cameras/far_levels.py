"""Biases and darks whose level is far from that of the others: they hold light, or are of another kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MOST_OFF = 20.0  # standard deviations of the pixels of a frame; levels that drift differ by less


def far_levels(levels: Sequence[float], scatters: Sequence[float]) -> list[int]:
    """Return the places of levels that are far from the median of three or more.

    That is by more than 20 times the median of the standard deviations of their pixels. Where half of the
    levels are far, none is known to be wrong.

    >>> far_levels([500.0, 501.0, 3500.0, 499.0], [6.0, 6.0, 60.0, 6.0]), far_levels([500.0, 3500.0], [6.0, 60.0])
    ([2], [])
    """
    if len(levels) < 3:
        return []
    middle, reach = float(np.median(levels)), MOST_OFF * float(np.median(scatters))
    far = [place for place, level in enumerate(levels) if abs(level - middle) > reach > 0]
    return far if len(far) < len(levels) / 2 else []
