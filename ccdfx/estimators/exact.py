"""Exact statistics of images and arrays; flagged pixels and non-finite values are left out."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.estimators.values import Values, values_of
from ccdfx.records.checks import limit, one_of, whole
from ccdfx.records.image import ImageLike, as_image
from ccdfx.records.parameters import renamed_options
from ccdfx.records.planes import as_array
from ccdfx.records.range import RangeLike, window_errors_about
from ccdfx.records.views.table import astropy_table, table_html

_MAD_TO_STD = 1.482602218505602  # 1 / the upper quartile of the normal distribution


@dataclass(frozen=True, slots=True)
class Statistics:
    """The statistics that `statistics` returns. Without a good pixel all but the counts are NaN.

    Attributes
    ----------
    count, masked : int
        Pixels used, and pixels left out because of a flag or a non-finite value.
    mean, median, std, minimum, maximum, sum : float
        Of all pixels used. `std` has divisor n (ddof 0), the median of an even number is the mean of two.
    mad_std : float
        1.4826 times the median of abs(x - median).
    clipped_count : int
        Pixels kept by clipping at 3 standard deviations about the median, iterated until none is rejected.
    clipped_mean, clipped_median, clipped_std : float
        Of the pixels kept.
    """

    count: int
    masked: int
    mean: float
    median: float
    std: float
    minimum: float
    maximum: float
    sum: float
    mad_std: float
    clipped_count: int
    clipped_mean: float
    clipped_median: float
    clipped_std: float

    def to_table(self) -> Any:
        """Convert to an `astropy.table.Table` of one row."""
        return astropy_table({name: [value] for name, value in asdict(self).items()}, {})

    def _repr_html_(self) -> str:
        return table_html({name: [value] for name, value in asdict(self).items()})


@dataclass(frozen=True, slots=True)
class Clipped:
    """Statistics of the values kept by `sigma_clipped`, inclusive limits, and passes that rejected values."""

    count: int
    mean: float
    median: float
    std: float
    lower: float
    upper: float
    iterations: int


@renamed_options(range="section")
def statistics(image: ImageLike, *, section: RangeLike = None) -> Statistics:
    """Compute exact and robust statistics of the good pixels of an image.

    Parameters
    ----------
    image : Image or 2-D array
        Flagged and non-finite pixels are left out. Variance and header are not used.
    section : Range or what `Range.of` accepts, optional
        Only this window, in the coordinates of the image's parent frame.

    Returns
    -------
    Statistics
        In the unit of the image. Sums are accumulated in float64; the median is exact. An image without a
        good pixel has ``count == 0`` and NaN elsewhere, without a warning.

    Raises
    ------
    ArgumentError
        The window does not lie in the image.

    See Also
    --------
    sky_level, local_noise

    Notes
    -----
    The statistics of 16-bit integers come from their histogram and are exact. For floats a sample brackets
    the median, one pass collects the values inside the bracket, and these are sorted.

    Examples
    --------
    >>> found = statistics([[1.0, 2.0], [3.0, float("nan")]])
    >>> found.count, found.masked, found.mean, found.median
    (3, 1, 2.0, 2.0)
    """
    image = as_image(image)
    with window_errors_about("section"):
        image = image.select(section)
    values = values_of(image.array, image.mask)
    masked = image.array.size - values.count
    if values.count == 0:
        nan = math.nan
        return Statistics(0, masked, nan, nan, nan, nan, nan, nan, nan, 0, nan, nan, nan)
    median = values.median(0, values.count)
    clipped = _clip(values, 3.0, 3.0, None, "median")
    return Statistics(
        count=values.count,
        masked=masked,
        mean=values.mean,
        median=median,
        std=values.std,
        minimum=values.minimum,
        maximum=values.maximum,
        sum=values.mean * values.count,
        mad_std=_MAD_TO_STD * values.median_deviation(median),
        clipped_count=clipped.count,
        clipped_mean=clipped.mean,
        clipped_median=clipped.median,
        clipped_std=clipped.std,
    )


def median_of(array: Any, good: Any = None) -> float:
    """Return the exact median of an array of any shape; NaN when no value is good.

    Parameters
    ----------
    array : array_like of real numbers
    good : array_like of bool, optional
        True where a value is used. Non-finite values are never used.

    Examples
    --------
    >>> median_of([4.0, 1.0, 3.0, 100.0], good=[True, True, True, False])
    3.0
    """
    values = values_of(*checked_values(array, good))
    return values.median(0, values.count) if values.count else math.nan


def mad_std_of(array: Any, good: Any = None) -> float:
    """Estimate the standard deviation of normal values robustly: 1.4826 times the median of abs(x - median).

    Parameters and the treatment of bad values are those of `median_of`.

    Examples
    --------
    >>> round(mad_std_of([1.0, 2.0, 3.0, 4.0, 1e6]), 4)
    1.4826
    """
    values = values_of(*checked_values(array, good))
    if values.count == 0:
        return math.nan
    return _MAD_TO_STD * values.median_deviation(values.median(0, values.count))


def sigma_clipped(
    array: Any,
    good: Any = None,
    *,
    low: float = 3.0,
    high: float = 3.0,
    iterations: int | None = None,
    center: str = "median",
) -> Clipped:
    """Compute statistics of the values that are left after clipping those far from the centre iteratively.

    Parameters
    ----------
    array, good
        As for `median_of`.
    low, high : float
        A value is rejected when it lies more than `low` standard deviations (ddof 0) below the centre or more
        than `high` above it; infinity rejects nothing on that side.
    iterations : int, optional
        Largest number of passes; by default until no value is rejected.
    center : {"median", "mean"}
        The centre of the limits. The standard deviation is always about the mean.

    Raises
    ------
    ArgumentError
        A limit that is not positive, a number of passes below 0, or an unknown centre.

    Notes
    -----
    The same rule as ``astropy.stats.sigma_clip``, of which the default is ``iterations=5``.

    Examples
    --------
    >>> kept = sigma_clipped([1.0, 2.0, 3.0, 2.0] * 10 + [1000.0])
    >>> kept.count, kept.mean
    (40, 2.0)
    """
    low, high = limit("low", low), limit("high", high)
    if iterations is not None:
        whole("iterations", iterations, least=0, remedy="None goes on to the end")
    one_of("center", center, ("median", "mean"))
    values = values_of(*checked_values(array, good))
    return _clip(values, low, high, iterations, center)


def _clip(values: Values, low: float, high: float, iterations: int | None, center: str) -> Clipped:
    lower, upper = -math.inf, math.inf
    below, count, mean, std = 0, values.count, values.mean, values.std
    if count == 0:
        return Clipped(0, math.nan, math.nan, math.nan, lower, upper, 0)
    median = values.median(0, count)
    done = 0
    while iterations is None or done < iterations:
        middle = median if center == "median" else mean
        reach_low = math.inf if math.isinf(low) else low * std
        reach_high = math.inf if math.isinf(high) else high * std
        new_lower, new_upper = max(lower, middle - reach_low), min(upper, middle + reach_high)
        new_below, new_count, new_mean, new_std = values.between(new_lower, new_upper)
        if new_count in (0, count):
            break
        lower, upper, below, count, mean, std = new_lower, new_upper, new_below, new_count, new_mean, new_std
        median = values.median(below, count)
        done += 1
    return Clipped(count, mean, median, std, lower, upper, done)


def checked_values(array: Any, good: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Check an array and the mask of its good values; return the array and which values are bad, or None."""
    array = as_array("array", array)
    if array.dtype.kind not in "buif":
        raise ArgumentError("array", "must hold real numbers", value=str(array.dtype), remedy="give numbers")
    if good is None:
        return array, None
    good = as_array("good", good)
    if good.dtype.kind != "b":
        raise ArgumentError(
            "good", "must hold bool, True for a good value", value=str(good.dtype), remedy="give mask == 0"
        )
    if good.shape != array.shape:
        raise ArgumentError(
            "good", f"must have the array's shape {array.shape}", value=good.shape, remedy="give one a value"
        )
    return array, ~good
