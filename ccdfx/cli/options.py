"""Parsing of command-line values: numbers, extension numbers, names with options, outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccdfx.errors import ArgumentError, CcdfxError, FileError, OutputExistsError, printable

if TYPE_CHECKING:
    from ccdfx import Image


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


def _limits(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> Any:
    from ccdfx.plots import Limits

    try:
        return None if text is None else Limits.parse(text)
    except CcdfxError as error:
        raise click.BadParameter(str(error)) from None


def _scaling(_ctx: click.Context, _parameter: click.Parameter, text: str) -> Any:
    """Return the name of a scaling between the limits or, with options, the scaling of pixel values."""

    record = looked_up("scaling", text)
    return record if ":" in text else record.name


def _colours(_ctx: click.Context, _parameter: click.Parameter, text: str) -> str:
    """Check that matplotlib has the colour map and return its name; an unknown one is a usage error."""
    from ccdfx.plots import Colours

    try:
        Colours(text).colour_map()
    except CcdfxError as error:
        raise click.BadParameter(str(error)) from None
    return text


def _title(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Replace bytes that the terminal could not decode by escape sequences."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()


def pairs(ctx: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> list[list[float]]:
    """Parse pairs of numbers joined by a comma; other text is a usage error."""
    found = [numbers(ctx, parameter, text) or [] for text in texts]
    if any(len(pair) != 2 for pair in found):
        raise click.BadParameter(f"{' '.join(texts)!r} is not two numbers joined by a comma")
    return found


_OPTIONS = {
    "output": click.option(
        "-o", "--output", "--save", "output", metavar="FILE", help="Write a picture (png, pdf, svg...); else a window."
    ),
    "title": click.option("--title", metavar="TEXT", callback=_title, help="Default: file and object."),
    "limits": click.option("--limits", callback=_limits, metavar="LIMITS", help="Such as p99, s3, n10, zscale or 10,250."),
    "scaling": click.option(
        "--scaling", callback=_scaling, default="linear", show_default=True, metavar="NAME", help="Such as asinh, log, sqrt."
    ),
    "colours": click.option(
        "--colours", callback=_colours, default="gray", show_default=True, metavar="MAP", help="A colour map of matplotlib."
    ),
    "invert": click.option("--invert", is_flag=True, help="The colour map from its other end."),
    "bar": click.option("--bar", is_flag=True, help="A colour bar."),
    "range": click.option("--range", "window", metavar="RANGE", callback=section_of, help="Only these pixels: FITS text [x1:x2,y1:y2], 1-based."),
    "hdu": click.option("--hdu", metavar="HDU", help="Number or name of the image extension (default: the first image)."),
    "plane": click.option("--plane", type=click.IntRange(min=0), metavar="N", help="Which plane of a cube, from 0."),
    "no_checksum": click.option("--no-checksum", is_flag=True, help="Read files whose checksums are wrong."),
    "dpi": click.option("--dpi", type=click.IntRange(10, 2000), default=120, show_default=True, help="Dots per inch of the file."),
    "overwrite": click.option("--overwrite", is_flag=True, help="Replace an existing output."),
}  # fmt: skip


def options(*names: str) -> Callable[[Callable], Callable]:
    """Return one decorator that adds the shared options of these names."""

    def add(command: Callable) -> Callable:
        for name in reversed(names):
            command = _OPTIONS[name](command)
        return command

    return add


def read_part(name: str, which: Mapping[str, Any], window: str | None = None) -> tuple[Image, Image]:
    """Read the image of a file that `which` chooses; return it and its part in `window`."""
    import ccdfx

    with naming(name):
        full = ccdfx.read(name, **which)
        return full, full if window is None else full.select(window)


def label_of(name: str) -> str:
    """Return the file name in printable characters."""
    return printable(Path(name).name)


def title_of(name: str, image: Image) -> str:
    """Return the file name, with the object if the header has one."""
    target = image.header.get("OBJECT")
    return label_of(name) + (f": {printable(target, 40)}" if target not in (None, "") else "")


def check_output(output: str, overwrite: bool) -> None:
    """Refuse, before anything is drawn, an output that cannot be written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    known = FigureCanvasAgg.get_supported_filetypes()
    if Path(output).suffix[1:].lower() not in known:
        rule = f"must have the suffix of a picture, one of {', '.join(sorted(known))}"
        raise click.UsageError(f"{printable(output)}: {rule}")
    refuse_place(output, overwrite)


def save(figure: Any, output: str, dpi: int, overwrite: bool) -> None:
    """Write a picture atomically, in the format of its suffix."""
    from ccdfx.io.atomic import atomic_path

    with atomic_path(output, overwrite) as temporary:
        try:
            figure.savefig(temporary, dpi=dpi, format=Path(output).suffix[1:].lower())
        except (ImportError, RuntimeError) as error:  # a format for which matplotlib needs another program
            raise FileError(output, f"cannot be drawn: {error}", remedy="choose another format") from error
