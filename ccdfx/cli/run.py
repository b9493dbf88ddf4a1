"""`ccdfx run`: a recipe of steps applied to files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ccdfx.cli.group import FAILED
from ccdfx.cli.options import computing, engine_of, naming, options, refuse_output, which_image
from ccdfx.cli.several import tell_several
from ccdfx.cli.targets import targets_of
from ccdfx.cli.terminal import escape, print_json, progress_bar, say, talks

if TYPE_CHECKING:
    from ccdfx.records.image import Image


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file that is read when its turn comes, where it is computed."""

    name: str
    which: dict[str, Any]

    def select(self, range: Any = None) -> Image:
        """Read the image."""
        import ccdfx

        return ccdfx.read(self.name, **self.which)

    def close(self) -> None:
        """Do nothing: a file is closed after it is read."""


@click.command("run")
@click.argument("recipe", metavar="STEPS.toml", type=click.Path(exists=True, dir_okay=False))
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="DIRECTORY",
    help="Directory of the results; it is created if absent.",
)
@click.option("--to", "suffix", default=".fits", show_default=True, metavar="SUFFIX", help="Their format.")
@options("hdu", "plane", "no_checksum", "overwrite", "json", "threads", "memory", "engine", "scheduler")
@click.pass_context
@talks
def command(
    ctx: click.Context,
    recipe: str,
    files: tuple[str, ...],
    output: str,
    suffix: str,
    overwrite: bool,
    as_json: bool,
    threads: int | None,
    memory: int | None,
    engine: str | None,
    scheduler: str | None,
    **image: Any,
) -> None:
    """Apply the steps of a recipe to files, several at a time, and write each result under the name of its file.

    A recipe has a [[step]] table for each step: use = "trim", section = "[1:100,1:100]". A step with gather = "combine" makes
    one image of all, or of each group. A file that fails is reported on stderr, the others are written, and the exit status
    is 1.
    """
    import ccdfx
    from ccdfx.pipelines.pipeline import Gather

    with naming(recipe):
        pipe = ccdfx.read_recipe(recipe)
    gathers = any(isinstance(one, Gather) for one in pipe.steps)
    sources, folder = [Path(file) for file in files], Path(output)
    if folder.exists() and not folder.is_dir():
        raise click.UsageError(f"{output} is not a directory")
    targets = [] if gathers else targets_of(sources, folder, suffix)
    for target in targets:
        _refuse(target, overwrite, sources)
    folder.mkdir(exist_ok=True)
    which = which_image(**image)
    for source in files:
        tell_several(source, which)
    frames = [InputFile(source, which) for source in files]
    rows: list[dict[str, Any]] = []
    taken: set[str] = set()
    with computing(engine_of(engine, scheduler), threads, memory), progress_bar() as update:
        for done, outcome in enumerate(ccdfx.outcomes(pipe, frames), 1):
            row = {"name": outcome.name, "file": None, "problem": None}
            rows.append(row)
            update(outcome.name, done, len(files))
            if outcome.image is None:
                row["problem"] = str(outcome.failure)
                say(f"ccdfx: error: {outcome.failure}", always=True)
                continue
            target = _group_target(outcome.name, folder, suffix, taken) if gathers else targets[outcome.index]
            _refuse(target, overwrite, sources)
            line = f"ccdfx {ccdfx.__version__} run {Path(recipe).name}: {len(pipe.steps)} steps"
            ccdfx.write(_with_line(outcome.image, line), target, overwrite=overwrite)
            row["file"] = str(target)
            say(f"{outcome.name} written as {target}")
    if as_json:
        print_json(rows)
    if any(row["problem"] for row in rows):
        ctx.exit(FAILED)


def _refuse(target: Path, overwrite: bool, sources: list[Path]) -> None:
    """Refuse an output; its folder may be missing still."""
    if target.parent.is_dir():
        refuse_output(target, overwrite, sources)


def _group_target(label: str, folder: Path, suffix: str, taken: set[str]) -> Path:
    """Return the output of a group of frames, named by its label and unique."""
    from ccdfx.night.naming import slug

    stem = slug(label)
    numbers = (f"{stem}_{number}" for number in range(2, 10**6))
    name = stem if stem not in taken else next(name for name in numbers if name not in taken)
    taken.add(name)
    return folder / f"{name}.{suffix.removeprefix('.')}"


def _with_line(image: Image, line: str) -> Image:
    text = escape(line).encode("ascii", "backslashreplace").decode()
    return image.replace(header=image.header.add_history(text))
