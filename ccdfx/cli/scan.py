"""`ccdfx scan`: tables of the frames in files and directories, from their headers alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from ccdfx.cli.choice_options import choice_of, choosing
from ccdfx.cli.completion import files
from ccdfx.cli.options import instrument_of, named, options, refuse_place
from ccdfx.cli.terminal import print_data, print_json, print_table, say, talks
from ccdfx.errors import ArgumentError


def _names(_ctx: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str, ...]:
    """Split names joined by commas; an empty or repeated one is a usage error."""
    from ccdfx.night.frames.values import check_names

    try:
        return () if text is None else check_names(f"--{parameter.name}", tuple(text.split(",")))
    except ArgumentError as error:
        raise click.BadParameter(str(error)) from error


@click.command("scan")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True))
@options("instrument", "table", "planes", "again")
@choosing
@click.option(
    "--columns",
    metavar="NAME,...",
    callback=_names,
    help="What is listed: facts such as file, airmass, temperature, and keywords of headers.",
)
@click.option(
    "--group",
    metavar="NAME,...",
    callback=_names,
    help="Count frames and add up exposures by these, such as filter,exptime.",
)
@click.option(
    "--csv",
    metavar="FILE",
    shell_complete=files,
    callback=named,
    help="Write the table to a CSV file; - is stdout.",
)
@click.option("--overwrite", is_flag=True, help="Replace the CSV file.")
@options("json")
@talks
def command(
    paths: tuple[str, ...],
    instrument: str | None,
    table: str | None,
    planes: Any,
    again: bool,
    columns: tuple[str, ...],
    group: tuple[str, ...],
    csv: str | None,
    overwrite: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """List frames: kind, object, filter, exposure, binning, size, date, problem.

    PATHS are files and directories. Only headers are read. A file that is broken is listed with its problem.
    """
    import ccdfx
    from ccdfx.night.frames.tables import COLUMNS, csv_text

    if columns and group:
        raise click.UsageError("--columns lists frames, and --group counts them: give one of them")
    if csv == "-" and as_json:
        raise click.UsageError("--csv - and --json both print on stdout: give one of them")
    if overwrite and csv in (None, "-"):
        raise click.UsageError("--overwrite is for the file of --csv")
    if csv not in (None, "-"):
        refuse_place(csv, overwrite)
    frames = ccdfx.scan(
        paths, instrument=instrument_of(instrument), again=again, table=table, planes=planes or ""
    )
    try:
        chosen = ccdfx.choose(frames, **choice_of(given))
        shown = columns or _columns(chosen.frames, COLUMNS)
        rows: Any = ccdfx.tabulate_frames(chosen.frames, columns=shown)
        if group:
            rows = ccdfx.group_frames(chosen.frames, by=group)
            shown = (*group, "frames", "total_exptime")
    except ArgumentError as error:
        raise click.UsageError(str(error)) from error
    if csv == "-":
        print_data(csv_text(rows, shown).removesuffix("\n"))
    elif csv is not None:
        _write(csv, csv_text(rows, shown), overwrite, [frame.path for frame in frames])
    if as_json:
        print_json(rows if columns or group else [frame.as_dict() for frame in chosen.frames])
    elif csv is None and rows:
        print_table([list(row.values()) for row in rows], shown)
    _report(chosen, columns or group)


def _columns(frames: Iterable[Any], usual: tuple[str, ...]) -> tuple[str, ...]:
    """Return the usual columns, and behind the filter the mosaic of colours where a frame has one."""
    place = usual.index("filter") + 1
    return (*usual[:place], "colours", *usual[place:]) if any(one.colours for one in frames) else usual


def _write(file: str, text: str, overwrite: bool, inputs: list[Path]) -> None:
    """Write the table; a failure leaves no partial file, and a frame is never replaced."""
    from ccdfx.io.atomic import atomic_path
    from ccdfx.io.writing import refuse_same_file

    try:
        refuse_same_file(file, inputs)
    except ArgumentError as error:
        raise click.UsageError(str(error)) from error
    with atomic_path(file, overwrite) as temporary:
        Path(temporary).write_text(text, encoding="utf-8", newline="\n")


def _report(chosen: Any, columns: tuple[str, ...]) -> None:
    """Print what was asked and is not there, and the numbers of frames."""
    from ccdfx.night.frames.choose import nearest_name
    from ccdfx.night.frames.values import is_fact, value_of
    from ccdfx.night.words import counted

    for note in chosen.notes:
        say(f"note: {note}")
    for name in columns:
        if not is_fact(name) and all(value_of(frame, name) is None for frame in chosen.frames):
            say(f"note: no frame has the keyword {name}{nearest_name(name, chosen.frames)}")
    for frame, reason in chosen.left_out:
        say(f"{frame.file}: {reason}", verbose=True)
    kinds = Counter(frame.kind or "of unknown kind" for frame in chosen.frames)
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    problems = sum(frame.problem is not None for frame in chosen.frames)
    say(
        f"{counted(len(chosen.frames), 'frame')}{': ' if listed else ''}{listed}"
        + (f"; {problems} with a problem" if problems else "")
        + (f"; {len(chosen.left_out)} not chosen" if chosen.left_out else "")
    )
