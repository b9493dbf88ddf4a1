"""Corrections of headers that an instrument file makes before anything is looked at: cards renamed, removed, set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.io.fits.hdus import STRUCTURAL
from ccdfx.night.instruments.conditions import Condition, conditions_of
from ccdfx.records.card import COMMENTARY, Value, as_keyword
from ccdfx.records.header import Header

_KEYS = ("when", "rename", "remove", "set")


@dataclass(frozen=True, slots=True)
class Correction:
    """Cards that are renamed (old, new), then removed, then set (keyword, value), where all of `when` hold.

    A card that is not there is not renamed, a new name replaces cards that had it before, and of a keyword that is set
    one card is left.
    """

    rename: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()
    set: tuple[tuple[str, Value], ...] = ()
    when: tuple[Condition, ...] = ()

    def __str__(self) -> str:
        renamed = [f"{old} renamed {new}" for old, new in self.rename]
        removed = [f"{keyword} removed" for keyword in self.remove]
        return "; ".join([*renamed, *removed, *(f"{keyword} = {value!r}" for keyword, value in self.set)])


def applying(corrections: Iterable[Correction], header: Header) -> tuple[Correction, ...]:
    """Return those corrections whose conditions hold, without their conditions; each sees what those before it did.

    >>> applying([Correction(remove=("A",), when=(Condition("B", True),))], Header({"A": 1}))
    ()
    >>> str(Correction(rename=(("EXP", "EXPTIME"),), set=(("FILTER", "V"),)))
    "EXP renamed EXPTIME; FILTER = 'V'"
    """
    found = []
    for one in corrections:
        if all(condition.holds(header) for condition in one.when):
            found.append(replace(one, when=()))
            header = corrected(header, found[-1:])
    return tuple(found)


def corrected(header: Header, corrections: Iterable[Correction]) -> Header:
    """Return a header with corrections made, whatever their conditions.

    >>> one = Correction(rename=(("EXP", "EXPTIME"),), set=(("FILTER", "V"),))
    >>> dict(corrected(Header({"EXP": 30.0, "EXPTIME": 0}), [one]))
    {'EXPTIME': 30.0, 'FILTER': 'V'}
    """
    for one in corrections:
        for old, new in one.rename:
            if old in header:
                kept = (card for card in header.cards if card.keyword != new)
                header = Header._of(
                    tuple(card._replace(keyword=new) if card.keyword == old else card for card in kept)
                )
        header = header.remove(*one.remove)
        for keyword, value in one.set:
            header = _with_one(header.set(keyword, value), keyword)
    return header


def _with_one(header: Header, keyword: str) -> Header:
    """Return a header with the first card of a keyword alone: of several, none would say which is right.

    >>> _with_one(Header([("A", 1), ("B", 2), ("A", 3)]), "A").all("A")
    (1,)
    """
    places = [place for place, card in enumerate(header.cards) if card.keyword == keyword]
    if len(places) < 2:
        return header
    return Header._of(tuple(card for place, card in enumerate(header.cards) if place not in places[1:]))


def correction_of(table: Mapping[str, Any]) -> Correction:
    """Convert a TOML table to a correction.

    Raises
    ------
    ArgumentError
        A key or value is wrong, or a keyword describes the layout of the file.

    Examples
    --------
    >>> correction_of({"remove": ["BIASSEC"]}).remove
    ('BIASSEC',)
    >>> correction_of({"set": {"NAXIS1": 5}})
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: header.set: must not change how the file is read (got 'NAXIS1'); leave it out
    """
    for key in table:
        if key not in _KEYS:
            raise ArgumentError(f"header.{key}", "is not a key here", remedy=f"known are {', '.join(_KEYS)}")
    if set(table) <= {"when"}:
        raise ArgumentError("header", "corrects nothing", remedy="give rename, remove or set")
    renamed, values = (_mapping(table, key) for key in ("rename", "set"))
    removed = table.get("remove", [])
    removed = [removed] if isinstance(removed, str) else removed
    if not isinstance(removed, list):
        raise ArgumentError(
            "header.remove", "must be keywords", value=removed, remedy='write ["FIRST", "SECOND"]'
        )
    for keyword, value in values.items():
        if not isinstance(value, str | bool | int | float):
            raise ArgumentError(
                f"header.set.{keyword}", "must be text, a number, true or false", value=value,
                remedy='write for example { FILTER = "V" }',
            )  # fmt: skip
    return Correction(
        rename=tuple((_own(old, "rename"), _own(new, "rename")) for old, new in renamed.items()),
        remove=tuple(_own(keyword, "remove") for keyword in removed),
        set=tuple((_own(keyword, "set"), value) for keyword, value in values.items()),
        when=conditions_of(table["when"], "header.when") if "when" in table else (),
    )


def _mapping(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        remedy = "write for example " + ("{ OLD = 'NEW' }" if key == "rename" else "{ KEYWORD = 'value' }")
        raise ArgumentError(f"header.{key}", "must be a table", value=value, remedy=remedy)
    return value


def _own(keyword: Any, key: str) -> str:
    """Return a keyword that may be corrected."""
    if not isinstance(keyword, str) or not keyword.strip():
        raise ArgumentError(f"header.{key}", "must be keywords", value=keyword, remedy='write "KEYWORD"')
    name = as_keyword(keyword)
    if name in COMMENTARY or STRUCTURAL.match(name):
        rule = "must not change how the file is read" if name not in COMMENTARY else "must not be commentary"
        raise ArgumentError(f"header.{key}", rule, value=name, remedy="leave it out")
    return name
