"""The rows that the page of plugins has for the fields of records, from the records themselves."""

from __future__ import annotations

import dataclasses
import inspect
import re

GROUPS = {
    "ccdfx_formats": ("Format", "RawLayout"),
    "ccdfx_scalings": ("Scaling",),
    "ccdfx_noise_models": ("NoiseModel",),
    "ccdfx_rejections": ("Rejection", "StackFacts", "Arrangement", "ProfileAllowance"),
    "ccdfx_steps": ("Step",),
    "ccdfx_instruments": ("Instrument",),
    "ccdfx_makers": ("Maker", "Planned", "Made"),
    "ccdfx_engines": ("Engine",),
    "ccdfx_commands": ("Command",),
}
_LONG = 30


def row_of(record: type, field: dataclasses.Field) -> str:
    """Return the row of a field but for its meaning: how a function is called, else the type, and the default."""
    called = re.search(rf"``({field.name}\([^`]*)``", inspect.getdoc(record) or "")
    said = called[1] if called else str(field.type)
    optional = " or None" if called and field.default is None else ""
    said = said.replace(" | ", " or ")
    return f"| `{field.name}` | `{said}`{optional} | {_default(field)} |"


def _default(field: dataclasses.Field) -> str:
    if field.default_factory is not dataclasses.MISSING:
        return "empty"
    if field.default is dataclasses.MISSING:
        return "**required**"
    text = getattr(field.default, "__name__", repr(field.default))
    return f"`{text}`" if len(text) < _LONG else "several keywords"
