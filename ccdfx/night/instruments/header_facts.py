"""Metadata of one raw frame, read from its header as an `Instrument` describes. No file is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.camera_settings import settings_of, temperature_of
from ccdfx.night.instruments.contradictions import disagreements, refuse_contradictions
from ccdfx.night.instruments.corrections import applying, corrected
from ccdfx.night.instruments.dates import date_of, doubt_about_date
from ccdfx.night.instruments.exposures import exptime_of
from ccdfx.night.instruments.filters import filter_of, other_filter_cards
from ccdfx.night.instruments.instrument import NO_COLOURS, Binning, Instrument, Lookup, match_instrument
from ccdfx.night.instruments.paths import told_by_rule, with_path
from ccdfx.night.instruments.planes import PlaneChoice, plane_count, windows_of
from ccdfx.night.instruments.sections import (
    cut_off_margins,
    lost_part,
    refuse_several_overscans,
    sections_of_frame,
    unread_overscan,
)
from ccdfx.night.instruments.spectra import joined_filter, spectrum_of
from ccdfx.noise.header_gain import doubt_about_gain
from ccdfx.operations.colour.pattern import ColourPattern, colour_pattern
from ccdfx.operations.readouts.readout import Readout
from ccdfx.records.compatibility import is_rate, unit_name
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.history import applied_steps
from ccdfx.records.keywords import unit_of
from ccdfx.records.wcs import stated_pattern

_KINDS = (
    "IMAGETYP", "FRAME", "FRAMETYP", "OBSTYPE", "IMGTYPE", "IMTYPE", "EXPTYPE", "OBS-TYPE", "DATA-TYP", "OBSMODE", "PICTTYPE",
    "CALFRAME",
)  # fmt: skip
_TIMES = ("EXPTIME", "EXPOSURE")  # others, such as ELAPTIME, may hold more than the exposure
_SAME_TIME = 0.02  # part of it, and s
_COARSEST = 1000  # pixels that are binned to one, along an axis
_LEAST, _MOST = 1e-6, 1e9  # gains, read noises and saturations that a camera may have
_OF_TABLE = Instrument(
    name="table",
    match=(),
    rules=(),
    description="Frames whose kind a table tells, and whose header no instrument describes",
    exptime=("EXPTIME", "EXPOSURE"),
    date=("DATE-OBS", "DATE-BEG"),
    binning=("CCDSUM", ("XBINNING", "YBINNING")),
)
_WITH_UNIT = re.compile(
    r"([-+]?[\d.,]+(?:e[-+]?\d+)?)\s*(?:e-?|electrons?)(?:\s*(?:/|per)\s*(?:adu|dn|counts?|pix(?:el)?))?",
    re.IGNORECASE,
)
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
    path: str | None = None,
    told: Mapping[str, Any] = MappingProxyType({}),
    readouts: tuple[Readout, ...] = (),
    planes: PlaneChoice = "",
) -> dict[str, Any]:
    """Read the fields of a `Frame` from a header; the reason for missing fields is stored in `problem`.

    The corrections that an instrument file makes are among the fields, and made before anything else is read.

    Parameters
    ----------
    header : Header
        Header of the raw frame.
    instruments : iterable of Instrument
        Candidates, chosen by the header.
    given : Instrument, optional
        The instrument named by the user; the header is then not used to identify it.
    again : bool
        Accept as raw what a card says was reduced before.
    path : str, optional
        Of the file, with forward slashes, for conditions on it.
    told : mapping, optional
        Fields that are known beside the header, such as kind, filter and exptime; they go before it.
    readouts : tuple of Readout
        Those of the frame, which have its sections.
    planes : str or tuple of int
        Which planes of a cube are frames; by default those that the instrument names. `plane_windows` of the result has, for each frame
        of a cube, its first plane and the one behind its last.
    """
    facts: dict[str, Any] = {}
    try:
        facts["shape"] = shape_of(header, cubes=True)
        header = header if path is None else with_path(header, path)
        instrument = given or match_instrument(header, instruments)
        if instrument is None and "kind" in told:
            instrument = _OF_TABLE
        if instrument is None:
            facts |= {"object": _text(header, ("OBJECT",)), "date": date_of(header, ("DATE-OBS", "DATE-BEG"))}
            facts["filter"] = _text(header, ("FILTER",))
            _refuse_master(header)
            raise _unknown(header)
        facts["instrument"] = instrument.name
        count = plane_count(header)
        if count > 1:
            facts["plane_windows"] = windows_of(planes or instrument.planes, count)
        facts["corrections"] = applying(instrument.corrections, header)
        header = corrected(header, facts["corrections"])
        for name, value in _described(header, instrument, facts["shape"], again, told, readouts):
            facts[name] = value
    except ArgumentError as problem:
        facts["problem"] = str(problem)
    return facts


def shape_of(header: Header, *, cubes: bool = False) -> tuple[int, int]:
    """Return (ny, nx) of the image that the header describes, uncompressed if it was tile-compressed.

    That of a cube is the shape of its planes, where `cubes` are allowed.
    """
    prefix = "ZNAXIS" if "ZNAXIS" in header else "NAXIS"
    axes = header.number(prefix)
    sizes = [header.number(f"{prefix}{i + 1}") for i in range(int(axes or 0))] if (axes or 0) < 1000 else []
    while len(sizes) > 2 and sizes[-1] == 1:
        sizes.pop()
    planes, sizes = (sizes[2:], sizes[:2]) if cubes else ([], sizes)
    if len(sizes) != 2 or not all(size and size >= 1 and size == int(size) for size in (*sizes, *planes)):
        found = " x ".join("?" if size is None else f"{size:g}" for size in (*sizes, *planes)) or "nothing"
        raise ArgumentError(
            "image", "must have two axes", value=found, remedy="reduce takes one plane a file"
        )
    return int(sizes[1] or 0), int(sizes[0] or 0)


def _described(
    header: Header,
    instrument: Instrument,
    shape: tuple[int, int],
    again: bool,
    told: Mapping[str, Any],
    readouts: tuple[Readout, ...],
) -> Iterable[tuple[str, Any]]:
    """Yield field by field, so that the fields read before a problem are kept; what is told goes before the header."""
    told = {**({} if "kind" in told else told_by_rule(instrument.rules, header)), **told}

    def known(name: str, find: Callable[[], Any]) -> tuple[str, Any]:
        return name, told[name] if name in told else find()

    yield known("object", lambda: _text(header, instrument.object))
    kind = told["kind"] if "kind" in told else instrument.kind_of(header)
    spectrum = spectrum_of(header, kind, instrument.spectrum)
    elements = () if spectrum is None else spectrum.elements
    yield known(
        "filter",
        lambda: joined_filter(filter_of(header, instrument.filter, instrument.no_filter), elements),
    )
    yield "dispersion", None if spectrum is None else spectrum.dispersion
    if "filter" not in told:
        yield "filter_cards", other_filter_cards(header, instrument.filter, instrument.no_filter)
    yield "colours", _colours(header, shape, instrument)
    yield known("date", lambda: date_of(header, instrument.date, instrument.time))
    yield known("binning", lambda: binning_of(header, instrument.binning))
    yield "kind", kind
    yield "unit", instrument.unit
    yield "hdu", instrument.hdu
    yield known("gain", lambda: gain_of(header, instrument))
    unclear = None if "date" in told else doubt_about_date(header, instrument.date)
    doubts = () if "gain" in told else _doubts(header, instrument)
    doubts += () if unclear is None else (unclear,)
    doubts += _disagreements(header, instrument, told)
    yield "doubts", doubts
    yield known("readnoise", lambda: _known(header, instrument.readnoise))
    yield known("saturation", lambda: _known(header, instrument.saturation_in(header)))
    yield "settings", settings_of(header, instrument.setup)
    yield "temperature", temperature_of(header, instrument.setup)
    exptime = known("exptime", lambda: exptime_of(header, instrument.exptime, kind, instrument.exptime_unit))
    yield exptime
    if kind == "science" and "kind" not in told and exptime[1] == 0:
        raise ArgumentError(
            "exposure time",
            f"must be above 0 in a science frame{_kind_cards(header)}",
            value=0,
            remedy="is it a bias frame? Correct the header, or tell its kind by a rule of an instrument file or a table of frames",
        )
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
        if not readouts:
            found, exposed = sections_of_frame(overscan, data, header, shape)
            yield "overscan", found
            yield "data", exposed
            if found is None and (instrument.overscan or instrument.generic):  # others say that there is none
                unread = unread_overscan(header) or cut_off_margins(exposed, shape)
                yield "doubts", (*doubts, *unread)
                refuse_several_overscans(header)
            elif found is not None and exposed is not None:
                yield "doubts", (*doubts, *lost_part(exposed, found, shape))
        whole = shape if not readouts else _whole_of(readouts)
        yield "bad", tuple(window for item in instrument.bad_pixels for window in item.find(header, whole))
        refusal = instrument.refusal(header)
        if refusal:
            raise ArgumentError(
                "frame", f"cannot be reduced: {refusal}", remedy="leave it out of the directory"
            )


def _whole_of(readouts: Iterable[Readout]) -> tuple[int, int]:
    """Return (ny, nx) of the smallest image that holds the places of readouts."""
    places = [readout.place for readout in readouts]
    return max(place.y_upper for place in places), max(place.x_upper for place in places)


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
        "'ccdfx instrument draft FRAMES -o mine.toml' writes an instrument file for --instrument mine.toml "
        "(docs/instruments.md); or write IMAGETYP (bias, dark, flat, object) into the headers of copies with 'ccdfx header'"
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
    """Return the first number that a camera may have; ignore a keyword with any other value (GAIN = 'high').

    A GAIN that is a setting of the camera is not e-/ADU and is passed over.
    """
    for item in lookup:
        if isinstance(item, float):
            return Known(item, "instrument file")
        if doubt_about_gain(header, item) is not None:
            continue
        value = _number(header, item)
        if value is not None and _LEAST <= value <= _MOST:
            return Known(value, "header")
    return None


def _number(header: Header, keyword: str) -> float | None:
    """Return the number of a card, also before a unit of electrons, such as '2.0 e/ADU'."""
    found = _WITH_UNIT.fullmatch(str(header.get(keyword) or "").strip())
    return lenient_number(header if found is None else header.set(keyword, found[1]), keyword)


def gain_of(header: Header, instrument: Instrument) -> Known | None:
    """Return the gain in e- per unit of the frame: 1 for frames in electrons."""
    unit = unit_of(header)
    if unit is not None and unit_name(unit) == "electron":
        return KnownByUnit(1.0, "header")
    if unit is None and unit_name(instrument.unit.lower()) == "electron":
        return KnownByUnit(1.0, "instrument file")
    return _known(header, instrument.gain)


def _doubts(header: Header, instrument: Instrument) -> tuple[str, ...]:
    """Return numbers that no camera has, and what else is said of the gain and not believed, where nothing else tells it."""
    numbers = {
        item: _number(header, item)
        for item in (*instrument.gain, *instrument.readnoise, *instrument.saturation)
        if isinstance(item, str)
    }
    doubts = [
        f"header keyword {item} is {value:g}, which no camera has"
        for item, value in numbers.items()
        if value is not None and value > 0 and not _LEAST <= value <= _MOST
    ]
    if gain_of(header, instrument) is None:
        keywords = dict.fromkeys((*(item for item in instrument.gain if isinstance(item, str)), "GAIN"))
        found = (doubt_about_gain(header, keyword) for keyword in keywords)
        doubts += [doubt for doubt in found if doubt is not None]
    return tuple(doubts)


def _disagreements(header: Header, instrument: Instrument, told: Mapping[str, Any]) -> tuple[str, ...]:
    """Describe cards of the exposure time and of the binning that do not agree with each other."""
    times: dict[str, float | tuple[int, int]] = {}
    for keyword in _TIMES if "exptime" not in told else ():
        if keyword in instrument.exptime and str(header.get(keyword, "")).strip():
            times[keyword] = exptime_of(header, (keyword,), unit=instrument.exptime_unit) or 0.0
    binnings: dict[str, float | tuple[int, int]] = {}
    for item in instrument.binning if "binning" not in told else ():
        keywords = (item,) if isinstance(item, str) else item
        if all(str(header.get(keyword, "")).strip() for keyword in keywords):
            binnings[" and ".join(keywords)] = binning_of(header, (item,))
    return (*disagreements(times, tolerance=_SAME_TIME), *disagreements(binnings))


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
        if 1 <= x <= _COARSEST and 1 <= y <= _COARSEST:
            return x, y
    except (ValueError, OverflowError):
        pass
    name = where if isinstance(where, str) else " and ".join(where)
    raise ArgumentError(
        f"header keyword {name}",
        f"must be two binning factors, each 1 to {_COARSEST}",
        value=" ".join(numbers),
        remedy="correct the header, or the binning in the instrument file",
    )
