"""`ccdfx combine`: many frames into one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ccdfx.cli.levels import METAVAR, levels, numbers_or_level
from ccdfx.cli.terminal import escape, progress_bar, say, talks
from ccdfx.errors import CcdfxError

AVERAGES = ("mean", "inverse_variance_mean", "median", "total", "minimum", "maximum")


def _numbers(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> list[float] | None:
    try:
        return None if text is None else [float(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is not numbers joined by commas") from None


@click.command("combine")
@click.argument("frames", nargs=-1, required=True, metavar="FRAMES...")
@click.option(
    "-o", "--output", required=True, metavar="FILE", help="Where the result goes; the suffix is the format."
)
@click.option(
    "--average",
    type=click.Choice(AVERAGES),
    default="mean",
    show_default=True,
    help="What becomes of the survivors.",
)
@click.option(
    "--reject", metavar="RULE", help="NAME[:option=value,...], such as sigma_clip:low=3,high=3, or none."
)
@click.option(
    "--weights",
    callback=numbers_or_level,
    metavar=METAVAR,
    help="Weights: numbers, exposure, noise, variance, a keyword or a statistic.",
)
@click.option(
    "--scale",
    callback=numbers_or_level,
    metavar=METAVAR,
    help="Divide each frame by its level: numbers, mean, median, mode, location, spread, exposure; "
    "a keyword multiplies.",
)
@click.option(
    "--zero",
    callback=numbers_or_level,
    metavar=METAVAR,
    help="Subtract from each frame its level: numbers, mean, median, mode, location; a keyword is added.",
)
@click.option("--section", metavar="[X1:X2,Y1:Y2]", help="Take statistics over these pixels of each frame.")
@click.option("--sampled", is_flag=True, help="Estimate mean, median and mode as imcombine does.")
@click.option(
    "--limits",
    callback=_numbers,
    metavar="LOW,HIGH",
    help="The values, as they are in the frames, that take part.",
)
@click.option("--align", is_flag=True, help="Shift the frames onto the stars of the first.")
@click.option(
    "--hdu", metavar="HDU", help="Number or name of the image extension (default: the first image)."
)
@click.option("--overwrite", is_flag=True, help="Replace an existing output.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads to compute with (default: all).")
@click.option("--memory", type=click.IntRange(min=1), metavar="MB", help="Memory for the frames in flight.")
@talks
def command(frames: tuple[str, ...], output: str, overwrite: bool, **options: Any) -> None:
    """Combine frames into one, with rejection and alignment.

    Frames are read by rows, so their number is not bounded by memory (--align reads them whole). The
    result's header is the first frame's, with HISTORY lines that name the options and the inputs.
    """
    paths = [Path(frame) for frame in frames]
    refuse_output(paths, Path(output), overwrite)
    import ccdfx
    from ccdfx.night.wording import counted

    how = choices(**options)
    with work(options["threads"], options["memory"]):
        result = combined(paths, how, align=options["align"], hdu=options["hdu"])
    result = result.replace(header=result.header.add_history(*history(paths, how, options)))
    ccdfx.write(result, output, overwrite=overwrite)
    say(f"{counted(len(paths), 'frame')} combined into {output}")


def refuse_output(inputs: Sequence[Path], output: Path, overwrite: bool) -> None:
    """Fail before anything is read when the output cannot be written as asked."""
    from ccdfx.errors import ArgumentError, OutputExistsError
    from ccdfx.io.writing import format_to_write, refuse_same_file

    try:
        format_to_write(output)
        refuse_same_file(output, inputs)
    except ArgumentError as error:
        raise click.UsageError(str(error)) from error
    if output.exists() and not overwrite:
        raise OutputExistsError(output, "exists already", remedy="--overwrite replaces it")


@contextmanager
def work(threads: int | None, memory: int | None) -> Iterator[None]:
    """Compute with that many threads and megabytes, and with a bar that counts tiles on a terminal."""
    import ccdfx

    with (
        progress_bar() as update,
        ccdfx.engine(threads=threads, memory=memory and memory * 2**20) as plain,
        ccdfx.engine(counting(plain, update)),
    ):
        yield


def counting(engine: Any, update: Callable[[str, int, int], None]) -> Any:
    """The engine, telling `update` of every tile that is done."""

    def counted(function: Callable[[Any], Any], tiles: Iterable[Any]) -> Iterator[Any]:
        tiles = list(tiles)  # a tile is a few numbers, not pixels
        for done, result in enumerate(engine.map(function, tiles), 1):
            update("tiles", done, len(tiles))
            yield result

    return replace(engine, map=counted)


def choices(*, average: str, reject: str | None, **options: Any) -> dict[str, Any]:
    """The options of `ccdfx.combine` that were asked for, with the default rule spelt out."""
    import ccdfx
    from ccdfx.cli.options import looked_up
    from ccdfx.operations.reject import default_rejection

    rule = (
        default_rejection()
        if reject is None
        else None
        if reject == "none"
        else looked_up("rejection", reject)
    )
    given = {"limits": options["limits"]} if options["limits"] is not None else {}
    return {"average": getattr(ccdfx, average)(), "reject": rule, **levels(options), **given}


def combined(paths: Sequence[Path], how: dict[str, Any], *, align: bool, hdu: str | None) -> Any:
    """The combination of the frames in `paths`; `how` are options of `ccdfx.combine`."""
    import ccdfx
    from ccdfx.cli.options import hdu_of

    with ExitStack() as opened, naming(paths):
        if align:
            frames = ccdfx.align([ccdfx.read(path, hdu=hdu_of(hdu)) for path in paths])
        else:
            frames = [opened.enter_context(ccdfx.open_source(path, hdu=hdu_of(hdu))) for path in paths]
        return ccdfx.combine(frames, **how)


@contextmanager
def naming(paths: Sequence[Path]) -> Iterator[None]:
    """Say the file where an error speaks of an image by its number."""
    try:
        yield
    except CcdfxError as error:
        number = re.fullmatch(r"(.* of )?(?:images|frames)\[(\d+)\]", error.subject)
        if number is None:
            raise
        raise error.about(f"{number[1] or ''}{paths[int(number[2])]}") from error


def history(paths: Sequence[Path], how: dict[str, Any], options: dict[str, Any]) -> list[str]:
    """The lines of provenance: version, options, and the inputs by name, in the ASCII of a FITS header."""
    import ccdfx

    told = {**how, "average": how["average"].name, "align": options["align"] or None, "hdu": options["hdu"]}
    told["reject"] = how["reject"] or "none"
    names = [escape(path.name).encode("ascii", "backslashreplace").decode() for path in paths]
    return [
        f"ccdfx {ccdfx.__version__} combine of {len(paths)} frames",
        *(f"combine {name}={value}" for name, value in told.items() if value is not None),
        *(f"combine input {name}" for name in names),
    ]
