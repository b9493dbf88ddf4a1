"""Rules that decide which values of a pixel take part: records that bind options to a compiled rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.records.parameters import frozen, merged

QUANTISATION = 1.0 / math.sqrt(12.0)


@dataclass(frozen=True, slots=True)
class StackFacts:
    """What a rule may know of a stack before it sees a pixel.

    `count`: the number of frames. `scales`, `zeros`: x' = x / scale - zero of each frame. `integers`: whether all
    frames hold whole numbers.
    """

    count: int
    scales: tuple[float, ...]
    zeros: tuple[float, ...]
    integers: bool

    @property
    def alike(self) -> bool:
        """Whether all frames have the same scale and zero."""
        return len(set(self.scales)) <= 1 and len(set(self.zeros)) <= 1


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A rule made ready for one stack.

    `rule`: the compiled function (`ccdfx.kernels.rules` describes it). `numbers`: its parameters. `noise`: rows
    (scale, zero, constant, linear, quadratic), one for all frames or one each. `trims`: the fractions that the rule
    always drops at the low and the high end, whatever the values; None for rules that look at the values.
    """

    rule: Callable[..., None]
    numbers: tuple[float, ...] = ()
    noise: tuple[tuple[float, ...], ...] = ((1.0, 0.0, 0.0, 0.0, 0.0),)
    trims: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Rejection:
    """A rejection rule with its options.

    Parameters
    ----------
    name : str
    factory : callable
        The function that makes this record from options; `configure` calls it.
    arrange : callable
        ``arrange(parameters, facts) -> Arrangement`` for the stack that `StackFacts` describes.
    parameters : mapping
        The options.

    Examples
    --------
    >>> rule = sigma_clip(low=3, high=2.5)
    >>> rule.name, rule.configure(low=4).parameters["low"]
    ('sigma_clip', 4.0)
    """

    name: str
    factory: Callable[..., Rejection]
    arrange: Callable[[Mapping[str, Any], StackFacts], Arrangement]
    parameters: Mapping[str, Any]

    def configure(self, **options: Any) -> Rejection:
        """The rule with other options; an unknown option or a value out of bounds is an error."""
        return self.factory(**merged(self.name, self.parameters, options))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rejection):
            return NotImplemented
        return self.name == other.name and dict(self.parameters) == dict(other.parameters)

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.parameters)))

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"{self.name}({options})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.factory, dict(self.parameters))


def _rebuild(factory: Callable[..., Rejection], parameters: dict[str, Any]) -> Rejection:
    return factory(**parameters)


def minmax(*, low: float = 1, high: float = 1) -> Rejection:
    """Drop the `low` lowest and the `high` highest values of each pixel.

    Numbers from 1 are counts of N frames, numbers below 1 fractions. Where only n values are there, the same
    fractions are dropped: ``int(n low / N + 0.001)``, as IRAF does.

    Parameters
    ----------
    low, high : float

    Raises
    ------
    ArgumentError
        For negative or not finite numbers; by `combine`, when nothing would be left of N frames.

    Examples
    --------
    >>> minmax(low=0, high=2)
    minmax(low=0, high=2)
    """
    for name, value in (("low", low), ("high", high)):
        _number(name, value, least=0.0)
        if value >= 1 and value != int(value):
            raise ArgumentError(name, "must be a whole number of values, or a fraction below 1", value=value)
    return Rejection("minmax", minmax, _arrange_minmax, frozen({"low": low, "high": high}))


def sigma_clip(*, low: float = 3.0, high: float = 3.0, center: str = "median", keep: int = 0) -> Rejection:
    """Drop values that lie more than `low` or `high` standard deviations from the center, again and again.

    The standard deviation has the divisor n - 1 and is taken about the center. About the median, a pass drops on both
    sides with one center and sigma; it stops when nothing drops or fewer than 3 values are left. About the mean, the
    first center is the mean without one minimum and one maximum. One value among n cannot lie more than (n - 1) /
    sqrt(n) sigma out, so 3 sigma reject nothing where n is 10 or less: use `mad_clip` or `ccd_clip` there.

    Parameters
    ----------
    low, high : float
        In standard deviations; infinity turns a side off.
    center : {"median", "mean"}
    keep : int
        At least so many values survive where so many are there: those with the smallest residuals come back. A
        negative number is that many less than the values there are.

    Examples
    --------
    >>> sigma_clip(low=4)
    sigma_clip(low=4.0, high=3.0, center='median', keep=0)
    """
    options = {**_limits(low, high), "center": _center(center), "keep": _keep(keep)}
    return Rejection("sigma_clip", sigma_clip, _arrange_sigma_clip, frozen(options))


def mad_clip(*, low: float = 3.0, high: float = 3.0, keep: int = 0, floor: float | None = 0.0) -> Rejection:
    """Drop values that lie more than `low` or `high` sigma from the median, sigma being 1.4826 median |x - median|.

    A single wild value moves neither median nor sigma, so this works from 3 values on. It is repeated until nothing
    drops or fewer than 3 values are left. Where more than half of the values are equal, sigma is 0 and nothing drops,
    unless `floor` says how small sigma can be.

    Parameters
    ----------
    low, high : float
        In sigma; infinity turns a side off.
    keep : int
        As in `sigma_clip`.
    floor : float or None
        The least sigma, in the unit of the scaled values. None: the rounding error 1/sqrt(12) of frames of whole
        numbers; for other frames any value that differs from an exact majority of equal ones counts as outlying.

    Examples
    --------
    >>> mad_clip(low=5, high=5)
    mad_clip(low=5.0, high=5.0, keep=0, floor=0.0)
    """
    if floor is not None:
        floor = _number("floor", floor, least=0.0)
    options = {**_limits(low, high), "keep": _keep(keep), "floor": floor}
    return Rejection("mad_clip", mad_clip, _arrange_mad_clip, frozen(options))


