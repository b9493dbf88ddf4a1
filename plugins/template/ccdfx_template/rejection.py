"""A rejection rule: drop the brightest values of every pixel, whatever they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numba

from ccdfx import ArgumentError, Arrangement, Rejection, StackFacts


@numba.njit(nogil=True)
def drop_brightest_rule(lanes, frames, counts, noise, parameters, low, high):
    """Keep ranks low <= rank < high of each lane: the values of one pixel in ascending order."""
    for i in range(counts.size):
        low[i] = 0
        high[i] = max(1, counts[i] - int(parameters[0])) if counts[i] > 0 else 0


def drop_brightest(*, count: int = 1) -> Rejection:
    """Drop the `count` brightest values of every pixel, but never the last one."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ArgumentError("count", "must be a whole number of values, 0 or more", value=count)
    return Rejection("drop_brightest", drop_brightest, _arrange, {"count": count})


def _arrange(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    if parameters["count"] >= facts.count:
        raise ArgumentError(
            "count", f"must leave at least one of {facts.count} frames", value=parameters["count"]
        )
    return Arrangement(drop_brightest_rule, (float(parameters["count"]),))
