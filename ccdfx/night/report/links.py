"""What a row of the table of exposures shows besides numbers: its time, what was done, links to files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ccdfx.night.graph.preview import LARGE_PICTURE
from ccdfx.night.naming import raw_file_of
from ccdfx.night.report.pictures import is_inside, picture_link
from ccdfx.night.report.times import moment
from ccdfx.night.words import number


def add_links(
    row: dict[str, Any], facts: Mapping[str, Any], output: Path, addresses: Mapping[str, Any]
) -> None:
    """Add to an exposure what its row shows: links, time, and what was done."""
    row["shown_time"] = time_shown(row["time"])
    row["flagged"] = "" if row["flags"] is None else sum(row["flags"].values())
    steps = [
        Path(name).stem for name in dict.fromkeys(name for part in row["parts"] for name in part["masters"])
    ]
    combined = any(part["combined"] for part in row["parts"])
    made_of = any(part["file"] for part in row["parts"])
    done = ", ".join([*steps, *(["combined"] if combined else [])])
    why = f": {row['why']}" if row["why"] else ""
    row["done"] = (done or "no master") if made_of else f"not calibrated{why}"
    for part in row["parts"]:
        part["raw_link"] = _raw_link(facts.get("directory"), part["raw"], output)
        for name in ("file", "combined"):
            file = part[name]
            part[f"{name}_link"] = quote(str(file)) if file and is_inside(output, str(file)) else None
        shown = "large" in addresses.get(str(part["file"]), {})
        part["picture_link"] = picture_link(output, str(part["file"]), LARGE_PICTURE) if shown else None


def _raw_link(directory: Any, file: Any, output: Path) -> str | None:
    """Return the link of a raw frame, relative to the page; None where it is not known."""
    if not directory or not file:
        return None
    try:
        return quote(
            Path(os.path.relpath(Path(directory) / raw_file_of(str(file)), output.absolute())).as_posix()
        )
    except ValueError:  # another drive
        return None


def time_shown(text: Any) -> str:
    """Format the time of an exposure, with month and day.

    >>> time_shown("2020-01-02T03:04:05.678"), time_shown(None)
    ('01-02 03:04:05', '–')
    """
    time = moment(text)
    return number(text) if time is None else time.strftime("%m-%d %H:%M:%S")
