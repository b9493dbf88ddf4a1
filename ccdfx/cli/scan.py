"""`ccdfx scan`: list of the frames in a directory, from their headers alone."""

from __future__ import annotations

from collections import Counter

import click

from ccdfx.cli.options import instrument_of, options
from ccdfx.cli.terminal import print_json, print_table, say, talks

TITLES = ("file", "kind", "object", "filter", "exptime", "binning", "size", "date", "instrument", "problem")


@click.command("scan")
@click.argument("directory", type=click.Path(exists=True, file_okay=False))
@options("instrument", "again", "json")
@talks
def command(directory: str, instrument: str | None, again: bool, as_json: bool) -> None:
    """List the frames of a directory: kind, object, filter, exposure, binning, size, date, problem.

    Only headers are read. A file that is broken is listed with its problem.
    """
    import ccdfx

    frames = ccdfx.scan(directory, instrument=instrument_of(instrument), again=again)
    if as_json:
        print_json([frame.as_dict() for frame in frames])
    elif frames:
        print_table([row(frame) for frame in frames], TITLES)
    kinds = Counter(frame.kind or "of unknown kind" for frame in frames)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    problems = sum(frame.problem is not None for frame in frames)
    say(
        f"{len(frames)} frames{': ' if listed else ''}{listed}"
        + (f"; {problems} with a problem" if problems else "")
    )


def row(frame) -> list:
    """Return one row of the table, in the order of `TITLES`."""
    return [
        frame.file,
        frame.kind,
        frame.object,
        frame.filter,
        frame.exptime,
        frame.binning and "x".join(map(str, frame.binning)),
        frame.shape and f"{frame.shape[1]}x{frame.shape[0]}",
        frame.date,
        frame.instrument,
        frame.problem,
    ]
