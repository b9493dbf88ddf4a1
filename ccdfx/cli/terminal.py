"""Output on a terminal: escaping, messages, tables, trees, progress."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from types import MappingProxyType
from typing import Any

import click

from ccdfx.errors import printable

QUIET, NORMAL, VERBOSE = 0, 1, 2
PLAN_LINES = 30  # of a plan on a terminal
_LEVEL = "ccdfx.talk"  # key in `meta` of the click context: no state is kept after a command
_PLAIN_LINES = str.maketrans("└├│─", "`||-")


def escape(text: object) -> str:
    r"""Return all of `text`, with characters that could control or deceive a terminal escaped.

    >>> escape("M 51\x1b[2J\n")
    'M 51\\x1b[2J\\n'
    """
    return printable(text, sys.maxsize)


def level() -> int:
    """Return the verbosity: QUIET, NORMAL or VERBOSE."""
    context = click.get_current_context(silent=True)
    return NORMAL if context is None else context.meta.get(_LEVEL, NORMAL)


def say(text: str, *, verbose: bool = False, always: bool = False) -> None:
    """Print one line on stderr: not with `-q` unless `always`, and only with `-v` if `verbose`."""
    if always or level() >= (VERBOSE if verbose else NORMAL):
        click.echo(escape(text), err=True)


_data: ContextVar[Any] = ContextVar("ccdfx_data", default=None)


def print_data(text: object) -> None:
    """Print a line of a command's result on stdout."""
    click.echo(text, file=_data.get())  # None: stdout


@contextmanager
def _data_apart() -> Iterator[None]:
    """Keep stdout for `print_data`; what other code prints, as a plugin may anywhere, goes to stderr."""
    stdout = sys.stdout
    token = _data.set(stdout or io.StringIO())  # None if the caller has closed it: the results are dropped
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        sys.stdout = stdout
        _data.reset(token)


def talks(command: Callable) -> Callable:
    """Give a command the options `-v` and `-q`, and keep its stdout for its results."""

    @wraps(command)
    def apart(*values: Any, **options: Any) -> Any:
        with _data_apart():
            return command(*values, **options)

    def remember(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
        if value:
            ctx.meta[_LEVEL] = VERBOSE if parameter.name == "verbose" else QUIET

    # Eager, so that a warning about another option is said or not wherever -q is in the line.
    options: dict[str, Any] = {"is_flag": True, "is_eager": True, "expose_value": False, "callback": remember}
    quiet = click.option("-q", "--quiet", help="Print errors only.", **options)(apart)
    return click.option("-v", "--verbose", help="Print more messages.", **options)(quiet)


def print_json(facts: object) -> None:
    """Print `facts` on stdout as standard JSON: numbers that are not finite become null."""
    from ccdfx.night.summary import json_text

    print_data(json_text(facts))


def print_table(
    rows: Sequence[Sequence[object]],
    titles: Sequence[str],
    decimals: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Print rows on stdout as aligned columns, floats with six digits or the decimals of their column; an empty column is left out."""
    cells = [
        [_cell(value, decimals.get(title)) for title, value in zip(titles, row, strict=True)] for row in rows
    ]
    keep = [i for i in range(len(titles)) if not cells or any(row[i] for row in cells)]
    right = {i for i in keep if cells and all(_is_number(row[i]) for row in rows)}
    lines = [list(titles), *cells]
    widths = {i: max(len(line[i]) for line in lines) for i in keep}
    for line in lines:
        parts = [line[i].rjust(widths[i]) if i in right else line[i].ljust(widths[i]) for i in keep]
        print_data("  ".join(parts).rstrip())


def _is_number(value: object) -> bool:
    return (
        value is None
        or (isinstance(value, (int, float)) and not isinstance(value, bool))
        or hasattr(value, "item")
    )


def _cell(value: object, decimals: int | None = None) -> str:
    if value is None:
        return ""
    if hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, float):
        return escape(value)
    return f"{value:.6g}" if decimals is None else f"{value:.{decimals}f}"


def show_plan(plan: Any, *, err: bool) -> None:
    """Print a plan as a tree: in full with -v or where no terminal is, else shortened, with a note how to see the rest.

    Lines are drawn with ASCII characters where the stream cannot encode others.
    """
    stream = sys.stderr if err else _data.get() or sys.stdout
    whole = str(plan)
    short = whole if level() == VERBOSE or not _is_screen(stream) else plan.text(PLAN_LINES - 1)
    lines = short.split("\n")
    if short != whole:
        lines.append(f"({whole.count(chr(10)) + 1} lines with -v)")
    for line in lines:
        try:
            line.encode(getattr(stream, "encoding", None) or "ascii")
        except (UnicodeEncodeError, LookupError):
            line = line.translate(_PLAIN_LINES)
        if err:
            click.echo(escape(line), err=True)
        else:
            print_data(escape(line))


def _is_screen(stream: Any) -> bool:
    return bool(getattr(stream, "isatty", lambda: False)())


def is_terminal() -> bool:
    """Return whether stderr can show progress bars."""
    return _is_screen(sys.stderr) and os.environ.get("TERM", "") != "dumb"


def time_left(done: float, total: float, elapsed: float) -> str:
    """Estimate the time left from the mean speed until now; it rises while a part takes longer than others did.

    >>> time_left(13, 20, 26.0), time_left(19, 20, 100.0), time_left(0, 20, 3.0)
    ('0:00:14 left', '0:00:05 left', '')
    """
    if not 0 < done < total:
        return ""
    seconds = round(elapsed * (total - done) / done)
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left"


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Yield `update(label, done, total)`, which moves a bar on a terminal, else prints lines with `-v`.

    The bar is drawn on stderr with rich, which is imported only then; rich itself respects NO_COLOR.
    """
    if level() == QUIET or not is_terminal():
        yield lambda label, done, total: say(f"{done}/{total} {label}", verbose=True)
        return
    from rich.console import Console
    from rich.markup import escape as no_markup
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn
    from rich.text import Text

    class TimeLeft(ProgressColumn):
        """The time left, estimated anew at each moment and not only when a part is done."""

        def render(self, task: Any) -> Text:
            return Text(time_left(task.completed, task.total or 0, task.elapsed or 0.0))

    columns = (BarColumn(), MofNCompleteColumn(), TimeLeft(), TextColumn("{task.description}"))
    bars = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bars.add_task("", total=None)

    def update(label: str, done: int, total: int) -> None:
        bars.start()  # not earlier: a running bar would disturb messages printed before
        bars.update(task, description=no_markup(escape(label)), completed=done, total=total)

    try:
        yield update
    finally:
        bars.stop()
