"""`ccdfx warm`: the kernels that a night needs, compiled and stored before there is one."""

from __future__ import annotations

from pathlib import Path

import click

from ccdfx.cli.options import options
from ccdfx.cli.terminal import print_json, progress_bar, say, talks
from ccdfx.demo import warm


@click.command("warm")
@click.argument("directory", type=click.Path(exists=True, file_okay=False), required=False)
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=warm.MOST_FRAMES,
    show_default=True,
    help="Prepare stacks of 2 to N frames.",
)
@options("json")
@talks
def command(directory: str | None, most: int, as_json: bool) -> None:
    """Compile the kernels that a night needs, before there is one, and store them in their cache.

    So the first run in a new container or on a new machine starts as fast as the later ones. With DIRECTORY, the
    numbers of frames of the night in it are prepared too, by their headers. Run it as the user, and on the kind of
    processor, that will reduce.
    """
    counts = {*range(2, most + 1), *(_planned(directory) if directory else ())}
    with progress_bar() as progress:
        made = warm.warm_kernels(counts, progress=progress)
    if as_json:
        facts = {
            "folder": str(made.folder),
            "kernels": made.kernels,
            "new": made.new,
            "seconds": made.seconds,
        }
        print_json(facts)
    say(f"{made.new} kernels compiled in {made.seconds:.0f} s, {made.kernels} are in {made.folder}")


def _planned(directory: str) -> set[int]:
    """Return the numbers of frames that the night in a directory combines."""
    from ccdfx.night.frames.scan import scan
    from ccdfx.night.plan import plan_night

    plan = plan_night(scan(Path(directory)))
    return {*(len(item.inputs) for item in plan.masters), *(len(item.inputs) for item in plan.combined)}
