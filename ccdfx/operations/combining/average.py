"""Averages: how the values kept of each pixel become one value (mean, median, sum or an extreme)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.checks import one_of
from ccdfx.records.parameters import frozen, merged

EVEN = ("middle", "lower", "lower of two")  # what a median takes of an even number of values


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
    ``sum (x - mean)^2 / (n (n - 1))``; with weights, u = w / sum w and q = sum u^2, ``sum u^2 (x - mean)^2 /
    (1 - 2 sum u^3 / q + q)``, which is exact for values of equal noise and nearly so for others. Where a rule has
    rejected, it is multiplied by a factor that depends on the rule, the number of values and how many of them were
    rejected, so that the mean reported variance is that of normal values with or without outliers, within 3 % of
    the standard deviation.

    See Also
    --------
    inverse_variance_mean, median

    Examples
    --------
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

    See Also
    --------
    mean, combine

    Examples
    --------
    >>> inverse_variance_mean().name
    'inverse_variance_mean'
    """
    return Average("inverse_variance_mean", {})


def median(*, even: str = "middle") -> Average:
    """Take the median of the values kept.

    Its variance is that of the mean times n Var / sigma^2 of normal values (`median_efficiency`; for the
    lower of the two middle values, that of this order statistic). An empirical one does not take outliers for
    scatter: where the farther end of the values kept is more than 5 times as far from the median as the nearer
    one, it is computed from the latter alone. Outliers on both sides of one pixel are not told from scatter.

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

    See Also
    --------
    mean

    Examples
    --------
    >>> median().name, median(even="lower").parameters
    ('median', even='lower')
    """
    return Average("median", {"even": one_of("even", even, EVEN)})


def minimum() -> Average:
    """Take the smallest of the values kept.

    Its variance is that of the mean times n Var / sigma^2 of the smallest of n normal values, with outliers above
    treated as by `median`; values that a
    rule has rejected are not used, and the variance allows for that.

    See Also
    --------
    maximum, median

    Examples
    --------
    >>> minimum().name
    'minimum'
    """
    return Average("minimum", {})


def maximum() -> Average:
    """Take the greatest of the values kept; its variance is computed as that of `minimum`.

    An outlier above is the maximum itself: the scatter tells of it, not of the values that are hidden.

    See Also
    --------
    minimum, median

    Examples
    --------
    >>> maximum().name
    'maximum'
    """
    return Average("maximum", {})


def total() -> Average:
    """Sum the values kept; where values are missing or rejected, fewer are added.

    Its variance is n^2 times that of the mean.

    See Also
    --------
    mean

    Examples
    --------
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

    See Also
    --------
    mean, median

    Examples
    --------
    >>> import numpy as np
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
        if average.name == "inverse_variance_mean" and not frame.knows_variance:
            raise ArgumentError(
                frame.name, "must have a variance for inverse_variance_mean", value=None,
                remedy="start it with add_variance, or take the mean",
            )  # fmt: skip
