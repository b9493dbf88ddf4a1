"""Tables of what is told of frames beside their headers: CSV files with a line for each frame, or for a pattern of names."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccdfx.errors import ArgumentError, FormatError
from ccdfx.io.text import read_text
from ccdfx.night.instruments.conditions import pattern_of
from ccdfx.night.instruments.exposures import exptime_of
from ccdfx.night.instruments.header_facts import Known
from ccdfx.night.instruments.instrument import KINDS
from ccdfx.records.header import Header

SOURCE = "table"
_NOT_READ = ("size", "colours", "instrument", "problem")  # columns that `ccdfx scan --csv` writes too
_OTHER_NAMES = {"exposure": "exptime", "name": "file", "type": "kind"}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table: its number, the file or pattern that it is of, and what it tells."""

    line: int
    file: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FrameTable:
    """The lines of a table and the folder from which its files are named.

    Examples
    --------
    >>> table = parse_table("file,kind,filter,exptime\\nflats/*,flat,V,\\nflats/7.fits,flat,R,2.5", "t.csv")
    >>> table.told(Path("/n/flats/7.fits"), "flats/7.fits"), table.told(Path("/n/flats/8.fits"), "flats/8.fits")
    ({'kind': 'flat', 'filter': 'R', 'exptime': 2.5}, {'kind': 'flat', 'filter': 'V'})
    >>> table.told(Path("/n/8.fits"), "8.fits")
    {}
    """

    source: str
    rows: tuple[Row, ...]

    def told(self, path: Path, file: str) -> dict[str, Any]:
        """Return what is told of a frame: by the line that names its file, else by the first whose pattern fits.

        Parameters
        ----------
        path : Path
        file : str
            Its name relative to the directory that was given.
        """
        row = self.row_of(path, file)
        return {} if row is None else dict(row.facts)

    def row_of(self, path: Path, file: str) -> Row | None:
        """Return the line of a frame, or None; see `told`."""
        below = os.path.relpath(path, Path(self.source).parent).replace(os.sep, "/")
        names = dict.fromkeys((os.path.abspath(path).replace(os.sep, "/"), below, file, path.name))
        exact = [row for row in self.rows if row.file in names]
        if exact:
            return exact[0]
        return next((row for row in self.rows if _fits(row.file, names)), None)


def read_table(path: str | Path) -> FrameTable:
    """Read a table from a CSV file.

    Raises
    ------
    FileError
        It cannot be opened.
    FormatError
        As of `parse_table`.
    """
    return parse_table(read_text(path), str(path))


def parse_table(text: str, source: str) -> FrameTable:
    """Parse a table: a line of titles, then a line for each frame or pattern of names; an empty cell tells nothing.

    Parameters
    ----------
    text : str
        Values separated by commas, semicolons or tabs. The column ``file`` is required: a path from the folder of the
        table, a name, or a pattern with ``*`` and ``?``. Others are kind, object, filter, exptime (s; or exposure), date,
        binning (2x2), gain (e-/ADU), readnoise (e-) and saturation (ADU); size, colours, instrument and problem, which a list of
        frames has too, are not read. Lines that begin with ``#`` are left out.
    source : str
        The file, for errors.

    Raises
    ------
    FormatError
        A column is unknown or missing, a value is wrong, or a file stands there twice; the line is named.

    Examples
    --------
    >>> parse_table("file;kind\\na.fits;flatt", "t.csv")
    Traceback (most recent call last):
    ccdfx.errors.FormatError: t.csv: line 2: kind must be one of bias, dark, flat, science, arc, other (got 'flatt'); correct the table
    """
    lines = text.removeprefix("\ufeff").splitlines()
    written = [
        (number, line)
        for number, line in enumerate(lines, 1)
        if line.strip(" ,;\t") and not line.lstrip().startswith("#")
    ]
    if not written:
        raise FormatError(source, "holds no line", remedy="write a line of titles: file,kind,filter,exptime")
    first = written[0][1]
    mark = max(",;\t", key=first.count)
    titles = [_OTHER_NAMES.get(name, name) for name in (cell.strip().lower() for cell in _cells(first, mark))]
    _check_titles(titles, source)
    rows: dict[str, Row] = {}
    for number, line in written[1:]:
        row = _row(number, dict(zip(titles, _cells(line, mark), strict=False)), source)
        same = rows.setdefault(row.file, row)
        if same.facts != row.facts:
            raise FormatError(
                source, f"line {number}: tells something else of a file than line {same.line}",
                value=row.file, remedy="remove one of the lines",
            )  # fmt: skip
    return FrameTable(source, tuple(rows.values()))


