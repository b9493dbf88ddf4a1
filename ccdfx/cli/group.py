"""The `ccdfx` command group: built-in commands from a static table, those of plugins from the registry."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from ccdfx.cli.builtin import TABLE, load
from ccdfx.cli.terminal import escape, say
from ccdfx.errors import CcdfxError, OutputExistsError, PluginError, cause_of, did_you_mean, printable

INTERRUPTED = 130  # what a shell reports for a process ended by SIGINT
PIPE_CLOSED = 141  # ... and by SIGPIPE
FAILED = 1
WOULD_OVERWRITE = 4


class Failure(click.ClickException):
    """An error that the user can correct: one line on stderr and an exit status."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status

    @property
    def exit_code(self) -> int:  # type: ignore[override]  # click has a class variable here
        """The exit status of the process."""
        return self.status

    def show(self, file: object = None) -> None:
        say(f"ccdfx: error: {self.message}", always=True)


class Commands(click.Group):
    """A click group that imports a command's module only when the command is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*TABLE, *sorted(_foreign_or_none())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in TABLE:
            return load(cmd_name)
        with failures():
            record = _foreign().get(cmd_name)
            return None if record is None else _loaded(record)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(TABLE.items()))
        foreign = _foreign_or_none()
        if foreign:
            with formatter.section("Commands of plugins"):
                formatter.write_dl([(escape(name), escape(foreign[name].help)) for name in sorted(foreign)])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        word = args[0]
        if word.startswith("-") or self.get_command(ctx, word) is not None or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        remedy = did_you_mean(word, self.list_commands(ctx), "'ccdfx --help' lists them")
        raise click.UsageError(f"there is no command {printable(word)!r}; {remedy}", ctx)

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> click.Context:
        with failures():  # help and version are printed in here
            return super().make_context(info_name, [with_home(word) for word in args], parent, **extra)

    def invoke(self, ctx: click.Context) -> object:
        with failures():
            with _faults_of_plugin(ctx):
                result = super().invoke(ctx)
            if sys.stdout is not None:  # None if the caller has closed it
                sys.stdout.flush()  # a closed pipe must raise here, not while the interpreter exits
        return result


def with_home(word: str) -> str:
    """Replace ~ by the home directory in ``~/file``, ``--option=~/file`` and ``name=~/file``, as shells do in the first alone.

    >>> with_home("~/a.fits").endswith("/a.fits"), with_home("a~/b"), with_home("M 51=~x")
    (True, 'a~/b', 'M 51=~x')
    """
    name, equals, value = word.rpartition("=") if "=~/" in word else ("", "", word)
    return name + equals + (os.path.expanduser(value) if value == "~" or value.startswith("~/") else value)


@contextmanager
def _faults_of_plugin(ctx: click.Context) -> Iterator[None]:
    """Turn any error of a plugin's command into a PluginError that names the command."""
    try:
        yield
    except (CcdfxError, click.ClickException, click.exceptions.Exit, click.Abort, OSError, MemoryError):
        raise
    except Exception as error:
        name = ctx.invoked_subcommand
        if name is None or name in TABLE:
            raise
        raise _plugin_error(name, f"its plugin raised {cause_of(error)}") from error


@contextmanager
def failures() -> Iterator[None]:
    """Turn errors that the user can cause into one line and an exit status, without a traceback."""
    try:
        yield
    except OutputExistsError as error:
        raise Failure(str(error), WOULD_OVERWRITE) from error
    except CcdfxError as error:
        raise Failure(str(error)) from error
    except KeyboardInterrupt:
        say("ccdfx: interrupted", always=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    except MemoryError as error:
        raise Failure(
            "not enough memory; ask for less at once, or give the command less with --memory"
        ) from error
    except OSError as error:
        if error.errno == errno.EPIPE:
            _forget_stdout()
            raise click.exceptions.Exit(PIPE_CLOSED) from None
        raise Failure(f"{error.filename or 'system'}: {error.strerror or error}") from error


def _foreign() -> dict:
    """Return the command records of installed plugins by name, without the built-in ones."""
    from importlib.metadata import entry_points

    with suppress(Exception):  # of damaged metadata, which the registry names
        if not entry_points(group="ccdfx"):  # without plugins `--help` need not load the registry
            return {}
    from ccdfx import registry

    return {name: record for name, record in registry.records("command").items() if name not in TABLE}


def _foreign_or_none() -> dict:
    """Return the same for help texts, which must not fail when two plugins clash."""
    try:
        return _foreign()
    except CcdfxError as error:
        say(f"ccdfx: warning: {error}")
        return {}


def _loaded(record) -> click.Command:
    """Load the click command of a plugin's record; raise PluginError if the plugin fails to return one."""
    from ccdfx.plugin_calls import call_plugin

    command, problem = call_plugin(record.load)
    if problem is not None:
        raise _plugin_error(record.name, f"its plugin raised {problem}")
    if not isinstance(command, click.Command):
        raise _plugin_error(
            record.name, f"load() must return a click command, it returned a {type(command).__name__}"
        )
    return command


def _plugin_error(command: str, rule: str) -> PluginError:
    remedy = "'ccdfx plugins' names the package; tell its author, or remove it"
    return PluginError(f"command {command!r}", rule, remedy=remedy)


def _forget_stdout() -> None:
    """Redirect stdout to the null device, since the last flush into a closed pipe would raise."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        import ccdfx

        click.echo(f"ccdfx {ccdfx.__version__}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def commands() -> None:
    """Reduce CCD images.

    Results go to stdout, messages to stderr. `ccdfx COMMAND --help` explains a command.
    """


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """Print a warning as one line, without the source line that Python adds."""
    say(f"ccdfx: warning: {message}")


def start() -> None:
    """Run the command line on `sys.argv` and exit."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a character that the terminal cannot show must not raise
            stream.reconfigure(errors="backslashreplace")
    warnings.showwarning = _show_warning
    commands(prog_name="ccdfx")
