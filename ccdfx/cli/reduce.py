"""`ccdfx reduce`: reduction of a night, from files and directories of raw frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import click

from ccdfx.cli.choice_options import choice_of, choosing
from ccdfx.cli.completion import words
from ccdfx.cli.master_options import choices_with_masters, of_a_night, with_masters
from ccdfx.cli.options import Word, computing, engine_of, instrument_of, options
from ccdfx.cli.terminal import (
    QUIET,
    is_terminal,
    level,
    print_data,
    print_json,
    progress_bar,
    say,
    show_plan,
    talks,
)
from ccdfx.errors import ArgumentError, CcdfxError


@click.command("reduce")
@of_a_night
@click.option(
    "--bad-pixels",
    type=click.Path(exists=True, dir_okay=False),
    help="Map of bad pixels, joined with those that the night finds.",
)
@with_masters
@choosing
@options("table", "planes", "no_checksum", "again")
@click.option(
    "--only",
    metavar="masters|calibrated|combined|MAKER",
    shell_complete=words("masters", "calibrated", "combined"),
    help="Make only these, or the products of this maker of a plugin, and what they need.",
)
@click.option(
    "--dry-run", is_flag=True, help="Print the plan, and what would be made and why; write nothing."
)
@click.option("--overwrite", is_flag=True, help="Make all products again, also those that are current.")
@click.option(
    "--log",
    "log",
    type=Word(["json"]),
    help="Print a line for each product on stdout, for programs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the facts of the night as JSON.")
@options("threads", "memory", "engine", "scheduler")
@click.pass_context
@talks
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    output: str,
    instrument: str | None,
    recipe: str | None,
    **given: Any,
) -> None:
    """Reduce a night: masters, calibrated and combined frames, a report.

    PATHS are files and directories. OUTPUT gets masters/, calibrated/, combined/, report.html and night.json. The raw frames are only read.

    Exit status: 0 all frames were reduced, 1 some frames or products failed, 2 the command is wrong,
    3 nothing was usable, 4 a file that ccdfx did not make is where a product would be.

    Products that are current are not made again, so a run that was ended goes on.
    """
    dry_run, overwrite, as_json = given["dry_run"], given["overwrite"], given["as_json"]
    if as_json and given["log"]:
        raise click.UsageError("--json and --log both print on stdout; give one of them")
    engine = engine_of(given["engine"], given["scheduler"])
    choices = choices_of(recipe, given)
    choices = choices_with_masters(choices, given)
    if given["bad_pixels"] is not None:
        choices = replace(
            choices, bad_pixels=replace(choices.bad_pixels, file=os.path.abspath(given["bad_pixels"]))
        )
    night = _night(paths, output, instrument, choices, overwrite, choice_of(given))
    if dry_run:
        planned = night(dry_run=True)
        if as_json:
            print_json(
                {
                    "plan": planned.plan.tree(),
                    "frames": [frame.as_dict() for frame in planned.frames],
                    "not_chosen": planned.not_chosen,
                    "warnings": planned.plan.warnings,
                    "made": planned.made,
                }
            )
        else:
            show_plan(planned.plan, err=False)  # with its warnings
            for line in work_lines(planned.made):
                print_data(line)
            _report_not_chosen(planned)
        _report_nothing_usable(planned)
        ctx.exit(planned.status)
    told: list[str] = []
    with progress_bar() as progress, computing(engine, given["threads"], given["memory"]):
        reduced = night(
            progress=progress,
            planned=partial(_show, told) if is_terminal() and level() > QUIET else None,
            memory=given["memory"] and given["memory"] * 2**20,
            only=given["only"],
            told=_event_line if given["log"] else None,
        )
    if as_json:
        print_json(reduced.facts)
    report(reduced, told)
    ctx.exit(reduced.status)


def _event_line(event: Any) -> None:
    """Print an event as one line of JSON."""
    import json
    from dataclasses import asdict

    print_data(json.dumps(asdict(event)))


def work_lines(made: Mapping[str, str | None]) -> list[str]:
    """Write what would be made and why, and how many products are current.

    >>> work_lines({"a.fits": "missing", "b.fits": "missing", "c.fits": None})
    ['to make, missing: a.fits, b.fits', 'current: 1 product']
    """
    from ccdfx.night.words import counted, listed

    reasons: dict[str, list[str]] = {}
    for file, reason in made.items():
        if reason is not None:
            reasons.setdefault(reason, []).append(file)
    current = sum(reason is None for reason in made.values())
    lines = [f"to make, {reason}: {listed(files)}" for reason, files in reasons.items()]
    return [*lines, f"current: {counted(current, 'product')}"] if current else lines


def choices_of(recipe: str | None, given: Mapping[str, Any]) -> Any:
    """Load the night recipe and apply `no_checksum`, `again`, `table` and `planes`; a wrong recipe is a usage error."""
    from ccdfx.night.products.calibrated import further_steps
    from ccdfx.night.settings.reading import load_night_recipe

    try:
        choices = load_night_recipe(recipe)
        further_steps(choices)
    except CcdfxError as error:
        raise click.UsageError(str(error)) from error
    read = choices.read
    read = replace(
        read,
        checksum=read.checksum and not given["no_checksum"],
        again=read.again or given["again"],
        table=read.table if given["table"] is None else os.path.abspath(given["table"]),
        planes=read.planes if given["planes"] is None else given["planes"],
    )
    return replace(choices, read=read)


def _night(
    paths: tuple[str, ...],
    output: str,
    instrument: str | None,
    choices: Any,
    overwrite: bool,
    choice: dict[str, Any],
) -> Callable[..., Any]:
    """Return `reduce_night` with the choices of the user bound; a wrong choice is a usage error."""
    import ccdfx

    camera = instrument_of(instrument)

    def run(**options: Any) -> Any:
        try:
            return ccdfx.reduce_night(
                paths, output, instrument=camera, recipe=choices, overwrite=overwrite, **choice, **options
            )
        except ArgumentError as error:
            raise click.UsageError(str(error)) from error

    return run


def _show(told: list[str], plan: Any) -> None:
    """Print a plan and its warnings before the work, and remember these; frames that are not used follow the work."""
    show_plan(replace(plan, warnings=(), left_out=()), err=True)
    for warning in plan.warnings:
        say(f"note: {warning}")
    told += plan.warnings


def report(night: Any, told_before: Collection[str] = ()) -> None:
    """Print the failures, notes that were not told before, noise values, and the place of the results."""
    from ccdfx.night.report.exposures import count_exposures
    from ccdfx.night.words import counted, listed, made, not_made

    facts = night.facts
    for problem, files in _by_reason(facts["frames"], "problem").items():
        say(f"failed: {listed(files)}: {problem}", always=True)
    _report_not_chosen(night)
    wanted = [
        frame
        for frame in facts["frames"]
        if frame["kind"] != "other" and frame["file"] not in night.not_chosen
    ]
    for reason, files in _by_reason(wanted, "left_out").items():
        say(f"not used: {listed(files)}: {reason}", always=True)
    lost = [
        not_made(listed(files), problem) for problem, files in _by_reason(facts["lost"], "problem").items()
    ]
    for text in lost:
        say(f"failed: {text}", always=True)
    told = {
        *told_before,
        *lost,
        *(not_made(product["file"], product["problem"]) for product in facts["lost"]),
    }
    for warning in facts["warnings"]:
        if warning not in told:
            say(f"note: {warning}")
    for camera in facts["noise"]:
        if camera["gain"] or camera["readnoise"]:  # otherwise a warning was printed above
            say(_noise_line(camera))
    for found in facts["bad_pixels"]:
        say(f"{found['file']}: {_bad_pixels_line(found)}")
    used = count_exposures(frame for frame in facts["frames"] if frame["used"])
    say(f"{used} of {counted(count_exposures(facts['frames']), 'frame')} used: {made(facts)}")
    _report_nothing_usable(night)
    say(f"report: {night.output / 'report.html'}")


def _report_not_chosen(night: Any) -> None:
    """Print how many frames were not chosen, by their reason."""
    from ccdfx.night.words import listed

    reasons: dict[str, list[str]] = {}
    for file, reason in night.not_chosen.items():
        reasons.setdefault(reason, []).append(file)
    for reason, files in reasons.items():
        say(f"not used: {listed(files)}: {reason}")


def _report_nothing_usable(night: Any) -> None:
    """Print an error if no frame was usable."""
    from ccdfx.night.run import NOTHING

    if night.status == NOTHING:
        among = " among those chosen" if night.not_chosen else ""
        say(f"ccdfx: error: {night.directory}: holds no frame that can be reduced{among}", always=True)


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
    """Format the gain and read noise of a camera, with their sources; of several readouts, their ranges."""
    if readouts := camera.get("readouts"):
        ranges = [
            f"{name} {_range(known)} {unit}"
            for name, key, unit in (("gain", "gain", "e-/ADU"), ("read noise", "readnoise", "e-"))
            if (known := [one[key] for one in readouts if one[key] is not None])
        ]
        return f"{camera['setup']}: {len(readouts)} readouts, in electrons by the gain of each: {', '.join(ranges)}"
    numbers = [
        f"{name} {camera[key]:.4g} {unit} ({camera[f'{key}_source']})"
        for name, key, unit in (("gain", "gain", "e-/ADU"), ("read noise", "readnoise", "e-"))
        if camera[key] is not None
    ]
    return f"{camera['setup']}: {', '.join(numbers)}"


def _range(values: list[float]) -> str:
    low, high = f"{min(values):.4g}", f"{max(values):.4g}"
    return low if low == high else f"{low} to {high}"
