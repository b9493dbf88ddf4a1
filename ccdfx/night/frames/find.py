"""Files of a directory that may be raw frames."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

FACTS = "night.json"
_FITS_START = b"SIMPLE  ="


def candidates(folder: Path, suffixes: tuple[str, ...], exclude: Path | None) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders that are named like images or start like FITS files.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     for name in ("b.fits", "notes.txt", ".hidden.fits"):
    ...         _ = Path(place, name).write_text("")
    ...     [path.name for path in candidates(Path(place), (".fits",), None)]
    ['b.fits']
    """
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith("."):
            continue
        if entry.name.lower().endswith(suffixes):
            yield path
        elif entry.is_dir(follow_symlinks=False):
            yield from _entered(path, suffixes, exclude)
        elif _starts_as_fits(entry):
            yield path


def _entered(folder: Path, suffixes: tuple[str, ...], exclude: Path | None) -> Iterator[Path]:
    try:
        if resolved(folder) != exclude and not (folder / FACTS).exists():
            yield from candidates(folder, suffixes, exclude)
    except PermissionError:
        # Listed as a frame, so that the unreadable directory is reported.
        yield folder


def _starts_as_fits(entry: os.DirEntry[str]) -> bool:
    try:
        if not entry.is_file():
            return False
        with open(entry.path, "rb") as file:
            return file.read(len(_FITS_START)) == _FITS_START
    except OSError:
        return False


def resolved(path: str | Path) -> Path:
    """Return the path without links."""
    return Path(os.path.realpath(path))
