"""`ccdfx convert`: conversion of images to another format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ccdfx.cli.options import hdu_of, naming, options, refuse_output
from ccdfx.cli.several import require_one_image
from ccdfx.cli.targets import targets_of
from ccdfx.cli.terminal import say, talks


@click.command("convert")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o", "--output", required=True, metavar="FILE|DIRECTORY", help="The new file, or where several go."
)
@click.option(
    "--to", "suffix", metavar="SUFFIX", help="The format of files in a directory, such as .npz or .fits."
)
@options("hdu_or_all", "plane", "section", "no_checksum", "overwrite")
@talks
def command(files: tuple[str, ...], output: str, suffix: str | None, overwrite: bool, **part: Any) -> None:
    """Write images in another format, with header, flags, variance and window.

    The suffix of the output decides the format; `ccdfx plugins` lists the formats. Pixels keep their values
    and their type.
    """
    import ccdfx

    sources = [Path(file) for file in files]
    hdu = part["hdu"] if part["hdu"] == "all" else hdu_of(part["hdu"])
    targets = _targets(sources, Path(output), suffix)
    for target in targets:
        refuse_output(target, overwrite, sources)
    for source, target in zip(sources, targets, strict=True):
        require_one_image(str(source), {"hdu": hdu}, remedy="--hdu all converts each")
        with naming(source):
            image = ccdfx.read(
                source,
                hdu=hdu,
                plane=part["plane"],
                section=part["section"],
                checksum=not part["no_checksum"],
            )
        ccdfx.write(image, target, overwrite=overwrite)
        say(f"{source} written as {target}")


def _targets(sources: list[Path], output: Path, suffix: str | None) -> list[Path]:
    """Return the output file of each source: `output` itself, or a file in the directory `output`."""
    if suffix is None:
        if len(sources) > 1 or output.is_dir():
            raise click.UsageError("--to says the format of files in a directory, such as --to .npz")
        return [output]
    targets = targets_of(sources, output, suffix)
    if not output.is_dir():
        raise click.UsageError(f"{output} is not a directory; make it first")
    return targets
