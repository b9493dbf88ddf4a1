"""Parser of instrument files: TOML to `Instrument`, with errors that name file, key and rule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ccdfx.errors import ArgumentError, FormatError
from ccdfx.io.text import parse_toml, place_of, read_toml
from ccdfx.night.instruments.camera_settings import LOOKUPS, Keywords
from ccdfx.night.instruments.conditions import Condition, conditions_of
from ccdfx.night.instruments.corrections import correction_of
from ccdfx.night.instruments.exposures import UNITS
from ccdfx.night.instruments.filters import FilterLookup, join_wheels
from ccdfx.night.instruments.instrument import KINDS, NO_COLOURS, BadPixels, Binning, Instrument, Lookup
from ccdfx.night.instruments.output import output_of
from ccdfx.night.instruments.planes import planes_of
from ccdfx.night.instruments.readouts.described import DescribedReadout
from ccdfx.night.instruments.readouts.parse import (
    CROSSTALK_KEYS,
    LINEARITY_KEYS,
    READOUT_KEYS,
    crosstalk_of,
    described_readout,
    linearity_of,
    require_names,
)
from ccdfx.night.instruments.sections import sections_of
from ccdfx.night.instruments.spectra import KEYS as SPECTRUM_KEYS
from ccdfx.night.instruments.spectra import spectrum_rule_of
from ccdfx.operations.colour.pattern import ColourPattern
from ccdfx.records.card import as_keyword
from ccdfx.records.checks import one_of
from ccdfx.records.range import Range

_KEYS = {
    "": {
        "name",
        "description",
        "generic",
        "hdu",
        "match",
        "refuse",
        "rules",
        "keywords",
        "detector",
        "sections",
        "setup",
        "bad_pixels",
        "header",
        "table",
        "readout",
        "crosstalk",
        "linearity",
        "spectrum",
        "planes",
    },
    "setup": set(LOOKUPS),
    "keywords": {"exptime", "exptime_unit", "filter", "no_filter", "object", "date", "time", "binning"},
    "detector": {"gain", "readnoise", "saturation", "unit", "colours"},
    "sections": {"overscan", "data", "output"},
    "rules": {"kind", "when"},
    "refuse": {"when", "reason"},
    "bad_pixels": {"when", "columns", "rows", "sections"},
    "readout": READOUT_KEYS,
    "crosstalk": CROSSTALK_KEYS,
    "linearity": LINEARITY_KEYS,
    "spectrum": SPECTRUM_KEYS,
}
_TEXTS = {"exptime", "object", "date", "time"}
_NUMBERS = {"gain", "readnoise", "saturation"}


def read_instrument(text: str, source: str = "instrument file") -> Instrument:
    """Parse the TOML text of an instrument; `source` names the text in errors.

    Raises
    ------
    FormatError
        The text is not TOML, or a key is missing, unknown or has a wrong value.

    Examples
    --------
    >>> from ccdfx.records.header import Header
    >>> camera = read_instrument('''
    ... name = "mine"
    ... match = { INSTRUME = "My Camera" }
    ... rules = [{ kind = "science", when = { IMAGETYP = "light*" } }]
    ... ''')
    >>> camera.kind_of(Header({"IMAGETYP": "Light Frame"}))
    'science'
    """
    return _named(parse_toml(text, source), source)


def read_instrument_file(path: Path) -> Instrument:
    """Read an instrument file.

    Raises
    ------
    FileError
        The file cannot be opened, or is no regular file.
    FormatError
        As of `read_instrument`.
    """
    return _named(read_toml(path), str(path))


def _named(table: Mapping[str, Any], source: str) -> Instrument:
    try:
        return _instrument(table, source)
    except FormatError:
        raise
    except ArgumentError as problem:
        key = f"{source}: {problem.subject}"
        raise FormatError(key, problem.rule, value=problem.value, remedy=problem.remedy) from None


def _instrument(table: Mapping[str, Any], source: str) -> Instrument:
    _known(table, "")
    name = table.get("name")
    if not isinstance(name, str) or not name.strip() or not name.replace("-", "").replace("_", "").isalnum():
        raise ArgumentError(
            "name", "must be letters, digits, - and _", value=name, remedy='write name = "..."'
        )
    keywords, detector, places = (_table(table, key) for key in ("keywords", "detector", "sections"))
    facts: dict[str, Any] = {
        key: (output_of if key == "output" else sections_of)(places[key], f"sections.{key}") for key in places
    }
    facts |= {key: _lookup(keywords[key], f"keywords.{key}") for key in _TEXTS & set(keywords)}
    facts |= {
        key: _lookup(detector[key], f"detector.{key}", numbers=True) for key in _NUMBERS & set(detector)
    }
    return Instrument(
        name=name,
        description=_text(table, "description"),
        generic=_flag(table, "generic"),
        hdu=_hdu(table.get("hdu")),
        match=tuple(conditions_of(item, "match") for item in _tables(table, "match", required=True)),
        rules=tuple(_rule(item) for item in _tables(table, "rules", required=True)),
        refuse=tuple(_refusal(item) for item in _tables(table, "refuse")),
        filter=_filters(keywords.get("filter", "FILTER")),
        no_filter=_no_filter(keywords),
        binning=_binning(keywords.get("binning", [])),
        setup=_setup(_table(table, "setup")),
        exptime_unit=_unit_of_time(keywords.get("exptime_unit", "s")),
        unit=_text(detector, "unit", "detector.unit") or "adu",
        colours=_colours(detector),
        bad_pixels=tuple(_bad(item) for item in _tables(table, "bad_pixels")),
        corrections=tuple(correction_of(item) for item in _tables(table, "header")),
        table=_beside(_text(table, "table"), source),
        readouts=_readouts(_tables(table, "readout")),
        crosstalk=crosstalk_of(_table(table, "crosstalk")),
        linearity=tuple(linearity_of(item) for item in _tables(table, "linearity")),
        spectrum=spectrum_rule_of(_table(table, "spectrum")) if "spectrum" in table else None,
        planes=planes_of("planes", table.get("planes", "")),
        source=source,
        **facts,
    )


def _colours(detector: Mapping[str, Any]) -> str | None:
    text = _text(detector, "colours", "detector.colours")
    if not text:
        return None
    if text.upper() == NO_COLOURS:
        return NO_COLOURS
    try:
        return ColourPattern(text).letters
    except ArgumentError as error:
        raise error.about("detector.colours") from None


def _known(table: Mapping[str, Any], where: str) -> None:
    for key in table:
        if key not in _KEYS[where]:
            subject = f"{where}.{key}" if where else key
            raise ArgumentError(
                subject, "is not a key here", remedy=f"known are {', '.join(sorted(_KEYS[where]))}"
            )


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, Mapping):
        raise ArgumentError(key, "must be a table", value=value, remedy=f"write [{key}]")
    _known(value, key)
    return value


def _tables(table: Mapping[str, Any], key: str, required: bool = False) -> list[Any]:
    value = table.get(key, [])
    items = [value] if isinstance(value, Mapping) else value
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise ArgumentError(key, "must be a table or several", value=value, remedy=f"write [[{key}]]")
    if required and not items:
        raise ArgumentError(key, "is missing", remedy=f"write [[{key}]]")
    if key in _KEYS:
        for item in items:
            _known(item, key)
    return items


def _text(table: Mapping[str, Any], key: str, where: str = "") -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise ArgumentError(where or key, "must be text", value=value, remedy="put it in quotes")
    return value.strip()


def _flag(table: Mapping[str, Any], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise ArgumentError(key, "must be true or false", value=value, remedy="write true or false")
    return value


def _beside(file: str, source: str) -> str | None:
    """Return the path of a file that is named relative to the instrument file."""
    return place_of(file, Path(source).parent) if file else None


def _unit_of_time(value: Any) -> str:
    if value in UNITS:
        return str(value)
    raise ArgumentError(
        "keywords.exptime_unit",
        "must be a unit of time",
        value=value,
        remedy=f"write one of {', '.join(UNITS)}",
    )


def _hdu(value: Any) -> int | str | None:
    number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if value is None or number or (isinstance(value, str) and value.strip()):
        return value
    raise ArgumentError(
        "hdu", "must be a number from 0 or a name", value=value, remedy='write hdu = 1 or hdu = "SCI"'
    )


def _readouts(tables: list[Any]) -> tuple[DescribedReadout, ...]:
    found = tuple(
        described_readout(
            table,
            hdu=_hdu(table.get("hdu")),
            numbers={
                key: _lookup(table[key], f"readout.{key}", numbers=True) for key in _NUMBERS & set(table)
            },
            when=conditions_of(table["when"], "readout.when") if "when" in table else (),
        )
        for table in tables
    )
    require_names(found)
    return found


def _rule(table: Mapping[str, Any]) -> tuple[str, tuple[Condition, ...]]:
    kind = one_of("rules.kind", table.get("kind"), KINDS)
    return kind, conditions_of(table.get("when"), "rules.when")


def _refusal(table: Mapping[str, Any]) -> tuple[tuple[Condition, ...], str]:
    reason = _text(table, "reason", "refuse.reason")
    if not reason:
        raise ArgumentError("refuse.reason", "is missing", remedy="say why such frames cannot be reduced")
    return conditions_of(table.get("when"), "refuse.when"), reason


def _no_filter(keywords: Mapping[str, Any]) -> Condition | None:
    if "no_filter" not in keywords:
        return None
    return conditions_of({"FILTER": keywords["no_filter"]}, "keywords.no_filter")[0]


def _filters(value: Any) -> FilterLookup:
    items = value if isinstance(value, list) else [value]
    names = [_lookup(item, "keywords.filter") for item in items]
    several = [isinstance(item, list) for item in items]
    keywords = [tuple(map(str, name)) for name in names]
    return join_wheels(name if wheels else name[0] for name, wheels in zip(keywords, several, strict=True))


def _setup(table: Mapping[str, Any]) -> tuple[tuple[str, Keywords], ...]:
    """Return the keywords of all settings: those of the file, or else the usual ones; an empty list is none."""
    own = {name: _lookup(value, f"setup.{name}") for name, value in table.items()}
    return tuple(
        (name, tuple(map(str, own[name])) if name in own else usual) for name, usual in LOOKUPS.items()
    )


def _lookup(value: Any, where: str, numbers: bool = False) -> Lookup:
    items = value if isinstance(value, list) else [value]
    for item in items:
        number = isinstance(item, int | float) and not isinstance(item, bool)
        if number and numbers and item > 0:
            continue
        if not isinstance(item, str) or not item.strip():
            rule = "must be header keywords or positive numbers" if numbers else "must be header keywords"
            raise ArgumentError(where, rule, value=item, remedy='write "KEYWORD" or ["FIRST", "SECOND"]')
    return tuple(as_keyword(item) if isinstance(item, str) else float(item) for item in items)


def _binning(value: Any) -> tuple[Binning, ...]:
    found: list[Binning] = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str) and item.strip():
            found.append(as_keyword(item))
        elif (
            isinstance(item, Mapping)
            and set(item) == {"x", "y"}
            and all(isinstance(v, str) for v in item.values())
        ):
            found.append((as_keyword(item["x"]), as_keyword(item["y"])))
        else:
            remedy = 'write "CCDSUM" or { x = "XBINNING", y = "YBINNING" }'
            raise ArgumentError(
                "keywords.binning", "must be a keyword or two of them", value=item, remedy=remedy
            )
    return tuple(found)


def _bad(table: Mapping[str, Any]) -> BadPixels:
    for key in ("columns", "rows"):
        for item in _list(table, key):
            if isinstance(item, bool) or not isinstance(item, int) or item < 0:
                raise ArgumentError(
                    f"bad_pixels.{key}",
                    "must be 0-based indices",
                    value=item,
                    remedy="give whole numbers from 0 on",
                )
    sections = _list(table, "sections")
    if not all(isinstance(item, str) for item in sections):
        raise ArgumentError(
            "bad_pixels.sections", "must be FITS sections", value=sections, remedy='write "[1:2,1:9]"'
        )
    when = conditions_of(table["when"], "bad_pixels.when") if "when" in table else ()
    windows = tuple(Range.from_fits(item) for item in sections)
    return BadPixels(tuple(_list(table, "columns")), tuple(_list(table, "rows")), windows, when)


def _list(table: Mapping[str, Any], key: str) -> list[Any]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise ArgumentError(f"bad_pixels.{key}", "must be a list", value=value, remedy="put it in [ ]")
    return value
