"""The test of one law: examples from hypothesis, and a failure that names law, plugin and example.

A law is a function ``law(record, trial)``, named after what it requires. It draws examples from the trial and
calls `require`. If the record raises anything but a `CcdfxError`, it breaks the law under test.

Small examples fail in few words, and miss what is wrong only in a large image, in a long stack or for large values. So a
law that draws data of which there are large ones (`ccdfx.testing.large`) is tested by one large example too.
"""

from __future__ import annotations

import gc
import os
import pickle
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, Unsatisfiable, UnsatisfiedAssumption

from ccdfx.errors import CcdfxError, CcdfxWarning, CheckFailedError, printable
from ccdfx.records.image import Image

EXAMPLES = 20
SECONDS = 2.0
_PATIENCE = 10  # time limit of a law, in units of the time limit of one call
_SHOWN = 600
_LISTED = 12
_CARDS = 5


class ConformanceError(CheckFailedError, AssertionError):
    """An object of a plugin breaks a law.

    The attributes are `law`, `plugin` (kind and name) and `example` (what was drawn, by name); hypothesis has
    made the example as small as it could.
    """

    def __init__(self, plugin: str, law: str, words: str, example: dict[str, Any]) -> None:
        super().__init__(plugin, f"breaks the law {law!r}: {words}")
        self.plugin, self.law, self.words, self.example = plugin, law, words, example

    def __str__(self) -> str:
        drawn = "".join(f"\n  {name} = {shown(value)}" for name, value in self.example.items())
        return super().__str__() + (f"\nfor example with{drawn}" if drawn else "")

    def __reduce__(self) -> tuple[Any, ...]:
        return ConformanceError, (self.plugin, self.law, self.words, self.example)


@dataclass(frozen=True, slots=True)
class Trial:
    """The arguments of a law besides the record.

    `seconds`: the time limit of one call. `options`: the options that the author of the plugin gave for this
    record. `folder`: an empty folder for the files of one example. `large`: whether this is the large example.
    """

    seconds: float = SECONDS
    options: dict[str, Any] = field(default_factory=dict)
    examples: int = EXAMPLES
    folder: Path = Path()
    large: bool = False
    sizes: set[str] = field(default_factory=set)
    example: dict[str, Any] = field(default_factory=dict)
    data: Any = None

    def draw(
        self, name: str, strategy: st.SearchStrategy[Any], large: Callable[[], Any] | None = None
    ) -> Any:
        """Draw a value, which the failure will show under this name; in the large example `large` makes it."""
        if large is not None:
            self.sizes.add(name)
        value = large() if self.large and large is not None else self.data.draw(strategy, label=name)
        self.example[name] = value
        return value


Law = Callable[[Any, Trial], None]


class _Broken(AssertionError):
    """The exception that `require` raises."""


class _OutOfTime(KeyboardInterrupt):
    """An interrupt, which alone stops hypothesis at once; `put_on_trial` catches it."""


def require(holds: Any, words: str) -> None:
    """Break the law under test unless `holds`."""
    if not holds:
        raise _Broken(words)


def broken(words: str) -> AssertionError:
    """Return the exception of `require`, for a law that must raise it itself."""
    return _Broken(words)


def require_speed(call: Callable[[], object], seconds: float, what: str) -> None:
    """Break the law under test if, after a first call, the best of five takes longer than `seconds`: machines are busy."""
    call()
    spent: list[float] = []
    while len(spent) < 5 and min(spent, default=seconds + 1) > seconds:
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    require(min(spent) <= seconds, f"it took {min(spent):.2g} s for {what}, and may take {seconds:g} s")


def law_name(law: Law) -> str:
    """Return the name of a law in words."""
    return getattr(law, "__name__", "").replace("_", " ")


def put_on_trial(law: Law, record: Any, subject: str, trial: Trial, *, larger: Any = None) -> None:
    """Raise ConformanceError when `record` breaks the law, with small examples or with the large one.

    `larger` is the record with options for the large example, if they must be others. A small example that the
    record refuses with a `CcdfxError` is not counted; it is a failure to refuse all of them. The large example
    may be refused only by a record that needs options from its author.
    """
    sizes: set[str] = set()
    _search(law, record, subject, replace(trial, sizes=sizes))
    if sizes:
        _search(law, record if larger is None else larger, subject, replace(trial, large=True, examples=1))


def _search(law: Law, record: Any, subject: str, trial: Trial) -> None:
    runs = _Runs(law, record, trial, end=time.monotonic() + _PATIENCE * trial.seconds)
    phases = (Phase.generate,) if trial.large else (Phase.generate, Phase.shrink)
    search = settings(
        max_examples=trial.examples, deadline=None, database=None, report_multiple_bugs=False, phases=phases,
        suppress_health_check=list(HealthCheck), print_blob=False, verbosity=Verbosity.quiet, derandomize=trial.large,
    )(given(st.data())(runs.one))  # fmt: skip
    words = None
    try:
        search()
    except Flaky:
        words = f"does not do the same twice: {_reason(runs.error)}, and then not again for the same example"
    except (_Broken, _OutOfTime, Unsatisfiable):
        words = _reason(runs.error) if runs.error else None
    except Exception as error:  # an object of a plugin may fail in any way
        words = _reason(runs.error or error)
    if words is None and not runs.passed and runs.refusal is not None:
        if not trial.large:
            words = f"it refused every example, the last one so: {runs.refusal}"
        elif not trial.options:
            words = f"it refused the large example: {runs.refusal}"
    if words is not None:
        raise ConformanceError(subject, law_name(law), words, runs.failing) from runs.error


