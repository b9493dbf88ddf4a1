"""The options that commands of pictures share, and what they do: images read, titles, pictures saved."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from ccdfx import plots
from ccdfx.cli.completion import colour_maps, files, names_of, words
from ccdfx.cli.options import SHARED, default_of, looked_up, naming, options, refuse_place
from ccdfx.cli.several import read_whole
from ccdfx.cli.terminal import say
from ccdfx.errors import CcdfxError, FileError, printable
from ccdfx.records.image import Image


def _limits(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> Any:
    try:
        return None if text is None else plots.Limits.parse(text)
    except CcdfxError as error:
        raise click.BadParameter(str(error)) from None


def _scaling(_ctx: click.Context, _parameter: click.Parameter, text: str) -> Any:
    """Return the name of a scaling between the limits or, with options, the scaling of pixel values."""
    record = looked_up("scaling", text)
    return record if ":" in text else record.name


def _colours(_ctx: click.Context, _parameter: click.Parameter, text: str) -> str:
    """Check that matplotlib has the colour map and return its name; an unknown one is a usage error."""
    try:
        plots.Colours(text).colour_map()
    except CcdfxError as error:
        raise click.BadParameter(str(error)) from None
    return text


def _title(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """Replace bytes that the terminal could not decode by escape sequences."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()


_PICTURES = {
    "output": click.option(
        "-o",
        "--output",
        "--save",
        "output",
        metavar="FILE",
        shell_complete=files,
        help="Write a picture (png, pdf, svg...); else a window.",
    ),
    "title": click.option("--title", metavar="TEXT", callback=_title, help="Default: file and object."),
    "limits": click.option(
        "--limits",
        callback=_limits,
        shell_complete=words("zscale", "p99", "p99g", "s3", "n10"),
        metavar="LIMITS",
        help="Interval of values: p99, s3, n10, zscale or 10,250...",
    ),
    "scaling": click.option(
        "--scaling",
        callback=_scaling,
        shell_complete=names_of("scaling"),
        default=default_of(plots.image, "scaling"),
        show_default=True,
        metavar="NAME",
        help="Such as asinh, log, sqrt.",
    ),
    "colours": click.option(
        "--colours",
        callback=_colours,
        shell_complete=colour_maps,
        default=default_of(plots.image, "colours"),
        show_default=True,
        metavar="MAP",
        help="A colour map of matplotlib.",
    ),
    "invert": click.option("--invert", is_flag=True, help="Reverse the colour map."),
    "bar": click.option("--bar", is_flag=True, help="A colour bar."),
    "dpi": click.option(
        "--dpi",
        type=click.IntRange(10, 2000),
        default=120,
        show_default=True,
        help="Dots per inch of the file.",
    ),
}
picture_options = partial(options, known={**SHARED, **_PICTURES})
"""The same as `options`, with those of pictures too."""


def read_part(name: str, which: Mapping[str, Any], section: str | None = None) -> tuple[Image, Image]:
    """Read the image of a file that `which` chooses; return it and its part in `section`. See `read_whole`."""
    import ccdfx

    with naming(name):
        full = read_whole(name, which)
        return full, full if section is None else ccdfx.select(full, section=section)


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
    """Write a picture atomically, in the format of its suffix, and say so."""
    from ccdfx.io.atomic import atomic_path

    with atomic_path(output, overwrite) as temporary:
        try:
            figure.savefig(temporary, dpi=dpi, format=Path(output).suffix[1:].lower())
        except (ImportError, RuntimeError) as error:  # a format for which matplotlib needs another program
            raise FileError(output, f"cannot be drawn: {error}", remedy="choose another format") from error
    say(f"{output} drawn")
