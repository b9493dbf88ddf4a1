"""`ccdfx stats`: statistics of images, one line each."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from ccdfx.cli.group import FAILED
from ccdfx.cli.options import naming, options, which_image
from ccdfx.cli.terminal import print_json, print_table, say, talks

TITLES = ("file", "count", "masked", "mean", "median", "std", "minimum", "maximum", "mad_std", "clipped_mean",
          "clipped_std")  # fmt: skip


@click.command("stats")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@options("section", "hdu", "plane", "no_checksum", "json")
@click.pass_context
@talks
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    section: str | None,
    as_json: bool,
    **image: Any,
) -> None:
    """Print the statistics of images: pixels used, mean, median, scatter, extremes (--json: all there are).

    Masked and non-finite pixels are left out. A file that cannot be read is reported on stderr, the others
    are printed, and the exit status is 1.
    """
    from ccdfx.errors import CcdfxError

    which = which_image(**image)
    rows: list[dict] = []
    failed = False
    for name in files:
        try:
            with naming(name):
                rows.append({"file": name, **of_file(name, which, section)})
        except CcdfxError as error:
            failed = True
            say(f"ccdfx: error: {error}", always=True)
    if as_json:
        print_json(rows)
    elif rows:
        print_table([[row[name] for name in TITLES] for row in rows], TITLES)
    if failed:
        ctx.exit(FAILED)


def of_file(name: str, which: dict[str, Any], section: str | None) -> dict:
    """Compute the statistics of one file, as plain values."""
    import ccdfx

    return asdict(ccdfx.statistics(ccdfx.read(name, **which), section=section))
