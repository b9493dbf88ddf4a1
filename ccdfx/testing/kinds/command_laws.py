"""Laws of commands of the command line."""

from __future__ import annotations

import re
from typing import Any

from ccdfx.hookspecs import Command
from ccdfx.testing.laws import Trial, require, require_speed


def its_name_and_help_fit_on_a_line(command: Command, trial: Trial) -> None:
    require(
        re.fullmatch(r"[a-z][a-z0-9_-]*", command.name),
        f"its name is {command.name!r}: small letters, digits, - and _",
    )
    fits = isinstance(command.help, str) and 0 < len(command.help) <= 100 and command.help.isprintable()
    require(fits, f"its help is {command.help!r}, and must be one line")


def it_loads_a_click_command_that_explains_itself(command: Command, trial: Trial) -> None:
    import click
    from click.testing import CliRunner

    loaded: Any = command.load()
    require(isinstance(loaded, click.Command), f"load() gives a {type(loaded).__name__}, no click command")
    # The same settings as in the group: click stores the help options in a command at its first call.
    settings: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
    result = CliRunner().invoke(loaded, ["--help"], **settings)
    require(result.exit_code == 0 and "Usage" in result.output, f"--help ends with {result.exit_code}")
    wrong = CliRunner().invoke(loaded, ["--no-such-option-of-any-command"], **settings)
    require(wrong.exit_code == 2, f"an unknown option ends with {wrong.exit_code}, and must with 2")


def it_loads_fast(command: Command, trial: Trial) -> None:
    require_speed(command.load, trial.seconds, "loading it")


LAWS = (its_name_and_help_fit_on_a_line, it_loads_a_click_command_that_explains_itself, it_loads_fast)
