"""`ccdfx combine`: combination of frames into one image, with rejection and alignment."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ccdfx.cli.combine_options import (
    METAVAR,
    average_of,
    average_text,
    defaults_from_recipe,
    flags_of,
    levels,
    numbers_or_level,
    placement_of,
    shared_variance,
)
from ccdfx.cli.completion import files, names_of, words
from ccdfx.cli.options import RenamedOption, Word, computing, default_of, engine_of, numbers, refuse_output
from ccdfx.cli.options import options as shared_options
from ccdfx.cli.terminal import escape, progress_bar, say, talks
from ccdfx.errors import CcdfxError
from ccdfx.operations.combining.average import AVERAGES
from ccdfx.operations.combining.factors import WORDS
from ccdfx.operations.combining.placement import EXTENTS, MEASURED, placed
from ccdfx.operations.mosaicking.ways import WAYS as MOSAICS
from ccdfx.operations.registration.ways import WAYS
from ccdfx.operations.resampling.taps import SHIFT_KERNELS


@click.command("combine")
@click.argument("frames", nargs=-1, required=True, metavar="FRAMES...", shell_complete=files)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    shell_complete=files,
    help="Where the result goes; the suffix is the format.",
)
@click.option(
    "--recipe", callback=defaults_from_recipe, is_eager=True, expose_value=False, metavar="FILE", shell_complete=files,
    help="TOML file with a table [combine] of these options; the command line overrides it.",
)  # fmt: skip
@click.option(
    "--average",
    metavar="NAME",
    shell_complete=words(*AVERAGES),
    callback=average_of,
    default="mean",
    show_default=True,
    help=f"How the values kept are averaged: {', '.join(AVERAGES)}, or MODULE:FUNCTION of the masked stack.",
)
@click.option(
    "--reject",
    metavar="RULE",
    shell_complete=names_of("rejection", "none"),
    help="NAME[:option=value,...], such as sigma_clip:low=3,high=3, or none.",
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
    help=f"Divide each frame by its level: numbers, {', '.join(WORDS['scale'])}; a keyword multiplies.",
)
@click.option(
    "--zero",
    callback=numbers_or_level,
    metavar=METAVAR,
    help=f"Subtract from each frame its level: numbers, {', '.join(WORDS['zero'])}; a keyword is added.",
)
@click.option("--section", metavar="[X1:X2,Y1:Y2]", help="Take statistics over these pixels of each frame.")
@click.option("--sampled", is_flag=True, help="Estimate mean, median and mode as imcombine does.")
@click.option(
    "--limits",
    callback=numbers,
    metavar="LOW,HIGH",
    help="Use only values between these, as they are in the frames.",
)
@click.option(
    "--flags", callback=flags_of, metavar="NAME,...", help="Only these flags make a value bad (default: all)."
)
@click.option(
    "--passes", callback=flags_of, metavar="NAME,...",
    help="Flags that the result has where any frame has them, or none (default: saturated).",
)  # fmt: skip
@click.option("--align", is_flag=True, help="Resample the frames onto the first by its stars.")
@click.option(
    "--align-by",
    type=Word(WAYS),
    help="Align by shifts (as --align), by correlation, with rotation and scale by stars, or by the WCS.",
)
@click.option(
    "--offsets", metavar="|".join((*MEASURED, "grid:...", "FILE")),
    help="Lay the frames side by side: by their WCS, their stars, grid:columns=C,rows=R,dx=X,dy=Y, or a file with "
    "dx and dy of each frame.",
)  # fmt: skip
@click.option(
    "--extent",
    type=Word(EXTENTS),
    help=f"What the result covers (default: {default_of(placed, 'extent')}).",
)
@click.option(
    "--kernel",
    cls=RenamedOption,
    old="--resample",
    type=Word(SHIFT_KERNELS),
    help="Move frames by fractions of a pixel too.",
)
@click.option(
    "--mosaic", is_flag=True,
    help="Take all detectors of each file as one frame, placed by their WCS, or else by DETSEC; the result is their union.",
)  # fmt: skip
@click.option("--mosaic-by", type=Word(MOSAICS[1:]), help="The same, placed by this alone.")
@click.option(
    "--shared",
    metavar="FILE",
    shell_complete=files,
    help="Variance of the error that all frames share; it is not averaged down.",
)
@shared_options("hdu_or_all")
@click.option("--planes", is_flag=True, help="Take each plane of a cube as a frame.")
@shared_options("no_checksum")
@click.option(
    "--maps",
    metavar="FILE",
    shell_complete=files,
    help="Write counts, rejected values and exposure here, an extension each.",
)
@click.option(
    "--follow", is_flag=True, help="Add to --maps which frames were rejected at each pixel, one bit a frame."
)
@shared_options("overwrite", "threads", "memory", "engine", "scheduler")
@talks
def command(
    frames: tuple[str, ...], output: str, maps: str | None, follow: bool, overwrite: bool, **options: Any
) -> None:
    """Combine frames into one, with rejection and alignment.

    Frames are read by rows, so their number is not limited by memory (--align and --offsets stars read them
    whole). The header of the result is that of the first frame, with HISTORY lines that name the options and
    the inputs.
    """
    options["align"] = options.pop("align_by") or options["align"]
    options = with_mosaic(options)
    paths = [Path(frame) for frame in frames]
    read = [*paths, *([options["shared"]] if options["shared"] else [])]
    for target in filter(None, (output, maps)):
        refuse_output(target, overwrite, read)
    if maps and os.path.realpath(maps) == os.path.realpath(output):
        raise click.UsageError("--output and --maps must be two files")
    if follow and not maps:
        raise click.UsageError("--follow goes with --maps")
    import ccdfx
    from ccdfx.night.words import counted
    from ccdfx.operations.combining.combine import image_of, stack_of
    from ccdfx.operations.combining.plan import Choices, plan_job

    how = choices(**options)
    engine = chosen_engine(options)
    rules: list[Any] = []

    def make(stack: Sequence[Any]) -> Any:
        job = plan_job(stack, Choices(**how), exposures=bool(maps), follows=follow)
        rules.append(job.reject)  # HISTORY names what was chosen
        return stack_of(job, follow) if maps else image_of(job)

    with work(engine, options["threads"], options["memory"]):
        made = [combined(stack, make, options["align"]) for stack in opened(paths, options)]
    how["reject"] = "; ".join(dict.fromkeys(str(rule or "none") for rule in rules))
    lines = history(paths, how, options)
    images = [result.image if maps else result for result in made]
    ccdfx.write([described(image, paths, lines) for image in images], output, overwrite=overwrite)
    if maps:
        ccdfx.write(map_images(made), maps, overwrite=overwrite)
    for note in mixed(paths):
        say(f"note: {note}")
    say(f"{counted(len(paths), 'frame')} combined into {output}")


def mixed(paths: Sequence[Path]) -> list[str]:
    """Return what differs among frames that are seldom combined: their kinds, and the filters of flats and science frames."""
    import ccdfx
    from ccdfx.night.words import listed

    frames = ccdfx.scan(paths, again=True)
    notes = []
    for what, known in (
        ("kinds", [(frame.kind, frame.file) for frame in frames]),
        ("filters", [(frame.filter, frame.file) for frame in frames if frame.kind in ("flat", "science")]),
    ):
        names = {
            name: [file for one, file in known if one == name]
            for name, _ in known
            if name not in (None, "other")
        }
        if len(names) > 1:
            each = "; ".join(f"{name}: {listed(files)}" for name, files in names.items())
            notes.append(f"frames of several {what} were combined: {each}")
    return notes


def with_mosaic(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with how detectors are placed ("" for not at all) and moved; refuse those that exclude it."""
    by = options.pop("mosaic_by") or ("auto" if options["mosaic"] else "")
    if not by:
        return {**options, "mosaic": "", "moving": {}}
    wrong = {"--align": options["align"], "--offsets": options["offsets"], "--extent": options["extent"],
             "--hdu": options["hdu"], "--planes": options["planes"]}  # fmt: skip
    for option, value in wrong.items():
        if value:
            raise click.UsageError(
                f"--mosaic and {option} exclude one another: it places all images by WCS or DETSEC"
            )
    kernel = options["kernel"]
    return {**options, "mosaic": by, "kernel": None, "moving": {"kernel": kernel} if kernel else {}}


