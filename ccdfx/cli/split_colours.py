"""`ccdfx split-colours`: the planes of mosaics of colours, without interpolation."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from ccdfx.cli.colour_files import folder_option, pattern_option, write_colours
from ccdfx.cli.completion import files
from ccdfx.cli.options import computing, options
from ccdfx.cli.terminal import talks

_NAMES = ("R", "G1", "G2", "B")


@click.command("split-colours")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=files)
@folder_option
@pattern_option
@options("hdu", "plane", "no_checksum", "overwrite", "threads", "memory")
@talks
def command(
    files: tuple[str, ...],
    output: str,
    pattern: str | None,
    overwrite: bool,
    threads: int | None,
    memory: int | None,
    **part: Any,
) -> None:
    """Split mosaics of colours (BAYERPAT) into four images of half the size: red, two greens and blue.

    Each image has every second pixel of every second row, with its flags and variance, and the WCS of these pixels. G1
    are the green pixels in the rows of red ones.
    """
    with computing(None, threads, memory):
        write_colours(files, output, partial(_planes, pattern), _NAMES, overwrite=overwrite, **part)


def _planes(pattern: str | None, image: Any) -> dict[str, Any]:
    import ccdfx

    return dict(zip(_NAMES, ccdfx.split_colours(image, pattern=pattern), strict=True))
