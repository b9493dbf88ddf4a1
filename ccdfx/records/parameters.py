"""Options of a named record: a scaling, a noise model, a rejection, a step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ccdfx.errors import ArgumentTypeError


class Parameters(Mapping[str, Any]):
    """An immutable mapping of options that can be pickled."""

    __slots__ = ("_items",)
    _items: dict[str, Any]

    def __init__(self, items: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_items", dict(items))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("options are immutable; configure(...) gives a record with other ones")

    def __getitem__(self, name: str) -> Any:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:  # hash of the names only: values may be lists
        return hash(frozenset(self._items))

    def __reduce__(self) -> tuple[Any, ...]:
        return Parameters, (self._items,)

    def __repr__(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self._items.items())


def frozen(parameters: Mapping[str, Any]) -> Parameters:
    """Return a read-only copy of a mapping of options.

    >>> frozen({"low": 3.0})
    low=3.0
    """
    return Parameters(parameters)


def check_names(subject: str, known: Iterable[str], given: Iterable[str]) -> None:
    """Raise an error for an option that `subject` does not have, and list those it has.

    >>> check_names("sigma_clip", ["low", "high"], ["hgih"])
    Traceback (most recent call last):
    ccdfx.errors.ArgumentTypeError: sigma_clip: knows the options low, high (got 'hgih'); did you mean 'high'?
    """
    known = list(known)
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            listed = f"knows the options {', '.join(known)}" if known else "takes no options"
            remedy = f"did you mean {near[0]!r}?" if near else ""
            raise ArgumentTypeError(subject, listed, value=name, remedy=remedy)


def merged(subject: str, parameters: Mapping[str, Any], options: Mapping[str, Any]) -> Parameters:
    """Return the options of `subject` with some of them changed; raise an error for an unknown one."""
    check_names(subject, parameters, options)
    return frozen({**parameters, **options})
