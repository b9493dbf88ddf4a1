"""Error classes, one for each kind of failure that a user can cause.

Each error names its subject (a file or an argument), the value, the rule that the value breaks, and the
remedy.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

_ABSENT: Any = type(
    "_Absent", (), {"__repr__": lambda self: "<absent>", "__reduce__": lambda self: "_ABSENT"}
)()


def printable(text: object, limit: int = 200) -> str:
    """Return text that is safe on a terminal: control characters are escaped, long text is cut.

    >>> printable("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    whole = _text(str, text)
    whole = whole[: limit + 1]  # escaped text is not shorter
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in whole)
    return safe if len(safe) <= limit else safe[: limit - 3] + "..."


def cause_of(error: BaseException) -> str:
    """Return the kind and the text of any exception in one line, which is safe on a terminal and not long.

    >>> cause_of(ValueError("out of film"))
    'ValueError: out of film'
    """
    return printable(f"{type(error).__name__}: {_text(str, error)}", 300)


def did_you_mean(name: object, known: Iterable[str], otherwise: str = "") -> str:
    """Return the remedy for an unknown name: the nearest known one, whatever its case, or else other words.

    >>> did_you_mean("Medain", ["mean", "median"]), did_you_mean("sum", ["mean"], "give mean")
    ("did you mean 'median'?", 'give mean')
    """
    words = {word.casefold(): word for word in known}
    near = difflib.get_close_matches(printable(name).casefold(), words, 1)
    return f"did you mean {words[near[0]]!r}?" if near else otherwise


def _text(convert: Callable[[object], str], thing: object) -> str:
    """Convert an object to text by `str` or `repr`, which may fail in any way."""
    try:
        return convert(thing)
    except Exception:
        return f"<{type(thing).__name__} without text>"


class CcdfxError(Exception):
    """The base class of all errors that ccdfx raises on purpose.

    Parameters
    ----------
    subject : str
        The file or the argument that is at fault.
    rule : str
        What must hold.
    value : object, optional
        What was found instead.
    remedy : str, optional
        What the user can do about it.

    Examples
    --------
    >>> print(ArgumentError("gain", "must be positive", value=-1, remedy="give e-/ADU"))
    gain: must be positive (got -1); give e-/ADU
    """

    def __init__(self, subject: object, rule: str, *, value: object = _ABSENT, remedy: str = "") -> None:
        # One argument, because OSError takes two for an errno and its text.
        super().__init__(rule)
        self.subject = str(subject)
        self.rule = rule
        self.value = value
        self.remedy = remedy

    def __str__(self) -> str:
        got = "" if self.value is _ABSENT else f" (got {printable(_text(repr, self.value))})"
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{printable(self.subject, 1000)}: {self.rule}{got}{remedy}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def about(self, subject: object) -> CcdfxError:
        """Return the same error with another subject, such as the name of the argument in the caller."""
        return _rebuild(type(self), str(subject), self.rule, self.value, self.remedy)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.subject, self.rule, self.value, self.remedy)


def _rebuild(kind: type[CcdfxError], subject: str, rule: str, value: object, remedy: str) -> CcdfxError:
    return kind(subject, rule, value=value, remedy=remedy)


class ArgumentError(CcdfxError, ValueError):
    """An argument has a value that the function cannot use."""


class ArgumentTypeError(CcdfxError, TypeError):
    """An argument is of a kind that the function cannot use."""


class MismatchError(ArgumentError):
    """Two things that must agree differ: shape, window, unit, binning, filter or exposure."""


class WindowError(ArgumentError, IndexError):
    """A window lies outside the frame, or the centre of one given as (x, y, radius) does.

    Examples
    --------
    >>> import ccdfx
    >>> try:
    ...     ccdfx.select([[1.0, 2.0]], section=(0, 3, 0, 1))
    ... except IndexError as error:
    ...     print(error)
    section: must lie inside the frame (0, 2, 0, 1) (x_lower, x_upper, y_lower, y_upper) (got (0, 3, 0, 1)); choose a window within the frame
    """


class FileError(CcdfxError, OSError):
    """A file cannot be opened, read or written."""


class FormatError(FileError, ValueError):
    """The content of a file does not conform to its format."""

    def __init__(
        self,
        subject: object,
        rule: str,
        *,
        value: object = _ABSENT,
        remedy: str = "mend the file, or copy it again from where it came",
    ) -> None:
        super().__init__(subject, rule, value=value, remedy=remedy)


class OutputExistsError(FileError, FileExistsError):
    """An output exists already and overwriting was not requested."""


class UnknownNameError(CcdfxError, KeyError):
    """A name that is not registered, or a keyword that a header does not have."""


class PluginError(CcdfxError):
    """A plugin breaks the rules: a name claimed twice, a misspelt hook, a wrong record."""


class PipelineError(CcdfxError):
    """A frame failed in a step of a pipeline; the cause is in ``__cause__``."""


class CheckFailedError(CcdfxError):
    """A self-check found that a result disagrees with the known truth."""


class CcdfxWarning(UserWarning):
    """A problem that leaves the results valid, but that the user should know."""


@contextmanager
def errors_of(subject: str, function: Callable[..., Any]) -> Iterator[None]:
    """Turn an exception of a user's function into an error that names it, except CcdfxError and MemoryError.

    >>> def broken(values):
    ...     return 1 / 0
    >>> with errors_of("average", broken):
    ...     broken([])
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: average broken: raised ZeroDivisionError: division by zero; correct the function
    """
    try:
        yield
    except (CcdfxError, MemoryError):
        raise
    except Exception as error:
        name = getattr(function, "__qualname__", type(function).__name__)
        rule = f"raised {cause_of(error)}"
        raise ArgumentError(f"{subject} {name}", rule, remedy="correct the function") from error
