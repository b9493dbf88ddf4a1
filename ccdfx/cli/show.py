"""`ccdfx show`: picture of an image."""

from __future__ import annotations

from typing import Any

import click

from ccdfx import plots
from ccdfx.cli.completion import files
from ccdfx.cli.options import Word, default_of, given, naming, which_image
from ccdfx.cli.picture_options import check_output, picture_options, read_part, save, title_of
from ccdfx.cli.terminal import talks
from ccdfx.plots.axes import AXES, FLIPS
from ccdfx.plots.scale_bar import UNITS


@click.command("show")
@click.argument("file", metavar="IMAGE", shell_complete=files)
@picture_options("output", "limits", "scaling", "colours", "invert", "bar")
@click.option(
    "--axes",
    type=Word(AXES),
    default=default_of(plots.image, "axes"),
    show_default=True,
    help="Count pixels, or show the sky.",
)
@click.option("--grid", is_flag=True, help="With --axes sky: lines of equal coordinates.")
@click.option("--flip", type=Word(FLIPS[1:]), help="Reverse axes.")
@click.option("--scale-bar", type=Word(UNITS), help="A bar of a round length in this unit.")
@picture_options("title", "section", "hdu", "plane", "no_checksum", "dpi", "overwrite")
@talks
def command(file: str, output: str | None, dpi: int, overwrite: bool, **choices: Any) -> None:
    """Draw an image: into a file with -o, else into a window.

    Limits with a g (p99g) are those of the whole image when --section shows a part of it.
    """
    if choices["grid"] and choices["axes"] != "sky":
        raise click.UsageError("--grid goes with --axes sky")
    if output is not None:
        check_output(output, overwrite)
    which = which_image(*(choices.pop(name) for name in ("hdu", "plane", "no_checksum")))
    full, part = read_part(file, which, choices.pop("section"))
    title = choices.pop("title")
    title = title_of(file, full) if title is None else title
    if output is not None:
        with naming(file):
            figure = draw(part, full, title=title, **choices).figure
        save(figure, output, dpi, overwrite)
        return
    from ccdfx.plots.figures import add_axes, open_window, wait
    from ccdfx.plots.image import size_for

    figure = open_window(size_for(part.shape, choices["bar"]), title=title)
    figure.set_layout_engine("compressed")
    ax = add_axes(figure, 111, part.wcs if choices["axes"] == "sky" else None)
    draw(part, full, title=title, ax=ax, **choices)
    wait(figure)


def draw(
    image: Any,
    full: Any,
    *,
    limits: Any,
    scaling: Any,
    colours: str,
    invert: bool,
    bar: bool,
    axes: str,
    grid: bool,
    flip: str | None,
    scale_bar: str | None,
    title: str,
    ax: Any = None,
) -> Any:
    """Draw the picture that the options of the command line describe."""
    sky = axes == "sky"
    return plots.image(
        image,
        **given(limits=limits),
        full=full,
        scaling=scaling,
        colours=plots.Colours(colours, invert=invert, bar=bar),
        axes=plots.SkyAxes(flip=flip or "", grid=grid) if sky else plots.PixelAxes(flip=flip or "", first=1),
        scale_bar=plots.ScaleBar(unit=scale_bar) if scale_bar else False,
        title=title,
        ax=ax,
    )