def described(image: Any, paths: Sequence[Path], lines: Sequence[str]) -> Any:
    """Return the result with its kind, its inputs and their SHA-256, and HISTORY in its header."""
    from ccdfx.io.provenance import file_sha256, with_provenance

    header = with_provenance(
        image.header, "combined frame", [(path.name, file_sha256(path)) for path in paths]
    )
    return image.replace(header=header.add_history(*lines))


def chosen_engine(options: dict[str, Any]) -> Any:
    """Return the chosen engine, or None; refuse --align with an engine that does not share memory."""
    engine = engine_of(options["engine"], options["scheduler"])
    if options["align"] and engine is not None and not engine.shares_memory:
        raise click.UsageError(
            f"--align holds the frames in memory, and the engine {engine.name!r} reads files"
        )
    return engine


@contextmanager
def work(engine: Any, threads: int | None, memory: int | None) -> Iterator[None]:
    """Set the engine, its threads and memory (MB) within a block, with a progress bar of tiles."""
    import ccdfx

    with (
        progress_bar() as update,
        computing(engine, threads, memory) as plain,
        ccdfx.engine(counting(plain, update)),
    ):
        yield


def counting(engine: Any, update: Callable[[str, int, int], None]) -> Any:
    """Return the engine with a `map` that reports every finished tile to `update`."""

    def counted(function: Callable[[Any], Any], tiles: Iterable[Any]) -> Iterator[Any]:
        tiles = list(tiles)  # a tile is a few numbers, not pixels
        for done, result in enumerate(engine.map(function, tiles), 1):
            update("tiles", done, len(tiles))
            yield result

    return replace(engine, map=counted)


