"""CORRFACT, the card of resampled images: how much more noise a sum of pixels has than their variances say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
    return set_correlation(header, correlation_factor(header) * factor)


def set_correlation(header: Header, factor: float) -> Header:
    """Set the CORRFACT of a header; a factor within 0.1 % of 1 is not written."""
    if abs(factor - 1.0) < 1e-3:
        return header.remove(CORRELATION)
    return header.set(CORRELATION, float(f"{factor:.6g}"), _COMMENT)


def in_aperture(factor: float, radius: float) -> float:
    """Return CORRFACT for a sum over an aperture of a finite radius in pixels.

    Neighbours beyond the edge do not correlate with pixels in the sum: of the sum of correlations, CORRFACT
    - 1, the fraction 1 / (pi radius) is lost for spline and Lanczos, whose neighbours are correlated over
    about half a pixel; it is within 2 % of the exact sum from a radius of 2 on.
    """
    return 1.0 + (factor - 1.0) * max(0.0, 1.0 - 1.0 / (np.pi * radius))


def averaged(
    factors: Sequence[float], weights: Sequence[float] | None = None, *, by_variance: bool = False
) -> float:
    """Compute the CORRFACT of a mean of frames from those of the frames.

    The frames are taken to have been equally noisy before they were resampled, or as noisy as their weights
    say (weights of 1 / variance): then the variances v / F of the frames add up to too little, and the factor
    is ``sum(w) / sum(w / F)``. Weights of 1 / UNCERT themselves (`by_variance`) prefer resampled frames, and
    the factor is ``sum(F**2) / sum(F)``.

    >>> round(averaged([1.0, 2.0]), 4)
    1.3333
    """
    values = np.array(factors)
    if by_variance:
        return float(np.sum(values**2) / np.sum(values))
    shares = np.ones(values.size) if weights is None else np.array(weights)
    return float(shares.sum() / np.sum(shares / values))
