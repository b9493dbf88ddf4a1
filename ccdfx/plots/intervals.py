"""Computation of display limits: the values that a picture shows black and white."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ccdfx.plots.limits import Interval, Limits
from ccdfx.records.image import Image, as_image

_SAMPLE = 50_000  # pixels for zscale and robust: enough for 1 % of a sigma, and fast on a 16k frame
_HUGE = 1e290  # sums and differences of values up to this one stay finite
_WIDE = 1e100  # sums of squares of values up to this one stay finite


def display_limits(
    image: Image | Any, *, limits: str | Interval | Limits = "zscale", full: Image | Any = None
) -> Interval:
    """Compute the values to show black and white, from the good finite pixels.

    The rules of `Limits` are exact, except "zscale" and "robust", which use a sample of 50 000 pixels.

    Parameters
    ----------
    image : Image or 2-D array
        Flagged and non-finite pixels are left out.
    limits : str, (float, float) or Limits
    full : Image or 2-D array, optional
        The frame that `image` is a window of, for limits with ``g``; `image` itself by default.

    Returns
    -------
    (float, float)
        Never an empty interval. If all values are equal, it is centred on them; without a good pixel it is
        (0, 1). If a rule leaves no value (``n`` exceeds their number), it has the extremes of all.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        When the limits are invalid.

    Examples
    --------
    >>> import numpy as np
    >>> frame = np.arange(101.0).reshape(1, 101)
    >>> display_limits(frame, limits="p90"), display_limits(frame, limits="n1,10")
    ((5.0, 95.0), (1.0, 90.0))
    >>> display_limits(frame[:, :11], limits="minmaxg", full=frame)
    (0.0, 100.0)
    """
    wanted = Limits.of(limits)
    picture = as_image(full, "full") if wanted.whole and full is not None else as_image(image)
    return interval_of(shown_values(picture), wanted)


def shown_values(picture: Image, domain: Interval = (-math.inf, math.inf)) -> np.ndarray:
    """Select the good finite values within a domain, as a flat array."""
    good = picture.good
    values = picture.array.reshape(-1) if good.all() else picture.array[good]
    if domain != (-math.inf, math.inf):
        values = values[(values > domain[0]) & (values < domain[1])]
    return values


def interval_of(values: np.ndarray, limits: Limits) -> Interval:
    """Apply limits to flat good finite values; the interval is never empty."""
    if limits.rule == "values":
        return limits.numbers[0], limits.numbers[1]
    for value in limits.ignore:
        values = values[values != value]
    if values.size == 0:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    reach = max(abs(low), abs(high))
    if limits.rule == "minmax":
        low, high = max(low, -_HUGE), min(high, _HUGE)
    elif reach > _WIDE:  # in units of the largest value, so that squares stay finite
        unit = min(reach, _HUGE)
        tame = np.clip(values.astype(np.float64), -_HUGE, _HUGE) / unit
        low, high = (unit * end for end in _ENDS[limits.rule](tame, *limits.numbers))
    else:
        low, high = _ENDS[limits.rule](values, *limits.numbers)
    if high - low > max(1e-12 * min(reach, _HUGE), 1e-290):
        return low, high
    # All values are equal: show them as middle grey. The margin must not be lost in rounding of huge values.
    margin = max(0.5, abs(low) * 1e-6)
    return low - margin, high + margin


def percentiles(values: np.ndarray, wanted: tuple[float, ...]) -> list[float]:
    """Compute exact percentiles of flat values, linear between neighbours, without a full sort."""
    places = [percent / 100.0 * (values.size - 1) for percent in wanted]
    ranks = sorted({rank for place in places for rank in (math.floor(place), math.ceil(place))})
    ordered = np.partition(values, ranks)
    found = []
    for place in places:
        below, above = float(ordered[math.floor(place)]), float(ordered[math.ceil(place)])
        found.append(below + (above - below) * (place - math.floor(place)))
    return found


def sample(values: np.ndarray) -> np.ndarray:
    """Select at most 50 000 of the values, evenly spaced, as float64."""
    return values[:: -(-values.size // _SAMPLE)].astype(np.float64)


def _sigma(values: np.ndarray, low: float, high: float | None = None) -> Interval:
    from ccdfx.estimators import median_of

    centre, width = median_of(values), float(np.std(values, dtype=np.float64))
    return centre - low * width, centre + (low if high is None else high) * width


def _number(values: np.ndarray, low: float, high: float | None = None) -> Interval:
    first, last = int(low), values.size - 1 - int(low if high is None else high)
    if first > last:
        first, last = 0, values.size - 1
    ordered = np.partition(values, sorted({first, last}))
    return float(ordered[first]), float(ordered[last])


def _percent(values: np.ndarray, low: float, high: float | None = None) -> Interval:
    ends = (low, high) if high is not None else (50.0 - low / 2.0, 50.0 + low / 2.0)
    first, last = percentiles(values, ends)
    return first, last


def _zscale(values: np.ndarray) -> Interval:
    from astropy.visualization.interval import ZScaleInterval

    low, high = ZScaleInterval(n_samples=2000, contrast=0.25).get_limits(sample(values))
    return float(low), float(high)


def _robust(values: np.ndarray) -> Interval:
    some = sample(values)
    middle = float(np.median(some))
    reach = 10.0 * 1.4826 * float(np.median(np.abs(some - middle)))
    # The deviation is 0 if more than half of the values are equal.
    return (middle - reach, middle + reach) if reach > 0.0 else _percent(some, 0.1, 99.9)


_ENDS: dict[str, Callable[..., Interval]] = {
    "sigma": _sigma, "number": _number, "percent": _percent, "zscale": _zscale, "robust": _robust,
}  # fmt: skip
