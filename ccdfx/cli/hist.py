"""`ccdfx hist`: the histogram of an image."""

from __future__ import annotations

from typing import Any

import click

from ccdfx import plots
from ccdfx.cli.completion import files
from ccdfx.cli.options import given, naming, numbers, which_image
from ccdfx.cli.picture_options import check_output, picture_options, read_part, save, title_of
from ccdfx.cli.terminal import talks
from ccdfx.errors import CcdfxError


def _percentiles(ctx: click.Context, parameter: click.Parameter, text: str | None) -> tuple[float, ...]:
    """Parse percentiles, numbers from 0 to 100; others are a usage error."""
    try:
        return plots.Marks(tuple(numbers(ctx, parameter, text) or ())).percentiles
    except CcdfxError as error:
        raise click.BadParameter(str(error)) from None


@click.command("hist")
@click.argument("file", metavar="IMAGE", shell_complete=files)
@picture_options("output", "limits")
@click.option("--bins", type=click.IntRange(1, 100_000), metavar="N", help="Default: as many as suit.")
@click.option("--linear", is_flag=True, help="Linear numbers of pixels, not logarithmic ones.")
@click.option("--step", is_flag=True, help="Only the outline.")
@click.option("--percentiles", callback=_percentiles, metavar="P,P,...", help="Lines at these percentiles.")
@click.option("--gaussian", is_flag=True, help="The normal distribution of the clipped pixels.")
@picture_options("title", "section", "hdu", "plane", "no_checksum", "dpi", "overwrite")
@talks
def command(file: str, output: str | None, dpi: int, overwrite: bool, **choices: Any) -> None:
    """Draw the histogram of the pixel values: into a file with -o, else into a window."""
    if output is not None:
        check_output(output, overwrite)
    which = which_image(choices["hdu"], choices["plane"], choices["no_checksum"])
    full, part = read_part(file, which, choices["section"])
    drawing: dict[str, Any] = {
        **given(bins=choices["bins"], limits=choices["limits"]),
        "full": full,
        "log": not choices["linear"],
        "step": choices["step"],
        "marks": plots.Marks(choices["percentiles"], choices["gaussian"]),
        "title": title_of(file, full) if choices["title"] is None else choices["title"],
    }
    if output is not None:
        with naming(file):
            figure = plots.histogram(part, **drawing).figure
        save(figure, output, dpi, overwrite)
        return
    from ccdfx.plots.figures import open_window, wait

    window = open_window((6.4, 4.0), title=drawing["title"])
    window.set_layout_engine("constrained")
    plots.histogram(part, ax=window.add_subplot(), **drawing)
    wait(window)
