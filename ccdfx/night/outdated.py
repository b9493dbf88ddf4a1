"""Products of earlier runs: those that others have replaced are removed, and the others are listed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ccdfx.night.given.master import PREFIX
from ccdfx.night.graph.preview import PICTURES, picture_path
from ccdfx.night.graph.record import PASSING, Record, facts_path
from ccdfx.night.graph.verify import records_of
from ccdfx.night.night_facts import Results
from ccdfx.night.summary import left_over

_SUFFIXES = (".json", ".npy")


def remove_superseded(output: Path, results: Results) -> list[str]:
    """Remove products of earlier runs whose frames are all in this one, and list the others that are no products of it.

    The former were made of a part of these frames, or under another name, and their frames are in the products of this
    run. What was made of frames that are gone cannot be made again, so it stays; and so does what was made of frames that are
    not chosen now, which only took time.

    Parameters
    ----------
    output : Path
    results : Results
        Of this run.

    Returns
    -------
    list of str
        Files in the folders of products that are left.
    """
    current = {*results.graph.products, *results.measured}
    frames = {frame.file for frame in results.frames} - set(results.not_chosen)
    records = records_of(output)
    # What could not be made in this run alone may be why a product is none of it.
    made = (*results.measured.values(), *results.records.values())
    is_passing = any(record.parts.get(PASSING) for record in made)
    for file in () if is_passing else set(records) - current:
        if not records[file].intact:
            continue  # it may not say truly of what the product was made
        raw = raw_of(file, records)
        own = {name for name in raw if not name.startswith(PREFIX)}
        if own <= frames if own else raw and _is_copy(records[file]):
            paths = [facts_path(output, file, suffix) for suffix in _SUFFIXES]
            for path in (*paths, *(picture_path(output, file, ending) for ending in PICTURES)):
                with suppress(OSError):
                    path.unlink()
            if records[file].size is not None:
                with suppress(OSError):
                    (output / file).unlink()
    return left_over(output, [file for file, record in results.records.items() if record.size is not None])


def _is_copy(record: Record) -> bool:
    """Return whether a product is the copy of a master that is still there."""
    source = (record.facts or {}).get("taken_from")
    return source is not None and Path(source).exists()


def raw_of(file: str, records: Mapping[str, Record]) -> set[str]:
    """Return the raw frames of a product, and of the products that it is made of."""
    found: set[str] = set()
    waiting, seen = [file], {file}
    while waiting:
        record = records.get(waiting.pop())
        if record is not None:
            found |= set(record.parts.get("raw") or {})
            new = set(record.parts.get("inputs") or {}) - seen
            seen |= new
            waiting += new
    return found
