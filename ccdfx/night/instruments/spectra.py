"""Spectra among raw frames: what in a header tells them, what was in the beam, and along which axis the light is spread."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.conditions import Condition, conditions_of
from ccdfx.records.card import as_keyword
from ccdfx.records.checks import check_fields, tuple_of
from ccdfx.records.header import Header, lenient_number

ROWS, COLUMNS, UNKNOWN = "rows", "columns", "unknown"
KEYS = {"when", "dispersion", "elements"}
DISPAXIS = {ROWS: 1, COLUMNS: 2}
"""The value of DISPAXIS for each direction."""

_AXES = {"1": ROWS, "x": ROWS, "rows": ROWS, "2": COLUMNS, "y": COLUMNS, "columns": COLUMNS}
_LIT = ("flat", "science", "arc")
_TECHNIQUE = "ESO DPR TECH"
_SPECTRAL = re.compile(r"spectr|\bmos\b|\bmxu\b|echelle|\bifu\b|longslit", re.IGNORECASE)
_DISPERSERS = (
    "ESO INS GRIS1 NAME", "ESO INS GRIS2 NAME", "ESO INS GRIS NAME", "ESO INS GRAT NAME", "ESO INS GRAT1 NAME",
    "ESO INS GRAT2 NAME", "GRISM", "GRISM1", "GRISM2", "GRISMNAM", "GRISNAME", "GRATING", "GRATNAME", "GRATENAM",
    "GRANAME", "GRM_ID", "GRATID", "ALGRNM", "ISIGRAT", "ACAMDISP", "DISPERSR", "DISPNAME",
)  # fmt: skip
_SLITS = (
    "ESO INS SLIT1 NAME", "ESO INS SLIT NAME", "ESO INS MOS NAME", "ESO INS SLIT1 WID", "ESO INS SLIT WID", "SLITNAME",
    "SLITMASK", "SLIT", "ALAPRTNM", "ACAMSLIT", "ISISLITW", "SLITWID", "SLITWIDT", "APERTURE",
)  # fmt: skip
_OUT_OF_BEAM = re.compile(
    r"\b(clear|open|empty|free|none|mirror|out|air|hole|image|imaging|direct|blank|null|park\w*|undef\w*|unknown|off"
    r"|no ?(grism|grating|disperser|slit|mask))\b|\A(n/?a|no|false|f|-|\?)?\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumRule:
    """The table [spectrum] of an instrument file.

    Parameters
    ----------
    when : tuple of Condition
        A lit frame is a spectrum where all hold; without any, what headers usually say decides.
    dispersion : str
        "rows" where the wavelength changes along the rows (in x), "columns" where it does along the columns (in y), or a
        keyword that says 1 or x, 2 or y; "" takes DISPAXIS.
    elements : tuple of str
        Keywords of what is in the beam, whose values are joined to the filter; by default those of dispersers and slits.

    Examples
    --------
    >>> SpectrumRule(dispersion="columns").elements
    ()
    """

    when: tuple[Condition, ...] = ()
    dispersion: str = ""
    elements: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(
            self,
            when=tuple_of("Condition", lambda item: type(item) is Condition),
            dispersion=("text", lambda item: isinstance(item, str)),
            elements=tuple_of("keywords", lambda item: isinstance(item, str)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """What a header says of a spectrum: the direction of the dispersion, and the names of what is in the beam."""

    dispersion: str
    elements: tuple[str, ...] = ()


def spectrum_rule_of(table: Mapping[str, Any]) -> SpectrumRule:
    """Parse the table [spectrum] of an instrument file.

    Raises
    ------
    ArgumentError
        A value is not allowed.

    Examples
    --------
    >>> spectrum_rule_of({"dispersion": "columns", "elements": ["GRATING"]}).dispersion
    'columns'
    """
    elements = table.get("elements", [])
    items = elements if isinstance(elements, list) else [elements]
    dispersion = table.get("dispersion", "")
    for key, value in [("dispersion", dispersion), *(("elements", item) for item in items)]:
        if not isinstance(value, str) or (not value.strip() and key in table):
            raise ArgumentError(
                f"spectrum.{key}",
                "must be rows, columns or a header keyword"
                if key == "dispersion"
                else "must be header keywords",
                value=value,
                remedy='write "rows" (wavelength along x), "columns" (along y) or "KEYWORD"',
            )
    return SpectrumRule(
        when=conditions_of(table["when"], "spectrum.when") if "when" in table else (),
        dispersion=dispersion if dispersion in (ROWS, COLUMNS, "") else as_keyword(dispersion),
        elements=tuple(as_keyword(item) for item in items),
    )


def spectrum_of(header: Header, kind: str | None, rule: SpectrumRule | None = None) -> Spectrum | None:
    """Return what a header says of a spectrum; None for a frame that is none, and for biases and darks.

    A frame is one where the instrument file says so; else where ESO DPR TECH names spectra, or, without that card, a
    grism or grating is in the beam, or DISPAXIS is 1 or 2 and no card says that these are out of it. An arc always is.

    Raises
    ------
    ArgumentError
        The keyword that the instrument file names for the dispersion has another value than it may.

    Examples
    --------
    >>> spectrum_of(Header({"GRISM": "Gr#13", "SLIT": 1.0, "DISPAXIS": 2}), "science")
    Spectrum(dispersion='columns', elements=('Gr#13', 'slit 1.0'))
    >>> spectrum_of(Header({"GRISM": "Open"}), "science") is None
    True
    """
    if kind not in _LIT or not (kind == "arc" or _is_spectrum(header, rule)):
        return None
    if rule is not None and rule.elements:
        named = [_named(header, keyword) for keyword in rule.elements]
    else:
        named = [_named(header, keyword) for keyword in _DISPERSERS]
        named += [name for keyword in _SLITS if (name := _slit(header, keyword)) is not None][:1]
    elements = tuple(dict.fromkeys(name for name in named if name is not None))
    return Spectrum(dispersion=_dispersion(header, rule), elements=elements)


def joined_filter(filter: str | None, elements: Iterable[str]) -> str | None:
    """Join what is in the beam to the name of the filter, so that only frames of one optical path belong together.

    >>> joined_filter("V", ("Gr#13", "slit 1.0")), joined_filter("600/4000 + D55", ("600/4000",))
    ('V + Gr#13 + slit 1.0', '600/4000 + D55')
    """
    parts = [] if filter is None else filter.split(" + ")
    return " + ".join(dict.fromkeys((*parts, *elements))) or None


def _is_spectrum(header: Header, rule: SpectrumRule | None) -> bool:
    if rule is not None and rule.when:
        return all(condition.holds(header) for condition in rule.when)
    technique = str(header.get(_TECHNIQUE) or "").strip()
    if technique:
        return bool(_SPECTRAL.search(technique))
    values = [str(value) for keyword in _DISPERSERS if (value := header.get(keyword)) is not None]
    if any(_named(header, keyword) is not None for keyword in _DISPERSERS):
        return True
    said_out = any(text.strip() and _is_out(text) for text in values)
    return not said_out and str(header.get("DISPAXIS", "")).strip() in ("1", "2")


def _dispersion(header: Header, rule: SpectrumRule | None) -> str:
    stated = "" if rule is None else rule.dispersion
    if stated in (ROWS, COLUMNS):
        return stated
    keyword = stated or "DISPAXIS"
    value = header.get(keyword)
    text = "" if value is None else str(value).strip().lower()
    number = lenient_number(header, keyword) if text else None
    text = f"{number:g}" if number is not None else text
    if stated and text and text not in _AXES:
        raise ArgumentError(
            f"header keyword {keyword}",
            "must be 1 or x (wavelength along the rows), or 2 or y (along the columns)",
            value=value,
            remedy='correct it, or write dispersion = "rows" or "columns" into [spectrum] of the instrument file',
        )
    return _AXES.get(text, UNKNOWN)


def _named(header: Header, keyword: str) -> str | None:
    """Return the name of what a card says is in the beam, a number with its keyword.

    A number of a disperser is that of a place in a wheel, which may be empty.
    """
    value = header.get(keyword)
    if value is None or isinstance(value, bool):
        return None
    text = " ".join(str(value).split())
    number = lenient_number(header, keyword)
    if number is not None:
        return None if keyword in _DISPERSERS else f"{keyword} {float(f'{number:.3g}'):g}"
    return None if _is_out(text) else text


def _is_out(text: str) -> bool:
    """Return whether a card says that nothing is in the beam."""
    return _OUT_OF_BEAM.search(text.replace("_", " ")) is not None


def _slit(header: Header, keyword: str) -> str | None:
    """Return the name of a slit, or its width; widths are rounded, as some motors report where they stopped."""
    text, number = _named(header, keyword), lenient_number(header, keyword)
    if number is not None:
        return f"slit {float(f'{number:.2g}')}"
    return text if text is None or re.search(r"slit|mask|hole|mos", text, re.IGNORECASE) else f"slit {text}"
