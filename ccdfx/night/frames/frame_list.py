"""Frames in a tuple that shows as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex, overload

from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.tables import COLUMNS, tabulate_frames
from ccdfx.records.views.table import astropy_table, table_html, table_text

_UNITS = {"exptime": "s", "gain": "electron / adu", "readnoise": "electron", "saturation": "adu"}


class Frames(tuple[Frame, ...]):
    """A tuple of frames that prints as a table.

    Examples
    --------
    >>> from pathlib import Path
    >>> Frames([Frame(path=Path("b.fits"), file="b.fits", kind="bias", exptime=0.0)])
    file    kind  exptime
    b.fits  bias        0
    """

    __slots__ = ()

    @overload
    def __getitem__(self, index: SupportsIndex) -> Frame: ...
    @overload
    def __getitem__(self, index: slice) -> Frames: ...

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return Frames(found) if isinstance(index, slice) else found

    def to_table(self, columns: Sequence[str] = COLUMNS) -> Any:
        """Convert to an `astropy.table.Table` with the columns of `tabulate_frames`; what is not known is masked."""
        return astropy_table(self._columns(columns), _UNITS)

    def _columns(self, names: Sequence[str] = COLUMNS) -> dict[str, list[Any]]:
        rows = tabulate_frames(self, columns=names)
        return {name: [row[name] for row in rows] for name in names}

    def _shown(self) -> dict[str, list[Any]]:
        """Return the columns that have a value."""
        found = self._columns()
        return {name: one for name, one in found.items() if any(value is not None for value in one)}

    def __repr__(self) -> str:
        return table_text(self._shown()) if self else "no frames"

    def _repr_html_(self) -> str:
        return table_html(self._shown())
