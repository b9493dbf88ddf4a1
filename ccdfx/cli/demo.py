"""`ccdfx demo`: a simulated night, reduced and compared with the known truth."""

from __future__ import annotations

from contextlib import ExitStack
from tempfile import gettempdir
from typing import Any

import click

from ccdfx.cli.options import computing, default_of, engine_of, named, options
from ccdfx.cli.terminal import print_json, print_table, progress_bar, say, talks
from ccdfx.demo import run
from ccdfx.io.leftovers import temporary_folder

TITLES = ("quantity", "unit", "truth", "result", "tolerance", "verdict")


@click.command("demo")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False),
    callback=named,
    help="Keep everything in this new directory.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=default_of(run.run_demo, "seed"),
    show_default=True,
    help="Seed of all random numbers.",
)
@options("json", "threads", "memory", "engine", "scheduler")
@talks
def command(output: str | None, seed: int, as_json: bool, **work: Any) -> None:
    """Simulate a night, reduce it as `ccdfx reduce` does, and check the result against the truth.

    The exit status is 1 when a result disagrees. Without --output nothing is kept.
    """
    engine = engine_of(work["engine"], work["scheduler"])
    with ExitStack() as stack:
        target = output or stack.enter_context(temporary_folder(gettempdir()))
        with progress_bar() as progress, computing(engine, work["threads"], work["memory"]):
            result = run.run_demo(target, seed=seed, check=False, progress=progress)
        if as_json:
            print_json([dict(zip(TITLES, row(check), strict=True)) for check in result.checks])
        else:
            print_table([row(check) for check in result.checks], TITLES)
        result.require()
        say(f"all {len(result.checks)} results agree with the truth")
        if output:
            say(f"raw frames: {result.raw}")
            say(f"report: {result.report}")
            say(f"pictures: {result.pictures[0].parent}")


def row(check) -> list:
    """Return one row of the table, in the order of `TITLES`."""
    verdict = "agrees" if check.passed else "DISAGREES"
    return [check.quantity, check.unit, check.truth, check.result, check.tolerance, verdict]
