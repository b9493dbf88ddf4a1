"""Averages: how the values kept of each pixel become one value (mean, median, sum or an extreme)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.parameters import frozen, merged
from ccdfx.records.words import one_of

EVEN = ("middle", "lower", "lower of two")  # what a median takes of an even number of values

# n Var(median of n) / sigma^2 for normal values, n = 1 ... 20: integrals over the density of the order
# statistics (H. A. David & H. N. Nagaraja, Order Statistics, 2003, chapter 3), by quadrature to 1e-6.
_EXACT = (
    1.0, 1.0, 1.346013, 1.192798, 1.434168, 1.288456, 1.473128, 1.345447, 1.494912, 1.383264,
    1.508787, 1.410194, 1.518387, 1.430350, 1.525420, 1.446003, 1.530792, 1.458513, 1.535029, 1.468741,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Average:
    """How the values kept of a pixel become one value; made by `mean`, `inverse_variance_mean`, `median`,
    `total`, `minimum`, `maximum` or `custom`.

    Parameters
    ----------
    name : str
    parameters : mapping
        The options of the average.
    """

    name: str
    parameters: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", frozen(self.parameters))

    def configure(self, **options: Any) -> Average:
        """Return the average with other options; an unknown one is an error."""
        return AVERAGES.get(self.name, custom)(**merged(self.name, self.parameters, options))

    @property
    def function(self) -> Callable[[Any], Any] | None:
        """The Python function that averages, or None if the kernel does."""
        return self.parameters.get("function")


def mean() -> Average:
    """Take the arithmetic mean of the values kept; with weights, ``sum w x / sum w``.

    Its variance is ``sum w^2 v / (sum w)^2`` if the frames have variances v, else the empirical
    ``sum (x - mean)^2 / (n (n - 1))``.

    >>> mean().name
    'mean'
    """
    return Average("mean", {})


def inverse_variance_mean() -> Average:
    """Take the mean of the values kept, weighted by their variances v: ``sum x / v / sum 1 / v``, of variance
    ``1 / sum 1 / v``.

    This is the most precise mean if the variances are right and independent of the values. Variances
    estimated from the counts of each pixel are smaller for low values, which pulls the mean down. All frames
    must have a variance. A value whose variance is 0 (below 1e-200) or not finite has weight 0; if that holds
    for all values kept, their plain mean is taken (of variance ``sum v / n^2``).

    >>> inverse_variance_mean().name
    'inverse_variance_mean'
    """
    return Average("inverse_variance_mean", {})


def median(*, even: str = "middle") -> Average:
    """Take the median of the values kept.

    Its variance is that of the mean times n Var / sigma^2 of normal values (`median_efficiency`; for the
    lower of the two middle values, that of this order statistic).

    Parameters
    ----------
    even : {"middle", "lower", "lower of two"}
        What is taken from an even number of values: the mean of the two middle ones, the lower of them, or,
        as in IRAF's lmedian, the lower one if there are only two values and the mean of the middle ones
        otherwise. A lower value is one of the input values, and on average less than the median.

    Raises
    ------
    ArgumentError
        Unknown `even`.

    >>> median().name, median(even="lower").parameters
    ('median', even='lower')
    """
    return Average("median", {"even": one_of("even", even, EVEN)})


def minimum() -> Average:
    """Take the smallest of the values kept.

    Its variance is that of the mean times n Var / sigma^2 of the smallest of n normal values; values that a
    rule has rejected are not used.

    >>> minimum().name
    'minimum'
    """
    return Average("minimum", {})


def maximum() -> Average:
    """Take the greatest of the values kept; its variance is computed as that of `minimum`.

    >>> maximum().name
    'maximum'
    """
    return Average("maximum", {})


def total() -> Average:
    """Sum the values kept; where values are missing or rejected, fewer are added.

    Its variance is n^2 times that of the mean.

    >>> total().name
    'total'
    """
    return Average("total", {})


def custom(function: Callable[[Any], Any]) -> Average:
    """Average by a Python function of the masked stack.

    It is slower than the others, by the time that the function takes. The variance of its result is unknown.

    Parameters
    ----------
    function : callable
        ``function(values) -> (rows, nx)``: `values` is a masked array (n, rows, nx) of the scaled values, in
        which missing and rejected values are masked. It is called for some rows at a time, so it must treat
        pixels independently. A pixel that is masked or not finite in the result has no value.

    Raises
    ------
    ArgumentTypeError
        `function` is not callable.

    >>> custom(np.ma.median).name
    'custom'
    """
    if not callable(function):
        raise ArgumentTypeError(
            "function", "must be callable", value=function, remedy="give a function of the masked stack"
        )
    return Average("custom", {"function": function})


AVERAGES: Mapping[str, Callable[..., Average]] = {
    "mean": mean, "inverse_variance_mean": inverse_variance_mean, "median": median, "total": total, "minimum": minimum, "maximum": maximum,
}  # fmt: skip


def as_average(average: Any) -> Average:
    """Convert a given average, factory or function to an `Average`."""
    if isinstance(average, Average):
        return average
    if any(average is factory for factory in AVERAGES.values()):
        return average()
    if callable(average) and average is not custom:
        return custom(average)
    raise ArgumentTypeError(
        "average",
        "must be an Average",
        value=average,
        remedy="give one of " + ", ".join(f"ccdfx.{name}()" for name in AVERAGES) + " or a function",
    )


def require_variances(frames: Sequence[Any], average: Average) -> None:
    """Refuse frames without a variance for an average that is weighted by it."""
    for frame in frames:
        if average.name == "inverse_variance_mean" and not frame.has_variance:
            raise ArgumentError(
                frame.name, "must have a variance for inverse_variance_mean", value=None,
                remedy="start it with add_variance, or take the mean",
            )  # fmt: skip


def median_efficiency(count: int) -> float:
    """Compute n Var(median) / sigma^2 of n normal values: the variance of the median over that of the mean.

    Exact to n = 20; beyond it the expansion pi/2 (1 - c/n), c = (4 - pi)/2 for odd n (Hojo 1931, Biometrika
    23, 315) and c = (4 - pi)/2 + 1 - 2.8/n for even n (fitted; both within 1e-3 of the exact values).

    >>> median_efficiency(3), round(median_efficiency(101), 3)
    (1.346013, 1.564)
    """
    if count <= len(_EXACT):
        return _EXACT[max(count, 1) - 1]
    odd = (4.0 - math.pi) / 2.0
    return math.pi / 2.0 * (1.0 - (odd if count % 2 else odd + 1.0 - 2.8 / count) / count)


def order_efficiency(rank: int, count: int) -> float:
    """Compute n Var / sigma^2 of the value of one rank (from 1) among n normal values, by quadrature.

    The density is n! / ((k-1)! (n-k)!) F^(k-1) (1-F)^(n-k) f (David & Nagaraja 2003, equation 2.1.6).

    >>> round(order_efficiency(1, 2), 4)  # 2 (1 - 1/pi)
    1.3634
    """
    z, cdf, pdf = _normal_grid()
    above = cdf[::-1]  # 1 - F without cancellation
    size = math.lgamma(count + 1) - math.lgamma(rank) - math.lgamma(count - rank + 1)
    log = size + (rank - 1) * np.log(cdf) + (count - rank) * np.log(above) + np.log(pdf)
    density = np.exp(log) * (z[1] - z[0])
    first = float(density @ z)
    return count * float(density @ (z - first) ** 2)


@cache
def _normal_grid() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z = np.linspace(-12.0, 12.0, 2401)
    cdf = np.array([0.5 * math.erfc(-x / math.sqrt(2.0)) for x in z])
    return z, cdf, np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


def efficiency_table(average: Average, count: int) -> np.ndarray:
    """Tabulate n Var / sigma^2 of an average that is an order statistic, for 0 ... `count` values kept."""
    if average.name in ("minimum", "maximum"):
        return np.array([1.0, *(order_efficiency(1, n) for n in range(1, count + 1))])
    table = np.array([median_efficiency(n) for n in range(count + 1)])
    even = average.parameters.get("even", "middle")
    for n in range(2, count + 1 if even == "lower" else 3 if even == "lower of two" else 0, 2):
        if n <= count:
            table[n] = order_efficiency(n // 2, n)
    return table


def trimmed_efficiency(low: float, high: float) -> float:
    """Compute n Var / sigma^2 of the mean of normal values trimmed by the fractions `low` and `high`.

    This is the limit for large n (Stigler 1973, Annals of Statistics 1, 472): the variance of the winsorized
    distribution over the square of the fraction kept. For 5 values without minimum and maximum it is 1.145,
    the exact value 1.135.

    >>> trimmed_efficiency(0.0, 0.0), round(trimmed_efficiency(0.2, 0.2), 3)
    (1.0, 1.145)
    """
    from statistics import NormalDist

    normal = NormalDist()
    kept = 1.0 - low - high
    first, second = 0.0, kept
    for fraction, sign in ((low, -1.0), (high, 1.0)):
        if fraction > 0.0:
            z = normal.inv_cdf(1.0 - fraction)
            first += sign * (fraction * z - normal.pdf(z))
            second += fraction * z * z - z * normal.pdf(z)
    return (second - first * first) / (kept * kept)
