"""Files that may be raw frames: those given, and those in the directories given."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ccdfx.errors import ArgumentError, ArgumentTypeError, FileError

FACTS = "night.json"
_FITS_START = b"SIMPLE  ="

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""A file or directory, or several of them."""


def given_paths(paths: Paths) -> tuple[Path, ...]:
    """Return the paths that a user gives, one or several.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        There is none, or one is no path.

    Examples
    --------
    >>> [path.as_posix() for path in given_paths(["raw", Path("more/a.fits")])]
    ['raw', 'more/a.fits']
    """
    remedy = "give a file or directory, or a list of them"
    several = [paths] if isinstance(paths, str | os.PathLike) else paths
    if not isinstance(several, Iterable) or isinstance(several, bytes):
        raise ArgumentTypeError("paths", "must be paths", value=paths, remedy=remedy)
    found = []
    for path in several:
        if not isinstance(path, str | os.PathLike) or isinstance(os.fspath(path), bytes):
            raise ArgumentTypeError("paths", "must be paths", value=path, remedy=remedy)
        found.append(Path(path))
    if not found:
        raise ArgumentError("paths", "must be one or more", value=paths, remedy=remedy)
    return tuple(found)


def common_folder(paths: Iterable[Path]) -> Path:
    """Return the innermost directory that holds all paths; a directory holds itself.

    Raises
    ------
    ArgumentError
        They are on different drives.

    Examples
    --------
    >>> common_folder([Path("/night/raw/a.fits"), Path("/night/flats/V.fits")]).as_posix()
    '/night'
    """
    folders = list(dict.fromkeys(path if path.is_dir() else path.parent for path in paths))
    if len(folders) == 1:
        return folders[0]
    try:
        return Path(os.path.commonpath([os.path.abspath(folder) for folder in folders]))
    except ValueError:
        raise ArgumentError(
            "paths",
            "must have a directory in common",
            value=[str(folder) for folder in folders],
            remedy="copy the frames to one drive",
        ) from None


def require_apart(paths: Iterable[Path], output: Path) -> None:
    """Refuse paths of raw frames that are not there, and an output that is the directory of some of them.

    Raises
    ------
    FileError
        A path is not there, or the output is not a directory.
    ArgumentError
        The output is a directory that is given, or holds a file that is given.

    Examples
    --------
    >>> require_apart([Path(".")], Path("."))
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: output: must not be the directory of the raw frames (got '.'); give another
    """
    paths = tuple(paths)
    for path in paths:
        if not path.exists():
            remedy = "give files and directories of raw frames"
            raise FileError(path, "is not a file and not a directory", remedy=remedy)
    if resolved(output) in {resolved(path if path.is_dir() else path.parent) for path in paths}:
        raise ArgumentError(
            "output", "must not be the directory of the raw frames", value=str(output), remedy="give another"
        )
    if output.exists() and not output.is_dir():
        raise FileError(output, "is not a directory", remedy="give a directory for the results")


def find_files(paths: Iterable[Path], suffixes: tuple[str, ...], exclude: Path | None) -> dict[Path, str]:
    """Return the files given and those in the directories given, each with its name, sorted by name.

    The name is relative to the common directory, with forward slashes. A file that is given, or found by links or
    through several directories, more than once is one file, under its first name.

    Raises
    ------
    FileError
        Something given is not there, or a directory cannot be listed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder, given = Path(place, "raw"), Path(place, "flat.001")
    ...     folder.mkdir()
    ...     for path in (folder / "b.fits", folder / "notes.txt", folder / ".hidden.fits", given):
    ...         _ = path.write_text("")
    ...     list(find_files([folder, given, folder / "b.fits"], (".fits",), None).values())
    ['flat.001', 'raw/b.fits']
    """
    paths = tuple(paths)
    root = common_folder(paths)
    found = {}
    for given in paths:
        for path in _files_of(given, suffixes, exclude):
            found[path] = _parts_below(root, path)
    folders: dict[Path, Path] = {}
    names: dict[Path, str] = {}
    seen = set()
    for path, parts in sorted(found.items(), key=lambda item: item[1]):
        place = _real(path, folders)
        if place not in seen:
            seen.add(place)
            names[path] = "/".join(parts)
    return names


def resolved(path: str | os.PathLike[str]) -> Path:
    """Return the path without links."""
    return Path(os.path.realpath(path))


def _files_of(given: Path, suffixes: tuple[str, ...], exclude: Path | None) -> Iterator[Path]:
    """Yield a path that is no directory as it is, and what may be frames in one that is."""
    try:
        if given.is_dir():
            yield from _candidates(given, suffixes, exclude)
        else:
            os.lstat(given)
            yield given
    except OSError as problem:
        raise FileError(
            given, f"cannot be listed: {problem.strerror}", remedy="give files and directories of frames"
        ) from None


def _parts_below(root: Path, path: Path) -> tuple[str, ...]:
    try:
        parts = path.relative_to(root).parts
    except ValueError:
        parts = (os.pardir,)
    if os.pardir in parts:
        return Path(os.path.abspath(path)).relative_to(os.path.abspath(root)).parts
    return parts


def _real(path: Path, folders: dict[Path, Path]) -> Path:
    """Return a path without links; `folders` are those known already, since asking for each file takes long."""
    if os.path.islink(path):
        return resolved(path)
    folder = path.parent
    if folder not in folders:
        folders[folder] = resolved(folder)
    return folders[folder] / path.name


def _candidates(folder: Path, suffixes: tuple[str, ...], exclude: Path | None) -> Iterator[Path]:
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
            yield from _candidates(folder, suffixes, exclude)
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
