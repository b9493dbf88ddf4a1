"""Options of functions and named records: a scaling, a noise model, a rejection, a step; their old words."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxWarning, did_you_mean

_Function = TypeVar("_Function", bound=Callable[..., Any])


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
            listed = f"knows the options {', '.join(known)}" if known else "takes no options"
            raise ArgumentTypeError(subject, listed, value=name, remedy=did_you_mean(name, known))


def merged(subject: str, parameters: Mapping[str, Any], options: Mapping[str, Any]) -> Parameters:
    """Return the options of `subject` with some of them changed; raise an error for an unknown one."""
    check_names(subject, parameters, options)
    return frozen({**parameters, **options})


def renamed_options(**words: str) -> Callable[[_Function], _Function]:
    """Accept the old words of options, ``renamed_options(old="new")``, for one release.

    An old word issues a CcdfxWarning that names the new one. The decorated function keeps its signature, which
    has the new words only.

    Raises
    ------
    ArgumentError
        When the function is called with an old word and its new word.

    Examples
    --------
    >>> @renamed_options(filter="band")
    ... def zero_point(image, *, band="V"):
    ...     return band
    >>> zero_point(None, band="R", filter="R")
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: zero_point: takes 'band' or its old word 'filter', not both; leave out 'filter'
    """

    def decorate(function: _Function) -> _Function:
        @wraps(function)
        def accepting(*values: Any, **options: Any) -> Any:
            return function(*values, **in_new_words(function.__name__, words, options))

        accepting._old_words = words  # type: ignore[attr-defined]
        return cast(_Function, accepting)

    return decorate


def old_words(function: Callable[..., Any]) -> Mapping[str, str]:
    """Return the old words of the options of a function, each with its new word."""
    return getattr(function, "_old_words", {})


def in_new_words(subject: str, words: Mapping[str, str], options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the options of `subject` with their new words in place of old ones, and warn of these.

    >>> in_new_words("zero_point", {"filter": "band"}, {"band": "R"})
    {'band': 'R'}
    """
    if words.keys().isdisjoint(options):
        return options
    for old in (name for name in options if name in words):
        new = words[old]
        if new in options:
            raise ArgumentError(
                subject, f"takes {new!r} or its old word {old!r}, not both", remedy=f"leave out {old!r}"
            )
        text = f"{subject}: the option {old!r} is now {new!r}; the old word goes with the next release"
        warnings.warn(text, CcdfxWarning, stacklevel=_level_outside())
    return {words.get(name, name): value for name, value in options.items()}


def _level_outside() -> int:
    """Return the stack level, as the caller's `warnings.warn` counts it, of the first line that is not ccdfx's."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "ccdfx":
        level, frame = level + 1, frame.f_back
    return level
