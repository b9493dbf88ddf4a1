"""`ccdfx history`: the tree of how a product came about."""

from __future__ import annotations

import click

from ccdfx.cli.terminal import print_data, print_json, talks


@click.command("history")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@talks
def command(file: str, as_json: bool) -> None:
    """Print what a product was made of, down to the raw frames, with the beginnings of keys and SHA-256.

    What ccdfx did to the pixels stands in the HISTORY cards, which `ccdfx info` prints.
    """
    from ccdfx.night.graph.ancestry import history_tree
    from ccdfx.night.tree import drawn

    tree = history_tree(file)
    if as_json:
        print_json(tree)
    else:
        print_data(drawn([tree]))
