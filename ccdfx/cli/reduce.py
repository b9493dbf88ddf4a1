"""`ccdfx reduce`: reduction of a night, from a directory of raw frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from ccdfx.cli.options import computing, engine_of, instrument_of, named, options
from ccdfx.cli.terminal import QUIET, is_terminal, level, print_json, progress_bar, say, show_plan, talks
from ccdfx.errors import ArgumentError, CcdfxError


@click.command("reduce")
@click.argument("directory", type=click.Path(exists=True, file_okay=False))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False),
    callback=named,
    help="Directory of the results.",
)
@options("instrument")
@click.option("--recipe", type=click.Path(exists=True, dir_okay=False), help="TOML file of choices.")
@click.option(
    "--bad-pixels",
    type=click.Path(exists=True, dir_okay=False),
    help="Map of bad pixels, joined with those that the night finds.",
)
@options("no_checksum", "again")
@click.option("--dry-run", is_flag=True, help="Print the plan and write nothing.")
@click.option("--overwrite", is_flag=True, help="Make all products again, also those that are current.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts of the night as JSON.")
@options("threads", "memory", "engine", "scheduler")
@click.pass_context
@talks
def command(
    ctx: click.Context,
    directory: str,
    output: str,
    instrument: str | None,
    recipe: str | None,
    **given: Any,
) -> None:
    """Reduce a night: masters, calibrated and combined frames, a report.

    OUTPUT gets masters/, calibrated/, combined/, report.html and night.json. The raw frames are only read.

    Exit status: 0 all frames were reduced, 1 some frames or products failed, 2 the command is wrong,
    3 nothing was usable, 4 a file that ccdfx did not make is where a result would be.
    """
    dry_run, overwrite, as_json = given["dry_run"], given["overwrite"], given["as_json"]
    engine = engine_of(given["engine"], given["scheduler"])
    choices = _choices(recipe, given["no_checksum"], given["again"])
    if given["bad_pixels"] is not None:
        choices = replace(choices, bad_pixels=replace(choices.bad_pixels, file=given["bad_pixels"]))
    night = _night(directory, output, instrument, choices, overwrite)
    if dry_run:
        planned = night(dry_run=True)
        if as_json:
            print_json(
                {
                    "plan": planned.plan.tree(),
                    "frames": [frame.as_dict() for frame in planned.frames],
                    "warnings": planned.plan.warnings,
                }
            )
        else:
            show_plan(planned.plan, err=False)
        _report_nothing_usable(planned)
        ctx.exit(planned.status)
    with progress_bar() as progress, computing(engine, given["threads"], given["memory"]):
        reduced = night(progress=progress, planned=_shown if is_terminal() and level() > QUIET else None)
    if as_json:
        print_json(reduced.facts)
    report(reduced)
    ctx.exit(reduced.status)


def _choices(recipe: str | None, no_checksum: bool, again: bool) -> Any:
    """Load the night recipe and apply `no_checksum` and `again`; a wrong recipe is a usage error."""
    from ccdfx.night.products.calibrated import further_steps
    from ccdfx.night.settings.reading import load_night_recipe

    try:
        choices = load_night_recipe(recipe)
        further_steps(choices)
    except CcdfxError as error:
        raise click.UsageError(str(error)) from error
    read = choices.read
    read = replace(read, checksum=read.checksum and not no_checksum, again=read.again or again)
    return replace(choices, read=read)


def _night(
    directory: str, output: str, instrument: str | None, choices: Any, overwrite: bool
) -> Callable[..., Any]:
    """Return `reduce_night` with the choices of the user bound; a wrong choice is a usage error."""
    import ccdfx

    camera = instrument_of(instrument)

    def run(**options: Any) -> Any:
        try:
            return ccdfx.reduce_night(
                directory, output, instrument=camera, recipe=choices, overwrite=overwrite, **options
            )
        except ArgumentError as error:
            raise click.UsageError(str(error)) from error

    return run


def _shown(plan: Any) -> None:
    show_plan(plan, err=True)


def report(night: Any) -> None:
    """Print the failures, notes, noise values, and the place of the results."""
    from ccdfx.night.words import counted, listed, made, not_made

    facts = night.facts
    for problem, files in _by_reason(facts["frames"], "problem").items():
        say(f"failed: {listed(files)}: {problem}", always=True)
    wanted = [frame for frame in facts["frames"] if frame["kind"] != "other"]
    for reason, files in _by_reason(wanted, "left_out").items():
        say(f"not used: {listed(files)}: {reason}", always=True)
    lost = [
        not_made(listed(files), problem) for problem, files in _by_reason(facts["lost"], "problem").items()
    ]
    for text in lost:
        say(f"failed: {text}", always=True)
    told = {*lost, *(not_made(product["file"], product["problem"]) for product in facts["lost"])}
    for warning in facts["warnings"]:
        if warning not in told:
            say(f"note: {warning}")
    for camera in facts["noise"]:
        if camera["gain"] or camera["readnoise"]:  # otherwise a warning was printed above
            say(_noise_line(camera))
    for found in facts["bad_pixels"]:
        say(f"{found['file']}: {_bad_pixels_line(found)}")
    used = sum(frame["used"] for frame in facts["frames"])
    say(f"{used} of {counted(len(facts['frames']), 'frame')} used: {made(facts)}")
    _report_nothing_usable(night)
    say(f"report: {night.output / 'report.html'}")


def _report_nothing_usable(night: Any) -> None:
    """Print an error if no frame was usable."""
    from ccdfx.night.run import NOTHING

    if night.status == NOTHING:
        say(f"ccdfx: error: {night.directory}: holds no frame that can be reduced", always=True)


def _by_reason(items: list[dict[str, Any]], key: str) -> dict[str, list[str]]:
    """Group the files of frames or products by the reason that they have under `key`."""
    reasons: dict[str, list[str]] = {}
    for item in items:
        if item[key]:
            reasons.setdefault(item[key], []).append(item["file"])
    return reasons


def _bad_pixels_line(found: dict[str, Any]) -> str:
    """Format the number of bad pixels of a setup, by kind."""
    parts = [f"{kind} {count}" for kind, count in found["counts"].items() if count]
    parts += [] if found["own"] is None else [f"in the map given {found['own']}"]
    return f"{found['bad']} bad pixels ({100 * found['fraction']:.2g} %): {', '.join(parts) or 'none'}"


def _noise_line(camera: dict[str, Any]) -> str:
    """Format the gain and read noise of a camera, with their sources."""
    numbers = [
        f"{name} {camera[key]:.4g} {unit} ({camera[f'{key}_source']})"
        for name, key, unit in (("gain", "gain", "e-/ADU"), ("read noise", "readnoise", "e-"))
        if camera[key] is not None
    ]
    return f"{camera['setup']}: {', '.join(numbers)}"
