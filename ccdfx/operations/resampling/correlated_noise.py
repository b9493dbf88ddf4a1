"""Noise after resampling: its correlation between pixels, and between frames that share an error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ccdfx.operations.resampling.taps import taps
from ccdfx.records.header import Header

CORRELATION = "CORRFACT"
_COMMENT = "variance of a large sum / sum of UNCERT"


def correlation_factor(header: Header) -> float:
    """Return the CORRFACT of an image: 1 where the noise of its pixels is not known to be correlated.

    Resampling makes pixels weighted sums, with weights t, of independent ones. The variance of a pixel is
    then sum(t**2) times that of the input, which `shift` and `warp` write; but the sum over a large aperture
    keeps its variance, because the weights of each input pixel sum to 1. The variance of such a sum is
    CORRFACT = 1 / sum(t**2) times the sum of the variances. For drizzling, Casertano et al. (2000, AJ 120,
    2747, appendix A6) and Fruchter & Hook (2002, PASP 114, 144) define R = sqrt(CORRFACT).

    >>> from ccdfx import shift
    >>> correlation_factor(shift(np.ones((40, 40)), dx=0.5, dy=0.5).header) > 1.6
    True
    """
    known = header.number(CORRELATION)
    return known if known is not None and known > 0 else 1.0


def with_correlation(header: Header, factor: float) -> Header:
    """Multiply the CORRFACT of a header."""
    product = correlation_factor(header) * factor
    if product == 1.0:
        return header.remove(CORRELATION)
    return header.set(CORRELATION, float(f"{product:.6g}"), _COMMENT)


def in_aperture(factor: float, radius: float) -> float:
    """Return CORRFACT for a sum over an aperture of a finite radius in pixels.

    Neighbours beyond the edge do not correlate with pixels in the sum: of the sum of correlations, CORRFACT
    - 1, the fraction 1 / (pi radius) is lost for spline and Lanczos, whose neighbours are correlated over
    about half a pixel; it is within 2 % of the exact sum from a radius of 2 on.
    """
    return 1.0 + (factor - 1.0) * max(0.0, 1.0 - 1.0 / (np.pi * radius))


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
