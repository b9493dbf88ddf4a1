"""The language of conditions on frames: ``exptime > 10 and (filter in (V, R) or object ~ '^M ?[0-9]+')``.

A comparison names a value, then says what it must be:

==============================  ====================================================================
``filter = V``                  text, case ignored, with the wildcards ``*`` and ``?``; also ``==``
``object = 'M 51'``             text with blanks or signs in it is written in quotes
``exptime = 10``                a number; one written as text in the header is a number too
``exptime >= 10``               numbers or dates compared: ``<``, ``<=``, ``>``, ``>=``
``date < 2024-03-02T06:00``     a date, as exact as it is written: ``date = 2024-03-02`` is all of that day
``filter in (V, 'SDSS r*')``    any of them; ``not in``: none of them
``object ~ '^NGC ?[0-9]'``      a regular expression, found anywhere in the text, case ignored
``filter != V``, ``!~``         the opposite, of a value that is there
``airmass``                     there is such a value (and it is not false)
==============================  ====================================================================

They are joined by ``and``, ``or``, ``not`` and parentheses; ``not`` goes before ``and``, ``and`` before ``or``. A
comparison with a value that is missing is false, also with ``!=``, ``!~`` and ``not in``; ``not filter = V`` is true
then. Nothing is ever evaluated as Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, NoReturn

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.night.frames.comparisons import ORDERS, Constant, compare, fault_of, is_bare

_NAME = re.compile(r"[^\W\d][\w.-]*")
_TOKEN = re.compile(
    r"""\s*(?:(?P<mark>[(),])|(?P<sign>==|!=|<=|>=|!~|=|<|>|~)|'(?P<single>[^']*)'|"(?P<double>[^"]*)"|"""
    r"""(?P<word>[^\s()'",=<>!~]+)|(?P<end>$)|(?P<wrong>.))""",
    re.DOTALL,
)
_LONGEST, _DEEPEST = 10_000, 50
_REMEDY = "write for example exptime > 10 and filter in (V, R)"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A name and what its value must be; without a sign, that there is one."""

    name: str
    sign: str = ""
    constants: tuple[Constant, ...] = ()

    def __str__(self) -> str:
        plain = is_bare(self.name) and _NAME.fullmatch(self.name)
        name = self.name if plain else str(Constant(self.name, quoted=True))
        listed = ", ".join(map(str, self.constants))
        listed = f"({listed})" if self.sign.endswith("in") else listed
        return " ".join(part for part in (name, self.sign, listed) if part)


@dataclass(frozen=True, slots=True)
class Negation:
    """The opposite of a condition."""

    part: Where

    def __str__(self) -> str:
        return f"not {_inside(self.part)}"


@dataclass(frozen=True, slots=True)
class AllOf:
    """Conditions joined by ``and``."""

    parts: tuple[Where, ...]

    def __str__(self) -> str:
        return " and ".join(map(_inside, self.parts))


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Conditions joined by ``or``."""

    parts: tuple[Where, ...]

    def __str__(self) -> str:
        return " or ".join(map(_inside, self.parts))


Where = Comparison | Negation | AllOf | AnyOf
"""A condition; its `str` is the text that is parsed to it."""


class Verdict(NamedTuple):
    """Whether a condition holds, and the names of values that were missing while that was decided."""

    holds: bool
    missing: tuple[str, ...]


def parse_where(text: str) -> Where:
    """Parse a condition.

    Raises
    ------
    ArgumentError
        The text is no condition; the place of the fault is named.

    Examples
    --------
    >>> print(parse_where("filter==V and not(exptime<10)"))
    filter = V and not exptime < 10
    >>> parse_where("exptime > long")
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: where: at character 11 must be a number or a date, there is 'long' (got 'exptime > long'); write for example exptime > 10 and filter in (V, R)
    """
    if not isinstance(text, str):
        raise ArgumentTypeError("where", "must be text", value=text, remedy=_REMEDY)
    if len(text) > _LONGEST:
        raise ArgumentError(
            "where", f"must have {_LONGEST} characters at most", value=len(text), remedy="shorten it"
        )
    return _Parser(text).whole()


def evaluate(where: Where, value_of: Callable[[str], Any]) -> Verdict:
    """Evaluate a condition with the values that a function returns for names, None for a missing one.

    >>> evaluate(parse_where("airmass < 2 or exptime > 10"), {"exptime": 30.0}.get)
    Verdict(holds=True, missing=('airmass',))
    """
    if isinstance(where, Comparison):
        return _compared(where, value_of(where.name))
    if isinstance(where, Negation):
        verdict = evaluate(where.part, value_of)
        return verdict._replace(holds=not verdict.holds)
    missing: list[str] = []
    decisive = isinstance(where, AnyOf)  # the result that makes the other parts needless
    for part in where.parts:
        verdict = evaluate(part, value_of)
        missing += verdict.missing
        if verdict.holds is decisive:
            return Verdict(decisive, tuple(missing))
    return Verdict(not decisive, tuple(missing))


