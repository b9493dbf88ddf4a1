"""The built-in rejection rules, and the one that combining takes by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ccdfx.operations.rejection import noise, profile, ranks, robust, sigma
from ccdfx.operations.rejection.rule import Arrangement, Rejection, StackFacts


def default_rejection() -> Rejection:
    """Return the default rule of `combine`: `mad_clip` at 5 sigma, with the floor that the frames imply.

    A clip whose sigma includes the outlier cannot detect one outlier in ten or fewer values
    (see `sigma_clip`); the median absolute deviation can, from 3 values on. Its scatter is large for few values, so the
    limit is 5 rather than 3: of normal values it drops 7 % for n = 3, 4 % for n = 5, 0.7 % for n = 10 and
    fewer beyond, and the mean of the rest is 10 %, 6 %, 1 % noisier than the mean of all (the median: 16 %,
    19 %, 17 %). The empirical variance of so few values kept is too small, by a third for n = 3 and a fifth
    for n = 5: where that matters, give the frames a variance, or use a noise model with `ccd_clip`.
    """
    rule = sigma.mad_clip(low=5.0, high=5.0, floor=None)
    return Rejection(rule.name, sigma.mad_clip, _arrange_default, rule.parameters)


def _arrange_default(parameters: Mapping[str, Any], facts: StackFacts) -> Arrangement:
    """Arrange `mad_clip` without its warning: that the default rejects nothing of two frames is intended."""
    return replace(sigma.arrange_mad_clip(parameters, facts), caution="")


REJECTIONS = (*ranks.RULES, *sigma.RULES, *noise.RULES, *profile.RULES, *robust.RULES)
