"""The group of commands: help, version, what becomes of failures."""

from __future__ import annotations

import errno
import subprocess
import sys

import click
import numpy as np
import pytest
from click.testing import CliRunner

import ccdfx
from ccdfx.cli import TABLE, load
from ccdfx.cli.group import Commands, failures
from ccdfx.errors import ArgumentError, OutputExistsError


@pytest.mark.quick
def test_help_lists_every_built_in_command(run) -> None:
    shown = run("--help")
    assert shown.exit_code == 0 and shown.stderr == ""
    for name, text in TABLE.items():
        assert name in shown.stdout and text.split(".")[0] in " ".join(shown.stdout.split())


@pytest.mark.quick
@pytest.mark.parametrize("name", TABLE)
def test_every_command_loads_and_explains_itself(run, name: str) -> None:
    assert load(name).name == name
    shown = run(name, "-h")
    assert shown.exit_code == 0 and f"Usage: ccdfx {name}" in shown.stdout.replace("commands", "ccdfx")
    assert all(option.help for option in load(name).params if isinstance(option, click.Option))


def test_the_help_of_a_command_loads_nothing_compiled() -> None:
    """The choices of options come from tables of the library, which must not cost a second."""
    code = (
        "import sys; from click import Context; from ccdfx.cli import TABLE, load; "
        "assert all(load(name).get_help(Context(load(name), info_name=name)) for name in TABLE); "
        "print([module for module in sys.argv[1:] if module in sys.modules])"
    )
    heavy = ["numba", "scipy", "matplotlib", "astropy", "jinja2", "rich"]
    result = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_version(run) -> None:
    assert run("--version").stdout == f"ccdfx {ccdfx.__version__}\n"


@pytest.mark.parametrize("arguments", [("scam",), ("scan",), ("scan", "--jason", "."), ("stats",), ("info",)])
def test_wrong_usage_is_status_2(run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2 and result.stdout == "" and "Error" in result.stderr


def failing(error: BaseException):
    """The result of a command that raises."""

    def fail() -> None:
        raise error

    group = Commands("ccdfx")
    group.get_command = lambda ctx, name: click.Command(name, callback=fail)  # type: ignore[method-assign]
    return CliRunner().invoke(group, ["anything"])


@pytest.mark.quick
@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (
            ArgumentError("gain", "must be positive", value=-1),
            1,
            "ccdfx: error: gain: must be positive (got -1)",
        ),
        (OutputExistsError("a.fits", "exists already"), 4, "ccdfx: error: a.fits: exists already"),
        (
            PermissionError(errno.EACCES, "Permission denied", "b.fits"),
            1,
            "ccdfx: error: b.fits: Permission denied",
        ),
        (MemoryError(), 1, "ccdfx: error: not enough memory"),
        (KeyboardInterrupt(), 130, "ccdfx: interrupted"),
        (ArgumentError("x", "must \x1b[31m not steer"), 1, "ccdfx: error: x: must \\x1b[31m not steer"),
    ],
)
def test_failures_are_one_line_and_a_status(error: BaseException, status: int, words: str) -> None:
    result = failing(error)
    assert result.exit_code == status
    assert result.stdout == "" and result.stderr.startswith(words) and result.stderr.count("\n") == 1


def test_a_fault_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), failures():
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("redcue",), "there is no command 'redcue'; did you mean 'reduce'?"),
        (("help", "stat"), "there is no command 'stat'; did you mean 'stats'?"),
        (("help", "stats", "x"), "stats has no command 'x'"),
        (("xyzzy",), "there is no command 'xyzzy'; 'ccdfx --help' lists them"),
        (("show", "--colors", "grey", "a.fits"), "No such option '--colors'. Did you mean '--colours'?"),
    ],
)
def test_a_wrong_word_is_told_the_right_one(run, words: tuple[str, ...], told: str) -> None:
    result = run(*words)
    assert result.exit_code == 2 and told in result.stderr.replace("(", "").replace(")", "")


@pytest.mark.quick
def test_help_is_that_of_the_command(run) -> None:
    assert run("help").stdout == run("--help").stdout
    assert "Usage: ccdfx instrument draft" in run("help", "instrument", "draft").stdout.replace(
        "commands", "ccdfx"
    )
    assert run("help", "stats").stdout == run("stats", "--help").stdout != ""


def test_the_home_directory_is_found_in_quotes_and_options(run, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    ccdfx.write(ccdfx.Image(np.full((4, 5), 7.0)), tmp_path / "a.fits")
    assert "7" in run("stats", "~/a.fits").stdout
    assert run("arith", "a + 1", "a=~/a.fits", "--output=~/b.fits").exit_code == 0
    assert (tmp_path / "b.fits").exists()
