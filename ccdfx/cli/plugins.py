"""`ccdfx plugins`: what is installed, what it provides, what is broken and why."""

from __future__ import annotations

import click

from ccdfx.cli.terminal import escape, print_json, say, talks


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@talks
def command(as_json: bool) -> None:
    """List all plugins, what they provide, and what is broken."""
    from ccdfx import registry

    reports = registry.plugins()
    if as_json:
        print_json([facts(report) for report in reports])
        return
    for report in reports:
        click.echo(f"{escape(report.name)} {escape(report.version)}".rstrip())
        if report.problem:
            click.echo(f"  broken: {escape(report.problem)}")
        for kind, names in report.provides.items():
            if names:
                click.echo(f"  {kind.replace('_', ' ')}: {', '.join(escape(name) for name in names)}")
    broken = sum(bool(report.problem) for report in reports)
    if broken:
        say(f"{broken} of {len(reports)} plugins broken; the others work")


def facts(report) -> dict:
    """One plugin report as plain values."""
    return {
        "name": report.name,
        "version": report.version,
        "provides": {kind: list(names) for kind, names in report.provides.items()},
        "problem": report.problem or None,
    }
