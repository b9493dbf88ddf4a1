"""The gain that a header states, in e-/ADU, and the reasons not to believe it."""

from __future__ import annotations

import re

from ccdfx.errors import ArgumentError
from ccdfx.records.header import Header, lenient_number

GAIN, ELECTRONS = "GAIN", "EGAIN"
LARGEST = 20.0
"""e-/ADU of one frame: a full well of some 100,000 electrons on a converter of 12 bits or more has less."""

# Cards that CMOS programs write beside their setting.
_SETTINGS = ("OFFSET", "BLKLEVEL", "USBLIMIT", "BAYERPAT")
_WRITERS = ("SWCREATE", "CREATOR", "PROGRAM", "SOFTWARE", "ORIGIN", "INSTRUME", "CAMERA", "DETECTOR")
_CMOS = re.compile(
    r"sharpcap|n\.i\.n\.a|sequence generator|astro ?photography tool|asi ?(air|studio|cap|img)|\basi ?\d|zwo|seestar|"
    r"firecapture|dwarf|ekos|kstars|\bindi\b|indigo|voyager|allsky|vespera|stellina|unistellar|evscope|qhy|player ?one|"
    r"touptek|toupsky|altair|svbony|ogma|\bimx ?\d|cmos",
    re.IGNORECASE,
)
_PER_COUNT = re.compile(
    r"\be(-|lectrons?)?\s*/\s*(adu|dn|counts?|unit)|\belectrons? per\b|\be-? per\b", re.IGNORECASE
)


def doubt_about_gain(header: Header, keyword: str = GAIN) -> str | None:
    """Return the reason why the number of a keyword is not a gain in e-/ADU, or None where it may be one.

    Only GAIN and EGAIN are doubted: many programs write the setting of the camera there. GAIN is one where it exceeds
    20 (times NCOMBINE, for the effective gain of a mean), as EGAIN is, where it is a whole number that differs from EGAIN
    (SBFITSEXT: e-/ADU), or where it was written by a program or camera known for it, or beside OFFSET, BLKLEVEL,
    USBLIMIT or BAYERPAT, unless the comment of the card says e-/ADU. A header without GAIN leaves no doubt.

    >>> doubt_about_gain(Header({"GAIN": 120, "EGAIN": 3.99}))
    'GAIN = 120 is a setting of the camera, not e-/ADU, which EGAIN = 3.99 is'
    >>> doubt_about_gain(Header({"GAIN": 2.1, "EGAIN": 2.0})) is None
    True
    """
    value = _positive(header, keyword) if keyword.upper() in (GAIN, ELECTRONS) else None
    if value is None:
        return None
    said = f"{keyword.upper()} = {value:g}"
    too_large = value > _largest(header)
    if too_large and (keyword.upper() == ELECTRONS or _electrons(header) is None):
        return f"{said} is no gain of a camera in e-/ADU, which is {LARGEST:g} at most, but a setting"
    if keyword.upper() == ELECTRONS:
        return None
    electrons = _electrons(header)
    if electrons is not None and (too_large or value.is_integer()) and abs(value / electrons - 1.0) > 0.01:
        return f"{said} is a setting of the camera, not e-/ADU, which EGAIN = {electrons:g} is"
    if value.is_integer() and electrons is None and not _PER_COUNT.search(_comment(header)):
        writer = _writer(header)
        if writer is not None:
            return f"{said} is a whole number beside {writer}, so a setting of the camera, not e-/ADU"
    return None


def gain_keyword(header: Header) -> str | None:
    """Return the keyword that holds the gain in e-/ADU: EGAIN, else GAIN unless it is doubted, or None.

    >>> gain_keyword(Header({"GAIN": 120, "EGAIN": 3.99})), gain_keyword(Header({"GAIN": 1.6}))
    ('EGAIN', 'GAIN')
    >>> gain_keyword(Header({"GAIN": 100})) is None
    True
    """
    if _electrons(header) is not None:
        return ELECTRONS
    return GAIN if _positive(header, GAIN) is not None and doubt_about_gain(header) is None else None


def require_gain(header: Header, keyword: str, subject: str) -> None:
    """Raise `ArgumentError` where the number of the keyword is not a gain in e-/ADU."""
    doubt = doubt_about_gain(header, keyword)
    if doubt is not None:
        known = "gain='EGAIN', or " if _electrons(header) is not None else ""
        raise ArgumentError(
            subject,
            f"must hold a gain in e-/ADU in the header keyword {keyword.upper()}: {doubt}",
            remedy=f"give {known}the number of e-/ADU, which fit_noise measures",
        )


def _electrons(header: Header) -> float | None:
    """Return EGAIN, or None where it cannot be e-/ADU."""
    value = _positive(header, ELECTRONS)
    return value if value is not None and value <= _largest(header) else None


def _largest(header: Header) -> float:
    """Return the largest gain of a frame, or of the mean of as many as it says."""
    return LARGEST * max(1.0, lenient_number(header, "NCOMBINE") or 1.0)


def _positive(header: Header, keyword: str) -> float | None:
    value = lenient_number(header, keyword)
    return value if value is not None and value > 0 else None


def _comment(header: Header) -> str:
    return next((card.comment for card in header.cards if card.keyword == GAIN), "")


def _writer(header: Header) -> str | None:
    """Return the card that shows a program or a camera whose GAIN is a setting, as text, or None."""
    for keyword in _WRITERS:
        text = str(header.get(keyword) or "")
        if _CMOS.search(text):
            return f"{keyword} = {text.strip()!r}"
    return next((keyword for keyword in _SETTINGS if str(header.get(keyword) or "").strip()), None)
