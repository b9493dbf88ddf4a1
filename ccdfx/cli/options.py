"""Parsing of command-line values: numbers, extension numbers, names with options, outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ccdfx.errors import ArgumentError, CcdfxError, FileError, OutputExistsError, printable


def on_an_engine(command: Callable) -> Callable:
    """Give a command the options `--engine` and `--scheduler`."""
    scheduler = click.option(
        "--scheduler", metavar="ADDRESS", help="Where the scheduler of the engine listens."
    )
    engine = click.option(
        "--engine", metavar="ENGINE", help="Where to compute: NAME[:option=value,...] (default: threads)."
    )
    return engine(scheduler(command))


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


def refuse_output(output: str | Path, overwrite: bool, inputs: Iterable[str | Path]) -> None:
    """Refuse, before anything is read, an output that is an input or cannot be written."""
    from ccdfx.io.writing import format_to_write, refuse_same_file

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
    {'hdu': 'SCI', 'plane': 3, 'checksum': True}
    """
    return {"hdu": hdu_of(hdu), "plane": plane, "checksum": not no_checksum}


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
