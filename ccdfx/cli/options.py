"""The options that commands share, and how the values of options are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from inspect import signature
from pathlib import Path
from typing import Any

import click

from ccdfx.cli.completion import names_of, names_or_files, words
from ccdfx.cli.terminal import say
from ccdfx.errors import ArgumentError, CcdfxError, FileError, OutputExistsError, did_you_mean, printable


def refuse_output(output: str | Path, overwrite: bool, inputs: Iterable[str | Path]) -> None:
    """Refuse, before anything is read, an output that is an input or cannot be written."""
    from ccdfx.io.writing import format_to_write, refuse_same_file

    if Path(output).is_dir():
        raise click.UsageError(f"{printable(output)} is a directory; give the name of a file in it")
    try:
        format_to_write(output)
        refuse_same_file(output, inputs)
    except ArgumentError as error:
        raise click.UsageError(str(error)) from error
    refuse_place(output, overwrite)


def refuse_place(output: str | Path, overwrite: bool) -> None:
    """Refuse an output whose folder is missing, or that exists and must not be replaced."""
    if not Path(output).parent.is_dir():
        raise FileError(output, "cannot be written: its folder is not there", remedy="make the folder first")
    if Path(output).exists() and not overwrite:
        raise OutputExistsError(output, "exists already", remedy="--overwrite replaces it")


def named(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Return the name of an output unchanged; an empty one (an unset shell variable) is a usage error."""
    if text is not None and not text.strip():
        raise click.BadParameter(f"{text!r} is no name")
    return text


