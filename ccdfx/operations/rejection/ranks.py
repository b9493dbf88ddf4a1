"""Rejection by rank, or by a unit that is taken from the sorted values themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.operations.rejection.rule import (
    Arrangement,
    Rejection,
    StackFacts,
    checked,
    clip_numbers,
    too_few,
)
from ccdfx.records.checks import real
from ccdfx.records.parameters import frozen


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

    See Also
    --------
    percentile_clip, ccd_clip

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


def _arrange_minmax(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.rules.ranks import minmax_rule

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


def percentile_clip(
    *, rank: float = -0.5, low: float = 3.0, high: float = 3.0, keep: int = 0, grow: float = 0.0
) -> Rejection:
    """Drop values at or beyond `low` or `high` times the distance from the median to the value of one rank.

    The rank is counted from the median, downwards where negative: a number of values, at most half of the
    frames, or, below 1, a fraction of half of the frames. It is the same where values are missing. There is
    one pass; a value exactly at the limit is dropped; fewer than 3 values are left alone. This is IRAF's
    pclip. By default the distance is that of the lower quartile, 0.67 standard deviations of normal values,
    so the default limits are 2 standard deviations.

    Parameters
    ----------
    rank : float
        Not 0; a whole number if 1 or more.
    low, high : float
        In units of that distance; infinity turns a side off.
    keep : int
        As in `sigma_clip`.
    grow : float
        As in `sigma_clip`.

    Raises
    ------
    ArgumentError
        When `rank` is 0, or neither a fraction nor a whole number.

    See Also
    --------
    minmax, relative_clip

    Examples
    --------
    >>> percentile_clip(rank=-0.5, high=4)
    percentile_clip(rank=-0.5, low=3.0, high=4.0, keep=0, grow=0.0)
    """
    rank = real("rank", rank)
    if rank == 0 or (abs(rank) >= 1 and rank != int(rank)):
        raise ArgumentError(
            "rank", "must be a fraction or a whole number, not 0", value=rank, remedy="IRAF has -0.5"
        )
    parameters = checked(rank=rank, low=low, high=high, keep=keep, grow=grow)
    return Rejection("percentile_clip", percentile_clip, _arrange_percentile_clip, parameters)


def _arrange_percentile_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.rules.ranks import percentile_clip_rule

    half, rank = facts.count // 2, parameters["rank"]
    steps = int(rank * half if abs(rank) < 1 else rank)  # truncated, as in IRAF
    steps = min(-1, max(-half, steps)) if rank < 0 else max(1, min(half, steps))
    numbers = (*clip_numbers(parameters), steps)
    return Arrangement(percentile_clip_rule, numbers, caution=too_few("percentile_clip", facts, 3))


def relative_clip(*, low: float = 0.2, high: float = 0.1, keep: int = 0, grow: float = 0.0) -> Rejection:
    """Drop values whose distance from the median is more than a fraction of the median.

    The conditions are ``median - x > low |median|`` and ``x - median > high |median|``. There is one pass;
    fewer than 3 values are left alone, and so are all values where the median is 0. Where even the middle
    values differ by more than the limits, no value is left unless `keep` requires it. This is the percentile
    clipping of Siril and PixInsight, for few frames with a level well above 0: the limits are fractions of
    the level, independent of the noise.

    Parameters
    ----------
    low, high : float
        Fractions of the median; infinity turns a side off.
    keep : int
        As in `sigma_clip`.
    grow : float
        As in `sigma_clip`.

    See Also
    --------
    percentile_clip, mad_clip

    Examples
    --------
    >>> relative_clip(high=0.05)
    relative_clip(low=0.2, high=0.05, keep=0, grow=0.0)
    """
    parameters = checked(low=low, high=high, keep=keep, grow=grow)
    return Rejection("relative_clip", relative_clip, _arrange_relative_clip, parameters)


def _arrange_relative_clip(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels.rules.ranks import relative_clip_rule

    caution = too_few("relative_clip", facts, 3)
    return Arrangement(relative_clip_rule, clip_numbers(parameters), caution=caution)


RULES = (minmax(), percentile_clip(), relative_clip())
