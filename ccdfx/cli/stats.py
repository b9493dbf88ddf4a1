"""`ccdfx stats`: statistics of images, one line each."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

import click

from ccdfx.cli.completion import files, words
from ccdfx.cli.group import FAILED
from ccdfx.cli.options import computing, naming, not_one_of, options, which_image
from ccdfx.cli.terminal import print_json, print_table, say, talks
from ccdfx.errors import CcdfxError

FIELDS = ("count", "masked", "mean", "median", "std", "minimum", "maximum", "sum", "mad_std", "clipped_count",
          "clipped_mean", "clipped_median", "clipped_std")  # fmt: skip
"""The fields of `ccdfx.Statistics`."""
_USUAL = tuple(name for name in FIELDS if name not in ("sum", "clipped_count", "clipped_median"))


def _fields(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """Split names of statistics joined by commas; an unknown one is a usage error."""
    names = None if text is None else tuple(name.strip() for name in text.split(","))
    for name in names or ():
        if name not in FIELDS:
            raise click.BadParameter(not_one_of(name, FIELDS))
    return names


@click.command("stats")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=files)
@click.option(
    "--fields",
    metavar="NAME,...",
    callback=_fields,
    shell_complete=words(*FIELDS),
    help=f"What is printed, of {', '.join(FIELDS)}.",
)
@options("section", "hdu", "plane", "no_checksum", "json", "threads", "memory")
@click.pass_context
@talks
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    section: str | None,
    fields: tuple[str, ...] | None,
    as_json: bool,
    threads: int | None,
    memory: int | None,
    **image: Any,
) -> None:
    """Print the statistics of images: pixels used, mean, median, scatter, extremes (--json: all there are).

    Masked and non-finite pixels are left out. Of a file of several images each has a line, unless --hdu names one. A file
    that cannot be read is reported on stderr, the others are printed, and the exit status is 1.
    """
    from ccdfx.cli.several import read_beside

    rows: list[dict] = []
    failed = False
    with computing(None, threads, memory):
        for found in read_beside(partial(_measured, which=which_image(**image), section=section), files):
            for one in found:
                if isinstance(one, dict):
                    rows.append(one)
                else:
                    failed = True
                    say(f"ccdfx: error: {one}", always=True)
    titles = ("file", *(fields or _USUAL))
    if as_json:
        print_json(rows if fields is None else [{name: row[name] for name in titles} for row in rows])
    elif rows:
        print_table([[row[name] for name in titles] for row in rows], titles)
    if failed:
        ctx.exit(FAILED)


def _measured(name: str, which: dict[str, Any], section: str | None) -> list[dict[str, Any] | CcdfxError]:
    """Return the statistics of each image of a file, or the error that it gives."""
    import ccdfx

    try:
        with naming(name):
            images = images_of(name, which)
    except CcdfxError as error:
        return [error]
    found: list[dict[str, Any] | CcdfxError] = []
    for label, image in images:
        try:
            with naming(label):
                found.append({"file": label, **asdict(ccdfx.statistics(image, section=section))})
        except CcdfxError as error:
            found.append(error)
    return found


def images_of(name: str, which: dict[str, Any]) -> list[tuple[str, Any]]:
    """Read the image of a file that `which` chooses, or all of a file of several; each with its name."""
    import ccdfx
    from ccdfx.cli.several import names_of_headers, tell_several

    if which["hdu"] is not None:
        tell_several(name, which)
        return [(name, ccdfx.read(name, **which))]
    images = ccdfx.read(name, **{**which, "hdu": "all"})
    if len(images) == 1:
        return [(name, images[0])]
    names = names_of_headers([one.header for one in images])
    return [(f"{name}[{its}]", one) for its, one in zip(names, images, strict=True)]
