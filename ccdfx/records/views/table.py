"""Display of tables in a terminal and in a notebook, and their conversion to those of astropy."""

from __future__ import annotations

import html as markup
from collections.abc import Mapping, Sequence
from typing import Any

from ccdfx.errors import printable

_MOST = 60  # rows that are shown


def table_text(columns: Mapping[str, Sequence[Any]]) -> str:
    """Return columns as aligned text; of many rows the first.

    >>> print(table_text({"file": ["a.fits", "b.fits"], "exptime": [2.5, None]}))
    file    exptime
    a.fits      2.5
    b.fits
    """
    lines = []
    for name, values in columns.items():
        cells = [name, *map(_cell, values[:_MOST])]
        width = max(map(len, cells))
        number = all(value is None or isinstance(value, int | float) for value in values)
        lines.append([cell.rjust(width) if number else cell.ljust(width) for cell in cells])
    shown = ["  ".join(row).rstrip() for row in zip(*lines, strict=True)]
    return "\n".join([*shown, *_rest(columns)])


def table_html(columns: Mapping[str, Sequence[Any]]) -> str:
    """Return columns as an HTML table; of many rows the first."""
    titles = "".join(f"<th>{markup.escape(name)}</th>" for name in columns)
    rows = zip(*(values[:_MOST] for values in columns.values()), strict=True)
    body = "".join(
        "<tr>" + "".join(f"<td>{markup.escape(_cell(value))}</td>" for value in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{titles}</tr>{body}</table>" + "".join(f"<p>{text}</p>" for text in _rest(columns))


def astropy_table(columns: Mapping[str, Sequence[Any]], units: Mapping[str, str]) -> Any:
    """Convert columns to an `astropy.table.Table` with units; None is masked.

    >>> astropy_table({"exptime": [2.5, None]}, {"exptime": "s"})["exptime"].mask.tolist()
    [False, True]
    """
    from astropy.table import Column, MaskedColumn, Table

    table = Table()
    for name, values in columns.items():
        absent = [value is None for value in values]
        stand_in = next((value for value in values if value is not None), "")
        filled = [stand_in if value is None else value for value in values]
        kind: Any = MaskedColumn(filled, mask=absent) if any(absent) else Column(filled)
        table[name] = kind
        table[name].unit = units.get(name)
    return table


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else printable(value, 60)


def _rest(columns: Mapping[str, Sequence[Any]]) -> list[str]:
    count = len(next(iter(columns.values()), ()))
    return [f"... and {count - _MOST} rows more"] if count > _MOST else []
