"""Text of the options of steps, for the HISTORY of an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any

from ccdfx.records.master import Master
from ccdfx.records.range import Range

_HASH_DIGITS = 16


def history_text(value: Any) -> str:
    """Format an option of a step for its HISTORY line and its repr.

    >>> history_text(({"low": 3.0}, "[1:2,1:1]"))
    '[(low=3.0),[1:2,1:1]]'
    """
    if isinstance(value, Master):
        return f"{PurePath(value.name).name} sha256={value.sha256[:_HASH_DIGITS]}"
    if isinstance(value, Range):
        return value.to_fits()
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(history_text, value)) + "]"
    options = getattr(value, "parameters", None)
    if hasattr(value, "name") and isinstance(options, Mapping):
        return value.name + _options_text(options)
    if isinstance(value, Mapping):
        return _options_text(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _options_text({field.name: getattr(value, field.name) for field in fields(value)})
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    return str(value)


def _options_text(options: Mapping[str, Any]) -> str:
    return f"({','.join(f'{name}={history_text(value)}' for name, value in options.items())})"
