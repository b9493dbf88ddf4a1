"""`ccdfx plugins`: list of the installed plugins, their objects and errors; template of a new plugin."""

from __future__ import annotations

from pathlib import Path

import click

from ccdfx.cli.options import options
from ccdfx.cli.terminal import escape, print_data, print_json, say, talks


@click.group("plugins", invoke_without_command=True)
@options("json")
@talks
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List all plugins, what they provide, and which are broken.

    `ccdfx plugins new NAME` writes a template of a plugin.
    """
    if context.invoked_subcommand is not None:
        return
    from ccdfx import registry

    reports = registry.plugins()
    if as_json:
        print_json([facts(report) for report in reports])
        return
    for report in reports:
        print_data(f"{escape(report.name)} {escape(report.version)}".rstrip())
        if report.problem:
            print_data(f"  broken: {escape(report.problem)}")
        for kind, names in report.provides.items():
            if names:
                print_data(f"  {kind.replace('_', ' ')}: {', '.join(escape(name) for name in names)}")
    broken = sum(bool(report.problem) for report in reports)
    if broken:
        say(f"{broken} of {len(reports)} plugins broken; the others work")


@command.command("new", short_help="Write a plugin to begin with.")
@click.argument("name")
@click.argument("directory", required=False, type=click.Path(path_type=Path))
@click.option(
    "--kind",
    "kinds",
    metavar="KIND,...",
    help="Kinds of objects to write, such as scaling,step (default: one of each).",
)
@talks
def new(name: str, directory: Path | None, kinds: str | None) -> None:
    """Write a package with one object of each kind, ready to install and to test.

    NAME is the name of the package, such as ccdfx-mycamera; DIRECTORY (default: NAME) must not exist.
    The kinds are format, scaling, noise_model, rejection, step, instrument, maker, engine and command.
    """
    from ccdfx.cli.template import write_plugin
    from ccdfx.cli.template_kinds import chosen_kinds

    written = write_plugin(name, directory or Path(name), chosen_kinds(kinds))
    print_data(written.folder)
    say(f"install it:  pip install -e {written.folder}")
    say(f"test it:     python -m pytest {written.folder}")
    say(f"see it:      ccdfx plugins    (as {written.entry_point})")


def facts(report) -> dict:
    """Convert one plugin report to plain values."""
    return {
        "name": report.name,
        "version": report.version,
        "provides": {kind: list(names) for kind, names in report.provides.items()},
        "problem": report.problem or None,
    }
