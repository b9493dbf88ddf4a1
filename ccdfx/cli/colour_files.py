"""What the commands on mosaics of colours share: options, and the files of several colours that one becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ccdfx.cli.options import naming, refuse_output, which_image
from ccdfx.cli.several import read_beside
from ccdfx.cli.targets import made_folder
from ccdfx.cli.terminal import say

_SUFFIX = ".fits"
pattern_option = click.option(
    "--pattern",
    metavar="RGGB",
    help="The mosaic from the first pixel of the file: RGGB, BGGR, GRBG or GBRG. Default: as the header says.",
)
folder_option = click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False),
    help="The directory where the images go; it is made.",
)


def write_colours(
    files: Sequence[str],
    output: str,
    made: Callable[[Any], Mapping[str, Any]],
    names: Sequence[str],
    *,
    overwrite: bool,
    **part: Any,
) -> None:
    """Write an image of each colour of mosaics side by side, as FILE_R.fits and so on; what cannot be written is told first.

    Parameters
    ----------
    files : sequence of str
        The mosaics.
    output : str
        The directory.
    made : callable
        Returns the images of a mosaic by the names of their colours.
    names : sequence of str
        Of all colours.
    overwrite : bool
    **part
        hdu, plane and no_checksum, as of the command line.
    """
    import ccdfx

    stems = [_stem(file) for file in files]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise click.UsageError(f"two inputs would become {', '.join(twice)}_R{_SUFFIX}; give them one by one")
    targets = {
        file: {name: Path(output) / f"{stem}_{name}{_SUFFIX}" for name in names}
        for file, stem in zip(files, stems, strict=True)
    }
    made_folder(output)
    for several in targets.values():
        for target in several.values():
            refuse_output(target, overwrite, files)

    def written(file: str) -> list[Path]:
        with naming(file):
            images = made(ccdfx.read(file, **which_image(**part)))
        return [
            ccdfx.write(images[name], target, overwrite=overwrite) for name, target in targets[file].items()
        ]

    for file, places in zip(files, read_beside(written, files), strict=True):
        say(f"{file} written as {', '.join(map(str, places))}")


def _stem(file: str) -> str:
    """Return the name of a file without its suffixes, also those of compression."""
    name = Path(file).name
    for ending in (".gz", ".bz2", ".fz"):
        name = name.removesuffix(ending)
    return Path(name).stem
