"""What the values of a recipe must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.planes import planes_of
from ccdfx.operations.calibration.line_levels import LEVEL_STATISTICS
from ccdfx.operations.pixels.ray_search import MEDIANS
from ccdfx.photometry.selection import FACTS, check_limit
from ccdfx.records.checks import one_of, real, whole
from ccdfx.records.parameters import check_names


def _is_bool(where: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ArgumentError(where, "must be true or false", value=value, remedy="write true or false")


def _is_text(where: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise ArgumentError(where, "must be text", value=value, remedy="put it in quotes")


def _is_any_text(where: str, value: Any) -> None:
    if not isinstance(value, str):
        raise ArgumentError(where, "must be text", value=value, remedy="put it in quotes")


def _are_texts(where: str, value: Any) -> None:
    if isinstance(value, str) or not isinstance(value, list | tuple):
        raise ArgumentError(where, "must be a list of texts", value=value, remedy='write ["one", "two"]')
    for item in value:
        _is_text(where, item)


def _is_fraction(where: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ArgumentError(where, "must be a fraction, 0 to 1", value=value, remedy="give such as 0.5")


def _is_level(where: str, value: Any) -> None:
    real(where, value, least=0, remedy="give ADU, such as 100")


def _are_planes(where: str, value: Any) -> None:
    planes_of(where, value)


def _is_length(where: str, value: Any) -> None:
    real(where, value, least=8, remedy="give pixels, such as 100")


def _is_degrees(where: str, value: Any) -> None:
    real(where, value, least=0, remedy="give degrees, such as 2.0")


def _is_limit(where: str, value: Any) -> None:
    real(where, value, above=0, remedy="give such as 4.5")


def _is_number_of_frames(where: str, value: Any) -> None:
    whole(where, value, least=1, remedy="give such as 3")


def _is_one_of(*known: str) -> Callable[[str, Any], None]:
    def check(where: str, value: Any) -> None:
        one_of(where, value, known)

    return check


def _is_fit(where: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise ArgumentError(
            where,
            "must be a table of the options of a fit",
            value=value,
            remedy="give such as { function = 'legendre', order = 3 }",
        )
    from ccdfx.operations.calibration.overscan_fit import OverscanFit

    check_names(where, [item.name for item in fields(OverscanFit)], value)
    OverscanFit(**value)


def _is_rule(where: str, value: Any) -> None:
    if isinstance(value, str) and value in ("auto", "none"):
        return
    from ccdfx import registry

    table = {"name": value} if isinstance(value, str) else value
    if not isinstance(table, Mapping) or not isinstance(table.get("name"), str):
        remedy = 'write "auto", "none", "sigma_clip" or { name = "sigma_clip", low = 3 }'
        raise ArgumentError(where, "must name a rejection rule", value=value, remedy=remedy)
    options = {key: option for key, option in table.items() if key != "name"}
    registry.lookup("rejection", table["name"]).configure(**options)


_CHECKS = {
    "checksum": _is_bool,
    "again": _is_bool,
    "table": _is_any_text,
    "planes": _are_planes,
    "use": _is_bool,
    "single": _is_bool,
    "align": _is_bool,
    "mosaic": _is_bool,
    "scale": _is_bool,
    "products": _is_one_of("split", "debayer", "none"),
    "method": _is_one_of("bilinear", "malvar"),
    "combine.mosaic_by": _is_one_of("auto", "wcs", "detsec"),
    "combine.scale": _is_one_of("stars", "exposure"),
    "weights": _is_one_of("noise", "equal"),
    **dict.fromkeys(FACTS, check_limit),
    "electrons": _is_bool,
    "balance": _is_bool,
    "uncalibrated": _is_bool,
    "files": _are_texts,
    "steps": _is_text,
    "file": _is_text,
    "statistic": _is_one_of(*LEVEL_STATISTICS),
    "fit": _is_fit,
    "average": _is_one_of("mean", "median"),
    "reject": _is_rule,
    "temperature": _is_degrees,
    "tolerance": _is_fraction,
    "normalise": _is_one_of("detector", "mosaic"),
    "prefer": _is_one_of("auto", "measured", "header"),
    "good": _is_fraction,
    "rejected": _is_fraction,
    "response": _is_fraction,
    "smooth": _is_length,
    "low": _is_fraction,
    "most": _is_fraction,
    "sensitivity": _is_fraction,
    "level": _is_level,
    "fewer_than": _is_number_of_frames,
    "frames": _is_number_of_frames,
    "sigma_limit": _is_limit,
    "neighbour_fraction": _is_fraction,
    "object_limit": _is_limit,
    "medians": _is_one_of(*MEDIANS),
}


def check_value(table: str, key: str, value: Any) -> None:
    """Raise an `ArgumentError` where the value of a key of a table is not allowed; the key must be known.

    >>> check_value("dark", "scale", True)
    >>> check_value("dark", "scale", 1)
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: dark.scale: must be true or false (got 1); write true or false
    """
    check = _CHECKS.get(f"{table}.{key}") or _CHECKS[key]
    check(f"{table}.{key}", value)
