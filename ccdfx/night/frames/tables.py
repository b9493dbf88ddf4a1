"""Tables of frames: one row a frame, or one a group of frames that have values in common."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ccdfx.errors import printable
from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.values import check_names, value_of

COLUMNS = ("file", "kind", "object", "filter", "exptime", "binning", "size", "date", "instrument", "problem")
_NUMBER, _TOTAL = "frames", "total_exptime"


def tabulate_frames(
    frames: Iterable[Frame], *, columns: Sequence[str] = COLUMNS
) -> tuple[dict[str, Any], ...]:
    """Return a row for each frame, by the names of the columns; None where a frame has no such value.

    Parameters
    ----------
    frames : iterable of Frame
    columns : sequence of str
        Facts (file, kind, object, filter, exptime in s, airmass, date, night, temperature, binning, size, width,
        height, instrument, gain, readnoise, saturation, unit, hdu, colours, problem, doubts, remarks) and keywords of
        the header. ``header.FILTER`` is the keyword where a fact has its name.

    Returns
    -------
    tuple of dict

    Raises
    ------
    ArgumentError
        A column is given twice or has no name.

    See Also
    --------
    group_frames, scan

    Examples
    --------
    >>> from pathlib import Path
    >>> bias = Frame(path=Path("b.fits"), file="b.fits", kind="bias", exptime=0.0)
    >>> tabulate_frames([bias], columns=("file", "exptime", "SEEING"))
    ({'file': 'b.fits', 'exptime': 0.0, 'SEEING': None},)
    """
    names = check_names("columns", tuple(columns))
    return tuple({name: value_of(frame, name) for name in names} for frame in frames)


def group_frames(frames: Iterable[Frame], *, by: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """Count frames that have values in common, and add up their exposure times.

    Parameters
    ----------
    frames : iterable of Frame
    by : sequence of str
        Facts and keywords, as the columns of `tabulate_frames`.

    Returns
    -------
    tuple of dict
        A row for each group, sorted: its values by their names, the number of `frames`, and `total_exptime` in s, None
        where no frame of the group has an exposure time.

    Raises
    ------
    ArgumentError
        A name is given twice, is empty or that of one of these two columns.

    See Also
    --------
    tabulate_frames, scan

    Examples
    --------
    >>> from pathlib import Path
    >>> frames = [
    ...     Frame(path=Path(file), file=file, filter=file[0], exptime=30.0) for file in ("V1", "V2", "B1")
    ... ]
    >>> group_frames(frames, by=["filter"])
    ({'filter': 'B', 'frames': 1, 'total_exptime': 30.0}, {'filter': 'V', 'frames': 2, 'total_exptime': 60.0})
    """
    names = check_names("by", tuple(by), taken=(_NUMBER, _TOTAL))
    groups: dict[tuple[Any, ...], list[Frame]] = {}
    for frame in frames:
        groups.setdefault(tuple(value_of(frame, name) for name in names), []).append(frame)
    return tuple(
        {
            **dict(zip(names, values, strict=True)),
            _NUMBER: len(groups[values]),
            _TOTAL: _total(groups[values]),
        }
        for values in sorted(groups, key=lambda values: tuple(map(_order, values)))
    )


def csv_text(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    r"""Return rows as text with commas, after a line of titles; characters that could steer a terminal are escaped.

    >>> csv_text([{"file": "a.fits", "object": "M 51, deep", "exptime": None}], ("file", "object", "exptime"))
    'file,object,exptime\na.fits,"M 51, deep",\n'
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_plain(name) for name in columns])
    writer.writerows([_plain(row[name]) for name in columns] for row in rows)
    return text.getvalue()


def _plain(value: Any) -> Any:
    return printable(value, 10_000) if isinstance(value, str) else value


def _total(frames: Iterable[Frame]) -> float | None:
    known = [frame.exptime for frame in frames if frame.exptime is not None]
    return sum(known) if known else None


def _order(value: Any) -> tuple[int, float, str]:
    """Return what sorts values of any type: missing ones, then numbers, then text."""
    if value is None:
        return 0, 0.0, ""
    if isinstance(value, int | float) and value == value:
        return 1, value, ""
    return 2, 0.0, str(value)
