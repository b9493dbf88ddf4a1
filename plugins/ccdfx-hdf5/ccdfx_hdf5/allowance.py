"""To how many bytes what is opened of a file may inflate."""

from __future__ import annotations

from ccdfx import FormatError, inflation_limit
from ccdfx_hdf5.content import Content

_REMEDY = "if you trust it, give read a larger limit=, or set CCDFX_LIMIT to a number of bytes"


class Allowance:
    """The bytes that are left to what inflates in a file, by default those of `ccdfx.inflation_limit`."""

    def __init__(self, content: Content, limit: int | None = None) -> None:
        self.limit = inflation_limit(content.size) if limit is None else limit
        self._name, self._taken = content.name, 0

    def take(self, claimed: int, stored: int, label: str) -> None:
        """Take the bytes that a part of the file claims; nothing where as many are stored.

        Raises
        ------
        FormatError
            Too few are left.
        """
        if claimed <= stored:
            return
        self._taken += claimed
        if self._taken > self.limit:
            raise FormatError(
                self._name,
                f"inflates to more than the {self.limit} bytes that a file of its size may inflate to, with {label}",
                value=f"{self._taken} bytes",
                remedy=_REMEDY,
            )
