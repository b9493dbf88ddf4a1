"""The values of a header alone, in little memory: frames of a night keep theirs, so that they can be chosen by them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ccdfx.records.card import COMMENTARY, as_keyword
from ccdfx.records.header import Header


class HeaderValues(Mapping[str, Any]):
    """The values of a header by keyword, immutable; case is ignored.

    Comments, HISTORY and COMMENT, and cards without a value are left out; of several cards of a keyword, it has the
    first. It takes a tenth of the memory of a `Header`.

    Parameters
    ----------
    header : Header or mapping

    Examples
    --------
    >>> values = HeaderValues({"AIRMASS": 1.2, "OBSERVER": None})
    >>> values["airmass"], "OBSERVER" in values
    (1.2, False)
    """

    __slots__ = ("_values",)
    _values: dict[str, Any]

    def __init__(self, header: Header | Mapping[str, Any] = Header()) -> None:  # noqa: B008  # immutable
        cards = header.cards if isinstance(header, Header) else header.items()
        values: dict[str, Any] = {}
        for keyword, value in (card[:2] for card in cards):
            if value is not None and keyword not in COMMENTARY:
                # Frames of a night have most keywords and texts in common.
                shared = sys.intern(value) if type(value) is str else value
                values.setdefault(sys.intern(as_keyword(keyword)), shared)
        object.__setattr__(self, "_values", values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("the values of a header are immutable")

    def __getitem__(self, keyword: str) -> Any:
        return self._values[as_keyword(keyword)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:  # hash of the keywords only, as equal values may be of different types
        return hash(frozenset(self._values))

    def __reduce__(self) -> tuple[Any, ...]:
        return HeaderValues, (self._values,)

    def __repr__(self) -> str:
        return f"HeaderValues({len(self)} keywords)"
