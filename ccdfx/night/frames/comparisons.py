"""Comparisons of the value of a frame with what a condition says: numbers, dates, text with wildcards, patterns."""

from __future__ import annotations

import math
import operator
import re
from calendar import monthrange
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ccdfx.night.instruments.conditions import number_of, pattern_of

ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_DATE = re.compile(r"(\d{4})-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d(?:\.\d*)?))?)?)?)?Z?")
_EARLIEST = (1.0, 1.0, 1.0, 0.0, 0.0, 0.0)
_BARE = re.compile(r"""[^\s()'",=<>!~]+""")
_RESERVED = frozenset({"and", "or", "not", "in"})


@dataclass(frozen=True, slots=True)
class Constant:
    """What a condition compares with; text in quotes is no number.

    >>> Constant("10").number, Constant("10", quoted=True).number, str(Constant("M 51", quoted=True))
    (10.0, None, "'M 51'")
    """

    text: str
    quoted: bool = False

    @property
    def number(self) -> float | None:
        """The number that it is, if it is a finite one."""
        found = None if self.quoted else number_of(self.text)
        return found if found is not None and math.isfinite(found) else None

    def __str__(self) -> str:
        if not self.quoted and is_bare(self.text):
            return self.text
        return f'"{self.text}"' if "'" in self.text else f"'{self.text}'"


def is_bare(text: str) -> bool:
    """Return whether text is one word of a condition that needs no quotes.

    >>> is_bare("V"), is_bare("M 51"), is_bare("and")
    (True, False, False)
    """
    return _BARE.fullmatch(text) is not None and text.casefold() not in _RESERVED


def compare(value: Any, sign: str, constants: Iterable[Constant]) -> bool:
    """Return whether a value, which must not be missing, compares with one of the constants as the sign says.

    A tuple holds several ways to write one value; one of them suffices.

    >>> compare(30.0, ">=", [Constant("10")]), compare("SDSS r", "=", [Constant("sdss*")])
    (True, True)
    >>> compare("2024-03-01T22:15:03", "<=", [Constant("2024-03-01")])
    True
    """
    ways = value if isinstance(value, tuple) else (value,)
    if sign.startswith(("!", "not ")):
        positive = {"!=": "=", "!~": "~", "not in": "in"}[sign]
        return not compare(value, positive, constants)
    test = _matches if sign == "~" else _ordered(sign) if sign in ORDERS else _equals
    return any(test(way, constant) for way in ways for constant in constants)


def fault_of(sign: str, constant: Constant) -> str | None:
    """Return what a constant must be instead to be compared by this sign, or None where it is right.

    >>> fault_of("<", Constant("faint")), fault_of("~", Constant("(", quoted=True))
    ('a number or a date', 'a regular expression')
    """
    if sign in ORDERS and constant.number is None and date_of(constant.text) is None:
        return "a number or a date"
    if sign in ("~", "!~"):
        try:
            _regex(constant.text)
        except (re.error, OverflowError, RecursionError):
            return "a regular expression"
    return None


def date_of(text: str) -> tuple[float, ...] | None:
    """Return year, month, day, hour, minute and second, as far as an ISO date has them; None for other text.

    >>> date_of("2024-03"), date_of("2024-02-30"), date_of("2024-03-01T22:15:03.5")
    ((2024.0, 3.0), None, (2024.0, 3.0, 1.0, 22.0, 15.0, 3.5))
    """
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return None
    parts = tuple(float(part) for part in found.groups() if part is not None)
    year, month, day, hour, minute, second = _filled(parts)
    if not (year >= 1 and 1 <= month <= 12 and 1 <= day <= monthrange(int(year), int(month))[1]):
        return None
    return parts if hour < 24 and minute < 60 and second < 61 else None


def _equals(value: Any, constant: Constant) -> bool:
    number = number_of(value)
    limit = constant.number
    if limit is None and not isinstance(value, str):
        limit = number_of(constant.text)
    if number is not None and number == limit:
        return True
    dates = _dates(value, constant)
    if dates is not None:
        return dates[0] == dates[1]
    pattern = pattern_of(" ".join(constant.text.split()))
    return any(pattern.match(text) for text in _texts(value))


def _ordered(sign: str) -> Callable[[Any, Constant], bool]:
    def is_in_order(value: Any, constant: Constant) -> bool:
        number, limit = number_of(value), constant.number
        if number is not None and limit is not None:
            return ORDERS[sign](number, limit)
        dates = _dates(value, constant)
        return dates is not None and ORDERS[sign](*dates)

    return is_in_order


def _dates(value: Any, constant: Constant) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return both as dates, as exact as the constant is; None where one is no date."""
    here, there = (date_of(value) if isinstance(value, str) else None), date_of(constant.text)
    if here is None or there is None:
        return None
    return _filled(here)[: len(there)], there


def _filled(parts: tuple[float, ...]) -> tuple[float, ...]:
    """Return all parts of a date: what is missing is the beginning of the year, month or day."""
    return parts + _EARLIEST[len(parts) :]


def _matches(value: Any, constant: Constant) -> bool:
    return any(_regex(constant.text).search(text) for text in _texts(value))


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ("true", "T") if value else ("false", "F")
    return (" ".join(str(value).split()),)


@lru_cache(maxsize=256)
def _regex(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)