@dataclass(slots=True)
class _Runs:
    """The runs of one law: the number of passes, and the last failure."""

    law: Law
    record: Any
    trial: Trial
    end: float
    passed: int = 0
    error: BaseException | None = None
    failing: dict[str, Any] = field(default_factory=dict)
    refusal: CcdfxError | None = None

    def one(self, data: Any) -> None:
        if time.monotonic() > self.end and (self.passed or self.error or self.refusal):
            raise _OutOfTime
        example: dict[str, Any] = {}
        with tempfile.TemporaryDirectory(prefix="ccdfx-law-") as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", RuntimeWarning)  # of numpy: no operation of ccdfx may emit one
            warnings.simplefilter("ignore", CcdfxWarning)
            trial = replace(self.trial, data=data, example=example, folder=Path(folder))
            try:
                self.law(self.record, trial)
            except CcdfxError as error:
                self.refusal = error
                if self.error is None:  # a refused example is not a failing one
                    self.failing = example
                assume(False)
            except UnsatisfiedAssumption:  # an example that cannot be drawn is not counted
                raise
            except Exception as error:
                self._remember(error, example)
                raise
            except SystemExit as error:
                self._remember(error, example)
                raise _Broken from error
        self.passed += 1

    def _remember(self, error: BaseException, example: dict[str, Any]) -> None:
        if self.error is None:  # limit the time of shrinking for a slow object
            self.end = min(self.end, time.monotonic() + self.trial.seconds)
        if self.error is None or len(shown(example)) <= len(shown(self.failing)):
            self.error, self.failing = error, example


def _reason(error: BaseException | None) -> str:
    if isinstance(error, _Broken):
        return str(error)
    if isinstance(error, RuntimeWarning):
        return f"it lets a warning out: {error}"
    return f"it raised {type(error).__name__}, which is no CcdfxError: {printable(error)}"


def same_bytes(one: np.ndarray | None, two: np.ndarray | None) -> bool:
    """Return whether two planes agree to the last bit, including type and shape."""
    if one is None or two is None:
        return one is two
    return one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()


def same_image(one: Image, two: Image) -> bool:
    """Return whether all fields of two images agree to the last bit."""
    planes = all(same_bytes(getattr(one, n), getattr(two, n)) for n in ("array", "mask", "variance"))
    return planes and one.header == two.header and one.range == two.range


def shown(value: Any) -> str:
    """Format a value of an example in one or a few lines; an image with its pixels."""
    if isinstance(value, Image):
        fields = [_plane(value.array), f"dtype {value.dtype}"]
        fields += [
            f"{n}={_plane(p)}"
            for n, p in (("mask", value.mask), ("variance", value.variance))
            if p is not None
        ]
        cards = list(map(tuple, value.header.cards))
        fields += (
            [f"header={cards}" if len(cards) < _CARDS else f"{len(cards)} header cards"] if cards else []
        )
        text = f"Image({', '.join(fields)})"
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(map(shown, value))}]"
    elif isinstance(value, dict):
        text = ", ".join(f"{name}={shown(item)}" for name, item in value.items())
    elif isinstance(value, np.ndarray):
        text = f"{_plane(value)}, dtype {value.dtype}"
    else:
        text = "an object that cannot be shown"
        with suppress(Exception):
            text = repr(value)
    return printable(text, _SHOWN)


def _plane(array: np.ndarray) -> str:
    """Format all values, or of a large array the most frequent one and the pixels that differ."""
    if array.size <= _LISTED:
        return str(array.tolist())
    values, counts = np.unique(array, return_counts=True, equal_nan=False)
    usual = values[np.argmax(counts)]
    places = np.argwhere(array != usual)
    odd = [f"{array[tuple(at)]} at {at.tolist()}" for at in places[:_LISTED]]
    but = f" but for {', '.join(odd)}{', ...' if len(places) > _LISTED else ''}" if odd else ""
    return f"{' x '.join(map(str, array.shape))} pixels of {usual}{but}"


def it_can_be_pickled(record: Any, trial: Trial) -> None:
    try:
        copy = pickle.loads(pickle.dumps(record))
    except Exception as error:  # the object may raise anything
        require(False, f"{type(error).__name__}: {printable(error)} (use functions of a module, no lambda)")
    else:
        require(type(copy) is type(record) and copy.name == record.name, f"its copy is {copy!r}")


def require_refusals(options: Mapping[str, Any], use: Callable[[dict[str, Any]], object]) -> None:
    """Break the law under test unless `use` raises a CcdfxError for every invalid value of an option."""
    for name, value in options.items():
        for nonsense in _nonsense(value):
            said = f"{name}={nonsense!r}"
            try:
                use({name: nonsense})
            except CcdfxError:
                continue
            except Exception as error:
                raised = f"{type(error).__name__}: {printable(error)}"
                require(False, f"{said} raised {raised}, which is no CcdfxError")
            require(False, f"{said} was accepted silently")


def _nonsense(value: Any) -> tuple[Any, ...]:
    if isinstance(value, bool) or value is None:
        return ()
    if isinstance(value, int | float):
        return ("nonsense", float("nan"), [])
    return ("no such choice",) if isinstance(value, str) else ()


def open_files() -> int:
    """Count the open files of this process; 0 where the system does not list them."""
    gc.collect()  # close files of unreachable objects first
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return len(os.listdir(folder))
    return 0
