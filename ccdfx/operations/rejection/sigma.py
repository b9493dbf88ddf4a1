"""Clipping about a centre by a standard deviation: of the values (IRAF, astropy), from their absolute deviations, or of a line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.operations.rejection.rule import (
    Arrangement,
    Rejection,
    StackFacts,
    checked,
    clip_numbers,
    out_of_reach,
    too_few,
)
from ccdfx.records.checks import real
from ccdfx.records.parameters import renamed_options

QUANTISATION = 1.0 / math.sqrt(12.0)


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

    See Also
    --------
    mad_clip, sample_clip, winsorized_clip

    Examples
    --------
    >>> sigma_clip(low=4)
    sigma_clip(low=4.0, high=3.0, center='median', keep=0, grow=0.0, scaled=False)
    """
    parameters = checked(low=low, high=high, center=center, keep=keep, grow=grow, scaled=scaled)
    return Rejection("sigma_clip", sigma_clip, _arrange_sigma_clip, parameters)


@renamed_options(passes="iterations")
def mad_clip(
    *,
    low: float = 3.0,
    high: float = 3.0,
    center: str = "median",
    keep: int = 0,
    grow: float = 0.0,
    floor: float | None = 0.0,
    iterations: int | None = None,
) -> Rejection:
    """Drop values more than `low` or `high` sigma from the centre, with sigma = 1.4826 median abs(x - median).

    Median and sigma are robust against a single outlier, so the rule works from 3 values on. It is repeated
    until no value is dropped or fewer than 3 values are left. Where more than half of the values are equal,
    sigma is 0 and no value is dropped, unless `floor` gives a least sigma. With a tiny floor and
    ``iterations=5`` this is the sigma clip of astropy with ``stdfunc="mad_std"``.

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
    iterations : int, optional
        The largest number of iterations; None repeats until no value is dropped.

    See Also
    --------
    ccd_clip, winsorized_clip, combine

    Examples
    --------
    >>> rule = mad_clip(low=5, high=5)
    >>> rule.parameters["low"], rule.parameters["center"]
    (5.0, 'median')
    """
    if floor is not None:
        floor = real("floor", floor, least=0.0)
    parameters = checked(
        low=low, high=high, center=center, keep=keep, grow=grow, floor=floor, iterations=iterations
    )
    return Rejection("mad_clip", mad_clip, arrange_mad_clip, parameters)


def _arrange_sigma_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.rules import sigma

    numbers = clip_numbers(parameters)
    caution = too_few("sigma_clip", facts, 3)
    if parameters["scaled"] and not facts.alike:
        from ccdfx.kernels.rules import scaled

        rows = tuple((s, z, 0.0, 0.0, 0.0) for s, z in zip(facts.scales, facts.zeros, strict=True))
        by_center = {
            "median": scaled.scaled_sigma_clip_median_rule,
            "mean": scaled.scaled_sigma_clip_mean_rule,
        }
        return Arrangement(by_center[parameters["center"]], numbers, rows, caution=caution)
    # The squared deviation of a value is part of the sum of squares about the centre, at most all of it.
    caution = caution or out_of_reach("sigma_clip", facts, parameters, math.sqrt(max(facts.count - 1, 0)))
    rule = {"median": sigma.sigma_clip_median_rule, "mean": sigma.sigma_clip_mean_rule}[parameters["center"]]
    return Arrangement(rule, numbers, caution=caution)


def arrange_mad_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.rules import sigma

    floor = parameters["floor"]
    if floor is None:
        floor = QUANTISATION / min(facts.scales) if facts.integers else 1e-300
    iterations = math.inf if parameters["iterations"] is None else parameters["iterations"]
    numbers = (*clip_numbers(parameters), floor, iterations)
    rule = {"median": sigma.mad_clip_median_rule, "mean": sigma.mad_clip_mean_rule}[parameters["center"]]
    return Arrangement(
        rule, numbers, caution=too_few("mad_clip", facts, 3, "use ccd_clip, which works from 2 on")
    )


