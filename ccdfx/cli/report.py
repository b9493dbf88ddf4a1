"""`ccdfx report`: the page of a reduced night, drawn again from its facts."""

from __future__ import annotations

from pathlib import Path

import click

from ccdfx.cli.terminal import print_data, talks


@click.command("report")
@click.argument("output", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--pictures",
    type=click.IntRange(min=0),
    metavar="N",
    help="Largest number of pictures of each kind of product.",
)
@talks
def command(output: Path, pictures: int | None) -> None:
    """Draw report.html of a reduced night again, from night.json and the folder of facts; no product is read."""
    from ccdfx.cli.options import given
    from ccdfx.night.report.page import write_report
    from ccdfx.night.verify import facts_of

    print_data(write_report(facts_of(output), output, **given(pictures=pictures)))
