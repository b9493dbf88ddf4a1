"""Pairs of stars at one place in two lists, and the odds that chance makes them."""

from __future__ import annotations

import math

import numpy as np

from ccdfx.estimators.neighbours import mutual_neighbours

CERTAIN = 1e-4
"""A match may be believed when chance would make it this rarely anywhere in the range that was searched."""


def poisson_tail(count: int, mean: float) -> float:
    """Sum the Poisson probabilities of `count` or more; 60 terms suffice, as they decrease fast."""
    if count <= mean:
        return 1.0
    terms = [math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count, count + 60)]
    return min(1.0, sum(terms))


def poisson_tails(counts: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Compute `poisson_tail` of many counts and positive means at once.

    >>> poisson_tails(np.array([3, 1]), np.array([0.5, 2.0])).round(5), round(poisson_tail(3, 0.5), 5)
    (array([0.01439, 1.     ]), 0.01439)
    """
    from scipy.special import gammainc

    return np.where(counts <= means, 1.0, gammainc(np.maximum(counts, 1), means))


def mutual_pairs(reference: np.ndarray, image: np.ndarray, step: np.ndarray, tolerance: float) -> np.ndarray:
    """Find the index pairs of stars that are mutual nearest neighbours within `tolerance` after the step."""
    return mutual_neighbours(reference, image + step, tolerance)
