"""Names of output files in a directory, after those of the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ccdfx.errors import FileError


def targets_of(sources: Sequence[Path], folder: Path, suffix: str) -> list[Path]:
    """Return the output file of each source in a folder; two sources of one name are a usage error.

    >>> targets_of([Path("raw/a.fits.gz")], Path("out"), "npz")
    [PosixPath('out/a.npz')]
    """
    ending = "." + suffix.removeprefix(".")
    targets = [folder / f"{without_suffixes(source)}{ending}" for source in sources]
    twice = {target.name for target in targets if targets.count(target) > 1}
    if twice:
        raise click.UsageError(f"two inputs would become {', '.join(sorted(twice))}; convert them one by one")
    return targets


def without_suffixes(path: Path) -> str:
    """Return the file name without its suffixes, also those of compression: image.fits.gz gives image.

    >>> without_suffixes(Path("a/image.v2.fits.gz"))
    'image.v2'
    """
    name = path.name
    for ending in (".gz", ".bz2", ".fz"):
        name = name.removesuffix(ending)
    return Path(name).stem


def made_folder(output: str | Path) -> Path:
    """Make the folder of the results if it is missing and return it; a file in its place, or the name of one, is a usage error."""
    from ccdfx.io.reading import by_suffix, formats

    folder = Path(output)
    if not folder.exists() and by_suffix(folder.name, formats()) is not None:
        raise click.UsageError(f"{folder} is the name of a file, and a directory is made; give its name")
    if folder.exists() and not folder.is_dir():
        raise click.UsageError(f"{folder} is not a directory")
    if not folder.absolute().parent.is_dir():
        raise FileError(folder, "cannot be made: the folder above it is not there", remedy="make that first")
    folder.mkdir(exist_ok=True)
    return folder
