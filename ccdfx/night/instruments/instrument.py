"""Instruments: the meaning of the headers of a camera, read from small TOML files.

An instrument file defines how its frames are recognised, which of them are bias, dark, flat and science
frames, which keywords hold the metadata, and where the overscan is. ccdfx contains some; users can write
their own, and plugins can add more by the hook ``ccdfx_instruments``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ccdfx.errors import ArgumentError, CcdfxError, PluginError, cause_of
from ccdfx.night.instruments.camera_settings import LOOKUPS, Keywords
from ccdfx.night.instruments.conditions import Condition
from ccdfx.night.instruments.corrections import Correction
from ccdfx.night.instruments.dates import TIMES
from ccdfx.night.instruments.exposures import UNITS
from ccdfx.night.instruments.filters import FilterLookup
from ccdfx.night.instruments.output import Output
from ccdfx.night.instruments.planes import PlaneChoice, planes_of
from ccdfx.night.instruments.readouts.described import DescribedReadout
from ccdfx.night.instruments.readouts.laws import Crosstalk, LinearityLaw
from ccdfx.night.instruments.sections import Section
from ccdfx.night.instruments.spectra import SpectrumRule
from ccdfx.operations.colour.pattern import ColourPattern
from ccdfx.records.checks import TEXT, YES_OR_NO, check_fields, tuple_of
from ccdfx.records.header import Header
from ccdfx.records.range import Range

KINDS = ("bias", "dark", "flat", "science", "arc", "other")
Lookup = tuple[str | float, ...]
Binning = str | tuple[str, str]
LIMIT_OF_16_BITS = 65535
NO_COLOURS = "NONE"
"""The mosaic of an instrument without one, whatever its headers say."""


@dataclass(frozen=True, slots=True)
class BadPixels:
    """Columns, rows (0-based indices in the raw frame) and sections that are bad where all of `when` hold."""

    columns: tuple[int, ...] = ()
    rows: tuple[int, ...] = ()
    sections: tuple[Range, ...] = ()
    when: tuple[Condition, ...] = ()

    def find(self, header: Header, shape: tuple[int, int]) -> tuple[Range, ...]:
        """Return the bad windows inside a raw frame of `shape` (ny, nx)."""
        if not all(condition.holds(header) for condition in self.when):
            return ()
        ny, nx = shape
        whole = Range.whole(shape)
        columns = [Range(x, x + 1, 0, ny) for x in self.columns if x < nx]
        rows = [Range(0, nx, y, y + 1) for y in self.rows if y < ny]
        windows = [window.intersection(whole) for window in self.sections]
        return (*columns, *rows, *(window for window in windows if window is not None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """The meaning of the headers of a camera.

    Parameters
    ----------
    name : str
        Name on the command line and in the products.
    match : tuple of tuples of Condition
        The instrument matches when all conditions of at least one tuple hold.
    rules : tuple of (kind, conditions)
        The kind of a frame is that of the first rule whose conditions all hold.
    generic : bool
        True for a convention of headers instead of a camera; any camera that also matches has priority.
    exptime, object, date : tuple
        Header keywords; the first one present is used.
    exptime_unit : str
        Unit of the exposure time where neither the value nor the comment of its card names one.
    time : tuple
        Header keywords of the time of day, where the date has none.
    filter : tuple
        The same; the keywords of several wheels are a tuple, and their filters are joined.
    no_filter : Condition or None
        Values of the filter keywords that mean an empty filter slot.
    gain, readnoise, saturation : tuple
        Header keywords or numbers; the first one present is used: e-/ADU, e-, ADU.
    colours : str or None
        The mosaic of colour filters from the first pixel of the raw frame, such as RGGB, or NONE; None: that of the header.
    overscan, data : tuple of Section
        Sections of the raw frame.
    output : Output or None
        Keywords of the place of the output, which decides on which side strips and margins are.
    setup : tuple of (name, keywords)
        Keywords of the settings that must agree in frames that belong together, and of the temperature.
    bad_pixels : tuple of BadPixels
        Pixels that are known to be bad.
    hdu : int, str or None
        The image to read from a file with several: number from 0, or EXTNAME.
    refuse : tuple of (conditions, reason)
        Frames that match but cannot be reduced, with the reason.
    corrections : tuple of Correction
        What is corrected in a header that matches, before anything else is looked at.
    table : str or None
        CSV file of facts of frames that takes precedence over their headers.
    readouts : tuple of DescribedReadout
        Readouts (amplifiers) whose sections the headers do not have.
    crosstalk : Crosstalk or None
        Between readouts.
    linearity : tuple of LinearityLaw
        Of readouts.
    planes : str or tuple of int
        Which planes of cubes are frames: "mean" of all, "each", or these; "" where the user must say it.
    spectrum : SpectrumRule or None
        Which frames are spectra, and how they lie.
    """

    name: str
    match: tuple[tuple[Condition, ...], ...]
    rules: tuple[tuple[str, tuple[Condition, ...]], ...]
    description: str = ""
    generic: bool = False
    exptime: Lookup = ("EXPTIME",)
    filter: FilterLookup = ("FILTER",)
    object: Lookup = ("OBJECT",)
    date: Lookup = ("DATE-OBS",)
    exptime_unit: str = "s"
    time: Lookup = TIMES
    no_filter: Condition | None = None
    binning: tuple[Binning, ...] = ()
    gain: Lookup = ()
    readnoise: Lookup = ()
    saturation: Lookup = ()
    unit: str = "adu"
    colours: str | None = None
    hdu: int | str | None = None
    overscan: tuple[Section, ...] = ()
    data: tuple[Section, ...] = ()
    output: Output | None = None
    setup: tuple[tuple[str, Keywords], ...] = tuple(LOOKUPS.items())
    bad_pixels: tuple[BadPixels, ...] = ()
    refuse: tuple[tuple[tuple[Condition, ...], str], ...] = ()
    corrections: tuple[Correction, ...] = ()
    table: str | None = None
    readouts: tuple[DescribedReadout, ...] = ()
    crosstalk: Crosstalk | None = None
    linearity: tuple[LinearityLaw, ...] = ()
    spectrum: SpectrumRule | None = None
    planes: PlaneChoice = ""
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        lookup = tuple_of("keywords and numbers", lambda item: isinstance(item, str | int | float))
        sections = tuple_of("Section", lambda item: isinstance(item, Section))
        planes_of("planes", self.planes)
        check_fields(
            self,
            match=tuple_of("tuples of Condition", _are_conditions),
            rules=tuple_of("(kind, tuple of Condition)", lambda item: _is_rule(item) and item[0] in KINDS),
            refuse=tuple_of(
                "(tuple of Condition, reason)", lambda item: isinstance(item, tuple) and _is_rule(item[::-1])
            ),
            description=TEXT,
            generic=YES_OR_NO,
            exptime=lookup,
            filter=tuple_of(
                "keywords, or tuples of those of wheels", lambda item: isinstance(item, str | tuple)
            ),
            object=lookup,
            date=lookup,
            exptime_unit=(f"one of {', '.join(UNITS)}", lambda item: item in UNITS),
            time=lookup,
            no_filter=("a Condition or None", lambda item: item is None or type(item) is Condition),
            binning=tuple_of("keywords, or pairs of them", lambda item: isinstance(item, str | tuple)),
            gain=lookup,
            readnoise=lookup,
            saturation=lookup,
            unit=TEXT,
            colours=(f"one of {', '.join(ColourPattern.KNOWN)}, {NO_COLOURS}, or None", _are_colours),
            hdu=("a number, a name or None", lambda item: item is None or isinstance(item, int | str)),
            overscan=sections,
            data=sections,
            bad_pixels=tuple_of("BadPixels", lambda item: isinstance(item, BadPixels)),
            corrections=tuple_of("Correction", lambda item: isinstance(item, Correction)),
            table=("a path or None", lambda item: item is None or isinstance(item, str)),
            readouts=tuple_of("DescribedReadout", lambda item: isinstance(item, DescribedReadout)),
            crosstalk=("a Crosstalk or None", lambda item: item is None or isinstance(item, Crosstalk)),
            linearity=tuple_of("LinearityLaw", lambda item: isinstance(item, LinearityLaw)),
            spectrum=(
                "a SpectrumRule or None",
                lambda item: item is None or isinstance(item, SpectrumRule),
            ),
        )

    def specificity(self, header: Header) -> tuple[bool, int, int, int] | None:
        """Return how closely the header matches, as a key for sorting; None where it does not match.

        A camera ranks above a generic convention; then follow the numbers of conditions on literal values, on
        patterns and on presence.
        """
        fits = [group for group in self.match if all(condition.holds(header) for condition in group)]
        if not fits:
            return None
        ranks = [[condition.rank for condition in group] for group in fits]
        return max((not self.generic, rank.count(2), rank.count(1), rank.count(0)) for rank in ranks)

    def kind_of(self, header: Header) -> str | None:
        """Return bias, dark, flat, science, arc or other; None where no rule holds."""
        return next((kind for kind, when in self.rules if all(item.holds(header) for item in when)), None)

    def saturation_in(self, header: Header) -> Lookup:
        """Return where the saturation of a frame is looked up.

        A convention that falls back on the limit of 16 bits does not know the camera: frames of more bits may hold more.
        """
        bits = header.number("ZBITPIX") or header.number("BITPIX") or 0
        if not self.generic or abs(bits) <= 16:
            return self.saturation
        return tuple(item for item in self.saturation if item != LIMIT_OF_16_BITS)

    def refusal(self, header: Header) -> str | None:
        """Return the reason why frames with this header cannot be reduced, or None."""
        return next((why for when, why in self.refuse if all(item.holds(header) for item in when)), None)


def _specificity(instrument: Instrument, header: Header) -> tuple[bool, int, int, int] | None:
    try:
        return instrument.specificity(header)
    except CcdfxError:
        raise
    except Exception as error:  # one of a plugin may do anything
        remedy = "'ccdfx plugins' names the package; tell its author"
        rule = f"its plugin raised {cause_of(error)}"
        raise PluginError(f"instrument {instrument.name!r}", rule, remedy=remedy) from error


def _are_conditions(items: object) -> bool:
    # Of exactly this class: conditions are data, and those that run code could fail for every frame.
    return isinstance(items, tuple) and all(type(item) is Condition for item in items)


def _are_colours(item: object) -> bool:
    return item in (None, NO_COLOURS, *ColourPattern.KNOWN)


def _is_rule(item: Any) -> bool:
    return (
        isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and _are_conditions(item[1])
    )


def match_instrument(header: Header, instruments: Iterable[Instrument]) -> Instrument | None:
    """Return the instrument that matches the header most closely, or None.

    Raises
    ------
    ArgumentError
        Two instruments match equally well; both are named.
    PluginError
        An instrument of a plugin fails; it is named.
    """
    fits = [(fit, item) for item in instruments if (fit := _specificity(item, header)) is not None]
    if not fits:
        return None
    best = max(fit for fit, _ in fits)
    winners = [item for fit, item in fits if fit == best]
    if len(winners) > 1:
        names = " and ".join(sorted(item.name for item in winners))
        raise ArgumentError("instrument", f"{names} match the header equally well", remedy="name one of them")
    return winners[0]
