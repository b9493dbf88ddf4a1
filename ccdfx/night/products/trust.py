"""Checks of a combined frame or master: with too few good pixels, or too much rejected, it is not written."""

from __future__ import annotations

from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.night.products.stacking import Stacked, rejection_facts
from ccdfx.night.settings.choices import CombineChoice, MastersChoice
from ccdfx.night.summary import flags_of
from ccdfx.night.words import flags
from ccdfx.records.image import Image

_BY_RANK = ("minmax",)  # rejects a number of values whatever they are


def require_trust(image: Image, made: Stacked, count: int, choice: MastersChoice | CombineChoice) -> None:
    """Refuse a product of `count` frames that has too few good pixels, or lost too many values to rejection.

    Raises
    ------
    ArgumentError
        Less than the fraction `good` of the pixels is good, or more than the fraction `rejected` of all values
        was rejected by a rule that judges values (minmax does not).
    """
    table = "masters" if isinstance(choice, MastersChoice) else "combine"
    good = float(image.good.mean())
    if good < choice.good:
        raise ArgumentError(
            "good pixels",
            f"must be at least {choice.good:.0%} of the frame (flags: {flags(flags_of(image))})",
            value=f"{good:.2%}",
            remedy=f"look at the frames that it is made of, or lower {table}.good in the recipe",
        )
    rejected: dict[str, Any] = rejection_facts(made)
    share = rejected["rejected"] / (count * image.size)
    if share > choice.rejected and made.rule not in _BY_RANK:
        raise ArgumentError(
            "rejected values",
            f"must be at most {choice.rejected:.0%} of all: more are no outliers, but frames that differ or a "
            f"noise that is wrong ({made.rule})",
            value=f"{share:.1%}",
            remedy="look at its frames, the gain and the read noise, choose another rule, or raise "
            f"{table}.rejected in the recipe",
        )
