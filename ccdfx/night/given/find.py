"""The files of given masters, from what a recipe or the command line says."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ccdfx.errors import ArgumentError, FileError
from ccdfx.night.frames.find import FACTS, common_folder, resolved
from ccdfx.night.frames.scan import candidate_files
from ccdfx.night.given.master import PREFIX
from ccdfx.night.settings.master_files import SAID, absolute_text, said_of

_MASTERS_FOLDER = "masters"


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A file that may be a master: its name, and what was said: the kind, and whether its level without light was subtracted.

    That level is the bias of darks and flats, and of a bias what the overscan tells.
    """

    path: Path
    name: str
    kind: str | None = None
    level_free: bool | None = None


def find_given(texts: Iterable[str], output: Path, raw: Iterable[Path] = ()) -> tuple[GivenFile, ...]:
    """Return the files that may be masters: those given, and those in directories, in the order given.

    Of the output of a night its folder of masters is looked at. Files in directories have names relative to the common
    directory of all that is given.

    Parameters
    ----------
    texts : iterable of str
        ``FILE``, ``DIRECTORY`` or ``KIND=FILE`` with a word of `SAID`.
    output : Path
        Of this night.
    raw : iterable of Path
        What holds the raw frames of this night.

    Raises
    ------
    FileError
        Something given is not there.
    ArgumentError
        A kind is said of a directory, or masters of the output itself or the folder of the raw frames are given.
    """
    said = [said_of(absolute_text(text)) for text in texts]
    for word, path in said:
        _require_usable(word, path, output)
    if not said:
        return ()
    _require_no_raw(said, raw)
    places = [_masters_of(path) for _, path in said]
    root = common_folder(places)
    words = {resolved(path): word for word, path in said if word is not None}
    found: dict[Path, GivenFile] = {}
    for place in places:
        for path in candidate_files([place]):
            kind, level_free = SAID.get(words.get(resolved(path)) or "", (None, None))
            name = Path(os.path.relpath(path, root)).as_posix()
            found.setdefault(resolved(path), GivenFile(path, PREFIX + name, kind, level_free))
    return tuple(found.values())


def _require_usable(word: str | None, path: Path, output: Path) -> None:
    if not path.exists():
        raise FileError(
            path, "is not a file and not a directory", remedy="give files or directories of masters"
        )
    if word is not None and path.is_dir():
        raise ArgumentError(
            "masters",
            "can be said to be of one kind only file by file",
            value=f"{word}={path}",
            remedy=f"give {word}=FILE for each file",
        )
    if resolved(output) in (place := resolved(path), *place.parents):
        raise ArgumentError(
            "masters",
            "must be those of another output",
            value=str(path),
            remedy="copy them to another folder, or leave them out: what is current is not made again",
        )


def _require_no_raw(said: Iterable[tuple[str | None, Path]], raw: Iterable[Path]) -> None:
    frames = [resolved(path) for path in raw]
    for _, path in said:
        if path.is_dir() and any(resolved(path) in (one, *one.parents) for one in frames):
            raise ArgumentError(
                "masters",
                "must not be a directory that holds the raw frames",
                value=str(path),
                remedy="give the files of the masters",
            )


def _masters_of(path: Path) -> Path:
    """Return the folder of masters of the output of a night, and anything else as it is."""
    inside = path / _MASTERS_FOLDER
    return inside if (path / FACTS).exists() and inside.is_dir() else path
