"""The options of commands that choose among the frames of a night."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ccdfx.cli.options import options

_CHOICE = {
    "where": click.option(
        "--where",
        multiple=True,
        metavar="CONDITION",
        help="Only frames for which this is true, such as 'exptime > 10 and airmass < 2'; repeatable: all.",
    ),
    "filter": click.option(
        "--filter", multiple=True, metavar="NAME", help="Only this filter, with * and ?; repeatable: any."
    ),
    "object": click.option(
        "--object", multiple=True, metavar="NAME", help="Only this object, with * and ?; repeatable: any."
    ),
    "kind": click.option(
        "--kind",
        multiple=True,
        metavar="KIND",
        help="Only bias, dark, flat, science, arc or other; repeatable: any.",
    ),
    "exclude": click.option(
        "--exclude",
        multiple=True,
        metavar="GLOB",
        help="Leave out files or folders of this name; repeatable.",
    ),
}


def choosing(command: Callable) -> Callable:
    """Add the options that choose frames to a command."""
    return options(*_CHOICE, known=_CHOICE)(command)


def choice_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return those of the options given that choose frames, as `choose` takes them.

    >>> choice_of({"kind": ("bias",), "where": (), "filter": (), "object": (), "exclude": (), "overwrite": True})
    {'where': (), 'filter': (), 'object': (), 'kind': ('bias',), 'exclude': ()}
    """
    return {name: given[name] for name in _CHOICE}
