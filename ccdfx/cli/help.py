"""`ccdfx help`: the help of a command."""

from __future__ import annotations

import click

from ccdfx.cli.builtin import TABLE
from ccdfx.cli.completion import words
from ccdfx.cli.terminal import print_data, talks


@click.command("help")
@click.argument("name", required=False, metavar="[COMMAND]", shell_complete=words(*TABLE))
@click.pass_context
@talks
def command(ctx: click.Context, name: str | None) -> None:
    """Print the help of a command, or the list of commands; the same as --help."""
    group = ctx.find_root()
    if name is None:
        print_data(group.get_help())
        return
    _, found, _ = group.command.resolve_command(group, [name])  # type: ignore[attr-defined]  # a group has it
    print_data(found.get_help(click.Context(found, info_name=name, parent=group)))
