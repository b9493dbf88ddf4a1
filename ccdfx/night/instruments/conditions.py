"""Conditions on header values, as written in instrument files.

A condition names a keyword and what its value must be:

========================  ==================================================================
``"flat*"``               text, case ignored, with the wildcards ``*`` and ``?``
``0``, ``1.5``            a number; a number written as text is accepted
``"< 0.1"``, ``">= 1"``   a number compared
``true``, ``false``       present (with a value), absent (or empty); a logical value equals itself
``"! flat*"``             anything else; an absent keyword also meets the condition
``["a*", "b*"]``          any of them
========================  ==================================================================

The name ``path`` in lower case is no keyword but the path of the file; see `ccdfx.night.instruments.paths`.
Several keywords are joined by a plus sign between spaces: the test is of their values, one behind the other with spaces between them.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.paths import PATH, check_path_test, meets_path
from ccdfx.records.card import as_keyword

Test = bool | int | float | str | tuple[Any, ...]
JOINED = " + "
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,(?!\d{3}$)\d+")  # one before three digits may divide thousands
_COMPARED = re.compile(r"^(<=|>=|<|>)\s*(.+)$")
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A keyword, or several joined by a plus sign between spaces, and the test that the value must pass.

    >>> Condition("OBJECT", "*flat*").holds({"OBJECT": "Sky Flat V"})
    True
    >>> Condition("EXPTIME", "< 0.1").holds({"EXPTIME": 4.0})
    False
    >>> Condition("OBJECT + NOTES", "*flat*").holds({"OBJECT": "M 13", "NOTES": "dome flat"})
    True
    """

    keyword: str
    test: Test

    def holds(self, header: Mapping[str, Any]) -> bool:
        """Return whether the header meets the condition."""
        if self.keyword == PATH:
            return meets_path(header.get(PATH), self.test)
        return _meets(_joined(header, self.keywords), self.test)

    @property
    def keywords(self) -> tuple[str, ...]:
        """The keywords, one by one."""
        return tuple(self.keyword.split(JOINED))

    @property
    def rank(self) -> int:
        """Specificity of the condition: 2 for a literal value, 1 for a pattern, 0 for mere presence."""
        if isinstance(self.test, bool):
            return 0
        if isinstance(self.test, str) and (set(self.test) & set("*?") or self.test[:1] in "<>!"):
            return 1
        return 1 if isinstance(self.test, tuple) else 2

    def __str__(self) -> str:
        return f"{self.keyword} = {self.test!r}"


def conditions_of(table: Any, where: str) -> tuple[Condition, ...]:
    """Convert one TOML table to conditions; `where` names it in errors.

    Raises
    ------
    ArgumentError
        The table is empty or a value is not a test.
    """
    if not isinstance(table, Mapping) or not table:
        raise ArgumentError(
            where, "must be a table of keyword = value", value=table, remedy='write KEYWORD = "text*"'
        )
    return tuple(_condition(key, value, where) for key, value in table.items())


def _condition(key: str, value: Any, where: str) -> Condition:
    test = _test(value, f"{where}.{key}")
    if key != "path":
        return Condition(_keywords(key, where), test)
    check_path_test(test, f"{where}.path")
    return Condition(PATH, test)


def _keywords(text: str, where: str) -> str:
    names = (
        [as_keyword(name) for name in text.split("+")]
        if JOINED.strip() in text.split()
        else [as_keyword(text)]
    )
    if not all(names):
        raise ArgumentError(
            where, "must name keywords", value=text, remedy='write KEYWORD or "FIRST + SECOND"'
        )
    return JOINED.join(names)


def _joined(header: Mapping[str, Any], keywords: tuple[str, ...]) -> Any:
    if len(keywords) == 1:
        return header.get(keywords[0])
    texts = [" ".join(str(value).split()) for key in keywords if (value := header.get(key)) is not None]
    return " ".join(filter(None, texts)) or None


def _test(value: Any, where: str) -> Test:
    if isinstance(value, list) and value:
        return tuple(_test(item, where) for item in value)
    if isinstance(value, str) and value.strip():
        text = value.strip()
        compared = _COMPARED.match(text)
        if compared and number_of(compared.group(2)) is None:
            raise ArgumentError(
                where, "must compare with a number", value=value, remedy='write for example "< 0.1"'
            )
        if text == "!":
            raise ArgumentError(
                where, "must say what the value is not", value=value, remedy='write for example "! flat*"'
            )
        return text
    if isinstance(value, bool | int | float):
        return value
    raise ArgumentError(
        where,
        "must be text, a number, true, false or a list of them",
        value=value,
        remedy="see the instrument page",
    )


def _meets(value: Any, test: Test) -> bool:
    if isinstance(test, tuple):
        return any(_meets(value, item) for item in test)
    absent = value is None or (isinstance(value, str) and not value.strip())
    if isinstance(test, bool):
        return value is test if isinstance(value, bool) else test is not absent
    if isinstance(test, str) and test.startswith("!"):
        return absent or not _meets(value, test[1:].strip())
    if absent:
        return False
    if not isinstance(test, str):
        return number_of(value) == test
    compared = _COMPARED.match(test)
    if compared:
        number, limit = number_of(value), number_of(compared.group(2))
        return number is not None and limit is not None and _COMPARISONS[compared.group(1)](number, limit)
    return pattern_of(test).match(str(value).strip()) is not None


def number_of(value: Any) -> float | None:
    """Return a number, also one that is written as text; None for anything else, a logical value too.

    >>> number_of("2.5"), number_of("0,5"), number_of("V"), number_of(True)
    (2.5, 0.5, None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value.strip()):
        value = value.replace(",", ".")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):  # an integer of FITS has any number of digits
        return None


@lru_cache(maxsize=1 << 16)  # as many as an instrument file can hold: compiling costs more than matching
def pattern_of(text: str) -> re.Pattern[str]:
    """Compile text with the wildcards ``*`` and ``?``, case ignored; it is to match the whole value.

    >>> [name for name in ("SDSS r", "[OIII]") if pattern_of("[o*").match(name)]
    ['[OIII]']
    """
    # Brackets are literal here: '[OIII]' is the name of a filter, not a set of characters.
    return re.compile(translate(text.replace("[", "[[]")), re.IGNORECASE)
