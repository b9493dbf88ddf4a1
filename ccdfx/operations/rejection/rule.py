"""Records of rejection rules, which bind options to a compiled rule, and the checks of shared options."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ccdfx.records.checks import (
    FUNCTION,
    FUNCTION_OR_NONE,
    NAME,
    OPTIONS,
    TEXT,
    YES_OR_NO,
    boolean,
    check_fields,
    is_number,
    limit,
    one_of,
    real,
    tuple_of,
    whole,
)
from ccdfx.records.header import Header
from ccdfx.records.parameters import Parameters, frozen, in_new_words, merged, old_words


@dataclass(frozen=True, slots=True)
class StackFacts:
    """The metadata of a stack that a rule may use before any pixel is read.

    `count`: the number of frames. `scales`, `zeros`: x' = x / scale - zero of each frame. `integers`: whether
    all frames hold whole numbers. `variances`: whether all frames have a variance. `headers`: the headers of
    all frames.
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
class ProfileAllowance:
    """What a rule allows for the profiles of stars, see `profile_clip`.

    Parameters
    ----------
    limits : (float, float)
        Low and high, in sigma.
    amplitude : float
        A fraction of the height above the sky.
    gradient : float
        Pixels.
    level : float, optional
        That of the sky; None: it is measured.
    scatter : bool
        Whether the noise of the frames is measured.

    Examples
    --------
    >>> ProfileAllowance((4.0, 5.0), amplitude=0.2, gradient=0.5).reach
    2.5
    """

    limits: tuple[float, float]
    amplitude: float
    gradient: float
    level: float | None = None
    scatter: bool = False

    @property
    def limit(self) -> float:
        """The greatest finite limit; 0 if there is none."""
        return max((limit for limit in self.limits if limit < math.inf), default=0.0)

    @property
    def reach(self) -> float:
        """The radius in pixels within which a value may be found."""
        return self.gradient * self.limit

    @property
    def around(self) -> int:
        """The number of rows above and below that decide about a row."""
        from ccdfx.kernels.rules.surroundings import FIT_REACH

        # One more for the first estimate; surroundings decide about values, and stand in for those that are missing.
        return math.ceil(self.reach) + 1 + 2 * FIT_REACH


