"""`ccdfx debayer`: red, green and blue images of mosaics of colours."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from ccdfx.cli.colour_files import folder_option, pattern_option, write_colours
from ccdfx.cli.completion import files
from ccdfx.cli.options import Word, computing, options
from ccdfx.cli.terminal import talks

_NAMES = ("R", "G", "B")


@click.command("debayer")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=files)
@folder_option
@click.option(
    "--method",
    type=Word(["malvar", "bilinear", "superpixel"]),
    default="malvar",
    help="How pixels between are interpolated; superpixel: not at all, with half the size. Default: malvar.",
)
@pattern_option
@options("hdu", "plane", "no_checksum", "overwrite", "threads", "memory")
@talks
def command(
    files: tuple[str, ...],
    output: str,
    method: str,
    pattern: str | None,
    overwrite: bool,
    threads: int | None,
    memory: int | None,
    **part: Any,
) -> None:
    """Make a red, a green and a blue image of each mosaic of colours (BAYERPAT).

    The mosaics must not have been moved. Pixels that were measured keep their values; bad ones are replaced by
    their neighbours of the same colour where they would go into others, and stay flagged themselves.
    """
    with computing(None, threads, memory):
        write_colours(files, output, partial(_images, method, pattern), _NAMES, overwrite=overwrite, **part)


def _images(method: str, pattern: str | None, image: Any) -> dict[str, Any]:
    import ccdfx

    return dict(zip(_NAMES, ccdfx.debayer(image, method=method, pattern=pattern), strict=True))
