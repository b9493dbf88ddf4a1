"""Public names of a package, each imported from its module when it is first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any


def homes_of(names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return the module of each name, from the names of each module.

    >>> homes_of({"settings": ("Choice", "Rule")})
    {'Choice': 'settings', 'Rule': 'settings'}
    """
    return {name: home for home, found in names.items() for name in found}


def public_name(package: str, homes: Mapping[str, str], name: str) -> Any:
    """Import a public name of a package from its home there, and keep it in the package.

    Raises
    ------
    AttributeError
        The package has no such name.
    """
    if name not in homes:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    value = getattr(import_module(f"{package}.{homes[name]}"), name)
    setattr(sys.modules[package], name, value)
    return value
