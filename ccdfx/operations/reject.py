"""Rejection rules: they decide which values of a pixel are combined."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.operations.line_reject import average_sigma_clip
from ccdfx.operations.noise_reject import ccd_clip, cr_reject, variance_clip
from ccdfx.operations.rank_reject import percentile_clip, relative_clip
from ccdfx.operations.rejection import (
    Arrangement,
    Rejection,
    StackFacts,
    checked,
    clip_numbers,
    out_of_reach,
    too_few,
)
from ccdfx.operations.robust_reject import gesd, linear_fit_clip, winsorized_clip
from ccdfx.operations.sample_reject import sample_clip
from ccdfx.records.numbers import real
from ccdfx.records.parameters import frozen

QUANTISATION = 1.0 / math.sqrt(12.0)


def minmax(*, low: float = 1, high: float = 1, grow: float = 0.0) -> Rejection:
    """Drop the `low` lowest and the `high` highest values of each pixel.

    Numbers of 1 or more are counts of N frames, numbers below 1 fractions. Where a pixel has only n values,
    the same fractions are dropped: ``int(n low / N + 0.001)``, as in IRAF.

    Parameters
    ----------
    low, high : float
    grow : float
        As in `sigma_clip`.

    Raises
    ------
    ArgumentError
        For negative or non-finite numbers; by `combine`, when no value of N frames would be left.

    Examples
    --------
    >>> minmax(low=0, high=2)
    minmax(low=0, high=2, grow=0.0)
    """
    dropped = {"low": _dropped("low", low), "high": _dropped("high", high)}
    return Rejection("minmax", minmax, _arrange_minmax, frozen({**dropped, **checked(grow=grow)}))


def _dropped(name: str, value: Any) -> float:
    """Check how many values are dropped, an int, or which fraction of them."""
    number = real(name, value, least=0.0)
    if number < 1:
        return number or 0
    if not number.is_integer():
        raise ArgumentError(
            name,
            "must be a whole number of values, or a fraction below 1",
            value=value,
            remedy="give such as 1 or 0.1",
        )
    return int(number)


def sigma_clip(
    *,
    low: float = 3.0,
    high: float = 3.0,
    center: str = "median",
    keep: int = 0,
    grow: float = 0.0,
    scaled: bool = False,
) -> Rejection:
    """Drop values that lie more than `low` or `high` standard deviations from the centre, iteratively.

    The standard deviation has the divisor n - 1 and is taken about the centre. About the median, each pass
    drops values on both sides with the same centre and sigma; the passes end when no value is dropped or
    fewer than 3 values are left. About the mean, the first centre is the mean without one minimum and one
    maximum. One value among n cannot lie more than (n - 1) / sqrt(n) sigma from the mean, so 3 sigma reject
    nothing where n is 10 or less: use `mad_clip` or `ccd_clip` there.

    Parameters
    ----------
    low, high : float
        In standard deviations; infinity turns a side off.
    center : {"median", "mean"}
    keep : int
        The least number of values kept, where there are as many: those with the smallest residuals are
        restored. A negative number is added to the number of values.
    grow : float
        Radius in pixels. Where the rule rejects a value, the values of the same frame at
        dx^2 + dy^2 <= grow^2 are rejected too (1: five pixels, 1.5: nine, 2: thirteen), unless that leaves a
        pixel without values.
    scaled : bool
        Whether the noise depends on the level that each frame had before it was scaled: deviations of frame l
        from the centre c are taken in units of sqrt(max(1, (c + z_l) / s_l)), for x' = x / s_l - z_l. IRAF
        does this when a scale differs by more than its `sigscale` from 1. It has no effect where all frames
        are scaled alike.

    Examples
    --------
    >>> sigma_clip(low=4)
    sigma_clip(low=4.0, high=3.0, center='median', keep=0, grow=0.0, scaled=False)
    """
    parameters = checked(low=low, high=high, center=center, keep=keep, grow=grow, scaled=scaled)
    return Rejection("sigma_clip", sigma_clip, _arrange_sigma_clip, parameters)


def mad_clip(
    *,
    low: float = 3.0,
    high: float = 3.0,
    center: str = "median",
    keep: int = 0,
    grow: float = 0.0,
    floor: float | None = 0.0,
    passes: int | None = None,
) -> Rejection:
    """Drop values more than `low` or `high` sigma from the centre, with sigma = 1.4826 median |x - median|.

    Median and sigma are robust against a single outlier, so the rule works from 3 values on. It is repeated
    until no value is dropped or fewer than 3 values are left. Where more than half of the values are equal,
    sigma is 0 and no value is dropped, unless `floor` gives a least sigma. With a tiny floor and ``passes=5``
    this is the sigma clip of astropy with ``stdfunc="mad_std"``.

    Parameters
    ----------
    low, high : float
        In sigma; infinity turns a side off.
    center : {"median", "mean"}
        The centre from which values are clipped; sigma is always computed about the median.
    keep : int
        As in `sigma_clip`.
    grow : float
        As in `sigma_clip`.
    floor : float or None
        The least sigma, in the unit of the scaled values. None: for frames of whole numbers the rounding
        error 1/sqrt(12); for other frames nearly 0, so that any value that differs from a majority of equal
        values is an outlier.
    passes : int, optional
        The largest number of passes; None repeats until no value is dropped.

    Examples
    --------
    >>> rule = mad_clip(low=5, high=5)
    >>> rule.parameters["low"], rule.parameters["center"]
    (5.0, 'median')
    """
    if floor is not None:
        floor = real("floor", floor, least=0.0)
    parameters = checked(low=low, high=high, center=center, keep=keep, grow=grow, floor=floor, passes=passes)
    return Rejection("mad_clip", mad_clip, _arrange_mad_clip, parameters)


def default_rejection() -> Rejection:
    """Return the default rule of `combine`: `mad_clip` at 5 sigma, with the floor that the frames imply.

    A clip whose sigma includes the outlier cannot detect one outlier in ten or fewer values (REJECTION, small
    numbers); the median absolute deviation can, from 3 values on. Its scatter is large for few values, so the
    limit is 5 rather than 3: of normal values it drops 7 % for n = 3, 4 % for n = 5, 0.7 % for n = 10 and
    fewer beyond, and the mean of the rest is 10 %, 6 %, 1 % noisier than the mean of all (the median: 16 %,
    19 %, 17 %). The empirical variance of so few values kept is too small, by a third for n = 3 and a fifth
    for n = 5: where that matters, give the frames a variance, or use a noise model with `ccd_clip`.
    """
    rule = mad_clip(low=5.0, high=5.0, floor=None)
    return Rejection(rule.name, mad_clip, _arrange_default, rule.parameters)


def _arrange_default(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    """Arrange `mad_clip` without its warning: that the default rejects nothing of two frames is intended."""
    return replace(_arrange_mad_clip(parameters, facts), caution="")


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

    numbers = clip_numbers(parameters)
    caution = too_few("sigma_clip", facts, 3)
    if parameters["scaled"] and not facts.alike:
        from ccdfx.kernels import scaled_rules

        rows = tuple((s, z, 0.0, 0.0, 0.0) for s, z in zip(facts.scales, facts.zeros, strict=True))
        by_center = {
            "median": scaled_rules.scaled_sigma_clip_median_rule,
            "mean": scaled_rules.scaled_sigma_clip_mean_rule,
        }
        return Arrangement(by_center[parameters["center"]], numbers, rows, caution=caution)
    # The squared deviation of a value is part of the sum of squares about the centre, at most all of it.
    caution = caution or out_of_reach("sigma_clip", facts, parameters, math.sqrt(max(facts.count - 1, 0)))
    rule = {"median": rules.sigma_clip_median_rule, "mean": rules.sigma_clip_mean_rule}[parameters["center"]]
    return Arrangement(rule, numbers, caution=caution)


def _arrange_mad_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels import rules

    floor = parameters["floor"]
    if floor is None:
        floor = QUANTISATION / min(facts.scales) if facts.integers else 1e-300
    passes = math.inf if parameters["passes"] is None else parameters["passes"]
    numbers = (*clip_numbers(parameters), floor, passes)
    rule = {"median": rules.mad_clip_median_rule, "mean": rules.mad_clip_mean_rule}[parameters["center"]]
    return Arrangement(
        rule, numbers, caution=too_few("mad_clip", facts, 3, "use ccd_clip, which works from 2 on")
    )


REJECTIONS = (
    minmax(), sigma_clip(), mad_clip(), ccd_clip(), cr_reject(), variance_clip(), percentile_clip(), relative_clip(), winsorized_clip(),
    linear_fit_clip(), gesd(), average_sigma_clip(), sample_clip(),
)  # fmt: skip
