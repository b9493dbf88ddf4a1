"""`ccdfx watch`: reduction of a night while it goes on."""

from __future__ import annotations

from typing import Any

import click

from ccdfx.cli.master_options import choices_with_masters, of_a_night, with_masters
from ccdfx.cli.options import computing, engine_of, instrument_of, options
from ccdfx.cli.terminal import progress_bar, say, talks
from ccdfx.errors import ArgumentError


@click.command("watch")
@of_a_night
@with_masters
@options("table", "planes", "no_checksum", "again")
@click.option(
    "--idle",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="End after this many seconds without a new frame (default: never).",
)
@options("threads", "memory", "engine", "scheduler")
@click.pass_context
@talks
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    output: str,
    instrument: str | None,
    recipe: str | None,
    idle: float | None,
    **given: Any,
) -> None:
    """Reduce a night while its frames arrive, and keep the report up to date.

    A frame is taken when its file is complete. After the last one the results are those of `ccdfx reduce`. End it with
    Ctrl-C at any time; `ccdfx watch` or `ccdfx reduce` goes on from there.

    Exit status: that of the last reduction (see `ccdfx reduce`).
    """
    from ccdfx.cli.reduce import choices_of
    from ccdfx.night.watch import watch_night
    from ccdfx.night.words import counted

    choices = choices_with_masters(choices_of(recipe, given), given)
    camera = instrument_of(instrument)
    engine = engine_of(given["engine"], given["scheduler"])
    memory = given["memory"] and given["memory"] * 2**20
    status = 0
    try:
        with progress_bar() as progress, computing(engine, given["threads"], given["memory"]):
            for night in watch_night(
                paths, output, idle=idle, instrument=camera, recipe=choices, memory=memory, progress=progress
            ):
                made = [file for file, reason in night.made.items() if reason is not None]
                say(f"{counted(len(night.frames), 'frame')}, {counted(len(made), 'product')} made")
                for file in made:
                    say(f"{file}: {night.made[file]}", verbose=True)
                status = night.status
    except ArgumentError as error:
        raise click.UsageError(str(error)) from error
    ctx.exit(status)
