"""Whether a product is there as it would be made now, and if not, why."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ccdfx.errors import CcdfxError, OutputExistsError
from ccdfx.io.content import FileContent
from ccdfx.io.text import read_json
from ccdfx.night.graph.keys import digest
from ccdfx.night.graph.product import FACTS_FOLDER, Product
from ccdfx.night.graph.record import KEY, PASSING, Record, facts_path, read_record
from ccdfx.night.words import listed

_GENERATOR = '<meta name="generator" content="ccdfx">'  # of the template of the report
TABLE_HEAD = "exposure,file,part,kind,"
"""The beginning of the table of the frames of a night."""
_HEAD = 1000  # bytes of a file in which these stand


def why_make(product: Product, parts: Mapping[str, Any], record: Record | None, output: Path) -> str | None:
    """Return why a product must be made, such as "missing" or "input changed: a.fits"; None if it is current.

    A product is current if its record is intact and has its key, its files the sizes of the record, and the header this
    key.
    One that could not be made is not tried again with the same key.

    Parameters
    ----------
    product : Product
    parts : mapping
        What its key is computed of (`Product.key_parts`).
    record : Record or None
        Of the product that is there.
    output : Path
    """
    if record is None:
        return "missing"
    if not record.intact:
        return "its facts changed"
    if record.key != digest(parts):
        return _changed(record.parts, parts)
    if record.lost is not None:
        return None
    if record.stars is not None and _size(facts_path(output, product.file, ".npy")) != record.stars:
        return "its facts changed"
    if not product.has_image or record.size is None:
        return None
    path = output / product.file
    if not path.exists():
        return "missing"
    return None if _size(path) == record.size and key_of(path) == record.key else "its file changed"


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def key_of(path: Path) -> str | None:
    """Return the key in the header of a file; None if it has none, or cannot be read."""
    from ccdfx.io import read_header

    try:
        key = read_header(path).get(KEY)
    except (CcdfxError, OSError):
        return None
    return key if isinstance(key, str) else None


def refuse_foreign(output: Path, files: Collection[str]) -> None:
    """Refuse to replace files that ccdfx did not make as products of this output.

    Parameters
    ----------
    output : Path
    files : collection of str
        Files of products that are images; facts are in a folder of their own.

    Raises
    ------
    OutputExistsError
        A file is there that has neither a record nor a key, or that is where a folder of products or of facts would be.
    """
    for folder in _folders(output, files):
        if os.path.lexists(folder) and not folder.is_dir():
            raise _foreign(folder, "is where a folder of the night would be, and is none")
    paths = {file: output / file for file in files}
    foreign = [path for file, path in paths.items() if os.path.lexists(path) and not _is_own(output, file)]
    if foreign:
        more = f", and so were {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise _foreign(foreign[0], f"was not made by ccdfx for this night{more}")


def _folders(output: Path, files: Iterable[str]) -> list[Path]:
    """Return the folders of files of an output and of their facts, the outer ones first."""
    places = {
        Path(part, parent) for file in files for parent in Path(file).parents for part in ("", FACTS_FOLDER)
    }
    return sorted({output / FACTS_FOLDER, *(output / place for place in places)})


def refuse_foreign_facts(facts: Path, report: Path, table: Path) -> None:
    """Refuse to replace a file of facts, a report, or a table of frames, of another program.

    Raises
    ------
    OutputExistsError
        One of the files is there and is not what a night of ccdfx is written to.
    """
    if facts.exists() and not _is_night(facts):
        raise _foreign(facts, "is not the metadata of a night of ccdfx")
    refuse_foreign_page(report)
    if table.exists() and not _begins_with(table, TABLE_HEAD):
        raise _foreign(table, "is not the table of the frames of a night of ccdfx")


def refuse_foreign_page(page: Path) -> None:
    """Refuse to replace a file that is no page of ccdfx.

    Raises
    ------
    OutputExistsError
        There is such a file.
    """
    if page.exists() and not _begins_with(page, _GENERATOR):
        raise _foreign(page, "is not a report of ccdfx")


def _foreign(path: Path, rule: str) -> OutputExistsError:
    return OutputExistsError(path, rule, remedy="move it away, or give another output")


def _is_night(path: Path) -> bool:
    try:
        facts = read_json(path)
    except (OSError, ValueError):
        return False
    return isinstance(facts, dict) and "directory" in facts and ("complete" in facts or "ccdfx" in facts)


def _begins_with(path: Path, text: str) -> bool:
    try:
        return text.encode() in bytes(FileContent(path).read_at(0, _HEAD))
    except OSError:
        return False


def _is_own(output: Path, file: str) -> bool:
    return key_of(output / file) is not None or read_record(output, file) is not None


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Describe in what the parts of two keys differ."""
    if before.get(PASSING):
        return "was not made as it should be"
    reasons = []
    if before.get("versions") != now["versions"] or before.get("maker") != now["maker"]:
        reasons.append("made by another version")
    old, new = ({**(parts.get("raw") or {}), **(parts.get("inputs") or {})} for parts in (before, now))
    changes = {
        "new input": [file for file in new if file not in old],
        "input changed": [file for file in new if file in old and old[file] != new[file]],
        "input gone": [file for file in old if file not in new],
    }
    reasons += [f"{what}: {listed(files)}" for what, files in changes.items() if files]
    options = _options(before), _options(now)
    different = [name for name in options[1] if options[0].get(name) != options[1][name]]
    if different and not any(changes.values()):
        names = [{"plan": "how its frames are used"}.get(name, name) for name in different]
        reasons.append(f"option changed: {', '.join(names)}")
    return "; ".join(reasons) or "its record changed"


def _options(parts: Mapping[str, Any]) -> dict[str, Any]:
    options = dict(parts.get("options") or {})
    return {**options.pop("recipe", {}), **options}
