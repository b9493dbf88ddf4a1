"""Sigma clipping with the standard deviation of the sample, as in astropy and Siril."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ccdfx.errors import ArgumentError
from ccdfx.operations.rejection import (
    Arrangement,
    Rejection,
    StackFacts,
    checked,
    clip_numbers,
    out_of_reach,
    too_few,
)


def sample_clip(
    *,
    low: float = 3.0,
    high: float = 3.0,
    center: str = "median",
    keep: int = 0,
    grow: float = 0.0,
    ddof: int = 0,
    passes: int | None = None,
) -> Rejection:
    """Drop values that lie more than `low` or `high` standard deviations of the sample from the centre.

    The standard deviation is always about the mean, and the centre is the plain mean or median from the first
    pass on; `sigma_clip` computes both as IRAF does. With 3 or more values, this is the sigma clip of astropy
    (``ddof=0``, by default ``passes=5``) and, about the median with ``ddof=1``, that of Siril. Fewer than 3
    values are left alone.

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
    passes : int, optional
        The largest number of passes; None repeats until no value is dropped.

    Examples
    --------
    >>> sample_clip(high=4, passes=5).parameters["passes"]
    5
    """
    if isinstance(ddof, bool) or not isinstance(ddof, int | np.integer) or ddof not in (0, 1):
        raise ArgumentError("ddof", "must be 0 or 1", value=ddof, remedy="astropy has 0, Siril 1")
    parameters = checked(
        low=low, high=high, center=center, keep=keep, grow=grow, ddof=int(ddof), passes=passes
    )
    return Rejection("sample_clip", sample_clip, _arrange, parameters)


def _arrange(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels import sample_rules

    passes = math.inf if parameters["passes"] is None else float(parameters["passes"])
    numbers = (*clip_numbers(parameters), parameters["ddof"], passes)
    by_center = {"median": sample_rules.sample_clip_median_rule, "mean": sample_rules.sample_clip_mean_rule}
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
