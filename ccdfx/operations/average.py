"""What becomes of the values of a pixel that survive: mean, median or sum."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentTypeError
from ccdfx.records.parameters import merged

# n Var(median of n) / sigma^2 for normal values, n = 1 ... 20: integrals over the density of the order statistics
# (H. A. David & H. N. Nagaraja, Order Statistics, 2003, chapter 3), by quadrature to 1e-6.
_EXACT = (
    1.0, 1.0, 1.346013, 1.192798, 1.434168, 1.288456, 1.473128, 1.345447, 1.494912, 1.383264,
    1.508787, 1.410194, 1.518387, 1.430350, 1.525420, 1.446003, 1.530792, 1.458513, 1.535029, 1.468741,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Average:
    """How the survivors of a pixel become one value; made by `mean`, `median` or `total`.

    Parameters
    ----------
    name : str
    parameters : mapping
        The options of the average (none of the built-in ones has any).
    """

    name: str
    parameters: Mapping[str, Any]

    def configure(self, **options: Any) -> Average:
        """The average with other options; an unknown one is an error."""
        return Average(self.name, dict(merged(self.name, self.parameters, options)))


def mean() -> Average:
    """The arithmetic mean of the survivors; with weights, ``sum w x / sum w``.

    Its variance is ``sum w^2 v / (sum w)^2`` from the frames' variances v, else the empirical scatter
    ``sum (x - mean)^2 / (n (n - 1))``.

    >>> mean().name
    'mean'
    """
    return Average("mean", {})


def median() -> Average:
    """The median of the survivors, the mean of the two middle ones when their number is even.

    Its variance is that of the mean times `median_efficiency` of the number of survivors.

    >>> median().name
    'median'
    """
    return Average("median", {})


def total() -> Average:
    """The sum of the survivors; where values are missing or rejected it is the sum of fewer.

    Its variance is n^2 times that of the mean.

    >>> total().name
    'total'
    """
    return Average("total", {})


AVERAGES: Mapping[str, Callable[[], Average]] = {"mean": mean, "median": median, "total": total}


def as_average(average: Any) -> Average:
    """The average that was given, as a record or as its factory."""
    if isinstance(average, Average):
        return average
    if any(average is factory for factory in AVERAGES.values()):
        return average()
    raise ArgumentTypeError(
        "average",
        "must be an Average",
        value=average,
        remedy="give ccdfx.mean(), ccdfx.median() or ccdfx.total()",
    )


def median_efficiency(count: int) -> float:
    """n Var(median) / sigma^2 of n normal values: how much noisier the median is than the mean.

    Exact to n = 20; beyond it the expansion pi/2 (1 - c/n), c = (4 - pi)/2 for odd n (Hojo 1931, Biometrika 23, 315)
    and c = (4 - pi)/2 + 1 - 2.8/n for even n (fitted; both within 1e-3 of the exact values).

    >>> median_efficiency(3), round(median_efficiency(101), 3)
    (1.346013, 1.564)
    """
    if count <= len(_EXACT):
        return _EXACT[max(count, 1) - 1]
    odd = (4.0 - math.pi) / 2.0
    return math.pi / 2.0 * (1.0 - (odd if count % 2 else odd + 1.0 - 2.8 / count) / count)


def efficiency_table(count: int) -> np.ndarray:
    """`median_efficiency` of 0 ... count."""
    return np.array([median_efficiency(n) for n in range(count + 1)])


def trimmed_efficiency(low: float, high: float) -> float:
    """n Var / sigma^2 of the mean of normal values without the fractions `low` and `high` at the ends.

    The limit for large n (Stigler 1973, Annals of Statistics 1, 472): the variance of the winsorized distribution
    over the square of the fraction kept. For 5 values without minimum and maximum it is 1.145, the exact value 1.135.

    >>> trimmed_efficiency(0.0, 0.0), round(trimmed_efficiency(0.2, 0.2), 3)
    (1.0, 1.145)
    """
    from statistics import NormalDist

    normal = NormalDist()
    first = second = 0.0
    kept = 1.0 - low - high
    second += kept
    for fraction, sign in ((low, -1.0), (high, 1.0)):
        if fraction > 0.0:
            z = normal.inv_cdf(1.0 - fraction)
            first += sign * (fraction * z - normal.pdf(z))
            second += fraction * z * z - z * normal.pdf(z)
    return (second - first * first) / (kept * kept)
