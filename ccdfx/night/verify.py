"""Checks of a whole night from its output alone: its products as they are, or made again and compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccdfx.errors import FileError, printable
from ccdfx.io.provenance import file_sha256
from ccdfx.io.text import read_json
from ccdfx.night.frames.find import FACTS
from ccdfx.night.frames.scan import candidate_files
from ccdfx.night.graph.verify import Finding, records_of, verify_night
from ccdfx.night.naming import raw_file_of
from ccdfx.night.run import reduce_night


def facts_of(output: str | Path) -> dict[str, Any]:
    """Read night.json of an output.

    Raises
    ------
    FileError
        It is missing, broken, or of a run that did not end.
    """
    path = Path(output) / FACTS
    try:
        facts = read_json(path)
    except FileError as error:
        raise FileError(path, f"cannot be read: it {error.rule}", remedy="reduce the night again") from None
    if not isinstance(facts, dict) or not facts.get("complete"):
        raise FileError(path, "is of a run that did not end", remedy="run ccdfx reduce again; it goes on")
    return facts


def verify_whole_night(output: str | Path, raw: str | Path | None = None) -> tuple[Finding, ...]:
    """Check all products of a night and their raw frames, where night.json says these are.

    Parameters
    ----------
    output : path
    raw : path, optional
        Where the raw frames are now.

    Returns
    -------
    tuple of Finding

    Raises
    ------
    FileError
        The output holds no reduced night.
    """
    return verify_night(output, raw or facts_of(output)["directory"])


def remade_night(
    output: str | Path, raw: str | Path | None = None, *, memory: int | None = None
) -> tuple[Finding, ...]:
    """Make all products of a night again, in a temporary folder in the output, and compare their bytes.

    Frames that have arrived since are left out.

    Parameters
    ----------
    output : path
    raw : path, optional
        Where the raw frames are now.
    memory : int, optional
        Bytes that all products that are being made take together, as of `reduce_night`.

    Returns
    -------
    tuple of Finding

    Raises
    ------
    FileError
        The output holds no reduced night or cannot be written to, or the raw frames are gone.
    """
    from ccdfx.io.leftovers import temporary_folder

    target, facts = Path(output), facts_of(output)
    records = records_of(target)
    with temporary_folder(target) as folder:
        directory = Path(raw or facts["directory"]).absolute()
        named = {frame["file"] for frame in facts["frames"]}
        known = named | {raw_file_of(name) for name in named}  # a file may hold frames of several detectors
        there = candidate_files(directory, target)
        later = {path for path, name in there.items() if printable(name, 1000) not in known}
        reduce_night(directory, folder, recipe=_recipe(facts), skip=later, memory=memory, **facts["options"])
        return tuple(
            Finding(file, record.kind, _difference(target / file, folder / file))
            for file, record in records.items()
            if record.size is not None
        )


def _recipe(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe of a night as tables without the options that were not given."""
    return {
        name: {key: value for key, value in table.items() if value is not None}
        for name, table in facts["recipe"].items()
        if isinstance(table, Mapping)
    }


def _difference(one: Path, other: Path) -> str | None:
    before, after = file_sha256(one), file_sha256(other)
    if after is None:
        return "is not made any more"
    if before is None:
        return "missing"
    return None if before == after else "has other bytes when it is made again"
