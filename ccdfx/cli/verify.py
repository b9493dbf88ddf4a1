"""`ccdfx verify`: whether the products of a reduced night are what they say, and their inputs unchanged."""

from __future__ import annotations

from pathlib import Path

import click

from ccdfx.cli.options import computing, options
from ccdfx.cli.terminal import print_json, print_table, say, talks


@click.command("verify")
@click.argument("output", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--raw", type=click.Path(file_okay=False), help="Where the raw frames are now.")
@click.option("--remake", is_flag=True, help="Make all products again elsewhere and compare their bytes.")
@options("json", "threads", "memory")
@click.pass_context
@talks
def command(
    ctx: click.Context,
    output: Path,
    raw: str | None,
    remake: bool,
    as_json: bool,
    threads: int | None,
    memory: int | None,
) -> None:
    """Check each product of a reduced night: its bytes, its key, its inputs.

    OUTPUT is that of `ccdfx reduce`. Raw frames are compared by their SHA-256.

    Exit status: 0 all are as they say, 1 some are not.
    """
    from ccdfx.night.verify import remade_night, verify_whole_night

    if (threads or memory) and not remake:
        raise click.UsageError(
            "--threads and --memory are for --remake; bytes are checked one file after the other"
        )
    with computing(None, threads, memory):
        most = memory and memory * 2**20
        verdicts = remade_night(output, raw, memory=most) if remake else verify_whole_night(output, raw)
    wrong = [one for one in verdicts if one.problem is not None]
    if as_json:
        print_json([{"file": one.file, "kind": one.kind, "problem": one.problem} for one in verdicts])
    elif wrong:
        print_table([[one.file, one.kind, one.problem] for one in wrong], ("file", "kind", "problem"))
    if not as_json:
        say(f"{len(verdicts) - len(wrong)} of {len(verdicts)} products are what they say")
    ctx.exit(1 if wrong else 0)
