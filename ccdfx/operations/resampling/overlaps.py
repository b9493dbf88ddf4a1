"""Noise after a shift: its correlation between pixels, and between frames that share an error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ccdfx.operations.resampling.taps import Taps, taps


def factor_of(across: Taps, down: Taps) -> float:
    """Compute CORRFACT for one filter in all pixels."""
    return 1.0 / float(np.sum(across.weights**2) * np.sum(down.weights**2))


def overlaps(steps: Sequence[tuple[float, float] | None], kernel: str = "spline") -> np.ndarray:
    """Compute the covariance of one error, fixed to the detector, in frames that were moved by these steps.

    Parameters
    ----------
    steps : sequence of (dx, dy) or None
        How far the frames were moved by `shift`; None for a frame that was moved otherwise, such as turned,
        so that its pixels fall on those of no other frame.

    Returns
    -------
    ndarray, shape (n, n)
        In units of the variance of the error before the shift: 1 for frames on one another, 0 for those that
        lie several pixels apart, between them by the weights of the interpolation, sum(t_l t_m).

    Examples
    --------
    >>> overlaps([(0, 0), (0, 0), (5, 0)]).tolist()
    [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    result = np.ones((len(steps), len(steps)))
    for axis in (0, 1):
        found = [taps(0.0 if step is None else step[axis], kernel, np.dtype(np.float32)) for step in steps]
        first = min(one.first for one in found)
        weights = np.zeros((len(found), max(one.first + one.weights.size for one in found) - first))
        for row, one in zip(weights, found, strict=True):
            row[one.first - first :][: one.weights.size] = one.weights
        result *= weights @ weights.T
    apart = np.array([step is None for step in steps])
    alone = ~np.eye(len(steps), dtype=bool) & (apart[:, None] | apart)
    result[alone] = 0.0
    return result