def numbers(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> list[float] | None:
    """Parse numbers joined by commas into a list; None stays None, other text is a usage error."""
    try:
        return None if text is None else [float(part) for part in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"{text!r} is not numbers joined by commas") from None


def pairs(ctx: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> list[list[float]]:
    """Parse pairs of numbers joined by a comma; other text is a usage error."""
    found = [numbers(ctx, parameter, text) or [] for text in texts]
    if any(len(pair) != 2 for pair in found):
        raise click.BadParameter(f"{' '.join(texts)!r} is not two numbers joined by a comma")
    return found


def not_one_of(name: str, known: Iterable[str], nor: str = "") -> str:
    """Return what is wrong with a name that is not among the known ones, nor what `nor` says, and the nearest.

    >>> not_one_of("maen", ["mean", "median"])
    "'maen' is not one of mean, median; did you mean 'mean'?"
    """
    known = tuple(known)
    near = did_you_mean(name, known)
    return f"{name!r} is not one of {', '.join(known)}{nor}" + (f"; {near}" if near else "")


class Word(click.Choice):
    """One of some words; another is a usage error that names the nearest."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(not_one_of(str(value), self.choices), param, ctx)


def hdu_of(text: str | None) -> int | str | None:
    """Parse one extension into a number, a name or None, as `read` takes it; "all" is a usage error.

    >>> hdu_of("2"), hdu_of("SCI"), hdu_of(None)
    (2, 'SCI', None)
    """
    if text == "all":
        raise click.UsageError("--hdu all is not possible here; name one image")
    return int(text) if text is not None and text.isdecimal() else text


def which_image(hdu: str | None, plane: int | None, no_checksum: bool) -> dict[str, Any]:
    """Return the options of `read` that choose one image of a file, and whether its checksum is verified.

    >>> which_image("SCI", 3, False)
    {'hdu': 'SCI', 'plane': 2, 'checksum': True}
    """
    index = None if plane is None else plane - 1  # the library counts from 0
    return {"hdu": hdu_of(hdu), "plane": index, "checksum": not no_checksum}


@contextmanager
def naming(file: object) -> Iterator[None]:
    """Add the file name to an error that lacks it."""
    try:
        yield
    except CcdfxError as error:
        if printable(file) in str(error):
            raise
        raise error.about(f"{file}: {error.subject}") from error


def section_of(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Check that a text is a FITS section and return it; other text is a usage error."""
    from ccdfx.records.range import Range

    try:
        if text is not None:
            Range.from_fits(text)
    except CcdfxError as error:
        rule = "is not a FITS section: write [x1:x2,y1:y2], 1-based and inclusive, such as [1:100,1:50]"
        raise click.BadParameter(f"{text!r} {rule}") from error
    return text


def instrument_of(text: str | None) -> Any:
    """Load the instrument of that name or file, if any; an unknown or invalid one is a usage error."""
    if text is None:
        return None
    from ccdfx import load_instrument

    try:
        return load_instrument(text)
    except CcdfxError as error:
        raise click.UsageError(str(error)) from error


def _checked_table(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Return the path of a table of frames; a wrong table is a usage error."""
    if text is not None:
        from ccdfx.night.frames.frame_table import read_table

        try:
            read_table(text)
        except CcdfxError as error:
            raise click.BadParameter(str(error)) from error
    return text


def _checked_planes(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> Any:
    """Return the choice of planes of cubes; a wrong one is a usage error."""
    if text is None:
        return None
    from ccdfx.night.instruments.planes import planes_of_text

    try:
        return planes_of_text(text)
    except CcdfxError as error:
        raise click.BadParameter(str(error)) from error


def name_and_options(text: str) -> tuple[str, dict[str, Any]]:
    """Split `name:option=value,option=value`; values are numbers, true or false, or text.

    >>> name_and_options("sigma_clip:low=4,center=mean")
    ('sigma_clip', {'low': 4, 'center': 'mean'})
    """
    name, colon, rest = text.partition(":")
    options: dict[str, Any] = {}
    for part in rest.split(",") if colon else []:
        option, equals, value = (piece.strip() for piece in part.partition("="))
        if not option or not equals or not value:
            raise click.UsageError(f"{text!r} is not NAME or NAME:option=value,option=value")
        if option in options:
            raise click.UsageError(f"{text!r} gives {option!r} twice")
        options[option] = _value(value)
    return name.strip(), options


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def looked_up(kind: str, text: str) -> Any:
    """Look up the record of `kind` for `name:option=value,...`; a wrong name or option is a usage error."""
    from ccdfx import registry

    name, options = name_and_options(text)
    try:
        record = registry.lookup(kind, name)
        return record.configure(**options) if options else record
    except (CcdfxError, ValueError, TypeError) as error:
        raise click.UsageError(str(error)) from error


def engine_of(text: str | None, scheduler: str | None) -> Any:
    """Return the engine of `--engine` and `--scheduler`, or None; a wrong choice is a usage error."""
    if text is None:
        if scheduler is not None:
            raise click.UsageError("--scheduler is for an engine that has one: --engine NAME")
        return None
    engine = looked_up("engine", text)
    try:
        return engine if scheduler is None else engine.configure(scheduler=scheduler)
    except CcdfxError as error:
        raise click.UsageError(str(error)) from error


def computing(engine: Any, threads: int | None, memory: int | None) -> AbstractContextManager[Any]:
    """Set the engine, its threads and its memory (MB) within a block; None leaves each as it is."""
    import ccdfx

    return ccdfx.engine(engine, threads=threads, memory=memory and memory * 2**20)


def default_of(function: Callable, argument: str) -> Any:
    """Return the default that a function of the library has for an argument.

    >>> default_of(sorted, "reverse")
    False
    """
    return signature(function).parameters[argument].default


def given(**options: Any) -> dict[str, Any]:
    """Return the options that the user gave; to the others the library applies its defaults.

    >>> given(limits=None, bins=10)
    {'bins': 10}
    """
    return {name: value for name, value in options.items() if value is not None}


class RenamedOption(click.Option):
    """An option whose old flag is accepted for one release, with a warning; the help shows the new flag only."""

    def __init__(self, *words: Any, old: str, **facts: Any) -> None:
        super().__init__(*words, **facts)
        self.old = old

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        super().add_to_parser(parser, ctx)
        # Under a key of its own: how else to know which of the two flags was given.
        parser.add_option(self, [self.old], dest=self.old, nargs=self.nargs)

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        if self.old in opts:
            new = self.opts[0]
            if self.name in opts:
                raise click.UsageError(
                    f"{new} and its old word {self.old} exclude one another; leave out {self.old}", ctx
                )
            if not ctx.resilient_parsing:
                say(f"ccdfx: warning: {self.old} is now {new}; the old word goes with the next release")
            opts = {**opts, str(self.name): opts[self.old]}
        return super().handle_parse_result(ctx, opts, args)


def old_keys(command: click.Command) -> dict[str, str]:
    """Return the old names of the options of a command, as a recipe has them, each with its new name."""
    renamed = [option for option in command.params if isinstance(option, RenamedOption)]
    return {option.old.removeprefix("--"): str(option.name) for option in renamed}


SHARED: Mapping[str, Callable[[Callable], Callable]] = {
    "section": click.option(
        "--section",
        cls=RenamedOption,
        old="--range",
        metavar="[X1:X2,Y1:Y2]",
        callback=section_of,
        help="Only these pixels: FITS text, 1-based.",
    ),
    "hdu": click.option(
        "--hdu", metavar="HDU", help="Number or name of the image extension (default: the first image)."
    ),
    "hdu_or_all": click.option(
        "--hdu", metavar="HDU", help="Image extension by number or name, or all (default: the first image)."
    ),
    "plane": click.option(
        "--plane", type=click.IntRange(min=1), metavar="N", help="Which plane of a cube, counted from 1."
    ),
    "no_checksum": click.option("--no-checksum", is_flag=True, help="Read files whose checksums are wrong."),
    "again": click.option("--again", is_flag=True, help="Accept as raw what a card says was reduced before."),
    "planes": click.option(
        "--planes",
        metavar="mean|each|N,N",
        shell_complete=words("mean", "each"),
        callback=_checked_planes,
        help="Planes of cubes that are frames: the mean of all, each, or these, counted from 1.",
    ),
    "table": click.option(
        "--table",
        type=click.Path(exists=True, dir_okay=False),
        callback=_checked_table,
        help="CSV file with kind, filter, exposure... of frames; it takes precedence over their headers.",
    ),
    "instrument": click.option(
        "--instrument",
        metavar="NAME|FILE",
        shell_complete=names_or_files("instrument"),
        help="Read headers as this instrument does (default: the one that matches each header).",
    ),
    "overwrite": click.option("--overwrite", is_flag=True, help="Replace an existing output."),
    "json": click.option("--json", "as_json", is_flag=True, help="Print JSON."),
    "threads": click.option(
        "--threads", type=click.IntRange(min=1), help="Threads to compute with (default: all)."
    ),
    "memory": click.option(
        "--memory",
        type=click.IntRange(min=1),
        metavar="MB",
        help="Memory for the frames that are being processed.",
    ),
    "engine": click.option(
        "--engine",
        metavar="ENGINE",
        shell_complete=names_of("engine"),
        help="Where to compute: NAME[:option=value,...] (default: threads).",
    ),
    "scheduler": click.option(
        "--scheduler", metavar="ADDRESS", help="Address of the scheduler of the engine."
    ),
}
"""The options by name, each a decorator of a command."""


def options(
    *names: str, known: Mapping[str, Callable[[Callable], Callable]] = SHARED
) -> Callable[[Callable], Callable]:
    """Return one decorator that adds the options of these names, in this order."""

    def add(command: Callable) -> Callable:
        for name in reversed(names):
            command = known[name](command)
        return command

    return add
