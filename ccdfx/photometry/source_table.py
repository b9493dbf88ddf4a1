"""The table of sources: an array with the fields of each source that shows as a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccdfx.records.views.table import astropy_table, table_html, table_text

_UNITS = {"x": "pix", "y": "pix", "fwhm": "pix"}


class SourceTable(np.ndarray):
    """A structured array of sources, which prints as a table; its fields, ``table["x"]``, are plain arrays.

    Examples
    --------
    >>> SourceTable.of(np.array([(3.5, 1.0)], [("x", float), ("y", float)]))
      x  y
    3.5  1
    """

    @classmethod
    def of(cls, array: np.ndarray) -> SourceTable:
        """Make a table that shares the memory of a structured array."""
        return array.view(cls)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self.view(np.ndarray)[key]
        return super().__getitem__(key)

    def to_table(self) -> Any:
        """Convert to an `astropy.table.Table`: positions and widths in pixels, 0-based."""
        return astropy_table(self._columns(), _UNITS)

    def _columns(self) -> dict[str, list[Any]]:
        return {name: np.atleast_1d(self.view(np.ndarray)[name]).tolist() for name in self.dtype.names or ()}

    def __repr__(self) -> str:
        if self.dtype.names is None or self.ndim > 1:
            return repr(self.view(np.ndarray))
        return table_text(self._columns()) if self.size else f"no sources: {', '.join(self.dtype.names)}"

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        return table_html(self._columns())
