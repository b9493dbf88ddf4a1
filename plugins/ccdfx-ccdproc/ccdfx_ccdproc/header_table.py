"""Tables of the values in headers."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from astropy.utils.exceptions import AstropyUserWarning

_JOINED = ("COMMENT", "HISTORY")


def header_values(path: str, hdu: Any = 0) -> dict[str, Any]:
    """Read the values of a header by keywords in small letters; lines of COMMENT and HISTORY are joined by commas.

    Of a keyword that is there twice, the first value counts, with a warning. The header is read by ccdfx, or by
    astropy where ccdfx refuses it.

    Raises
    ------
    OSError, IndexError, KeyError
        No FITS file, or no such HDU.
    """
    values: dict[str, Any] = {}
    lines: dict[str, list[str]] = {}
    twice = []
    for keyword, value in _cards(path, hdu):
        key = keyword.lower()
        if keyword in _JOINED:
            lines.setdefault(key, []).append(str(value))
            values[key] = ""
        elif key in values:
            twice.append(key)
        elif key:
            values[key] = value
    for key, texts in lines.items():
        values[key] = ",".join(texts)
    if twice:
        text = f"{path}: keywords that are there twice, of which the first value counts: {', '.join(sorted(set(twice)))}"
        warnings.warn(text, AstropyUserWarning, stacklevel=6)
    return values


def _cards(path: str, hdu: Any) -> list[tuple[str, Any]]:
    """Return keywords and values of a header, in its order."""
    header = fits.getheader(path, hdu)
    return [
        (card.keyword, None if isinstance(card.value, fits.card.Undefined) else card.value)
        for card in header.cards
    ]


def make_table(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Table:
    """Make a table in which values that a row does not have are masked.

    A column has the type of its values, or that of objects where they differ. Names are taken as they are; values are
    looked up in small letters.

    Examples
    --------
    >>> print(make_table([{"file": "a", "filter": "R"}, {"file": "b"}], ["file", "FILTER"]))
    file FILTER
    ---- ------
       a      R
       b     --
    """
    columns = []
    for name in names:
        key = name if name == "file" else name.lower()
        values = [row.get(key) for row in rows]
        missing = [value is None for value in values]
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) == 1 and not any(missing):
            column = MaskedColumn(values, name=name, mask=missing)
        else:
            objects = np.empty(len(values), object)
            objects[:] = values
            column = MaskedColumn(objects, name=name, mask=missing)
        columns.append(column)
    return Table(columns, masked=True)


def matching(column: Any, value: Any, regex: bool = False) -> np.ndarray:
    """Find the rows of a column that have a value.

    Parameters
    ----------
    column : MaskedColumn
    value : object
        Text in any case of its letters; "*" is any value, "" or None no value.
    regex : bool
        Whether text is a regular expression that is searched for.

    Returns
    -------
    bool array
    """
    missing = np.array(np.ma.getmaskarray(column))
    cells = [None if gone else cell for cell, gone in zip(np.asarray(column.data), missing, strict=True)]
    if isinstance(value, str) and value == "*":
        return ~missing
    if value is None or (isinstance(value, str) and value == ""):
        return np.array([cell is None or cell == "" for cell in cells], bool)
    if isinstance(value, str):
        pattern = re.compile(value if regex else f"{re.escape(value.strip())}$", re.IGNORECASE)
        look = pattern.search if regex else pattern.match
        return np.array([isinstance(cell, str) and look(cell.strip()) is not None for cell in cells], bool)
    return np.array(
        [cell is not None and not isinstance(cell, str) and bool(cell == value) for cell in cells], bool
    )