@dataclass(frozen=True, slots=True)
class Arrangement:
    """A rule prepared for one stack.

    `rule`: the compiled function (described in `ccdfx.kernels.stack.rule`). `numbers`: its parameters. `noise`:
    rows (scale, zero, constant, linear, quadratic), one for all frames or one per frame. `trims`: the
    fractions that the rule always drops at the low and the high end; None for rules that depend on the
    values. `ordered`: the rule needs the frame of each value (as it does when `noise` has more than one row).
    `variances`: instead of the noise, the rule needs the variance of each value, which all frames must have,
    and its frame. `scatter`: a rule that processes each line first; `ccdfx.kernels.rules.scaled` describes
    its result. `select`: a rule in plain Python instead of the compiled one, ``select(values) -> rejected``:
    it takes a masked array (n, pixels), in which missing values are masked, and returns the bool array of
    rejected values. `caution`: the text of a CcdfxWarning, issued once per call, where the rule cannot reject
    anything from this stack. `profile`: instead of a rule for each pixel, an allowance for the profiles of stars about
    a clean estimate, with `noise` or `variances`.
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
    profile: ProfileAllowance | None = None

    def __post_init__(self) -> None:
        check_fields(
            self,
            rule=FUNCTION_OR_NONE,
            numbers=tuple_of("numbers", is_number),
            noise=tuple_of("rows of five numbers", lambda row: _are_numbers(row, 5)),
            trims=("two numbers or None", lambda value: value is None or _are_numbers(value, 2)),
            ordered=YES_OR_NO,
            variances=YES_OR_NO,
            scatter=FUNCTION_OR_NONE,
            select=FUNCTION_OR_NONE,
            caution=TEXT,
            profile=(
                "a ProfileAllowance or None",
                lambda value: value is None or isinstance(value, ProfileAllowance),
            ),
        )

    @property
    def picklable(self) -> bool:
        """Whether another process can import its functions by name; compiled code itself cannot be sent."""
        return all(not callable(item) or isinstance(item, _Name) for item in self.__reduce__()[1])

    def __reduce__(self) -> tuple[Any, ...]:
        return _found, tuple(_name_of(getattr(self, field.name)) for field in fields(self))


def _are_numbers(value: Any, count: int) -> bool:
    return isinstance(value, tuple) and len(value) == count and all(map(is_number, value))


@dataclass(frozen=True, slots=True)
class _Name:
    """The module and the name of a function."""

    module: str
    name: str

    def __call__(self) -> Any:
        return getattr(importlib.import_module(self.module), self.name)


def _name_of(item: Any) -> Any:
    """Replace a function of an importable module by its name; return anything else as it is."""
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
        ``factory(**options) -> Rejection`` makes this record from options; `configure` calls it.
    arrange : callable
        ``arrange(parameters, facts) -> Arrangement`` for the stack that `StackFacts` describes.
    parameters : mapping
        The options. `combine` itself applies one of them: ``grow``, the radius in pixels (0 where a rule has
        none). Where the rule rejects a value, those of the same frame at dx^2 + dy^2 <= grow^2 are rejected
        too.

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

    def __post_init__(self) -> None:
        check_fields(self, name=NAME, factory=FUNCTION, arrange=FUNCTION, parameters=OPTIONS)
        object.__setattr__(self, "parameters", frozen(self.parameters))

    def configure(self, **options: Any) -> Rejection:
        """Return the rule with other options; an unknown option or a value out of bounds is an error."""
        renamed = in_new_words(self.name, old_words(self.factory), options)
        return self.factory(**merged(self.name, self.parameters, renamed))

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
    """Check those options of a rule that several rules share; return all options in the order given.

    `low`, `high`: limits; infinity turns a side off. `keep`: the least number of values kept. `grow`: the
    radius around a rejected value within which values of the same frame are rejected too.

    >>> checked(low=3, high=float("inf"), rank=-0.5)
    low=3.0, high=inf, rank=-0.5
    """
    return frozen(
        {name: _CHECKS[name](name, value) if name in _CHECKS else value for name, value in options.items()}
    )


def clip_numbers(parameters: Mapping[str, Any]) -> tuple[float, ...]:
    """Return low, high and keep, the first numbers of every clipping rule."""
    return parameters["low"], parameters["high"], parameters["keep"]


def _center(name: str, value: Any) -> str:
    return one_of(name, value, ("median", "mean"))


def _keep(name: str, value: Any) -> int:
    return whole(name, value, remedy="give how many values survive at least")


def _grow(name: str, value: Any) -> float:
    return real(name, value, least=0.0, remedy="give a radius in pixels, 0 for none")


def _iterations(name: str, value: Any) -> int | None:
    return None if value is None else whole(name, value, least=1, remedy="None goes on to the end")


_CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "low": limit, "high": limit, "center": _center, "keep": _keep, "grow": _grow, "scaled": boolean,
    "iterations": _iterations,
}  # fmt: skip


def too_few(name: str, facts: StackFacts, least: int, remedy: str = SMALL) -> str:
    """Return the warning where a rule has too few frames to reject anything; a single frame needs none."""
    if not 1 < facts.count < least:
        return ""
    return f"{name} rejects nothing: it needs {least} frames or more (got {facts.count}); {remedy}"


def out_of_reach(name: str, facts: StackFacts, parameters: Mapping[str, Any], furthest: float) -> str:
    """Return the warning where no value can exceed the limits, because their unit grows with the value.

    `furthest`: the largest possible deviation, in units of the limits. If both limits are infinite, the user
    wants to reject nothing.
    """
    nearest = min(parameters["low"], parameters["high"])
    if facts.count < 2 or not furthest <= nearest < math.inf:
        return ""
    return (
        f"{name} cannot reject anything with {facts.count} frames: no value lies more than {furthest:.3g} of its units "
        f"out, and the limit is {nearest:g}; {SMALL}"
    )
