"""Display limits: the rules for the values shown black and white, and their text form."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.image import Image, ImageLike, as_image

Interval = tuple[float, float]

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_CODE = re.compile(
    rf"(?P<before>g?)(?P<rule>[a-z]*?)(?P<numbers>(?:{_NUMBER}(?:,{_NUMBER})*)?)(?P<after>g?)"
    rf"(?:i(?P<ignore>{_NUMBER}(?:,{_NUMBER})*))?"
)
_RULES = {
    "": "values", "s": "sigma", "sig": "sigma", "sigma": "sigma", "n": "number", "p": "percent",
    "zscale": "zscale", "robust": "robust", "minmax": "minmax",
}  # fmt: skip
_PREFIX = {"values": "", "sigma": "s", "number": "n", "percent": "p"}
_HUGE = 1e290  # sums and differences of values up to this one stay finite
_WIDE = 1e100  # sums of squares of values up to this one stay finite
_MOST = 1e300  # limits around values up to the huge ones
_NARROW = (
    1e-280  # values may be divided by intervals from this one on, and matplotlib leaves them as they are
)
_FORMS = "give (low, high), 'p99', 'p1,99.5', 's3', 'n10', 'zscale', 'robust', 'percentile' or 'minmax'"


@dataclass(frozen=True, slots=True)
class Limits:
    """A rule for the values shown black and white, and its text form.

    ========== ============ =======================================================================
    rule       text         limits
    ========== ============ =======================================================================
    values     ``10,250``   these two values, up to 1e300 and at least 1e-280 apart
    sigma      ``s3``       median - 3 and + 3 standard deviations; ``s3,10``: - 3 and + 10
    number     ``n5``       the extremes without the 5 lowest and the 5 highest; ``n5,20``: 5 and 20
    percent    ``p99``      the central 99 percent; ``p1,99.5``: these two percentiles
    zscale     ``zscale``   the IRAF algorithm, contrast 0.25
    robust     ``robust``   median -10 and +10 deviations (1.4826 times the median absolute one)
    minmax     ``minmax``   the extremes
    ========== ============ =======================================================================

    A ``g`` before or after the rule (``gp99``, ``p99g``) means the whole frame instead of the window that is
    shown; ``i0,65535`` at the end ignores these values (alone, it means ``minmax`` of the others).
    ``sig3`` and ``sigma3`` are ``s3``; ``percentile`` is ``p0.1,99.9``.

    Parameters
    ----------
    rule : str
        A name in the first column.
    numbers : tuple of float
        The numbers in the second column.
    whole : bool
        Whether the rule is applied to the whole frame.
    ignore : tuple of float
        Values to ignore.

    Examples
    --------
    >>> Limits.parse("gp1,99.5i0")
    Limits(rule='percent', numbers=(1.0, 99.5), whole=True, ignore=(0.0,))
    >>> str(Limits("sigma", (3,)))
    's3'
    """

    rule: str = "zscale"
    numbers: tuple[float, ...] = ()
    whole: bool = False
    ignore: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.rule not in _RULES.values():
            known = ", ".join(dict.fromkeys(_RULES.values()))
            raise ArgumentError("limits", f"must follow one of {known}", value=self.rule, remedy=_FORMS)
        object.__setattr__(self, "numbers", _finite(self.numbers))
        object.__setattr__(self, "ignore", _finite(self.ignore))
        object.__setattr__(self, "whole", bool(self.whole))
        problem = _CHECKS[self.rule](*self.numbers) if len(self.numbers) <= 2 else "at most two numbers"
        if problem is None and self.rule == "values" and (self.whole or self.ignore):
            problem = "a rule, not two values, with g or i"
        if problem is not None:
            raise ArgumentError("limits", f"must have {problem}", value=str(self), remedy=_FORMS)

    def __str__(self) -> str:
        text = _PREFIX.get(self.rule, self.rule) + _written(self.numbers) + ("g" if self.whole else "")
        return f"{text}i{_written(self.ignore)}" if self.ignore else text

    @classmethod
    def parse(cls, text: str) -> Limits:
        """Parse the text of limits; ``Limits.parse(str(limits)) == limits``."""
        code = text.replace(" ", "").lower() if isinstance(text, str) else ""
        code = re.sub(r"^(g?)percentile", r"\1p0.1,99.9", code)
        found = _CODE.fullmatch(code) if 0 < len(code) < 1000 else None
        rule = found["rule"] if found else None
        if found is None or rule not in _RULES or not (rule or found["numbers"] or found["ignore"]):
            raise ArgumentError("limits", "is no text of limits", value=text, remedy=_FORMS)
        kind = _RULES[rule] if rule or found["numbers"] else "minmax"
        whole = bool(found["before"] or found["after"])
        return cls(kind, _numbers(found["numbers"]), whole, _numbers(found["ignore"]))

    @classmethod
    def of(cls, spec: Any) -> Limits:
        """Convert a text, a pair (low, high) or a `Limits` to a `Limits`."""
        if isinstance(spec, Limits):
            return spec
        if isinstance(spec, str):
            return cls.parse(spec)
        try:
            low, high = (float(value) for value in spec)
        except (TypeError, ValueError):
            raise ArgumentTypeError(
                "limits", "must be a text, a pair of numbers or Limits", value=spec, remedy=_FORMS
            ) from None
        return cls("values", (low, high))


def _check_values(*numbers: float) -> str | None:
    if len(numbers) != 2 or not numbers[0] < numbers[1]:
        return "two numbers, the lower first"
    if max(map(abs, numbers)) > _MOST or numbers[1] - numbers[0] < _NARROW:
        return f"two numbers up to {_MOST:g}, at least {_NARROW:g} apart"
    return None


def _check_sigma(*numbers: float) -> str | None:
    return None if numbers and min(numbers) > 0 else "one or two positive multiples of the deviation"


def _check_number(*numbers: float) -> str | None:
    whole = numbers and all(number >= 0 and number.is_integer() for number in numbers)
    return None if whole else "one or two whole numbers of pixels"


def _check_percent(*numbers: float) -> str | None:
    if len(numbers) == 1:
        return None if 0 < numbers[0] <= 100 else "a percentage above 0 and up to 100"
    return None if numbers and 0 <= numbers[0] < numbers[1] <= 100 else "percentiles 0 <= low < high <= 100"


def _check_nothing(*numbers: float) -> str | None:
    return "no numbers after this name" if numbers else None


_CHECKS: dict[str, Callable[..., str | None]] = {
    "values": _check_values, "sigma": _check_sigma, "number": _check_number, "percent": _check_percent,
    "zscale": _check_nothing, "robust": _check_nothing, "minmax": _check_nothing,
}  # fmt: skip


def _finite(numbers: Any) -> tuple[float, ...]:
    try:
        values = tuple(float(number) for number in numbers)
    except (TypeError, ValueError):
        raise ArgumentTypeError("limits", "must have numbers", value=numbers, remedy=_FORMS) from None
    if not all(map(math.isfinite, values)):
        raise ArgumentError("limits", "must have finite numbers", value=values, remedy=_FORMS)
    return values


def _numbers(text: str | None) -> tuple[float, ...]:
    return tuple(float(number) for number in text.split(",")) if text else ()


def _written(numbers: tuple[float, ...]) -> str:
    return ",".join(repr(number).removesuffix(".0") for number in numbers)


_RANKED = 2000  # values of the sample of zscale
_SAMPLE = 50_000  # pixels for zscale and robust: enough for 1 % of a sigma, and fast on a 16k frame


def display_limits(
    image: ImageLike, *, limits: str | Interval | Limits = "zscale", full: ImageLike | None = None
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
    from ccdfx.estimators.values import good_values

    good = picture.good
    values = good_values(picture.array, None if good.all() else ~good)
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
        low, high = (min(max(end, -_HUGE), _HUGE) for end in (low, high))
    elif reach > _WIDE:  # in units of the largest value, so that squares stay finite
        unit = min(reach, _HUGE)
        tame = np.clip(values.astype(np.float64), -_HUGE, _HUGE) / unit
        low, high = (unit * end for end in _ENDS[limits.rule](tame, *limits.numbers))
    else:
        low, high = _ENDS[limits.rule](values, *limits.numbers)
    if high - low > max(1e-12 * min(reach, _HUGE), _NARROW):
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
    return values[:: max(-(-values.size // _SAMPLE), 1)].astype(np.float64)


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
    """Return the limits of the task zscale of IRAF: the ends of a line through the ranked values, four times as steep.

    The line is fitted to a sample, in which values further than 2.5 standard deviations from it, and those around them, are
    left out, up to five times. Where that leaves less than half of them, the limits are the extremes.
    """
    some = sample(values)
    some = np.sort(some[:: max(some.size // _RANKED, 1)][:_RANKED])
    low, high = float(some[0]), float(some[-1])
    place, good = np.arange(some.size), np.ones(some.size, bool)
    around = np.ones(max(1, some.size // 100), bool)
    least, left, before, slope = max(5, some.size // 2), some.size, some.size + 1, 0.0
    for _ in range(5):
        if not least <= left < before:
            break
        slope, start = _line(place[good], some[good])
        rest = some - (start + slope * place)
        far = ~good | (np.abs(rest) > 2.5 * float(np.std(rest[good])))
        good = ~np.convolve(far, around, mode="same")
        left, before = int(np.count_nonzero(good)), left
    if left < least:
        return low, high
    middle, centre, slope = float(np.median(some)), (some.size - 1) // 2, 4.0 * slope
    return max(low, middle - (centre - 1) * slope), min(high, middle + (some.size - centre) * slope)


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Fit a line by least squares; return its slope and its value at 0."""
    middle, level = float(np.mean(x)), float(np.mean(y))
    slope = float(np.sum((x - middle) * (y - level)) / np.sum((x - middle) ** 2))
    return slope, level - slope * middle


def _robust(values: np.ndarray) -> Interval:
    some = sample(values)
    middle = float(np.median(some))
    reach = 10.0 * 1.4826 * float(np.median(np.abs(some - middle)))
    # The deviation is 0 if more than half of the values are equal.
    return (middle - reach, middle + reach) if reach > 0.0 else _percent(some, 0.1, 99.9)


_ENDS: dict[str, Callable[..., Interval]] = {
    "sigma": _sigma, "number": _number, "percent": _percent, "zscale": _zscale, "robust": _robust,
}  # fmt: skip