def names_in(where: Where) -> tuple[str, ...]:
    """Return the names in a condition, as they are written, each once.

    >>> names_in(parse_where("a = 1 and (b = 1 or a = 2)"))
    ('a', 'b')
    """
    return tuple(dict.fromkeys(_names(where)))


def _names(where: Where) -> Iterator[str]:
    if isinstance(where, Comparison):
        yield where.name
    else:
        for part in (where.part,) if isinstance(where, Negation) else where.parts:
            yield from _names(part)


def _compared(one: Comparison, value: Any) -> Verdict:
    missing = value is None or (isinstance(value, str) and not value.strip())
    if not one.sign:
        return Verdict(not missing and value is not False, ())
    if missing:
        return Verdict(False, (one.name,))
    return Verdict(compare(value, one.sign, one.constants), ())


def _inside(part: Where) -> str:
    return f"({part})" if isinstance(part, AllOf | AnyOf) else str(part)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    place: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.casefold() in words

    def is_mark(self, *marks: str) -> bool:
        return self.kind == "mark" and self.text in marks


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while True:
        found = _TOKEN.match(text, at)
        kind = str(found and found.lastgroup)
        assert found is not None  # any character is a token
        yield _Token(
            "quoted" if kind in ("single", "double") else kind,
            found[kind],
            found.start(kind) - (kind in ("single", "double")),
        )
        if kind == "end":
            return
        at = found.end()


class _Parser:
    """Reads a condition from left to right; each method reads one thing and leaves what follows it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tuple(_tokens(text))
        self.at = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        token = self.next
        self.at += token.kind != "end"
        return token

    def whole(self) -> Where:
        found = self.any_of(0)
        if self.next.kind != "end":
            self.refuse(
                "'and', 'or' or the end", "write text with blanks or signs in quotes, such as object = 'M 51'"
            )
        return found

    def any_of(self, depth: int) -> Where:
        parts = [self.all_of(depth)]
        while self.next.is_word("or"):
            self.take()
            parts.append(self.all_of(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def all_of(self, depth: int) -> Where:
        parts = [self.one(depth)]
        while self.next.is_word("and"):
            self.take()
            parts.append(self.one(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def one(self, depth: int) -> Where:
        if depth > _DEEPEST:
            self.refuse(f"no more than {_DEEPEST} conditions inside each other", "write it more simply")
        if self.next.is_word("not"):
            self.take()
            return Negation(self.one(depth + 1))
        if not self.next.is_mark("("):
            return self.comparison()
        self.take()
        found = self.any_of(depth + 1)
        if not self.next.is_mark(")"):
            self.refuse("'and', 'or' or ')'", "close the parenthesis")
        self.take()
        return found

    def comparison(self) -> Comparison:
        token = self.next
        plain = token.kind == "word" and is_bare(token.text) and _NAME.fullmatch(token.text)
        if not (plain or (token.kind == "quoted" and token.text.strip())):
            self.refuse("a name, such as exptime or AIRMASS", _REMEDY)
        one = Comparison(self.take().text.strip())
        if self.next.kind == "sign":
            sign = self.take().text
            sign = "=" if sign == "==" else sign
            return replace(one, sign=sign, constants=(self.constant(sign),))
        if self.next.is_word("in", "not"):
            sign = self.take().text.casefold()
            if sign == "not":
                if not self.next.is_word("in"):
                    self.refuse("'in'", "write name not in (value, value), or not name = value")
                self.take()
                sign = "not in"
            return replace(one, sign=sign, constants=self.listed(sign))
        return one

    def listed(self, sign: str) -> tuple[Constant, ...]:
        if not self.next.is_mark("("):
            self.refuse("'('", "write name in (value, value)")
        found: list[Constant] = []
        while not found or self.next.is_mark(","):
            self.take()  # the parenthesis or a comma
            found.append(self.constant(sign))
        if not self.next.is_mark(")"):
            self.refuse("',' or ')'", "write name in (value, value)")
        self.take()
        return tuple(found)

    def constant(self, sign: str) -> Constant:
        token = self.next
        if not (token.kind == "quoted" or (token.kind == "word" and is_bare(token.text))):
            wanted = "a number or a date" if sign in ORDERS else "a value"
            self.refuse(wanted, _REMEDY)
        constant = Constant(token.text, quoted=token.kind == "quoted")
        fault = fault_of(sign, constant)
        if fault is not None:
            self.refuse(fault, _REMEDY)
        self.take()
        return constant

    def refuse(self, wanted: str, remedy: str) -> NoReturn:
        token = self.next
        if token.kind == "wrong" and token.text in "'\"":
            remedy = "close the quotes"
        there = "the end" if token.kind == "end" else repr(self.text[token.place :].split()[0][:20])
        raise ArgumentError(
            "where",
            f"at character {token.place + 1} must be {wanted}, there is {there}",
            value=self.text,
            remedy=remedy,
        )
