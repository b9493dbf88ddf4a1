"""`ccdfx convert`: conversion of images to another format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ccdfx.cli.completion import files
from ccdfx.cli.options import computing, naming, options, refuse_output, which_image
from ccdfx.cli.several import read_beside, require_one_image
from ccdfx.cli.targets import made_folder, targets_of
from ccdfx.cli.terminal import say, talks


@click.command("convert")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=files)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE|DIRECTORY",
    shell_complete=files,
    help="The new file, or where several go.",
)
@click.option(
    "--to", "suffix", metavar="SUFFIX", help="The format of files in a directory, such as .npz or .fits."
)
@options("hdu_or_all", "plane", "section", "no_checksum", "overwrite", "threads", "memory")
@talks
def command(
    files: tuple[str, ...],
    output: str,
    suffix: str | None,
    overwrite: bool,
    threads: int | None,
    memory: int | None,
    **part: Any,
) -> None:
    """Write images in another format, with header, flags, variance and window.

    The suffix of the output decides the format; `ccdfx plugins` lists the formats. Pixels keep their values
    and their type.
    """
    import ccdfx

    sources = [Path(file) for file in files]
    which = which_image(None if part["hdu"] == "all" else part["hdu"], part["plane"], part["no_checksum"])
    hdu = "all" if part["hdu"] == "all" else which["hdu"]
    targets = _targets(sources, Path(output), suffix)
    for target in targets:
        refuse_output(target, overwrite, sources)
    places = dict(zip(files, targets, strict=True))

    def converted(file: str) -> Path:
        require_one_image(file, {"hdu": hdu}, remedy="--hdu all converts each")
        with naming(file):
            image = ccdfx.read(file, **{**which, "hdu": hdu}, section=part["section"])
        return ccdfx.write(image, places[file], overwrite=overwrite)

    with computing(None, threads, memory):
        for file, target in zip(files, read_beside(converted, files), strict=True):
            say(f"{file} written as {target}")


def _targets(sources: list[Path], output: Path, suffix: str | None) -> list[Path]:
    """Return the output file of each source: `output` itself, or a file in the directory `output`."""
    if suffix is None:
        if len(sources) > 1 or output.is_dir():
            raise click.UsageError("--to says the format of files in a directory, such as --to .npz")
        return [output]
    targets = targets_of(sources, output, suffix)
    made_folder(output)
    return targets