@renamed_options(passes="iterations")
def sample_clip(
    *,
    low: float = 3.0,
    high: float = 3.0,
    center: str = "median",
    keep: int = 0,
    grow: float = 0.0,
    ddof: int = 0,
    iterations: int | None = None,
) -> Rejection:
    """Drop values that lie more than `low` or `high` standard deviations of the sample from the centre.

    The standard deviation is always about the mean, and the centre is the plain mean or median from the first
    pass on; `sigma_clip` computes both as IRAF does. With 3 or more values, this is the sigma clip of astropy
    (``ddof=0``, by default ``iterations=5``) and, about the median with ``ddof=1``, that of Siril. Fewer than
    3 values are left alone.

    Parameters
    ----------
    low, high : float
        In standard deviations; infinity turns a side off.
    center : {"median", "mean"}
    keep : int
        As in `sigma_clip`.
    grow : float
        As in `sigma_clip`.
    ddof : {0, 1}
        The divisor of the sum of squares is the number of values minus this.
    iterations : int, optional
        The largest number of iterations; None repeats until no value is dropped.

    See Also
    --------
    sigma_clip, mad_clip

    Examples
    --------
    >>> sample_clip(high=4, iterations=5).parameters["iterations"]
    5
    """
    if isinstance(ddof, bool) or not isinstance(ddof, int | np.integer) or ddof not in (0, 1):
        raise ArgumentError("ddof", "must be 0 or 1", value=ddof, remedy="astropy has 0, Siril 1")
    parameters = checked(
        low=low, high=high, center=center, keep=keep, grow=grow, ddof=int(ddof), iterations=iterations
    )
    return Rejection("sample_clip", sample_clip, _arrange_sample_clip, parameters)


def _arrange_sample_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.rules import sigma

    iterations = math.inf if parameters["iterations"] is None else float(parameters["iterations"])
    numbers = (*clip_numbers(parameters), parameters["ddof"], iterations)
    by_center = {"median": sigma.sample_clip_median_rule, "mean": sigma.sample_clip_mean_rule}
    furthest = _furthest(facts.count, parameters["center"], parameters["ddof"])
    caution = too_few("sample_clip", facts, 3) or out_of_reach("sample_clip", facts, parameters, furthest)
    return Arrangement(by_center[parameters["center"]], numbers, caution=caution)


def _furthest(count: int, center: str, ddof: int) -> float:
    """Compute the largest distance of one of `count` values from the centre, in sample standard deviations.

    From the mean, it is reached where all other values are equal; from the median, where the lower half is
    equal, and the other values lie between these and the value so that the mean is closer to it.

    >>> round(_furthest(10, "mean", 0), 3), round(_furthest(10, "mean", 1), 3), round(_furthest(10, "median", 1), 3)
    (3.0, 2.846, 3.286)
    """
    if center == "mean":
        return math.sqrt(max(count - 1, 0) * (count - ddof) / count)
    return math.sqrt((count - ddof) * (1 + 1 / ((count + 1) // 2)))


def average_sigma_clip(
    *,
    low: float = 3.0,
    high: float = 3.0,
    center: str = "median",
    keep: int = 0,
    grow: float = 0.0,
    scaled: bool = False,
) -> Rejection:
    """Drop values that lie more than `low` or `high` sigma from the centre, with one sigma for a whole line.

    Sigma is assumed to grow as the square root of the level, with one factor for each line of the image. The
    square of this factor is the sum of (x - c)^2 / max(1, c) over all values of the line, divided by their
    number less 1, where c is the centre of each pixel with 3 values or more. Sigma at the centre c is the
    factor times sqrt(max(1, c)). Rejection is repeated while there are at least 3 values. So few frames are
    enough, if the bias is subtracted. This is IRAF's avsigclip.

    Parameters
    ----------
    low, high : float
        In sigma; infinity turns a side off.
    center : {"median", "mean"}
        As in `sigma_clip`.
    keep : int
        As in `sigma_clip`.
    grow : float
        As in `sigma_clip`.
    scaled : bool
        As in `sigma_clip`: the level is (c + z_l) / s_l for values x' = x / s_l - z_l.

    See Also
    --------
    ccd_clip, sigma_clip

    Examples
    --------
    >>> average_sigma_clip(high=4).parameters["high"]
    4.0
    """
    parameters = checked(low=low, high=high, center=center, keep=keep, grow=grow, scaled=scaled)
    return Rejection("average_sigma_clip", average_sigma_clip, _arrange_average_sigma_clip, parameters)


def _arrange_average_sigma_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.rules import scaled

    follow = parameters["scaled"]
    rows = tuple(
        (scale if follow else 1.0, zero if follow else 0.0, 0.0, 0.0, 0.0)
        for scale, zero in zip(facts.scales, facts.zeros, strict=True)
    )
    rule, scatter = {
        "median": (scaled.scaled_sigma_clip_median_rule, scaled.median_scatter_rule),
        "mean": (scaled.scaled_sigma_clip_mean_rule, scaled.mean_scatter_rule),
    }[parameters["center"]]
    return Arrangement(
        rule,
        clip_numbers(parameters),
        rows,
        ordered=True,
        scatter=scatter,
        caution=too_few("average_sigma_clip", facts, 3),
    )


RULES = (sigma_clip(), mad_clip(), average_sigma_clip(), sample_clip())
