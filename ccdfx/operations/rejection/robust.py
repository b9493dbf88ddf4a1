"""Robust rejection rules: winsorized clipping, linear fit clipping, and the generalised ESD test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.operations.rejection.rule import (
    SMALL,
    Arrangement,
    Rejection,
    StackFacts,
    checked,
    clip_numbers,
    out_of_reach,
    too_few,
)
from ccdfx.records.checks import real


def winsorized_clip(*, low: float = 3.0, high: float = 3.0, keep: int = 0, grow: float = 0.0) -> Rejection:
    """Drop values that lie more than `low` or `high` winsorized standard deviations from the median.

    Sigma starts as the standard deviation. Values beyond 1.5 sigma from the median are set to that limit, and
    sigma becomes 1.134 times the standard deviation of the resulting values, until its relative change is
    below 0.0005. Then values are dropped, and everything is repeated until no value is dropped or fewer than
    3 values are left. Where so many values are equal that sigma converges to 0, no value is dropped. This is
    the rule of Siril and PixInsight.

    Parameters
    ----------
    low, high : float
        In sigma; infinity turns a side off.
    keep : int
        As in `sigma_clip`.
    grow : float
        As in `sigma_clip`.

    See Also
    --------
    mad_clip, sigma_clip

    Examples
    --------
    >>> winsorized_clip(high=2.5)
    winsorized_clip(low=3.0, high=2.5, keep=0, grow=0.0)
    """
    parameters = checked(low=low, high=high, keep=keep, grow=grow)
    return Rejection("winsorized_clip", winsorized_clip, _arrange_winsorized_clip, parameters)


def linear_fit_clip(*, low: float = 5.0, high: float = 5.0, keep: int = 0, grow: float = 0.0) -> Rejection:
    """Drop values that lie far from a line fitted to the sorted values.

    The line is fitted by least squares to the values of a pixel in ascending order, against their rank. Sigma
    is the mean absolute residual; values with a residual below ``-low sigma`` or above ``high sigma`` are
    dropped, and everything is repeated until no value is dropped or fewer than 3 values are left. Among equal
    values, that of the least variance has the lowest rank. The rule suits levels that drift from frame to
    frame. This is the rule of Siril and PixInsight.

    Parameters
    ----------
    low, high : float
        In mean absolute residuals; infinity turns a side off.
    keep : int
        As in `sigma_clip`.
    grow : float
        As in `sigma_clip`.

    See Also
    --------
    gesd, winsorized_clip

    Examples
    --------
    >>> linear_fit_clip(low=4, high=3).parameters["low"]
    4.0
    """
    parameters = checked(low=low, high=high, keep=keep, grow=grow)
    return Rejection("linear_fit_clip", linear_fit_clip, _arrange_linear_fit_clip, parameters)


def gesd(*, fraction: float = 0.3, significance: float = 0.05, keep: int = 0, grow: float = 0.0) -> Rejection:
    """Drop the outliers that the generalised extreme studentised deviate test finds (Rosner 1983).

    At most ``int(n fraction)`` of n values are dropped. In step i the value furthest from the mean, at
    R_i = max abs(x - mean) / sd, is set aside; the critical value for the m = n - i + 1 values is
    (m - 1) t / sqrt(m (m - 2 + t^2)), t the quantile 1 - significance / (2 m) of Student's distribution with
    m - 2 degrees of freedom. The number of outliers is the greatest i with R_i above its critical value.

    Parameters
    ----------
    fraction : float
        Above 0, below 1.
    significance : float
        Probability that a value is dropped from normal values without outliers; above 0, below 1.
    keep : int
        As in `sigma_clip`.
    grow : float
        As in `sigma_clip`.

    See Also
    --------
    linear_fit_clip, mad_clip

    References
    ----------
    B. Rosner 1983, Technometrics 25, 165.

    Examples
    --------
    >>> gesd(fraction=0.2)
    gesd(fraction=0.2, significance=0.05, keep=0, grow=0.0)
    """
    parameters = checked(
        fraction=_part("fraction", fraction), significance=_part("significance", significance), keep=keep, grow=grow
    )  # fmt: skip
    return Rejection("gesd", gesd, _arrange_gesd, parameters)


def _part(name: str, value: Any) -> float:
    part = real(name, value, above=0.0)
    if part >= 1:
        raise ArgumentError(name, "must be above 0 and below 1", value=value, remedy="give a fraction")
    return part


def gesd_limits(count: int, significance: float) -> np.ndarray:
    """Compute the critical values for 0 ... count values; infinite below 3.

    >>> gesd_limits(54, 0.05)[[53, 54]].round(3)  # Rosner's example, tabulated as 3.151 and 3.158
    array([3.151, 3.159])
    """
    from scipy.special import stdtrit

    limits = np.full(count + 1, np.inf)
    if count >= 3:
        m = np.arange(3.0, count + 1)
        t = -stdtrit(m - 2, significance / (2 * m))
        limits[3:] = (m - 1) * t / np.sqrt(m * (m - 2 + t * t))
    return limits


def _arrange_winsorized_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.rules.winsorized import winsorized_clip_rule

    caution = too_few("winsorized_clip", facts, 3)
    return Arrangement(winsorized_clip_rule, clip_numbers(parameters), caution=caution)


def _arrange_linear_fit_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.rules.linear_fit import linear_fit_clip_rule

    # The residuals sum to 0, so none is more than half of their absolute sum.
    beyond = out_of_reach("linear_fit_clip", facts, parameters, facts.count / 2)
    caution = too_few("linear_fit_clip", facts, 3) or beyond
    numbers = (*clip_numbers(parameters), float(facts.variances))
    return Arrangement(
        linear_fit_clip_rule, numbers, ordered=True, variances=facts.variances, caution=caution
    )


def _arrange_gesd(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.rules.gesd import gesd_rule

    limits = gesd_limits(facts.count, parameters["significance"])
    numbers = (parameters["fraction"], parameters["significance"], parameters["keep"], *limits)
    least = max(3, math.ceil(1 / parameters["fraction"] - 1e-9))
    caution = too_few("gesd", facts, least, f"allow a greater fraction, or {SMALL}")
    return Arrangement(gesd_rule, tuple(float(number) for number in numbers), caution=caution)


RULES = (winsorized_clip(), linear_fit_clip(), gesd())