def choices(
    *,
    average: Any,
    reject: str | None,
    flags: int | None,
    passes: int | None,
    shared: str | None,
    **options: Any,
) -> dict[str, Any]:
    """Return the given options of `ccdfx.combine`."""
    from ccdfx.cli.options import looked_up
    from ccdfx.operations.combining.default_rule import default_rejection

    rule = (
        default_rejection()
        if reject is None
        else None
        if reject == "none"
        else looked_up("rejection", reject)
    )
    given = {
        "limits": options["limits"], "flags": flags, "passes": passes, "offsets": placement_of(options),
        "shared": shared_variance(shared, not options["no_checksum"]) if shared else None,
    }  # fmt: skip
    asked = {name: value for name, value in given.items() if value is not None}
    return {"average": average, "reject": rule, **levels(options), **asked}


def opened(paths: Sequence[Path], options: dict[str, Any]) -> list[list[Any]]:
    """Open the frames of each result: one list, or with ``--hdu all`` one list for each extension."""
    import ccdfx
    from ccdfx.cli.options import hdu_of
    from ccdfx.cli.several import open_detectors, require_one_image

    hdu, planes, checksum = options["hdu"], options["planes"], not options["no_checksum"]
    if options["mosaic"]:
        exposures = [open_detectors(str(path), checksum=checksum) for path in paths]
        return [list(ccdfx.mosaic_frames(exposures, by=options["mosaic"], **options["moving"]))]
    if hdu != "all":
        for path in paths:
            remedy = "--mosaic makes one image of all, --hdu all combines each, --hdu NAME takes one"
            require_one_image(str(path), {"hdu": hdu}, remedy=remedy)
        return [ccdfx.open_frames(paths, hdu=hdu_of(hdu), planes=planes, checksum=checksum)]
    if planes:
        raise click.UsageError("--planes takes one extension, not --hdu all")
    return ccdfx.open_extensions(paths, checksum=checksum)


def combined(frames: Sequence[Any], make: Callable[[Sequence[Any]], Any], align: bool | str) -> Any:
    """Apply `make` to open frames, aligned on request, and close them; an error names the file."""
    import ccdfx

    with ExitStack() as closing:
        for frame in frames:
            closing.callback(frame.close)
        try:
            if not align:
                return make(frames)
            way: dict[str, Any] = {} if align is True else {"by": align}
            return make(ccdfx.align([frame.select() for frame in frames], **way))
        except CcdfxError as error:
            number = re.fullmatch(r"(.* of )?(?:images|frames)\[(\d+)\]", error.subject)
            if number is None:
                raise
            raise error.about(f"{number[1] or ''}{frames[int(number[2])].name}") from error


def map_images(stacks: Sequence[Any]) -> list[Any]:
    """Convert the maps of all results to images, named by EXTNAME."""
    import ccdfx

    images = []
    for number, stack in enumerate(stacks, 1):
        maps = {name: getattr(stack, name) for name in ("count", "rejected_low", "rejected_high", "exposure")}
        for plane, bits in enumerate(() if stack.rejects is None else stack.rejects):
            maps[f"rejects_{plane + 1}"] = bits
        ending = "" if len(stacks) == 1 else f"_{number}"
        images += [
            ccdfx.Image(array, {"EXTNAME": name.upper() + ending}, range=stack.range)
            for name, array in maps.items()
            if array is not None
        ]
    return images


def history(paths: Sequence[Path], how: dict[str, Any], options: dict[str, Any]) -> list[str]:
    """Return the HISTORY lines: version, options and names of the inputs, in the ASCII of a FITS header."""
    import ccdfx

    given = {
        **how,
        "average": average_text(how["average"]),
        "reject": how["reject"],
        "shared": options["shared"],
    }
    given |= {name: options[name] or None for name in ("align", "mosaic", "hdu", "planes", "no_checksum")}
    lines = [
        f"ccdfx {ccdfx.__version__} combine of {len(paths)} frames",
        *(f"combine {name}={value}" for name, value in given.items() if value is not None),
        *(f"combine input {path.name}" for path in paths),
    ]
    return [escape(line).encode("ascii", "backslashreplace").decode() for line in lines]