def _cells(line: str, mark: str) -> list[str]:
    return next(csv.reader(io.StringIO(line), delimiter=mark, skipinitialspace=True))


def _check_titles(titles: list[str], source: str) -> None:
    remedy = f"the columns are file, {', '.join(_READERS)}"
    if "file" not in titles:
        raise FormatError(source, "must have a column file", value=", ".join(titles), remedy=remedy)
    for name in titles:
        if name not in ("file", *_READERS, *_NOT_READ):
            raise FormatError(source, "has a column that is not known", value=name, remedy=remedy)
        if titles.count(name) > 1:
            raise FormatError(source, "has a column twice", value=name, remedy="remove one")


def _row(number: int, cells: Mapping[str, str], source: str) -> Row:
    file = cells.get("file", "").strip().replace("\\", "/").removeprefix("./")
    if not file:
        raise FormatError(source, f"line {number}: names no file", remedy="correct the table")
    facts = {}
    for name, read in _READERS.items():
        text = cells.get(name, "").strip()
        if not text:
            continue
        try:
            facts[name] = read(text)
        except (ValueError, OverflowError):
            rule = f"line {number}: {name} {_RULES.get(name, 'must be a number above 0')}"
            raise FormatError(source, rule, value=text, remedy="correct the table") from None
    return Row(number, file, facts)


def _kind(text: str) -> str:
    if text.lower() not in KINDS:
        raise ValueError
    return text.lower()


def _seconds(text: str) -> float:
    """Read an exposure time as headers have them: with a decimal comma, or with a unit."""
    try:
        return float(exptime_of(Header({"EXPTIME": text}), ("EXPTIME",)))  # type: ignore[arg-type]  # it has a value
    except ArgumentError:
        raise ValueError from None


def _number(text: str, least: float) -> float:
    value = float(text)
    if not math.isfinite(value) or value < least:
        raise ValueError
    return value


def _known(text: str) -> Known:
    return Known(_number(text, least=1e-9), SOURCE)


def _binning(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,3})(?:\s*[xX*, ]\s*(\d{1,3}))?", text)
    if found is None:
        raise ValueError
    x, y = int(found[1]), int(found[2] or found[1])
    if x < 1 or y < 1:
        raise ValueError
    return x, y


_READERS: Mapping[str, Callable[[str], Any]] = {
    "kind": _kind,
    "object": str,
    "filter": str,
    "exptime": _seconds,
    "date": str,
    "binning": _binning,
    "gain": _known,
    "readnoise": _known,
    "saturation": _known,
}
_RULES = {
    "kind": f"must be one of {', '.join(KINDS)}",
    "exptime": "must be seconds, 0 or more",
    "binning": "must be factors such as 2x2",
}


def _fits(pattern: str, names: Mapping[str, None]) -> bool:
    return ("*" in pattern or "?" in pattern) and any(pattern_of(pattern).match(name) for name in names)


def unused_rows(table: FrameTable, files: Mapping[Path, str]) -> tuple[Row, ...]:
    """Return the lines of which no file is: misspelt names, or frames that are elsewhere.

    >>> table = parse_table("file,kind\\na.fits,bias\\nb.fits,bias", "t.csv")
    >>> [row.file for row in unused_rows(table, {Path("/n/a.fits"): "a.fits"})]
    ['b.fits']
    """
    used = {row.line for path, file in files.items() if (row := table.row_of(path, file)) is not None}
    return tuple(row for row in table.rows if row.line not in used)


def require_table(table: str | Path | None, instrument_table: str | None) -> FrameTable | None:
    """Return the table that is given, else that of the instrument file, read; None where there is none.

    Raises
    ------
    ArgumentError
        Both are there.
    """
    if table is not None and instrument_table is not None:
        raise ArgumentError(
            "table", "must be given once, and the instrument file names one too", value=str(instrument_table),
            remedy="leave one out",
        )  # fmt: skip
    found = table if table is not None else instrument_table
    return None if found is None else read_table(found)
