"""Checks of plugins against the laws of their kind: a function for one object, a name for a whole plugin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import ccdfx
from ccdfx import registry
from ccdfx.engines import engine
from ccdfx.errors import ArgumentTypeError, CcdfxError, UnknownNameError, did_you_mean
from ccdfx.testing.large import enlarged
from ccdfx.testing.laws import EXAMPLES, SECONDS, ConformanceError, Law, Trial, law_name, put_on_trial

_MODULES = {
    "format": "format_laws", "scaling": "scaling_laws", "noise_model": "noise_laws", "rejection": "rejection_laws",
    "step": "step_laws", "instrument": "instrument_laws", "maker": "maker_laws", "engine": "engine_laws", "command": "command_laws",
}  # fmt: skip
LOADS = "it loads"


@dataclass(frozen=True, slots=True)
class Conformance:
    """The plugin to check against the laws, with options, exceptions and limits set by its author.

    Parameters
    ----------
    plugin : str
        The name of its entry point, or of its package.
    options : mapping
        Options by the name of a record: those that a step requires, ``files`` for a read-only format, ``raw`` (a folder)
        and ``instrument`` for a maker.
    without : mapping
        Laws that a record cannot obey, by its name; give the reason in a comment. Records of two kinds may have one name.
    examples : int
        The number of examples for each law.
    seconds : float
        The time limit of one call with a frame of 512 x 512 pixels.
    """

    plugin: str
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    without: Mapping[str, Sequence[str]] = field(default_factory=dict)
    examples: int = EXAMPLES
    seconds: float = SECONDS

    def cases(self) -> Iterator[Case]:
        """Yield a case for each record and law, or one failing case if the plugin is broken or missing."""
        report = _report(self.plugin)
        yield Case(self, "plugin", self.plugin, LOADS, None)
        if report is None or report.problem:
            return
        provided = [name for names in report.provides.values() for name in names]
        _require_known((*self.options, *self.without), provided, f"options and without of {self.plugin!r}")
        for name, without in self.without.items():
            # A maker and a command may have one name; a law that only one of them has is left out for that one.
            kinds = [kind for kind, names in report.provides.items() if name in names]
            known = dict.fromkeys(law for kind in kinds for law in laws_of(kind))
            _require_known(without, list(known), f"without of {name!r}")
        for kind, names in report.provides.items():
            laws = laws_of(kind)
            for name in names:
                for law in laws:
                    if law not in self.without.get(name, ()):
                        yield Case(self, kind, name, law, laws[law])


@dataclass(frozen=True, slots=True)
class Case:
    """One law for one record of a plugin."""

    conformance: Conformance
    kind: str
    name: str
    law: str
    function: Law | None

    def run(self) -> None:
        """Raise ConformanceError when the record breaks the law."""
        if self.function is None:
            return _require_loading(self.name)
        options = dict(self.conformance.options.get(self.name, {}))
        record = registry.lookup(self.kind, self.name)
        _try(self.kind, record, self.function, options, self.conformance)
        return None


def laws_of(kind: str) -> dict[str, Law]:
    """Return the laws of a kind ("format", "scaling", ...), by their names.

    >>> list(laws_of("scaling"))[:2]
    ['it can be pickled', 'the input never changes']
    """
    if kind not in _MODULES:
        raise UnknownNameError(
            "kind",
            f"must be one of: {', '.join(_MODULES)}",
            value=kind,
            remedy=did_you_mean(kind, _MODULES, "give one of these"),
        )
    return {law_name(law): law for law in import_module(f"ccdfx.testing.kinds.{_MODULES[kind]}").LAWS}


def check_plugin(plugin: str | Conformance) -> None:
    """Check everything that an installed plugin provides against the laws.

    Raises
    ------
    ConformanceError
        For the first law that is broken.
    """
    conformance = plugin if isinstance(plugin, Conformance) else Conformance(plugin)
    for case in conformance.cases():
        case.run()


def check_step(
    step: Any, *, options: Mapping[str, Any] | None = None, without: Sequence[str] = (), examples: int = EXAMPLES,
    seconds: float = SECONDS,
) -> None:  # fmt: skip
    """Check a `ccdfx.Step` against the laws of steps.

    Parameters
    ----------
    step : Step
    options : mapping, optional
        Those that the step requires. Frames among them must have 8 x 10 pixels, as the test images do.
    without : sequence of str
        Laws to leave out, by their names; give the reason in a comment. `laws_of` lists them.
    examples : int
        The number of examples for each law.
    seconds : float
        The time limit of one call.

    Raises
    ------
    ConformanceError
        For the first law that is broken; it names the law, the step and the smallest example found.

    Examples
    --------
    >>> import ccdfx
    >>> def forget(image):
    ...     return image.replace(mask=None)
    >>> check_step(ccdfx.Step("forget", forget), without=list(laws_of("step"))[:9])
    Traceback (most recent call last):
    ccdfx.testing.laws.ConformanceError: step 'forget': breaks the law 'a flagged pixel stays flagged': ...
    """
    _check("step", step, dict(options or {}), _Terms(without, examples, seconds))


def check_format(
    form: Any, *, files: Sequence[Any] = (), without: Sequence[str] = (), examples: int = EXAMPLES,
    seconds: float = SECONDS,
) -> None:  # fmt: skip
    """Check a `ccdfx.Format` against its laws, as `check_step` does; a read-only format needs `files`."""
    _check("format", form, {"files": tuple(files)}, _Terms(without, examples, seconds))


def check_scaling(
    scaling: Any, *, without: Sequence[str] = (), examples: int = EXAMPLES, seconds: float = SECONDS
) -> None:
    """Check a `ccdfx.Scaling` against the laws of scalings, as `check_step` does.

    >>> from ccdfx.scalings import asinh
    >>> check_scaling(asinh(10.0), examples=5)
    """
    _check("scaling", scaling, {}, _Terms(without, examples, seconds))


def check_noise_model(
    model: Any, *, without: Sequence[str] = (), examples: int = EXAMPLES, seconds: float = SECONDS
) -> None:
    """Check a `ccdfx.NoiseModel` against the laws of noise models, as `check_step` does."""
    _check("noise_model", model, {}, _Terms(without, examples, seconds))


def check_rejection(
    rule: Any, *, without: Sequence[str] = (), examples: int = EXAMPLES, seconds: float = SECONDS
) -> None:
    """Check a `ccdfx.Rejection` against the laws of rejection rules, as `check_step` does."""
    _check("rejection", rule, {}, _Terms(without, examples, seconds))


def check_instrument(
    instrument: Any, *, without: Sequence[str] = (), examples: int = EXAMPLES, seconds: float = SECONDS
) -> None:
    """Check a `ccdfx.Instrument` against the laws of instruments, as `check_step` does."""
    _check("instrument", instrument, {}, _Terms(without, examples, seconds))


def check_maker(
    maker: Any, *, raw: Any = None, instrument: Any = None, without: Sequence[str] = (), examples: int = EXAMPLES,
    seconds: float = SECONDS,
) -> None:  # fmt: skip
    """Check a `ccdfx.Maker` against the laws of makers, as `check_step` does.

    It is tried on a small night that is simulated, or on the frames in the folder `raw`, read as those of the
    `instrument`, if it is given.
    """
    _check("maker", maker, {"raw": raw, "instrument": instrument}, _Terms(without, examples, seconds))


def check_engine(
    engine: Any, *, without: Sequence[str] = (), examples: int = EXAMPLES, seconds: float = SECONDS
) -> None:
    """Check a `ccdfx.Engine` against the laws of engines, as `check_step` does."""
    _check("engine", engine, {}, _Terms(without, examples, seconds))


def check_command(
    command: Any, *, without: Sequence[str] = (), examples: int = EXAMPLES, seconds: float = SECONDS
) -> None:
    """Check a `ccdfx.Command` against the laws of commands, as `check_step` does."""
    _check("command", command, {}, _Terms(without, examples, seconds))


@dataclass(frozen=True, slots=True)
class _Terms:
    """The laws that a check leaves out, and its limits of examples and time."""

    without: Sequence[str]
    examples: int
    seconds: float


def _check(kind: str, record: Any, options: dict[str, Any], terms: _Terms) -> None:
    expected = getattr(ccdfx, "".join(map(str.capitalize, kind.split("_"))))
    if not isinstance(record, expected):
        rule, remedy = f"must be a {expected.__name__}", "give the record itself"
        raise ArgumentTypeError(kind, rule, value=record, remedy=remedy)
    laws = laws_of(kind)
    _require_known(terms.without, list(laws), f"without of {record.name!r}")
    for law in laws:
        if law not in terms.without:
            _try(kind, record, laws[law], options, terms)


def _try(kind: str, record: Any, law: Law, options: dict[str, Any], terms: Any) -> None:
    subject = f"{kind.replace('_', ' ')} {record.name!r}"
    if hasattr(record, "configure"):
        try:
            record = record.configure(**options)
        except CcdfxError as error:
            words = f"it cannot be tried: {error}; give options for it"
            raise ConformanceError(subject, law_name(law), words, {}) from error
    trial = Trial(seconds=terms.seconds, options=options, examples=terms.examples)
    larger = record.configure(**enlarged(options)) if kind == "step" else None
    with engine(record) if kind == "engine" else nullcontext(record) as ready:
        put_on_trial(law, ready, subject, trial, larger=larger)


def _require_known(names: Sequence[str], known: Sequence[str], subject: str) -> None:
    for name in set(names).difference(known):
        remedy = did_you_mean(name, known, f"there are: {', '.join(known)}")
        raise UnknownNameError(subject, "must name what there is", value=name, remedy=remedy)


def _report(plugin: str) -> registry.PluginReport | None:
    """Return the registry's report on a plugin, found by its entry point, its package or both."""
    for report in registry.plugins():
        entry, _, package = report.name.partition(" (")
        if plugin in (report.name, entry, package.rstrip(")")):
            return report
    return None


def _require_loading(plugin: str) -> None:
    report = _report(plugin)
    if report is None:
        known = ", ".join(item.name for item in registry.plugins())
        raise ConformanceError(f"plugin {plugin!r}", LOADS, f"it is not installed; there are: {known}", {})
    if report.problem:
        raise ConformanceError(f"plugin {plugin!r}", LOADS, report.problem, {})
    if not report.provides:
        raise ConformanceError(f"plugin {plugin!r}", LOADS, "it provides nothing", {})
