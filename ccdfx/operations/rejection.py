"""What a rejection rule is: a record that binds options to a compiled rule, and the checks that its options share."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ccdfx.records.header import Header
from ccdfx.records.numbers import limit, real, whole
from ccdfx.records.parameters import Parameters, frozen, merged
from ccdfx.records.words import one_of, yes


@dataclass(frozen=True, slots=True)
class StackFacts:
    """What a rule may know of a stack before it sees a pixel.

    `count`: the number of frames. `scales`, `zeros`: x' = x / scale - zero of each frame. `integers`: whether all
    frames hold whole numbers. `variances`: whether all frames have a variance. `headers`: theirs.
    """

    count: int
    scales: tuple[float, ...]
    zeros: tuple[float, ...]
    integers: bool
    variances: bool = False
    headers: tuple[Header, ...] = ()

    @property
    def alike(self) -> bool:
        """Whether all frames have the same scale and zero."""
        return len(set(self.scales)) <= 1 and len(set(self.zeros)) <= 1


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A rule made ready for one stack.

    `rule`: the compiled function (`ccdfx.kernels.rules` describes it). `numbers`: its parameters. `noise`: rows
    (scale, zero, constant, linear, quadratic), one for all frames or one each. `trims`: the fractions that the rule
    always drops at the low and the high end, whatever the values; None for rules that look at the values. `ordered`:
    the rule wants to know the frame of each value (as it does when `noise` has more than one row). `variances`: in the
    place of the noise it wants the variance of each value, which all frames must have; it gets their order too.
    `scatter`: a rule that goes over each line first; `ccdfx.kernels.scaled_rules` says what it gives. `select`: a
    rule in plain Python in the place of the compiled one, ``select(values) -> rejected``: of a masked array (n, pixels),
    in which what is missing is masked, the bool array of what it rejects. `caution`: what the user is told, in a
    CcdfxWarning once a call, where the rule can do nothing for this stack.
    """

    rule: Callable[..., None] | None = None
    numbers: tuple[float, ...] = ()
    noise: tuple[tuple[float, ...], ...] = ((1.0, 0.0, 0.0, 0.0, 0.0),)
    trims: tuple[float, float] | None = None
    ordered: bool = False
    variances: bool = False
    scatter: Callable[..., None] | None = None
    select: Callable[[Any], Any] | None = None
    caution: str = ""

    @property
    def travels(self) -> bool:
        """Whether another process finds its functions by their names, as compiled code itself does not travel."""
        return all(not callable(item) or isinstance(item, _Name) for item in self.__reduce__()[1])

    def __reduce__(self) -> tuple[Any, ...]:
        return _found, tuple(_name_of(getattr(self, field.name)) for field in fields(self))


@dataclass(frozen=True, slots=True)
class _Name:
    """Where a function is found."""

    module: str
    name: str

    def __call__(self) -> Any:
        return getattr(importlib.import_module(self.module), self.name)


def _name_of(item: Any) -> Any:
    """The name of a function of a module that can be imported anywhere; all else as it is."""
    module, name = getattr(item, "__module__", None), getattr(item, "__name__", None)
    if not callable(item) or module in (None, "__main__") or name is None:
        return item
    return _Name(module, name) if getattr(sys.modules.get(module), name, None) is item else item


def _found(*items: Any) -> Arrangement:
    return Arrangement(*(item() if isinstance(item, _Name) else item for item in items))


@dataclass(frozen=True, slots=True, eq=False)
class Rejection:
    """A rejection rule with its options.

    Parameters
    ----------
    name : str
    factory : callable
        The function that makes this record from options; `configure` calls it.
    arrange : callable
        ``arrange(parameters, facts) -> Arrangement`` for the stack that `StackFacts` describes.
    parameters : mapping
        The options. `combine` itself sees to one of them: ``grow``, the radius in pixels (0 where a rule has none). Where
        the rule rejects a value, it takes those of the same frame at dx^2 + dy^2 <= grow^2 out too.

    Examples
    --------
    >>> from ccdfx import sigma_clip
    >>> rule = sigma_clip(low=3, high=2.5)
    >>> rule.name, rule.configure(low=4).parameters["low"]
    ('sigma_clip', 4.0)
    """

    name: str
    factory: Callable[..., Rejection]
    arrange: Callable[[Mapping[str, Any], StackFacts], Arrangement]
    parameters: Mapping[str, Any]

    def configure(self, **options: Any) -> Rejection:
        """The rule with other options; an unknown option or a value out of bounds is an error."""
        return self.factory(**merged(self.name, self.parameters, options))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rejection):
            return NotImplemented
        return self.name == other.name and dict(self.parameters) == dict(other.parameters)

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.parameters)))

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"{self.name}({options})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.factory, dict(self.parameters))


def _rebuild(factory: Callable[..., Rejection], parameters: dict[str, Any]) -> Rejection:
    return factory(**parameters)


SMALL = "use mad_clip from 3 frames on, or ccd_clip from 2 on"


def checked(**options: Any) -> Parameters:
    """The options of a rule, in this order, those that several rules share checked by their names.

    `low`, `high`: limits, of which infinity turns one off. `keep`: so many values survive at least. `grow`: where the
    rule rejects a value, the same frame loses the pixels within this radius too.

    >>> checked(low=3, high=float("inf"), rank=-0.5)
    low=3.0, high=inf, rank=-0.5
    """
    return frozen(
        {name: _CHECKS[name](name, value) if name in _CHECKS else value for name, value in options.items()}
    )


def clip_numbers(parameters: Mapping[str, Any]) -> tuple[float, ...]:
    """What every clipping rule begins its numbers with."""
    return parameters["low"], parameters["high"], parameters["keep"]


def _center(name: str, value: Any) -> str:
    return one_of(name, value, ("median", "mean"))


def _keep(name: str, value: Any) -> int:
    return whole(name, value, remedy="give how many values survive at least")


def _grow(name: str, value: Any) -> float:
    return real(name, value, least=0.0, remedy="give a radius in pixels, 0 for none")


def _passes(name: str, value: Any) -> int | None:
    return None if value is None else whole(name, value, least=1, remedy="None goes on to the end")


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "low": limit, "high": limit, "center": _center, "keep": _keep, "grow": _grow, "scaled": yes, "passes": _passes,
}  # fmt: skip


def too_few(name: str, facts: StackFacts, least: int, remedy: str = SMALL) -> str:
    """What to tell where a rule has too few frames to reject anything; one frame is a copy, whatever the rule."""
    if not 1 < facts.count < least:
        return ""
    return f"{name} rejects nothing: it needs {least} frames or more (got {facts.count}); {remedy}"


def out_of_reach(name: str, facts: StackFacts, parameters: Mapping[str, Any], furthest: float) -> str:
    """What to tell where no value can lie beyond the limits, because their unit grows with it.

    `furthest`: in units of the limits. Limits that are both infinite were meant to reject nothing.
    """
    nearest = min(parameters["low"], parameters["high"])
    if facts.count < 2 or not furthest <= nearest < math.inf:
        return ""
    return (
        f"{name} cannot reject anything with {facts.count} frames: no value lies more than {furthest:.3g} of its units "
        f"out, and the limit is {nearest:g}; {SMALL}"
    )
