"""Settings of a camera that change the signal, read from the header: gain setting, offset, read mode and others."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ccdfx.errors import ArgumentError
from ccdfx.records.header import Header

Keywords = tuple[str | tuple[str, ...], ...]
"""Keywords of a setting; the first present is used, and the values of a tuple of keywords belong together."""

SETTINGS: dict[str, Keywords] = {
    "camera": ("INSTRUME", "CAMERA"),
    "detector": ("DETECTOR", "DETNAME", "CCDNAME", "ESO DET CHIP1 ID"),
    "chip": ("DET-ID", "CHIP", "CHIPID", "CCDNUM", "CCDID", "CCD_ID"),  # a file each, of one camera
    "gain setting": ("GAIN", "CCDGAIN", "GAINSET", "GAINMODE"),
    "sensitivity": ("ISOSPEED", "ISO"),
    "preamplifier": ("PREAMP",),
    "multiplication": ("EMREALGN", "EMGAIN", "GAINEM"),
    "offset": ("OFFSET", "BLKLEVEL", "BLACKLVL", "BLACKLEV", "PEDESTAL"),
    "read mode": (
        "READOUTM", "READMODE", "READ-MODE", "RDMODE", "ROMODE", ("ESO DET READ MODE", "ESO DET READ CLOCK"),
    ),
    "read speed": (
        "READSPD", "READ-SPD", "RDSPEED", "ROSPEED", "ESO DET READ SPEED", "RSPEED", "CCDSPEED", "SPEED",
    ),
    "output": ("AMPNAME", "OPAMP", "AMPID", "READAMPS", "AMPMODE", "OUTPTAMP", "ESO DET OUT1 NAME"),
    "row order": ("ROWORDER",),
    "flip": ("FLIPSTAT",),
    "window": (
        ("XORGSUBF", "YORGSUBF"), ("ESO DET WIN1 STRX", "ESO DET WIN1 STRY"), "CCDSEC", "DETSEC", "SUBRASTR", "SUBRECT", "WINDOW",
    ),
}  # fmt: skip
TEMPERATURES: Keywords = (
    "CCD-TEMP", "CCDTEMP", "CCD_TEMP", "CCDATEMP", "DET-TEMP", "DETTEMP", "SET-TEMP", "SETTEMP", "CCDSTEMP",
)  # fmt: skip
BLANK = {"FLIPSTAT": "none"}
"""What the value of a card means that is there and blank: MaxIm DL writes a FLIPSTAT of blanks where nothing is flipped."""
LOOKUPS: dict[str, Keywords] = {**SETTINGS, "temperature": TEMPERATURES}
_DEGREES = re.compile(r"(?<=[\d.])\s*(?:deg\s*)?[CK]\Z", re.IGNORECASE)
_DIGITS = 15  # of a decimal number that a float holds; 1.2 + 0.6 is written with 17
_KELVIN = 273.15
_COLDEST, _HOTTEST = -280.0, 500.0  # C or K; beyond, a camera says that it does not know


@dataclass(frozen=True, slots=True)
class CameraSetting:
    """A setting with its value, compared without case and as a number where it is one, and as it was written."""

    name: str
    value: str
    keyword: str = field(compare=False)
    text: str = field(compare=False)


class Temperature(NamedTuple):
    """The temperature of a detector in the unit of its header, Celsius where that says Kelvin, and the keyword."""

    value: float
    keyword: str


def settings_of(header: Header, lookups: Iterable[tuple[str, Keywords]]) -> tuple[CameraSetting, ...]:
    """Read the settings that the header has; the temperature is not one, as it needs a tolerance.

    >>> found = settings_of(Header({"GAIN": "120", "OFFSET": 30}), SETTINGS.items())
    >>> [(one.name, one.value) for one in found]
    [('gain setting', '120'), ('offset', '30')]
    """
    found = []
    for name, keywords in lookups:
        if name == "temperature":
            continue
        for item in keywords:
            several = item if isinstance(item, tuple) else (item,)
            texts = [_text_of(header, keyword) for keyword in several]
            if all(texts):
                value = " ".join(map(_comparable, texts))
                found.append(CameraSetting(name, value, ", ".join(several), ", ".join(map(_shown, texts))))
                break
    return tuple(found)


def temperature_of(header: Header, lookups: Iterable[tuple[str, Keywords]]) -> Temperature | None:
    """Return the temperature of the detector: the measured one, or else that to which it is cooled; '-20 C' and '253.1 K' are understood.

    >>> temperature_of(Header({"SET-TEMP": -20, "CCD-TEMP": -19.8}), LOOKUPS.items())
    Temperature(value=-19.8, keyword='CCD-TEMP')
    >>> round(temperature_of(Header({"CCD-TEMP": "253.1 K"}), LOOKUPS.items()).value, 2)
    -20.05
    """
    for keyword in dict(lookups).get("temperature", ()):
        given = str(header.get(str(keyword), "")).strip()
        text = _DEGREES.sub("", given)
        try:
            value = header.set(str(keyword), text).number(str(keyword)) if text else None
        except ArgumentError:
            continue
        if value is not None and text != given and given[-1] in "kK":
            value -= _KELVIN
        if value is not None and _COLDEST < value < _HOTTEST:
            return Temperature(value, str(keyword))
    return None


def _text_of(header: Header, keyword: str) -> str:
    text = " ".join(str(header.get(keyword, "")).split())
    return text or (BLANK.get(keyword, "") if keyword in header else "")


def _shown(text: str) -> str:
    """Return a setting as it was written, without the digits of a number that no float holds."""
    return _comparable(text) if len(text) > _DIGITS else text


def _comparable(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return text.casefold()
    return f"{number:g}" if math.isfinite(number) else text.casefold()
