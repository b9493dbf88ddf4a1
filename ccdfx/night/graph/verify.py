"""Checks of a reduced night: whether each product is what its header and facts say, and its inputs are unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ccdfx.errors import CcdfxError, FileError
from ccdfx.io.provenance import file_sha256
from ccdfx.night.graph.keys import digest
from ccdfx.night.graph.product import FACTS_FOLDER
from ccdfx.night.graph.record import Record, facts_path, read_record
from ccdfx.night.graph.state import key_of
from ccdfx.night.naming import raw_file_of
from ccdfx.night.words import listed


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one product: `problem` is None where all is as it says."""

    file: str
    kind: str
    problem: str | None


def records_of(output: Path) -> dict[str, Record]:
    """Read the records of all products in the folder of facts of an output, by file.

    Raises
    ------
    FileError
        There is no such folder.
    """
    folder = output / FACTS_FOLDER
    if not folder.is_dir():
        raise FileError(output, "holds no reduced night", remedy="give the output of ccdfx reduce")
    found = {}
    for path in sorted(folder.rglob("*.json")):
        place = path.relative_to(folder)
        for file in (place.with_suffix(".fits").as_posix(), place.as_posix()):
            record = read_record(output, file)
            if record is not None:
                found[file] = record
    return found


def verify_night(output: str | Path, raw: str | Path | None = None) -> tuple[Finding, ...]:
    """Check all products of a reduced night.

    The bytes of each are compared with the checksums and the key of its header, its key with what that is computed of,
    its inputs with the frames and products that are there. A file with a key that has no record, or one that cannot
    be read, is among what is found.

    Parameters
    ----------
    output : path
        As of `reduce_night`.
    raw : path, optional
        The directory of the raw frames; without it they are not looked at.

    Returns
    -------
    tuple of Finding
        One for each product, in the order of their names.

    Raises
    ------
    FileError
        The output holds no reduced night.
    """
    target = Path(output)
    records = records_of(target)
    digests: dict[str, str | None] = {}
    found = [
        Finding(file, record.kind, "; ".join(_problems(record, records, target, raw, digests)) or None)
        for file, record in records.items()
    ]
    return (*found, *_without_record(target, records))


def _without_record(output: Path, records: Mapping[str, Record]) -> Iterator[Finding]:
    """Find the files with a key, in the folders of products, that no record speaks of."""
    for path in sorted(output.glob("[!.]*/*.fits")):
        file = path.relative_to(output).as_posix()
        if file not in records and key_of(path) is not None:
            yield Finding(file, path.parent.name, "its record in the folder of facts is missing or broken")


def _problems(
    record: Record,
    records: Mapping[str, Record],
    output: Path,
    raw: str | Path | None,
    digests: dict[str, str | None],
) -> Iterator[str]:
    if not record.intact or digest(record.parts) != record.key:
        yield "its record was changed"
    if record.size is not None:
        yield from _problems_of_file(record, output)
    stars = facts_path(output, record.file, ".npy")
    if record.stars is not None and not (stars.is_file() and stars.stat().st_size == record.stars):
        yield "the file of its stars is missing or cut"
    inputs = record.parts.get("inputs") or {}
    other = [file for file, key in inputs.items() if file not in records or records[file].key != key]
    if other:
        yield f"made of other versions of {listed(other)}"
    if raw is not None:
        names = record.parts.get("raw") or {}
        for name in names:
            if name not in digests:
                taken_from = (record.facts or {}).get("taken_from")
                path = Path(taken_from) if taken_from else Path(raw) / name
                digest_of_file = file_sha256(path)
                if digest_of_file is None and not taken_from:  # a file that holds frames of several detectors
                    digest_of_file = file_sha256(Path(raw) / raw_file_of(name))
                digests[name] = digest_of_file
        gone = [name for name in names if digests[name] is None]
        changed = [name for name in names if digests[name] is not None and digests[name] != names[name]]
        if gone:
            yield f"input gone: {listed(gone)}"
        if changed:
            yield f"input changed: {listed(changed)}"


def _problems_of_file(record: Record, output: Path) -> Iterator[str]:
    from ccdfx.io import read

    path = output / record.file
    try:
        size = path.stat().st_size
    except OSError:
        yield "missing"
        return
    if size != record.size:
        yield f"has {size} bytes, not {record.size}"
    try:
        read(path, hdu="all")
    except (CcdfxError, OSError) as error:
        yield str(error).removeprefix(f"{path}: ")
        return
    if key_of(path) != record.key:
        yield "the key in its header is not that of its record"
