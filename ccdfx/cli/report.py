"""`ccdfx report`: the page of a reduced night, drawn again from its facts; or trends of several nights."""

from __future__ import annotations

from pathlib import Path

import click

from ccdfx.cli.terminal import print_data, talks


@click.command("report")
@click.argument(
    "nights", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Page of the trends over nights.",
)
@click.option(
    "--pictures",
    type=click.IntRange(min=0),
    metavar="N",
    help="Largest number of pictures of each kind of product.",
)
@talks
def command(nights: tuple[Path, ...], output: Path | None, pictures: int | None) -> None:
    """Draw report.html of a reduced night again, from night.json and the folder of facts; no product is read.

    With -o FILE the page has the trends over the nights that are given: bias level, read noise, sky, FWHM, zero point.
    """
    from ccdfx.cli.options import given
    from ccdfx.night.report.page import write_report
    from ccdfx.night.report.trends import write_trends
    from ccdfx.night.verify import facts_of

    if output is not None:
        if pictures is not None:
            raise click.UsageError(
                "--pictures is for the report of one night, without -o: trends have no pictures"
            )
        print_data(write_trends([(night, facts_of(night)) for night in nights], output))
        return
    if len(nights) > 1:
        raise click.UsageError("several nights need -o FILE, the page of their trends")
    print_data(write_report(facts_of(nights[0]), nights[0], **given(pictures=pictures)))
