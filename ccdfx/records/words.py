"""Checks of words and truth values given by the user."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError


def one_of(name: str, value: Any, words: Iterable[str], error: type[CcdfxError] = ArgumentError) -> str:
    """Return the value if it is one of the words; otherwise raise an error that lists them.

    >>> one_of("axis", "rows", ("rows", "columns"))
    'rows'
    >>> one_of("axis", 0, ("rows", "columns"))
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: axis: must be one of rows, columns (got 0); choose one of these
    """
    known = tuple(words)
    if not isinstance(value, str) or value not in known:
        raise error(name, f"must be one of {', '.join(known)}", value=value, remedy="choose one of these")
    return value


def yes(name: str, value: Any) -> bool:
    """Return the value if it is True or False; otherwise raise an error.

    >>> yes("sampled", True)
    True
    """
    if not isinstance(value, bool):
        raise ArgumentTypeError(name, "must be True or False", value=value, remedy="choose one")
    return value
