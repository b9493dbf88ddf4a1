"""What the header of a file says of it as a master: its kind, what was subtracted from it, the unit of its pixels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ccdfx.night.grouping.setup import Setup
from ccdfx.records.compatibility import is_rate, unit_name
from ccdfx.records.header import Header, lenient_number
from ccdfx.records.history import applied_steps
from ccdfx.records.keywords import unit_of

_KIND_CARDS = ("IMAGETYP", "FRAME", "FRAMETYP", "OBSTYPE", "IMGTYPE", "IMTYPE", "CALFRAME", "OBJECT")
_COUNTS = ("NCOMBINE", "STACKCNT", "SNAPSHOT")
_MASTER = re.compile(r"master|\bsuper|stacked|combined|integrat", re.IGNORECASE)
_KINDS = (
    ("dark", re.compile(r"flat.*dark|dark.*flat|\b_?dark", re.IGNORECASE)),
    ("flat", re.compile(r"flat", re.IGNORECASE)),
    ("bias", re.compile(r"bias|zero|offset", re.IGNORECASE)),
)
_KIND_WORD = re.compile(r"(master|super|stacked|combined|integrat\w*)[ _-]*", re.IGNORECASE)
_OWN = re.compile(r"master (bias|dark|flat)\Z")
_COMBINED = "combined frame"
_PROGRAM_CARDS = ("PROGRAM", "CREATOR", "SWCREATE", "SOFTWARE", "ORIGIN", "HISTORY")
_OF_ONE = re.compile(r"siril|pixinsight", re.IGNORECASE)
UNIT_RANGE = 65535.0
"""What 1.0 is in ADU in programs that write raw frames of 16 bits as fractions."""
RAW_GAIN = "RAWGAIN"
"""Card of our masters: e-/ADU of the raw frames by their headers; GAIN is that of the mean."""
RAW_SETTING = "GAINSET"
"""Card of our masters: the gain setting of the raw frames, where they have it in GAIN."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a header says of a master; `kind` is None where it says none, `problem` why it cannot be taken.

    `is_master` says whether it is several frames in one, `frames` how many where it is told, `is_own` whether a night of ccdfx made it as a master, and
    `is_of_ccdfx` whether any command did. `overscan` and `bias` are True where they were
    subtracted, and False where the header would say so, as ours do; `dark` says whether a dark was subtracted, and
    `fractions` whether the program writes ADU as fractions of 65535.
    """

    kind: str | None = None
    is_master: bool = False
    frames: int = 0
    is_own: bool = False
    is_of_ccdfx: bool = False
    is_other_product: bool = False
    overscan: bool | None = None
    bias: bool | None = None
    dark: bool = False
    electrons: bool = False
    has_unit: bool = False
    fractions: bool = False
    problem: str | None = None


def described(header: Header) -> Described:
    """Describe a master by its header.

    Examples
    --------
    >>> found = described(Header({"IMAGETYP": "Master Dark", "ZEROCOR": "Nov 30 12:01 Zero level correction"}))
    >>> found.kind, found.is_master, found.bias, found.overscan
    ('dark', True, True, None)
    >>> described(Header({"IMAGETYP": "zero"})).is_master
    False
    """
    product = str(header.get("PRODUCT") or "")
    creator = str(header.get("CREATOR") or "")
    is_ccdfx = creator.startswith("ccdfx")
    own = _OWN.match(product) if is_ccdfx else None
    kind = own[1] if own else _kind_of(header)
    if is_ccdfx and own is None and (product != _COMBINED or kind is None):
        return Described(is_other_product=True)
    steps = applied_steps(header)
    unit = unit_of(header)
    return Described(
        kind=kind,
        is_master=own is not None or _is_master(header),
        frames=max(int(lenient_number(header, keyword) or 0) for keyword in _COUNTS),
        is_own=own is not None,
        is_of_ccdfx=is_ccdfx,
        overscan=_done("overscan", steps, own is not None),
        bias=_done("bias", steps, own is not None),
        dark="dark" in steps,
        electrons=unit is not None and unit_name(unit) == "electron",
        has_unit=unit is not None,
        fractions=_is_of_fractions(header),
        problem=f"is in {unit}, not in counts" if unit is not None and is_rate(unit) else None,
    )


def as_raw_header(header: Header, *, is_mean: bool) -> Header:
    """Return the header of a master as that of its raw frames, where GAIN is that of the mean, as ccdfx writes it.

    >>> dict(as_raw_header(Header({"GAIN": 10.0, "RAWGAIN": 2.0, "GAINSET": "120"}), is_mean=True))
    {'RAWGAIN': 2.0, 'GAINSET': '120', 'EGAIN': 2.0, 'GAIN': '120'}
    """
    if not is_mean:
        return header
    raw = header.remove("GAIN", "EGAIN")
    for keyword, value in (("EGAIN", lenient_number(header, RAW_GAIN)), ("GAIN", header.get(RAW_SETTING))):
        raw = raw if value is None else raw.set(keyword, value)
    return raw


def raw_cards(setup: Setup) -> dict[str, Any]:
    """Return the cards of a master that tell gain and gain setting of its raw frames.

    >>> from ccdfx.records.range import Range
    >>> raw_cards(Setup("iraf", (9, 9), (1, 1), 2.0, None, Range(0, 9, 0, 9)))
    {'RAWGAIN': 2.0}
    """
    setting = next((one.text for one in setup.settings if one.keyword == "GAIN"), None)
    cards = {RAW_GAIN: setup.gain, RAW_SETTING: setting}
    return {keyword: value for keyword, value in cards.items() if value is not None}


def _kind_of(header: Header) -> str | None:
    for keyword in _KIND_CARDS:
        text = header.get(keyword)
        if isinstance(text, str):
            word = _KIND_WORD.sub("", text)
            found = next((kind for kind, pattern in _KINDS if pattern.search(word)), None)
            if found is not None:
                return found
    return None


def _is_master(header: Header) -> bool:
    texts = [header.get(keyword) for keyword in _KIND_CARDS]
    if any(isinstance(text, str) and _MASTER.search(text) for text in texts):
        return True
    if any((lenient_number(header, keyword) or 0) > 1 for keyword in _COUNTS):
        return True
    return header.get("COMBINED") is True


def _done(step: str, steps: Mapping[str, Any], is_own: bool) -> bool | None:
    return True if step in steps else False if is_own else None


def _is_of_fractions(header: Header) -> bool:
    for keyword in _PROGRAM_CARDS:
        values = header.all(keyword) if keyword in header else ()
        if any(_OF_ONE.search(str(value)) for value in values):
            return True
    return False
