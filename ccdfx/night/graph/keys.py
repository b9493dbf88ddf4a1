"""Keys of products: the SHA-256 of all that decides their bytes, so that equal keys mean equal products."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import PurePath
from typing import Any

from ccdfx.errors import ArgumentTypeError

IGNORED = "NOT_IN_KEYS"
"""Attribute of a record that names its fields which do not decide the bytes of a product."""


def digest(value: object) -> str:
    """Compute the SHA-256 of a value in its canonical form.

    >>> digest({"a": 1, "b": (2.5,)}) == digest({"b": [2.5], "a": 1})
    True
    """
    return hashlib.sha256(canonical_text(value).encode()).hexdigest()


def canonical_text(value: object) -> str:
    """Write a value as one JSON text, the same for equal values in every process.

    Parameters
    ----------
    value : object
        None, numbers, texts, paths, sequences, mappings, sets, records (dataclasses), and these inside one another. The
        fields that a record names in `NOT_IN_KEYS` are left out.

    Raises
    ------
    ArgumentTypeError
        A value of another type: what it decides would not show in the key.

    Examples
    --------
    >>> canonical_text({"b": float("inf"), "a": (1, None)})
    '{"a":[1,null],"b":{"float":"inf"}}'
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


@cache
def versions() -> Mapping[str, str]:
    """Return the versions of ccdfx and of its plugins, any of which may decide the bytes of a product."""
    from ccdfx import registry

    plugins = {one.name: one.version for one in registry.plugins() if one.version}
    return {"ccdfx": registry.version(), **plugins}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value - value == 0.0 else {"float": str(value)}  # not the text "inf"
    if isinstance(value, PurePath):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        ignored = getattr(type(value), IGNORED, ())
        parts = {one.name: getattr(value, one.name) for one in fields(value) if one.name not in ignored}
        return {"": type(value).__name__, **{name: _plain(part) for name, part in parts.items()}}
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(canonical_text, value))
    if isinstance(value, Iterable):
        return [_plain(part) for part in value]
    if hasattr(value, "item"):
        return _plain(value.item())
    raise ArgumentTypeError(
        "option",
        "must be numbers, texts, sequences, mappings or records, from which a key can be computed",
        value=type(value).__name__,
        remedy="give it in one of these forms",
    )
