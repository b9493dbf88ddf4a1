"""Headers as tables of three columns: keyword, value, comment.

The value is JSON, which distinguishes text from numbers and keeps all digits of floats and large integers; a
complex number is ``{"complex": [re, im]}``. Columns are UTF-8 of fixed width, so that the size of a table is
known before it is read.
"""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np

from ccdfx import ArgumentError, Card, FormatError, Header
from ccdfx_hdf5.allowance import Allowance
from ccdfx_hdf5.packing import NAMES

COLUMNS = ("keyword", "value", "comment")
MOST_BYTES = 64 << 20
_MOST_ATTRIBUTES = 5000


def to_table(header: Header) -> np.ndarray:
    """Convert a header to a numpy table of its cards."""
    rows = [tuple(map(_bytes, (card.keyword, _json(card.value), card.comment))) for card in header.cards]
    widths = [max([1, *map(len, column)]) for column in zip(*rows, strict=True)] or [1, 1, 1]
    if sum(widths) * len(rows) > MOST_BYTES:
        raise ArgumentError(
            "header", f"must fit into a table of {MOST_BYTES} bytes", value=f"{len(rows)} cards",
            remedy="shorten its longest values",
        )  # fmt: skip
    kinds = [(name, h5py.string_dtype("utf-8", width)) for name, width in zip(COLUMNS, widths, strict=True)]
    return np.array(rows, np.dtype(kinds))


def from_table(dataset: h5py.Dataset, name: str, allowance: Allowance) -> Header:
    """Read a header from a table, which must inflate to no more than is left of the allowance."""
    kind = dataset.dtype
    if kind.names != COLUMNS or any(kind[column].kind != "S" for column in COLUMNS) or dataset.ndim != 1:
        raise FormatError(
            name, f"its table of cards must have the columns {', '.join(COLUMNS)}", value=str(kind)
        )
    if kind.itemsize * dataset.size > MOST_BYTES:
        raise FormatError(name, f"its table of cards is longer than {MOST_BYTES} bytes", value=dataset.shape)
    allowance.take(kind.itemsize * dataset.size, dataset.id.get_storage_size(), "its cards")
    return Header(
        [_card(*(text.decode("utf-8", "surrogatepass") for text in row)) for row in dataset[()].tolist()]
    )


def from_attributes(dataset: h5py.Dataset, name: str) -> Header:
    """Read attributes of a foreign dataset, single numbers or texts, as cards; `units` becomes BUNIT.

    Those that say how numbers are stored are left out.
    """
    if len(dataset.attrs) > _MOST_ATTRIBUTES:
        raise FormatError(name, f"has more than {_MOST_ATTRIBUTES} attributes", value=len(dataset.attrs))
    cards, total = [], 0
    for key in dataset.attrs:
        value = None if key in NAMES else _scalar(dataset.attrs.get_id(key))
        if value is not None:
            total += len(value) if isinstance(value, str) else 8
            cards.append(Card("BUNIT" if key.lower() in ("unit", "units") else key, value))
        if total > MOST_BYTES:
            raise FormatError(name, f"has attributes of more than {MOST_BYTES} bytes")
    return Header(cards)


def _scalar(attribute: Any) -> Any:
    """Read an attribute that is a single number or text; return None for any other, without reading it."""
    kind = attribute.get_type()
    if attribute.shape not in ((), (1,)) or not isinstance(
        kind, h5py.h5t.TypeStringID | h5py.h5t.TypeIntegerID | h5py.h5t.TypeFloatID
    ):
        return None
    value = np.empty(attribute.shape, attribute.dtype)
    attribute.read(value)
    found = value.reshape(())[()]
    if isinstance(found, bytes):
        return found.decode("utf-8", "replace")
    return found if isinstance(found, str) else found.item()


def _bytes(text: str) -> bytes:
    if "\0" in text:
        raise ArgumentError("header", "must have no null characters", value=text, remedy="take them out")
    return text.encode("utf-8", "surrogatepass")


def _json(value: Any) -> str:
    if isinstance(value, complex):
        value = {"complex": [value.real, value.imag]}
    return json.dumps(value, ensure_ascii=False)


def _card(keyword: str, value: str, comment: str) -> Card:
    found = json.loads(value)
    if isinstance(found, dict):
        found = complex(*found["complex"])
    return Card(keyword, found, comment)
