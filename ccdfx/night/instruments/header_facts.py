"""Metadata of one raw frame, read from its header as an `Instrument` describes. No file is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.camera_settings import settings_of, temperature_of
from ccdfx.night.instruments.contradictions import refuse_contradictions
from ccdfx.night.instruments.filters import filter_of, other_filter_cards
from ccdfx.night.instruments.instrument import NO_COLOURS, Binning, Instrument, Lookup, match_instrument
from ccdfx.night.instruments.sections import find_section
from ccdfx.noise.header_gain import doubt_about_gain
from ccdfx.operations.colour.pattern import ColourPattern, colour_pattern
from ccdfx.records.compatibility import is_rate, unit_name
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.history import applied_steps
from ccdfx.records.keywords import unit_of
from ccdfx.records.range import Range
from ccdfx.records.wcs import stated_pattern

_KINDS = ("IMAGETYP", "FRAME", "FRAMETYP", "OBSTYPE", "CALFRAME")
_MASTER = re.compile(r"master|\bsuper|stacked|combined|integrat", re.IGNORECASE)


class Known(NamedTuple):
    """A number and its source: ``"instrument file"`` or ``"header"``."""

    value: float
    source: str


class KnownByUnit(Known):
    """The gain of 1 that frames in electrons have, whatever else is stated or measured."""

    __slots__ = ()


def facts_of(
    header: Header,
    instruments: Iterable[Instrument],
    *,
    given: Instrument | None = None,
    again: bool = False,
) -> dict[str, Any]:
    """Read the fields of a `Frame` from a header; the reason for missing fields is stored in `problem`.

    Parameters
    ----------
    header : Header
        Header of the raw frame.
    instruments : iterable of Instrument
        Candidates, chosen by the header.
    given : Instrument, optional
        The instrument named by the user; the header is then not used to identify it.
    again : bool
        Take frames as raw that were reduced before.
    """
    facts: dict[str, Any] = {}
    try:
        facts["shape"] = shape_of(header)
        instrument = given or match_instrument(header, instruments)
        if instrument is None:
            facts |= {"object": _text(header, ("OBJECT",)), "date": _text(header, ("DATE-OBS", "DATE-BEG"))}
            facts["filter"] = _text(header, ("FILTER",))
            _refuse_master(header)
            raise _unknown(header)
        facts["instrument"] = instrument.name
        for name, value in _described(header, instrument, facts["shape"], again):
            facts[name] = value
    except ArgumentError as problem:
        facts["problem"] = str(problem)
    return facts


def shape_of(header: Header) -> tuple[int, int]:
    """Return (ny, nx) of the image that the header describes, uncompressed if it was tile-compressed."""
    prefix = "ZNAXIS" if "ZNAXIS" in header else "NAXIS"
    axes = header.number(prefix)
    sizes = [header.number(f"{prefix}{i + 1}") for i in range(int(axes or 0))] if (axes or 0) < 1000 else []
    while len(sizes) > 2 and sizes[-1] == 1:
        sizes.pop()
    if len(sizes) != 2 or not all(size and size >= 1 and size == int(size) for size in sizes):
        found = " x ".join("?" if size is None else f"{size:g}" for size in sizes) or "nothing"
        raise ArgumentError(
            "image", "must have two axes", value=found, remedy="reduce takes one plane a file"
        )
    return int(sizes[1] or 0), int(sizes[0] or 0)


def _described(
    header: Header, instrument: Instrument, shape: tuple[int, int], again: bool
) -> Iterable[tuple[str, Any]]:
    """Yield field by field, so that the fields read before a problem are kept."""
    yield "object", _text(header, instrument.object)
    yield "filter", filter_of(header, instrument.filter, instrument.no_filter)
    yield "filter_cards", other_filter_cards(header, instrument.filter, instrument.no_filter)
    yield "colours", _colours(header, shape, instrument)
    yield "date", _text(header, instrument.date)
    yield "binning", binning_of(header, instrument.binning)
    kind = instrument.kind_of(header)
    yield "kind", kind
    yield "unit", instrument.unit
    yield "hdu", instrument.hdu
    yield "gain", _gain(header, instrument)
    yield "doubts", _doubts(header, instrument)
    yield "readnoise", _known(header, instrument.readnoise)
    yield "saturation", _known(header, instrument.saturation)
    yield "settings", settings_of(header, instrument.setup)
    yield "temperature", temperature_of(header, instrument.setup)
    yield "exptime", _exptime(header, instrument.exptime, kind)
    refuse_contradictions(header, instrument)
    before = {} if again else applied_steps(header)
    if before:
        raise ArgumentError(
            "frame",
            "must be raw, and was reduced before",
            value="; ".join(dict.fromkeys(before.values())),
            remedy="give the raw frame; --again, or again = true in [read] of the recipe, takes it as raw",
        )
    _refuse_master(header)
    unit = unit_of(header)
    if unit is not None and is_rate(unit):
        raise ArgumentError(
            "header keyword BUNIT",
            "must be of counts, as raw frames are",
            value=unit,
            remedy="multiply the frame by its exposure time; the noise of a rate depends on that",
        )
    if kind is None:
        raise ArgumentError(
            "kind",
            f"no rule of instrument {instrument.name} says what the frame is{_kind_cards(header)}",
            remedy="add a rule to an instrument file, or correct the header",
        )
    if kind != "other":
        overscan, data = instrument.overscan, instrument.data
        if instrument.output is not None:
            overscan, data = (instrument.output.mirrored(part, header) for part in (overscan, data))
        yield "overscan", find_section(overscan, header, shape)
        yield "data", find_section(data, header, shape) or Range.whole(shape)
        yield "bad", tuple(window for item in instrument.bad_pixels for window in item.find(header, shape))
        refusal = instrument.refusal(header)
        if refusal:
            raise ArgumentError(
                "frame", f"cannot be reduced: {refusal}", remedy="leave it out of the directory"
            )


def _refuse_master(header: Header) -> None:
    """Refuse a frame that a program made of several, and says so."""
    for keyword in _KINDS:
        value = header.get(keyword)
        if isinstance(value, str) and _MASTER.search(value):
            raise ArgumentError(
                f"header keyword {keyword}",
                "must be that of a raw frame, not of a master",
                value=value,
                remedy="leave it out of the directory",
            )


def _unknown(header: Header) -> ArgumentError:
    """Make the error for a header that no instrument describes, with the cards that may say the kind."""
    remedy = (
        "describe it in an instrument file (--instrument mine.toml; docs/instruments.md has one to begin with), "
        "or write IMAGETYP (bias, dark, flat, object) into the header"
    )
    return ArgumentError(
        "header", f"no instrument description matches this header{_kind_cards(header)}", remedy=remedy
    )


def _kind_cards(header: Header) -> str:
    found = [f"{key} = {header[key]!r}" for key in (*_KINDS, "INSTRUME") if header.get(key)]
    return f" ({', '.join(found)})" if found else ""


def _first(header: Header, keywords: Lookup) -> tuple[str, Any] | None:
    for keyword in keywords:
        value = header.get(str(keyword))
        if value is not None and str(value).strip():
            return str(keyword), value
    return None


def _text(header: Header, keywords: Lookup) -> str | None:
    found = _first(header, keywords)
    return None if found is None else " ".join(str(found[1]).split())


def _colours(header: Header, shape: tuple[int, int], instrument: Instrument) -> str | None:
    """Return the mosaic of colour filters from the first pixel of the frame, None where there is none.

    A pattern that is not known is returned as it is stated.
    """
    if instrument.colours is not None:
        return None if instrument.colours == NO_COLOURS else instrument.colours
    stated = stated_pattern(header)
    if stated is None or stated[1].upper() not in ColourPattern.KNOWN:
        return None if stated is None else stated[1]
    return str(colour_pattern(header, shape=shape))


def _known(header: Header, lookup: Lookup) -> Known | None:
    """Return the first positive number; ignore a keyword with any other value (GAIN = 'high').

    A GAIN that is a setting of the camera is not e-/ADU and is passed over.
    """
    for item in lookup:
        if isinstance(item, float):
            return Known(item, "instrument file")
        if doubt_about_gain(header, item) is not None:
            continue
        value = lenient_number(header, item)
        if value is not None and value > 0:
            return Known(value, "header")
    return None


def _gain(header: Header, instrument: Instrument) -> Known | None:
    """Return the gain in e- per unit of the frame: 1 for frames in electrons."""
    unit = unit_of(header)
    if unit is not None and unit_name(unit) == "electron":
        return KnownByUnit(1.0, "header")
    if unit is None and unit_name(instrument.unit.lower()) == "electron":
        return KnownByUnit(1.0, "instrument file")
    return _known(header, instrument.gain)


def _doubts(header: Header, instrument: Instrument) -> tuple[str, ...]:
    """Return what the header says of the gain and is not believed, where nothing else tells the gain."""
    if _gain(header, instrument) is not None:
        return ()
    doubts = (doubt_about_gain(header, item) for item in instrument.gain if isinstance(item, str))
    return tuple(doubt for doubt in doubts if doubt is not None)


def _exptime(header: Header, keywords: Lookup, kind: str | None) -> float | None:
    found = _first(header, keywords)
    if found is None:
        if kind in ("bias", "other", None):
            return None
        names = " or ".join(str(keyword) for keyword in keywords)
        raise ArgumentError(
            "exposure time",
            f"the header has no {names}",
            remedy="add it to the header, or name its keyword in an instrument file",
        )
    keyword, value = found
    if isinstance(value, str) and "," in value:
        raise ArgumentError(
            f"header keyword {keyword}",
            "must be a number with a decimal point",
            value=value,
            remedy="correct the header",
        )
    seconds = header.number(keyword)
    if seconds is None or seconds < 0:
        raise ArgumentError(
            f"header keyword {keyword}",
            "must be seconds, 0 or more",
            value=value,
            remedy="correct the header",
        )
    return seconds


def binning_of(header: Header, lookup: tuple[Binning, ...]) -> tuple[int, int]:
    """Return the binning factors (x, y); (1, 1) where the header has none.

    >>> binning_of(Header({"CCDSUM": "2 4"}), ("CCDSUM",))
    (2, 4)
    """
    for item in lookup:
        if isinstance(item, tuple):
            values = [header.get(keyword) for keyword in item]
            numbers = [str(value) for value in values if value is not None]
        else:
            numbers = re.findall(r"[-+.\w]+", str(header.get(item) or "").replace("x", " ").replace("X", " "))
            numbers = numbers * 2 if len(numbers) == 1 else numbers
        if numbers:
            return _factors(numbers, item)
    return 1, 1


def _factors(numbers: list[str], where: Binning) -> tuple[int, int]:
    try:
        x, y = (abs(round(float(number))) for number in numbers)
        if x >= 1 and y >= 1:
            return x, y
    except (ValueError, OverflowError):
        pass
    name = where if isinstance(where, str) else " and ".join(where)
    raise ArgumentError(
        f"header keyword {name}",
        "must be two binning factors",
        value=" ".join(numbers),
        remedy="correct the header, or the binning in the instrument file",
    )
