"""Parser of the tables of an instrument file about readouts: readout, crosstalk and linearity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.conditions import Condition
from ccdfx.night.instruments.readouts.described import DescribedReadout
from ccdfx.night.instruments.readouts.laws import Crosstalk, LinearityLaw
from ccdfx.night.instruments.readouts.numbers import Lookup
from ccdfx.night.instruments.readouts.stored import Directed
from ccdfx.operations.readouts.linearity import Linearity
from ccdfx.records.card import as_keyword
from ccdfx.records.checks import one_of

READOUT_KEYS = frozenset(
    (
        "name",
        "data",
        "bias",
        "window",
        "place",
        "flip",
        "gain",
        "readnoise",
        "saturation",
        "detector",
        "hdu",
        "when",
    )
)
CROSSTALK_KEYS = frozenset(("readouts", "matrix"))
LINEARITY_KEYS = frozenset(("readout", "polynomial", "table", "limit"))
_FLIPS = {"none": (False, False), "x": (True, False), "y": (False, True), "xy": (True, True)}


def described_readout(
    table: Mapping[str, Any],
    *,
    hdu: int | str | None = None,
    numbers: Mapping[str, Lookup] | None = None,
    when: tuple[Condition, ...] = (),
) -> DescribedReadout:
    """Convert a table [[readout]]; `hdu`, `numbers` and `when` are its values as they are parsed.

    >>> described_readout({"name": "A", "data": "[1:8,1:4]", "bias": "BIASSEC", "flip": "x"}).flip
    (True, False)
    """
    bias = table.get("bias", [])
    return DescribedReadout(
        name=_text(table, "name"),
        data=_section(table.get("data"), "readout.data"),
        bias=tuple(_section(item, "readout.bias") for item in (bias if isinstance(bias, list) else [bias])),
        window=_section(table["window"], "readout.window") if "window" in table else None,
        place=_section(table["place"], "readout.place") if "place" in table else None,
        flip=_flip(table.get("flip", "none")),
        detector=_text(table, "detector") if "detector" in table else "",
        hdu=hdu,
        when=when,
        **(numbers or {}),
    )


def require_names(readouts: tuple[DescribedReadout, ...]) -> None:
    """Refuse two readouts of one name, where no `when` may tell them apart."""
    names = [item.name for item in readouts if not item.when]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ArgumentError(
            "readout.name", "must be of one readout", value=twice, remedy="give each its own name"
        )


def crosstalk_of(table: Mapping[str, Any]) -> Crosstalk | None:
    """Convert the table [crosstalk]; None where it is empty.

    >>> crosstalk_of({"readouts": ["A", "B"], "matrix": [[0, 1e-4], [1e-4, 0]]}).readouts
    ('A', 'B')
    """
    if not table:
        return None
    names = table.get("readouts")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ArgumentError(
            "crosstalk.readouts", "must be the names of readouts", value=names, remedy='write ["A", "B"]'
        )
    return Crosstalk(tuple(names), _rows(table.get("matrix"), "crosstalk.matrix", "[[0, 1e-4], [1e-4, 0]]"))


def linearity_of(table: Mapping[str, Any]) -> LinearityLaw:
    """Convert a table [[linearity]].

    >>> linearity_of({"table": [[0, 0], [1000, 1001]]}).linearity.limit
    1000.0
    """
    polynomial = table.get("polynomial", [])
    if not isinstance(polynomial, list):
        raise ArgumentError(
            "linearity.polynomial",
            "must be a list of coefficients",
            value=polynomial,
            remedy="write [1.0, 1e-6]",
        )
    rows = _rows(table.get("table", []), "linearity.table", "[[0, 0], [1000, 1001]]")
    if any(len(row) != 2 for row in rows):
        raise ArgumentError(
            "linearity.table", "must be pairs", value=table["table"], remedy="write [[0, 0], [9, 10]]"
        )
    readout = _text(table, "readout", "linearity") if "readout" in table else ""
    pairs = tuple((row[0], row[1]) for row in rows)
    try:
        linearity = Linearity(polynomial=tuple(polynomial), table=pairs, limit=table.get("limit"))
    except ArgumentError as error:
        key = "" if error.subject == "linearity" else f".{error.subject}"
        raise error.about(f"linearity{key}") from None
    return LinearityLaw(linearity=linearity, readout=readout)


def _rows(value: Any, where: str, example: str) -> tuple[tuple[Any, ...], ...]:
    if not isinstance(value, list) or not all(isinstance(row, list) for row in value):
        raise ArgumentError(
            where, "must be a list of lists of numbers", value=value, remedy=f"write {example}"
        )
    return tuple(map(tuple, value))


def _text(table: Mapping[str, Any], key: str, where: str = "readout") -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ArgumentError(f"{where}.{key}", "must be text", value=value, remedy=f'write {key} = "A"')
    return value.strip()


def _section(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ArgumentError(
            where,
            "must be a FITS section or the keyword of one",
            value=value,
            remedy='write "[1:10,1:9]" or "DATASEC"',
        )
    text = value.strip()
    if not text.startswith("["):
        return as_keyword(text)
    try:
        Directed.of(text)
    except ArgumentError as problem:
        raise problem.about(where) from None
    return text


def _flip(value: Any) -> tuple[bool, bool]:
    return _FLIPS[one_of("readout.flip", value, _FLIPS)]
