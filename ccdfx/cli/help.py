"""`ccdfx help`: the help of a command."""

from __future__ import annotations

import click

from ccdfx.cli.builtin import TABLE
from ccdfx.cli.completion import words
from ccdfx.cli.terminal import print_data, talks


@click.command("help")
@click.argument("names", nargs=-1, metavar="[COMMAND]", shell_complete=words(*TABLE))
@click.pass_context
@talks
def command(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Print the help of a command, or the list of commands; the same as --help."""
    shown = ctx.find_root()
    for name in names:  # of a group such as `instrument`, also the name of its command
        if not isinstance(shown.command, click.Group):
            raise click.UsageError(f"{shown.info_name} has no command {name!r}", ctx)
        _, found, _ = shown.command.resolve_command(shown, [name])
        assert found is not None  # an unknown name is a usage error
        shown = click.Context(found, info_name=name, parent=shown)
    print_data(shown.get_help())
