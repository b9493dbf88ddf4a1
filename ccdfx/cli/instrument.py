"""`ccdfx instrument`: list, show, draft and check descriptions of cameras."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from ccdfx.cli.completion import files
from ccdfx.cli.group import FAILED
from ccdfx.cli.options import instrument_of, named, options, refuse_place
from ccdfx.cli.terminal import escape, print_data, print_json, print_table, say, talks
from ccdfx.errors import ArgumentError, CcdfxError


@click.group("instrument")
def command() -> None:
    """Describe a camera: list and show instruments, draft a file from frames, check one.

    `ccdfx instrument COMMAND --help` explains each.
    """


@command.command("list", short_help="List the instruments that are known.")
@options("json")
@talks
def list_instruments(as_json: bool) -> None:
    """List the instruments that are known, of ccdfx and of plugins."""
    from ccdfx.night.instruments.known import known_instruments

    found = known_instruments()
    if as_json:
        print_json([{"name": one.name, "description": one.description} for one in found])
    else:
        print_table([[one.name, one.description] for one in found], ("name", "for"))


@command.command("show", short_help="Print an instrument file.")
@click.argument("name")
@talks
def show(name: str) -> None:
    """Print the file of an instrument, to begin one of one's own with.

    NAME is a name of `ccdfx instrument list`, or a file.
    """
    from dataclasses import fields

    from ccdfx.night.drafting.check import instrument_text

    instrument = instrument_of(name)
    text = instrument_text(instrument)
    if text is not None:
        print_data("\n".join(map(escape, text.rstrip("\n").split("\n"))))
        return
    say(f"{instrument.name} has no file; its plugin made it in Python")
    for item in fields(instrument):
        print_data(f"{item.name}: {escape(getattr(instrument, item.name))}")


@command.command("draft", short_help="Write an instrument file from frames.")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True), metavar="FRAMES...")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=files,
    callback=named,
    help="Write it to this file (default: stdout).",
)
@click.option(
    "--name", metavar="NAME", callback=named, help="Name of the instrument (default: the headers say)."
)
@options("overwrite")
@talks
def draft(paths: tuple[str, ...], output: str | None, name: str | None, overwrite: bool) -> None:
    """Write an instrument file for the camera that took FRAMES, with comments: what was found, and how sure it is.

    FRAMES are files and directories; a night with flats and bias frames tells most. Headers tell which keyword holds
    what; pixels tell the overscan, the saturation, gain and read noise. What cannot be known is listed.
    """
    from ccdfx.io.atomic import atomic_path
    from ccdfx.night.drafting.draft import draft_instrument

    if overwrite and output is None:
        raise click.UsageError("--overwrite is for the file of --output")
    if output is not None:
        if not output.endswith(".toml"):
            raise click.UsageError(f"--output {output}: must end in .toml, as instrument files do")
        refuse_place(output, overwrite)
    try:
        found = draft_instrument(paths, name=name)
    except ArgumentError as error:
        raise click.UsageError(str(error)) from error
    if output is None:
        print_data(found.text.removesuffix("\n"))
    else:
        with atomic_path(output, overwrite) as temporary:
            Path(temporary).write_text(found.text, encoding="utf-8", newline="\n")
    for remark in found.remarks:
        say(f"remark: {remark}")
    for text in found.unknown:
        say(f"not known: {text}")
    say(_kinds_text([frame.kind for frame in found.frames]))
    if output is not None:
        say(f"{output}: look at it, then: ccdfx instrument check {output} {' '.join(paths[:3])}")


@command.command("check", short_help="Say what frames become with an instrument file.")
@click.argument("instrument")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True), metavar="FRAMES...")
@options("table", "planes", "again", "json")
@click.pass_context
@talks
def check(
    ctx: click.Context,
    instrument: str,
    paths: tuple[str, ...],
    table: str | None,
    planes: Any,
    again: bool,
    as_json: bool,
) -> None:
    """List what each of FRAMES becomes with an INSTRUMENT (file or name): kind, filter, exposure, sections, gain, problems.

    The laws that hold for every instrument are checked too. Exit status: 1 where a frame has a problem or a law is
    broken.
    """
    import ccdfx
    from ccdfx.night.drafting.check import COLUMNS, check_remarks, check_rows

    camera = instrument_of(instrument)
    frames = ccdfx.scan(paths, instrument=camera, again=again, table=table, planes=planes or "")
    remarks = check_remarks(frames, camera)
    broken = _broken_law(camera)
    if as_json:
        print_json(
            {"frames": [frame.as_dict() for frame in frames], "remarks": remarks, "broken_law": broken}
        )
    elif frames:
        print_table(check_rows(frames), COLUMNS)
    for remark in remarks:
        say(f"remark: {remark}")
    if broken:
        say(f"ccdfx: error: {instrument}: {broken}", always=True)
    problems = sum(frame.problem is not None for frame in frames)
    say(_kinds_text([frame.kind for frame in frames]) + (f"; {problems} with a problem" if problems else ""))
    if problems or broken or not frames:
        ctx.exit(FAILED)


def _broken_law(camera: Any) -> str | None:
    """Return the first law of instruments that is broken, in words; None where all hold, or cannot be checked."""
    try:
        from ccdfx.testing import check_instrument
        from ccdfx.testing.laws import ConformanceError
    except ImportError:
        say("note: the laws of instruments are not checked: pip install 'ccdfx[testing]'")
        return None
    try:
        check_instrument(camera, examples=5)
    except (ConformanceError, CcdfxError) as error:
        return " ".join(str(error).split())
    return None


def _kinds_text(kinds: list[str | None]) -> str:
    from ccdfx.night.words import counted

    numbers = Counter(kind or "of unknown kind" for kind in kinds)
    listed = ", ".join(f"{count} {kind}" for kind, count in numbers.most_common())
    return f"{counted(len(kinds), 'frame')}{': ' if listed else ''}{listed}"
