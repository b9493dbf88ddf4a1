"""The rule that takes one sigma for a whole line of the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccdfx.operations.rejection import (
    Arrangement,
    Rejection,
    StackFacts,
    checked,
    clip_numbers,
    too_few,
)


def average_sigma_clip(
    *,
    low: float = 3.0,
    high: float = 3.0,
    center: str = "median",
    keep: int = 0,
    grow: float = 0.0,
    scaled: bool = False,
) -> Rejection:
    """Drop values that lie more than `low` or `high` sigma from the center, sigma being that of the whole line.

    Sigma is taken to grow as the square root of the level, with one factor for each line of the image: the root of
    sum (x - c)^2 / max(1, c) over all values of the line, over their number less 1, where c is the center of each
    pixel with 3 values or more. At the center c a value then has that factor times sqrt(max(1, c)). It is repeated
    while at least 3 values are there. So few frames suffice, if the bias is subtracted. This is IRAF's avsigclip.

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

    Examples
    --------
    >>> average_sigma_clip(high=4).parameters["high"]
    4.0
    """
    parameters = checked(low=low, high=high, center=center, keep=keep, grow=grow, scaled=scaled)
    return Rejection("average_sigma_clip", average_sigma_clip, _arrange, parameters)


def _arrange(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    from ccdfx.kernels import scaled_rules

    follow = parameters["scaled"]
    rows = tuple(
        (scale if follow else 1.0, zero if follow else 0.0, 0.0, 0.0, 0.0)
        for scale, zero in zip(facts.scales, facts.zeros, strict=True)
    )
    rule, scatter = {
        "median": (scaled_rules.scaled_sigma_clip_median_rule, scaled_rules.median_scatter_rule),
        "mean": (scaled_rules.scaled_sigma_clip_mean_rule, scaled_rules.mean_scatter_rule),
    }[parameters["center"]]
    return Arrangement(
        rule,
        clip_numbers(parameters),
        rows,
        ordered=True,
        scatter=scatter,
        caution=too_few("average_sigma_clip", facts, 3),
    )
