"""Rejection by one sigma for a whole line of the image, as IRAF's avsigclip."""

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
