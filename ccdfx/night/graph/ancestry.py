"""How a product came about: the tree of what it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ccdfx.errors import FileError
from ccdfx.night.graph.product import FACTS_FOLDER
from ccdfx.night.graph.record import KEY, read_record
from ccdfx.night.tree import node

_DIGITS = 12  # of a SHA-256


def history_tree(path: str | Path) -> dict[str, Any]:
    """Return the tree of a product: what it was made of, down to the raw frames, as ``{"label", "children"}``.

    Inputs are those of the facts beside the product, or, where it stands alone, those that its header names.

    Parameters
    ----------
    path : path
        A product of `reduce_night`, or of `combine` on the command line.

    Raises
    ------
    FileError
        It is not there, or its header names no inputs.
    """
    from ccdfx.io import read_header

    found = Path(path)
    header = read_header(found)
    output = found.absolute().parent.parent
    file = f"{found.absolute().parent.name}/{found.name}"
    if (output / FACTS_FOLDER).is_dir() and read_record(output, file) is not None:
        return _of_record(output, file)
    kind = header.get("PRODUCT")
    numbers = [key[-3:] for key in header if key.startswith("IMCMB")]
    if kind is None and not numbers:
        raise FileError(
            found, "has no history of inputs", remedy="give a product of ccdfx reduce or ccdfx combine"
        )
    children = [
        node(
            _label(
                str(header[f"IMCMB{number}"]),
                "",
                header.get(f"IMSHA{number}") or header.get(f"IMKEY{number}"),
            )
        )
        for number in numbers
    ]
    return node(_label(found.name, str(kind or ""), header.get(KEY)), *children)


def _of_record(output: Path, file: str) -> dict[str, Any]:
    record = read_record(output, file)
    if record is None:
        return node(_label(file, "its facts are missing", None))
    raw = (record.parts.get("raw") or {}).items()
    children = [node(_label(name, "", sha)) for name, sha in raw]
    children += [_of_record(output, need) for need in record.parts.get("inputs") or {}]
    what = record.kind if record.lost is None else f"{record.kind}, not made: {record.lost}"
    return node(_label(file, what, record.key), *children)


def _label(name: str, what: str, digest: object) -> str:
    shown = str(digest)[:_DIGITS] if digest else ""
    return ", ".join(part for part in (name, what, shown) if part)
