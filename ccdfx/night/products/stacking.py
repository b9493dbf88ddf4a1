"""Combination of the frames of a night: the rejection rule of the recipe, and the header of the result."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ccdfx import registry
from ccdfx.night.cameras.camera_noise import CameraNoise
from ccdfx.night.graph.notices import collect_warnings
from ccdfx.night.settings.choices import CombineChoice, DarkChoice, FlatChoice, Rule, StackChoice
from ccdfx.operations.combining.default_rule import TWO_SIDED, scatter_limit
from ccdfx.operations.rejection.profile import AMPLITUDE, GRADIENT
from ccdfx.records.header import Header
from ccdfx.records.image import Image
from ccdfx.records.wcs import without_sky

Choice = StackChoice | DarkChoice | FlatChoice | CombineChoice


@dataclass(frozen=True, slots=True)
class Stacked:
    """Combined frames, how many values were rejected, the HISTORY text, the rule by name, and its warnings."""

    image: Image
    rejected: int
    history: str
    rule: str
    warnings: tuple[str, ...]


LIMIT = 4.0
"""The limits of the rule "auto", in sigma."""


def rejection_of(
    rule: Rule,
    noise: CameraNoise,
    *,
    count: int,
    sensitivity: float = 0.0,
    pedestal: float = 0.0,
    profile: Mapping[str, Any] | None = None,
) -> Any:
    """Return the `Rejection` that a recipe names, or None.

    "auto" is `profile_clip` where `profile` has its `amplitude`, `gradient` and `level`. Otherwise it is
    `ccd_clip` with the gain and read noise of the camera, above only for 2 and 3 frames; or, where these are not
    known, `mad_clip` with the limits that `default_rejection` has for a `count` of frames. For `ccd_clip`,
    `cr_reject` and `profile_clip`, the default gain and read noise are those of the camera; for the first two,
    the default level without light is `pedestal`.
    """
    if rule == "none":
        return None
    table: Mapping[str, Any] = {"name": rule} if isinstance(rule, str) else rule
    options = {key: value for key, value in table.items() if key != "name"}
    name = table["name"]
    known = noise.gain is not None and noise.readnoise is not None
    if name == "auto":
        name = "profile_clip" if profile else "ccd_clip" if known else "mad_clip"
        options = {"low": LIMIT, "high": LIMIT}
        if name == "ccd_clip":
            options["low"] = LIMIT if count >= TWO_SIDED else math.inf
            options["sensitivity"] = sensitivity
        if name == "mad_clip":
            options = dict.fromkeys(("low", "high"), scatter_limit(count))
    if name == "profile_clip":
        options = {"amplitude": AMPLITUDE, "gradient": GRADIENT, **(profile or {}), **options}
    if known and name in ("ccd_clip", "cr_reject", "profile_clip"):
        options = {"gain": noise.gain, "readnoise": noise.readnoise, **options}
        if name != "profile_clip":
            options = {"pedestal": pedestal, **options}
    return registry.lookup("rejection", name).configure(**options)


def stacked(
    frames: Sequence[Any],
    choice: Choice,
    noise: CameraNoise,
    *,
    sensitivity: float,
    weights: Any,
    pedestal: float = 0.0,
    profile: Mapping[str, Any] | None = None,
    **levels: Any,
) -> Stacked:
    """Combine frames according to the recipe; weights are used only for a mean.

    `pedestal` is the level of the frames without light (see `ccd_clip`), infinite for bias frames. `profile`
    holds `amplitude`, `gradient` and `level` of `profile_clip`, for frames of stars.
    """
    from ccdfx.operations.combining.average import AVERAGES
    from ccdfx.operations.combining.combine import stack_of
    from ccdfx.operations.combining.plan import Choices, plan_job

    average = AVERAGES[choice.average]()
    reject = rejection_of(
        choice.reject, noise, count=len(frames), sensitivity=sensitivity, pedestal=pedestal, profile=profile
    )
    weights = weights if choice.average == "mean" else None
    history = f"average={choice.average} reject={rule_text(reject)}"
    found: list[str] = []
    with collect_warnings(found.append):
        # Without a map of exposure times, which no product holds.
        made = stack_of(plan_job(frames, Choices(average, reject, weights, **levels)), follow=False)
    name = "none" if reject is None else reject.name
    rejected = sum(int(np.sum(counts, dtype=np.int64)) for counts in (made.rejected_low, made.rejected_high))
    return Stacked(made.image, rejected, history, name, tuple(dict.fromkeys(found)))


def product_header(
    header: Header,
    product: str,
    inputs: Sequence[tuple[str, str | None]],
    values: Mapping[str, Any],
    history: str,
    *,
    digest: str = "IMSHA",
) -> Header:
    """Make the header of a product: that of the combination, with its kind, its inputs and its HISTORY."""
    from ccdfx.io.provenance import with_provenance

    for key, value in values.items():
        header = header.remove(key) if value is None else header.set(key, value)
    header = header.set("NCOMBINE", len(inputs), "number of frames combined")
    header = with_provenance(header, product, inputs, digest=digest)
    return header.add_history(f"ccdfx {registry.version()} {history}")


_KIND_CARD = re.compile(
    r"(OBSTYPE|FRAME|FRAMETYPE?|IMGTYPE|IMTYPE|IMAGE-?TYP|EXPTYPE|DATA-TYP|OBJTYPE|PICTTYPE|TITLE|ESO DPR .*)\Z"
)
_KIND_VALUE = re.compile(
    r"(master[ _-]*)?((sky|dome|twilight|lamp)[ _-]*)?(bias|zero|dark|flat|light|object|science)[ _-]*(frame|field)?\Z",
    re.IGNORECASE,
)
_FILTER_CARD = re.compile(r".*(FILT|FLTNM|FLTID)")


def without_kind(header: Header, kind: str) -> Header:
    """Remove the cards that say what the inputs of a master were and where they pointed, and of bias and dark a filter.

    >>> dict(without_kind(Header({"OBSTYPE": "DARK", "FILTNAME": "B", "EXPOSED": "dark", "GAIN": 2.0}), "bias"))
    {'GAIN': 2.0}
    """
    gone = [card.keyword for card in header.cards if _KIND_CARD.match(card.keyword)]
    gone += [
        card.keyword
        for card in header.cards
        if isinstance(card.value, str) and _KIND_VALUE.match(card.value.strip()) and card.keyword != "HISTORY"
    ]
    if kind in ("bias", "dark"):
        gone += ["AIRMASS", *(key for key in header if _FILTER_CARD.match(key))]
    return without_sky(header.remove(*gone))


def rejection_facts(made: Stacked) -> dict[str, Any]:
    """Return the number of values rejected in all frames together, and the warnings of the rule."""
    return {"rejected": made.rejected, "cautions": list(made.warnings)}


def rule_text(reject: Any) -> str:
    """Format a rejection rule for a HISTORY line."""
    if reject is None:
        return "none"
    inner = ",".join(f"{key}={value}" for key, value in reject.parameters.items())
    return f"{reject.name}({inner})"
