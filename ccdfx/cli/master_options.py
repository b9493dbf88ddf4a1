"""The options of commands that reduce a night: masters of other nights, and frames without any calibration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ccdfx.cli.completion import files
from ccdfx.cli.options import SHARED, named, not_one_of, options

_OPTIONS = {
    "masters": click.option(
        "--masters",
        multiple=True,
        metavar="[KIND=]FILE|DIR",
        shell_complete=files,
        help="Masters of another night, for what this one has none of; repeatable. KIND: bias, dark, flat and others.",
    ),
    "uncalibrated": click.option(
        "--uncalibrated",
        is_flag=True,
        help="Align and combine science frames as they are where no calibration fits.",
    ),
}


_NIGHT = {
    "output": click.option(
        "-o",
        "--output",
        required=True,
        type=click.Path(file_okay=False),
        callback=named,
        help="Directory of the results.",
    ),
    "recipe": click.option(
        "--recipe",
        type=click.Path(exists=True, dir_okay=False),
        help="TOML file of options that differ from the defaults.",
    ),
}


def of_a_night(command: Callable) -> Callable:
    """Add to a command the paths of the raw frames, and the options of where and how a night is reduced."""
    command = options("output", "instrument", "recipe", known={**SHARED, **_NIGHT})(command)
    return click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True))(command)


def with_masters(command: Callable) -> Callable:
    """Add the options to a command."""
    return options(*_OPTIONS, known=_OPTIONS)(command)


def choices_with_masters(choices: Any, given: Mapping[str, Any]) -> Any:
    """Return the choices of a recipe with the options that are given; masters of the command line go first.

    >>> from ccdfx.night.settings.choices import NightRecipe
    >>> choices_with_masters(NightRecipe(), {"masters": (), "uncalibrated": True}).science.uncalibrated
    True
    """
    from ccdfx.night.settings.master_files import absolute_text, said_of

    for text in given["masters"]:
        if not said_of(text)[1].exists():
            raise click.UsageError(f"--masters {text}: {_why_not_there(text)}")
    files = tuple(map(absolute_text, given["masters"]))
    masters, science = choices.masters, choices.science
    return replace(
        choices,
        masters=replace(masters, files=(*files, *masters.files)),
        science=replace(science, uncalibrated=science.uncalibrated or given["uncalibrated"]),
    )


def _why_not_there(text: str) -> str:
    """Return why FILE or KIND=FILE names no masters: a wrong word before a file, or nothing of that name."""
    from ccdfx.night.settings.master_files import SAID

    word, _, file = text.partition("=")
    if file and word not in SAID and Path(file).exists():
        return not_one_of(word, SAID)
    return "is not a file and not a directory"
