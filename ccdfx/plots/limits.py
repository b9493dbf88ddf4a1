"""Display limits: the rules for the values shown black and white, and their text form."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ccdfx.errors import ArgumentError, ArgumentTypeError

Interval = tuple[float, float]

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_CODE = re.compile(
    rf"(?P<before>g?)(?P<rule>[a-z]*?)(?P<numbers>(?:{_NUMBER}(?:,{_NUMBER})*)?)(?P<after>g?)"
    rf"(?:i(?P<ignore>{_NUMBER}(?:,{_NUMBER})*))?"
)
_RULES = {
    "": "values", "s": "sigma", "sig": "sigma", "sigma": "sigma", "n": "number", "p": "percent",
    "zscale": "zscale", "robust": "robust", "minmax": "minmax",
}  # fmt: skip
_PREFIX = {"values": "", "sigma": "s", "number": "n", "percent": "p"}
_FORMS = "give (low, high), 'p99', 'p1,99.5', 's3', 'n10', 'zscale', 'robust', 'percentile' or 'minmax'"


@dataclass(frozen=True, slots=True)
class Limits:
    """A rule for the values shown black and white, and its text form.

    ========== ============ =======================================================================
    rule       text         limits
    ========== ============ =======================================================================
    values     ``10,250``   these two values
    sigma      ``s3``       median - 3 and + 3 standard deviations; ``s3,10``: - 3 and + 10
    number     ``n5``       the extremes without the 5 lowest and the 5 highest; ``n5,20``: 5 and 20
    percent    ``p99``      the central 99 percent; ``p1,99.5``: these two percentiles
    zscale     ``zscale``   the IRAF algorithm, contrast 0.25
    robust     ``robust``   median -10 and +10 deviations (1.4826 times the median absolute one)
    minmax     ``minmax``   the extremes
    ========== ============ =======================================================================

    A ``g`` before or after the rule (``gp99``, ``p99g``) means the whole frame instead of the window that is
    shown; ``i0,65535`` at the end ignores these values (alone, it means ``minmax`` of the others).
    ``sig3`` and ``sigma3`` are ``s3``; ``percentile`` is ``p0.1,99.9``.

    Parameters
    ----------
    rule : str
        A name in the first column.
    numbers : tuple of float
        The numbers in the second column.
    whole : bool
        Whether the rule is applied to the whole frame.
    ignore : tuple of float
        Values to ignore.

    Examples
    --------
    >>> Limits.parse("gp1,99.5i0")
    Limits(rule='percent', numbers=(1.0, 99.5), whole=True, ignore=(0.0,))
    >>> str(Limits("sigma", (3,)))
    's3'
    """

    rule: str = "zscale"
    numbers: tuple[float, ...] = ()
    whole: bool = False
    ignore: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.rule not in _RULES.values():
            known = ", ".join(dict.fromkeys(_RULES.values()))
            raise ArgumentError("limits", f"must follow one of {known}", value=self.rule, remedy=_FORMS)
        object.__setattr__(self, "numbers", _finite(self.numbers))
        object.__setattr__(self, "ignore", _finite(self.ignore))
        object.__setattr__(self, "whole", bool(self.whole))
        problem = _CHECKS[self.rule](*self.numbers) if len(self.numbers) <= 2 else "at most two numbers"
        if problem is None and self.rule == "values" and (self.whole or self.ignore):
            problem = "a rule, not two values, with g or i"
        if problem is not None:
            raise ArgumentError("limits", f"must have {problem}", value=str(self), remedy=_FORMS)

    def __str__(self) -> str:
        text = _PREFIX.get(self.rule, self.rule) + _written(self.numbers) + ("g" if self.whole else "")
        return f"{text}i{_written(self.ignore)}" if self.ignore else text

    @classmethod
    def parse(cls, text: str) -> Limits:
        """Parse the text of limits; ``Limits.parse(str(limits)) == limits``."""
        code = text.replace(" ", "").lower() if isinstance(text, str) else ""
        code = re.sub(r"^(g?)percentile", r"\1p0.1,99.9", code)
        found = _CODE.fullmatch(code) if 0 < len(code) < 1000 else None
        rule = found["rule"] if found else None
        if found is None or rule not in _RULES or not (rule or found["numbers"] or found["ignore"]):
            raise ArgumentError("limits", "is no text of limits", value=text, remedy=_FORMS)
        kind = _RULES[rule] if rule or found["numbers"] else "minmax"
        whole = bool(found["before"] or found["after"])
        return cls(kind, _numbers(found["numbers"]), whole, _numbers(found["ignore"]))

    @classmethod
    def of(cls, spec: Any) -> Limits:
        """Convert a text, a pair (low, high) or a `Limits` to a `Limits`."""
        if isinstance(spec, Limits):
            return spec
        if isinstance(spec, str):
            return cls.parse(spec)
        try:
            low, high = (float(value) for value in spec)
        except (TypeError, ValueError):
            raise ArgumentTypeError(
                "limits", "must be a text, a pair of numbers or Limits", value=spec, remedy=_FORMS
            ) from None
        return cls("values", (low, high))


def _check_values(*numbers: float) -> str | None:
    return None if len(numbers) == 2 and numbers[0] < numbers[1] else "two numbers, the lower first"


def _check_sigma(*numbers: float) -> str | None:
    return None if numbers and min(numbers) > 0 else "one or two positive multiples of the deviation"


def _check_number(*numbers: float) -> str | None:
    whole = numbers and all(number >= 0 and number.is_integer() for number in numbers)
    return None if whole else "one or two whole numbers of pixels"


def _check_percent(*numbers: float) -> str | None:
    if len(numbers) == 1:
        return None if 0 < numbers[0] <= 100 else "a percentage above 0 and up to 100"
    return None if numbers and 0 <= numbers[0] < numbers[1] <= 100 else "percentiles 0 <= low < high <= 100"


def _check_nothing(*numbers: float) -> str | None:
    return "no numbers after this name" if numbers else None


_CHECKS: dict[str, Callable[..., str | None]] = {
    "values": _check_values, "sigma": _check_sigma, "number": _check_number, "percent": _check_percent,
    "zscale": _check_nothing, "robust": _check_nothing, "minmax": _check_nothing,
}  # fmt: skip


def _finite(numbers: Any) -> tuple[float, ...]:
    try:
        values = tuple(float(number) for number in numbers)
    except (TypeError, ValueError):
        raise ArgumentTypeError("limits", "must have numbers", value=numbers, remedy=_FORMS) from None
    if not all(map(math.isfinite, values)):
        raise ArgumentError("limits", "must have finite numbers", value=values, remedy=_FORMS)
    return values


def _numbers(text: str | None) -> tuple[float, ...]:
    return tuple(float(number) for number in text.split(",")) if text else ()


def _written(numbers: tuple[float, ...]) -> str:
    return ",".join(repr(number).removesuffix(".0") for number in numbers)
