"""Checks of numbers and words that users give, and of the fields of the records of plugins."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ccdfx.errors import ArgumentError, ArgumentTypeError, CcdfxError, did_you_mean


def real(
    name: str, value: Any, *, above: float = -math.inf, least: float = -math.inf, remedy: str = ""
) -> float:
    """Return the value as a float; raise unless it is finite, ``> above`` and ``>= least``.

    >>> real("gain", 2, above=0)
    2.0
    >>> real("gain", -1, above=0, remedy="give e-/ADU")
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: gain: must be finite and above 0 (got -1); give e-/ADU
    """
    value = value.item() if getattr(value, "shape", None) == () else value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ArgumentTypeError(name, "must be a number", value=value, remedy=remedy)
    try:
        number = float(value)
    except OverflowError:  # an int beyond the largest float
        number = math.inf
    if not (math.isfinite(number) and number > above and number >= least):
        bound = f" and above {above:g}" if above > -math.inf else ""
        bound = f" and at least {least:g}" if least > -math.inf else bound
        raise ArgumentError(name, f"must be finite{bound}", value=value, remedy=remedy)
    return number


def limit(name: str, value: Any) -> float:
    """Return the value as a float above 0, which may be infinite; raise an error for anything else.

    >>> limit("low", float("inf"))
    inf
    """
    if isinstance(value, numbers.Real) and value == math.inf:
        return math.inf
    return real(name, value, above=0, remedy="infinity turns a side off")


def pair(name: str, value: Any, *, remedy: str) -> tuple[float, float]:
    """Return the value as two floats, finite or not; raise an error for anything else.

    >>> pair("limits", [0, 5], remedy="give (low, high)")
    (0.0, 5.0)
    """
    try:
        first, second = (float(number) for number in value)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentTypeError(name, "must be two numbers", value=value, remedy=remedy) from None
    return first, second


def whole(name: str, value: Any, *, least: int | None = None, remedy: str = "") -> int:
    """Return the value as an int; raise an error unless it is a whole number ``>= least``.

    >>> whole("bins", 3.0)
    Traceback (most recent call last):
    ccdfx.errors.ArgumentTypeError: bins: must be a whole number (got 3.0)
    """
    value = value.item() if getattr(value, "shape", None) == () else value
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ArgumentTypeError(name, "must be a whole number", value=value, remedy=remedy)
    if least is not None and value < least:
        raise ArgumentError(name, f"must be at least {least}", value=value, remedy=remedy)
    return int(value)


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
        remedy = did_you_mean(value, known, "choose one of these")
        raise error(name, f"must be one of {', '.join(known)}", value=value, remedy=remedy)
    return value


def boolean(name: str, value: Any) -> bool:
    """Return the value if it is True or False; otherwise raise an error.

    >>> boolean("sampled", True)
    True
    """
    if not isinstance(value, bool):
        raise ArgumentTypeError(name, "must be True or False", value=value, remedy="choose one")
    return value


Rule = tuple[str, Callable[[Any], bool]]
"""What a field must be, in words, and the test of it."""

FUNCTION: Rule = ("a function", callable)
FUNCTION_OR_NONE: Rule = ("a function or None", lambda value: value is None or callable(value))
NAME: Rule = ("text that is not blank", lambda value: isinstance(value, str) and bool(value.strip()))
TEXT: Rule = ("text", lambda value: isinstance(value, str))
YES_OR_NO: Rule = ("True or False", lambda value: isinstance(value, bool))
COUNT: Rule = (
    "a whole number above 0",
    lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0,
)
OPTIONS: Rule = (
    "a mapping of options by name",
    lambda value: isinstance(value, Mapping) and all(isinstance(name, str) for name in value),
)


def tuple_of(words: str, test: Callable[[Any], bool]) -> Rule:
    """Return the rule of a tuple whose items all pass a test.

    >>> tuple_of("text", lambda item: isinstance(item, str))[0]
    'a tuple of text'
    """
    return f"a tuple of {words}", lambda value: isinstance(value, tuple) and all(map(test, value))


def is_number(value: object) -> bool:
    """Return whether a value is a number, of Python or numpy, and no truth value.

    >>> is_number(2.5), is_number(True)
    (True, False)
    """
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def check_fields(record: Any, **rules: Rule) -> None:
    """Raise ArgumentTypeError for the first field of a record, named by its `name` or `file`, that breaks its rule.

    >>> from types import SimpleNamespace
    >>> check_fields(SimpleNamespace(name="mine", open=None), open=FUNCTION)
    Traceback (most recent call last):
    ccdfx.errors.ArgumentTypeError: SimpleNamespace 'mine': open must be a function (got None); see the page of plugins
    """
    for field, (words, test) in rules.items():
        value = getattr(record, field)
        if not test(value):
            name = getattr(record, "name", getattr(record, "file", None))
            raise ArgumentTypeError(
                type(record).__name__ if name is None else f"{type(record).__name__} {name!r}",
                f"{field} must be {words}",
                value=value,
                remedy="see the page of plugins",
            )