def ccd_clip(
    *,
    gain: float = 1.0,
    readnoise: float = 0.0,
    sensitivity: float = 0.0,
    low: float = 3.0,
    high: float = 3.0,
    center: str = "median",
    keep: int = 0,
) -> Rejection:
    """Drop values that lie further from the center than the noise of the detector allows.

    At the center c, with L = max(0, c) in ADU, sigma^2 = (readnoise / gain)^2 + L / gain + (sensitivity L)^2. Where
    frames are scaled (x' = x / s - z), each has the noise of its own raw level, L = max(0, s (c + z)), divided by s.
    It is repeated while at least 2 values are there. About the mean, the center of every pass is the mean without one
    minimum and one maximum.

    Parameters
    ----------
    gain : float
        e-/ADU.
    readnoise : float
        e- rms.
    sensitivity : float
        Noise that grows with the signal, as a fraction of it.
    low, high : float
        In sigma; infinity turns a side off (``low=inf`` is IRAF's crreject).
    center : {"median", "mean"}
    keep : int
        As in `sigma_clip`.

    Examples
    --------
    >>> ccd_clip(gain=2.0, readnoise=5.0).parameters["gain"]
    2.0
    """
    options = {
        "gain": _number("gain", gain, above=0.0),
        "readnoise": _number("readnoise", readnoise, least=0.0),
        "sensitivity": _number("sensitivity", sensitivity, least=0.0),
        **_limits(low, high),
        "center": _center(center),
        "keep": _keep(keep),
    }
    return Rejection("ccd_clip", ccd_clip, _arrange_ccd_clip, frozen(options))


def default_rejection() -> Rejection:
    """What `combine` does when it is not told: `mad_clip` at 5 sigma, with the floor that the frames imply.

    A clip whose sigma includes the outlier cannot see one wild value in ten or fewer (REJECTION, small numbers); the
    median absolute deviation can, from 3 values on. Its scatter is large for few values, so the limit is 5 rather
    than 3: of normal values it drops 7 % for n = 3, 4 % for n = 5, 0.7 % for n = 10 and fewer beyond, and the mean of the
    rest is 10 %, 6 %, 1 % noisier than the mean of all (the median: 16 %, 19 %, 17 %). The empirical variance of so few
    survivors comes out small, by a third for n = 3 and a fifth for n = 5: give the frames a variance, or a noise
    model by `ccd_clip`, where that matters.
    """
    return mad_clip(low=5.0, high=5.0, floor=None)


def _arrange_minmax(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.rules import minmax_rule

    low, high = (
        value if value < 1 else value / facts.count for value in (parameters["low"], parameters["high"])
    )
    dropped = int(low * facts.count + 0.001) + int(high * facts.count + 0.001)
    if low + high >= 1 or dropped >= facts.count:
        raise ArgumentError(
            "minmax",
            f"must leave at least one of {facts.count} frames",
            value=f"low={parameters['low']}, high={parameters['high']}",
            remedy="drop fewer, or give more frames",
        )
    return Arrangement(minmax_rule, (low, high), trims=(low, high))


def _arrange_sigma_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels import rules

    rule = {"median": rules.sigma_clip_median_rule, "mean": rules.sigma_clip_mean_rule}[parameters["center"]]
    return Arrangement(rule, (parameters["low"], parameters["high"], parameters["keep"]))


def _arrange_mad_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.rules import mad_clip_rule

    floor = parameters["floor"]
    if floor is None:
        floor = QUANTISATION / min(facts.scales) if facts.integers else 1e-300
    return Arrangement(mad_clip_rule, (parameters["low"], parameters["high"], parameters["keep"], floor))


def _arrange_ccd_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.noise_rules import ccd_clip_mean_rule, ccd_clip_median_rule

    gain = parameters["gain"]
    noise = ((parameters["readnoise"] / gain) ** 2, 1.0 / gain, parameters["sensitivity"] ** 2)
    frames = 1 if facts.alike else facts.count
    rows = tuple((facts.scales[j], facts.zeros[j], *noise) for j in range(frames))
    rule = {"median": ccd_clip_median_rule, "mean": ccd_clip_mean_rule}[parameters["center"]]
    return Arrangement(rule, (parameters["low"], parameters["high"], parameters["keep"]), rows)


def _limits(low: Any, high: Any) -> dict[str, float]:
    return {"low": _limit("low", low), "high": _limit("high", high)}


def _limit(name: str, value: Any) -> float:
    return value if value == math.inf else _number(name, value, above=0.0)


def _center(center: Any) -> str:
    if center not in ("median", "mean"):
        raise ArgumentError("center", "must be 'median' or 'mean'", value=center)
    return center


def _keep(keep: Any) -> int:
    if isinstance(keep, bool) or not isinstance(keep, int):
        raise ArgumentTypeError("keep", "must be a whole number of values", value=keep)
    return keep


def _number(name: str, value: Any, *, least: float = -math.inf, above: float = -math.inf) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ArgumentTypeError(name, "must be a number", value=value) from None
    if not math.isfinite(number) or number < least or number <= above:
        bound = f"above {above:g}" if above > -math.inf else f"of at least {least:g}"
        raise ArgumentError(name, f"must be a finite number {bound}", value=value)
    return number


REJECTIONS = (minmax(), sigma_clip(), mad_clip(), ccd_clip())
