"""How a law is put to the test: examples from hypothesis, and a failure that names law, plugin and example.

A law is a function ``law(record, trial)`` with the law's words as its name. It draws examples from the trial and calls
`require`. Whatever else than a `CcdfxError` the record raises breaks the law that was on trial.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Verbosity, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, Unsatisfiable, UnsatisfiedAssumption

from ccdfx.errors import CcdfxError, CcdfxWarning, CheckFailedError, printable
from ccdfx.records.image import Image

EXAMPLES = 20
SECONDS = 2.0
_PATIENCE = 10  # a law may go on for so many times the seconds that one call may take
_SHOWN = 600
_LISTED = 12
_CARDS = 5


class ConformanceError(CheckFailedError, AssertionError):
    """A plugin's object breaks a law.

    `law`, `plugin` (kind and name) and `example` (what was drawn, by name) say which; the example is as small as
    hypothesis could make it.
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
    """What a law gets besides the record.

    `seconds`: how long one call may take. `options`: what the author of the plugin said of this record. `folder`: an
    empty folder for the files of one example.
    """

    seconds: float = SECONDS
    options: dict[str, Any] = field(default_factory=dict)
    examples: int = EXAMPLES
    folder: Path = Path()
    example: dict[str, Any] = field(default_factory=dict)
    data: Any = None

    def draw(self, name: str, strategy: st.SearchStrategy[Any]) -> Any:
        """A value that the failure will show under this name."""
        value = self.data.draw(strategy, label=name)
        self.example[name] = value
        return value


Law = Callable[[Any, Trial], None]


class _Broken(AssertionError):
    """What `require` raises."""


class _OutOfTime(KeyboardInterrupt):
    """Leaves hypothesis at once, as nothing but an interrupt does; never leaves `put_on_trial`."""


def require(holds: Any, words: str) -> None:
    """Break the law on trial unless `holds`."""
    if not holds:
        raise _Broken(words)


def broken(words: str) -> AssertionError:
    """What `require` raises, for a law that has to raise it itself."""
    return _Broken(words)


def require_speed(call: Callable[[], object], seconds: float, what: str) -> None:
    """Break the law on trial when `call` takes longer than `seconds`, the best of two after one to warm up."""
    call()
    spent: list[float] = []
    while len(spent) < 2 and min(spent, default=seconds + 1) > seconds:
        start = time.perf_counter()
        call()
        spent.append(time.perf_counter() - start)
    require(min(spent) <= seconds, f"it took {min(spent):.2g} s for {what}, and may take {seconds:g} s")


def law_name(law: Law) -> str:
    """The words of a law."""
    return getattr(law, "__name__", "").replace("_", " ")


def put_on_trial(law: Law, record: Any, subject: str, trial: Trial) -> None:
    """Raise ConformanceError when `record` breaks the law.

    An example that the record refuses by a `CcdfxError` says nothing; when it refuses them all, that is a failure.
    """
    runs = _Runs(law, record, trial, end=time.monotonic() + _PATIENCE * trial.seconds)
    search = settings(
        max_examples=trial.examples, deadline=None, database=None, report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck), print_blob=False, verbosity=Verbosity.quiet,
    )(given(st.data())(runs.one))  # fmt: skip
    words = None
    try:
        search()
    except Flaky:
        words = f"does not do the same twice: {_reason(runs.error)}, and then not again for the same example"
    except (_Broken, _OutOfTime, Unsatisfiable):
        words = _reason(runs.error) if runs.error else None
    except Exception as error:  # a foreign object may fail in any way
        words = _reason(runs.error or error)
    if words is None and not runs.passed and runs.refusal is not None:
        words = f"it refused every example, the last one so: {runs.refusal}"
    if words is not None:
        raise ConformanceError(subject, law_name(law), words, runs.failing) from runs.error


@dataclass(slots=True)
class _Runs:
    """One law on trial, run by run: how often it held, and the last time that it did not."""

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
            warnings.simplefilter("error", RuntimeWarning)  # numpy's: no operation of ours lets one out
            warnings.simplefilter("ignore", CcdfxWarning)
            trial = replace(self.trial, data=data, example=example, folder=Path(folder))
            try:
                self.law(self.record, trial)
            except CcdfxError as error:
                self.refusal = error
                if self.error is None:  # a refused example is none of a failure
                    self.failing = example
                assume(False)
            except UnsatisfiedAssumption:  # an example that cannot be drawn says nothing either
                raise
            except Exception as error:
                self._remember(error, example)
                raise
            except SystemExit as error:
                self._remember(error, example)
                raise _Broken from error
        self.passed += 1

    def _remember(self, error: BaseException, example: dict[str, Any]) -> None:
        if self.error is None:  # from now on it only becomes smaller, which a slow object must not draw out
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
    """Whether two planes agree to the last bit, type and shape included."""
    if one is None or two is None:
        return one is two
    return one.dtype == two.dtype and one.shape == two.shape and one.tobytes() == two.tobytes()


def same_image(one: Image, two: Image) -> bool:
    """Whether all fields of two images agree to the last bit."""
    planes = all(same_bytes(getattr(one, n), getattr(two, n)) for n in ("array", "mask", "variance"))
    return planes and one.header == two.header and one.range == two.range


def shown(value: Any) -> str:
    """A value of an example in a line or a few: an image with its pixels."""
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
    """All values, or for a large array the most frequent one and what differs from it."""
    if array.size <= _LISTED:
        return str(array.tolist())
    values, counts = np.unique(array, return_counts=True, equal_nan=False)
    usual = values[np.argmax(counts)]
    odd = [f"{array[tuple(at)]} at {at.tolist()}" for at in np.argwhere(array != usual)]
    but = f" but for {', '.join(odd[:_LISTED])}{', ...' if len(odd) > _LISTED else ''}" if odd else ""
    return f"{' x '.join(map(str, array.shape))} pixels of {usual}{but}"
