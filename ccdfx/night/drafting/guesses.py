"""Which keyword of the headers of a camera seems to hold what: by usual names, by parts of names, by comments, by values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ccdfx.io.fits.hdus import STRUCTURAL
from ccdfx.night.instruments.camera_settings import TEMPERATURES
from ccdfx.night.instruments.conditions import number_of
from ccdfx.records.card import COMMENTARY
from ccdfx.records.header import Header
from ccdfx.records.range import is_section

SURE, LIKELY, PERHAPS = "sure", "likely", "perhaps"
_NONE = "none"
_SHOWN = 4  # values of a keyword that are listed


@dataclass(frozen=True, slots=True)
class Guess:
    """Keywords that seem to hold a fact, how sure that is and why, and the values found."""

    keywords: tuple[str, ...]
    sure: str
    why: str
    found: str

    def describe(self) -> str:
        """Describe it for a comment.

        >>> Guess(("EXPTIME",), SURE, "the usual keyword", "0 (5), 60 (3)").describe()
        'sure, the usual keyword: 0 (5), 60 (3)'
        """
        return f"{self.sure}, {self.why}: {self.found}"


@dataclass(frozen=True, slots=True)
class Role:
    """A fact that some keyword holds, and how its keyword is known.

    `usual` are names that hold it; `name` is a pattern of others, unless `avoid` matches; `comment` is a pattern of
    comments; `fits` tells whether a value can be one.
    """

    usual: tuple[str, ...]
    name: str
    comment: str
    fits: Callable[[Any], bool]
    avoid: str = r"\Z."  # nothing


def _number(least: float, most: float) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        number = number_of(value)
        return number is not None and least <= number <= most

    return fits


def _text(pattern: str = "") -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.search(pattern, value) is not None


def _name_or_slot(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 100
    )


def _factor(value: Any) -> bool:
    return _number(1, 64)(value) and float(value).is_integer()


def _factors(value: Any) -> bool:
    return _factor(value) or _text(r"^\s*\d{1,2}\s*[xX*, ]\s*\d{1,2}\s*$")(value)


ROLES: dict[str, Role] = {
    "exptime": Role(
        ("EXPTIME", "EXPOSURE", "ITIME", "EXP_TIME", "EXP-TIME", "INTTIME", "TEXP", "EXP"),
        r"EXP|INTTIM|INTEGT|\bDIT\b",
        r"expos|integration time|shutter time",
        lambda value: _number(0, 1e6)(value) or _text(r"^\s*\d+([.,]\d*)?\s*(m?s|sec\w*)?\s*$")(value),
        r"ID|NUM|NO\Z|STAR|END|TYP|MODE|COUNT|CNT|BEG|DATE|REQ|SEQ|MJD|(?<![A-Z])UT",
    ),
    "filter": Role(
        ("FILTER", "FILTERS", "FILTNAM", "FILTNAME", "FILTER1", "FILTER2", "FILTER3"),
        r"FILT|FLT|FW_?NAM|FWHEEL|\bBAND\b",
        r"\bfilter",
        _name_or_slot,
        r"ENC|FOC|OFF|DATE|TIM|TEMP|STAT|POS|MOV|ROT|THICK|WAV|WL|FWHM|COMM|ID\Z|COUNT",
    ),
    "object": Role(
        ("OBJECT", "OBJNAME", "TARGNAME", "TARGET", "OBS-OBJ", "ESO OBS TARG NAME"),
        r"OBJ(E?CT|NAM|_?ID)|\bTARG(ET|NAM)|\bTITLE",
        r"\b(name|title) of (the )?(object|target|observation)|\b(object|target)( name)?\b",
        _text(),
        r"RA\Z|DEC\Z|EPOCH|EQUI|TYP|CTR|ALT|AZ|HA\Z|KIND",
    ),
    "date": Role(
        ("DATE-OBS", "DATE-BEG", "DATE_OBS", "DATEOBS", "UTSHUT", "UTSTART", "DATE-AVG"),
        r"DATE|UTC?|START|BEGIN",
        r"\b(start|begin)|date",
        _text(r"^\s*\d{4}-\d\d-\d\d(T|$)"),
        r"PROC|FILE|MOD|END|CREA|\ADATE\Z",
    ),
    "gain": Role(
        ("EGAIN", "GAIN"),
        r"GAIN",
        r"e-? ?/ ?(adu|dn)|electrons? per",
        _number(0.02, 20),
        r"SET|MODE|SEL|IDX|INDEX|PRE",
    ),
    "readnoise": Role(
        ("RDNOISE", "READNOIS", "ENOISE", "RON", "RDNOIS"),
        r"RD_?NOI|READ_?NOI|READN|RDN|RNOISE|ENOISE|\bRON\b",
        r"read ?-?(out)? ?noise",
        _number(0.1, 200),
    ),
    "saturation": Role(
        ("SATURATE", "SATLEVEL"),
        r"SATUR|SATLEV|SATVAL",
        r"saturat",
        _number(100, 2**32),
    ),
    "temperature": Role(
        tuple(str(keyword) for keyword in TEMPERATURES),
        r"(CCD|DET|CHIP|SENS|CAM|COOL)\w*[-_]?TE?MP|TE?MP[-_]?(CCD|DET|CHIP|SENS|CAM)",
        r"(ccd|detector|chip|sensor|camera).*temp|temp\w* of (the )?(ccd|detector|chip|sensor)",
        _number(-280, 500),
        r"AMB|OUT|DOME|TUBE|MIRR",
    ),
    "camera": Role(
        ("INSTRUME", "CAMERA", "CAMNAME", "DETECTOR", "DETNAME", "LCAMMOD", "TELESCOP"),
        r"INSTR|CAM|DETECT",
        r"instrument|camera|detector",
        _text(),
        r"TE?MP|GAIN|MODE|READ|BIN|TYP|VERS|STAT|SIZE|SEC|TIM",
    ),
    "overscan": Role(
        ("BIASSEC",),
        r"BIAS|O(VER)?SC|PRESC",
        r"overscan|bias (section|strip)|prescan",
        is_section,
        r"AMP|\d\d\Z",
    ),
    "data": Role(
        ("TRIMSEC", "DATASEC"),
        r"TRIM|DATA|GOOD|USE",
        r"exposed|illuminated|(good|valid|useful|image|data) (pixels|section|area)|trim",
        is_section,
        r"\d\d\Z",
    ),
}
_BINNINGS: tuple[tuple[str, ...], ...] = (
    ("CCDSUM",),
    ("XBINNING", "YBINNING"),
    ("BINNING",),
    ("CCDXBIN", "CCDYBIN"),
    ("ESO DET WIN1 BINX", "ESO DET WIN1 BINY"),
)


def guess(role: str, headers: Sequence[Header]) -> Guess | None:
    """Return the keyword that seems to hold a fact, None where none does.

    Keywords whose values cannot be that are left out. A usual name is sure, part of a name is likely, and a comment or
    nothing but values are perhaps it.

    Parameters
    ----------
    role : str
        One of `ROLES`.
    headers : sequence of Header

    Examples
    --------
    >>> headers = [Header([("TBEL", 30.0, "exposure time [s]"), ("EXPID", 4)]), Header([("TBEL", 5.0)])]
    >>> found = guess("exptime", headers)
    >>> found.keywords, found.describe()
    (('TBEL',), 'perhaps, by its comment: 30 (1), 5 (1)')
    """
    known = ROLES[role]
    fitting = [key for key in keywords_of(headers) if _all_fit(headers, key, known.fits)]
    usual = tuple(key for key in known.usual if key in fitting)
    if usual:
        return Guess(usual, SURE, "the usual keyword", values_text(headers, *usual))
    allowed = [key for key in fitting if not re.search(known.avoid, key)]
    named = [key for key in allowed if re.search(known.name, key)]
    told = [key for key in allowed if re.search(known.comment, comment_of(headers, key), re.IGNORECASE)]
    for found, sure, why in (
        ([key for key in named if key in told], LIKELY, "by its name and comment"),
        (named, LIKELY, "by its name"),
        (told, PERHAPS, "by its comment"),
    ):
        if found:
            best = max(found, key=lambda key: sum(key in header for header in headers))
            wheels = [key for key in found if family(key) == family(best)]
            keywords = tuple(wheels) if role == "filter" else (best,)
            return Guess(keywords, sure, why, values_text(headers, *keywords))
    return None


def guess_binning(headers: Sequence[Header]) -> Guess | None:
    """Return the keyword of the binning of both axes, or the two of x and y.

    >>> guess_binning([Header({"BIN_HOR": 2, "BIN_X": 2, "BIN_Y": 1})]).keywords
    ('BIN_X', 'BIN_Y')
    """
    fitting = [key for key in keywords_of(headers) if _all_fit(headers, key, _factors)]
    for keywords in _BINNINGS:
        if set(keywords) <= set(fitting):
            return Guess(keywords, SURE, "the usual keyword", values_text(headers, keywords[0]))
    named = [key for key in fitting if "BIN" in key]
    pairs: list[tuple[str, ...]] = [
        (key, key.replace(x, y))
        for key in named
        for x, y in (("X", "Y"), ("1", "2"), ("COL", "ROW"))
        if x in key
    ]
    single: list[tuple[str, ...]] = [
        (key,) for key in named if re.search(r"\A(CCD|DET|CHIP|PIX)?[_-]?BINN?(ING|FAC)?\Z", key)
    ]
    for found in ([pair for pair in pairs if pair[1] in named], single):
        if found:
            return Guess(found[0], LIKELY, "by its name", values_text(headers, found[0][0]))
    return None


def guess_exposure(headers: Sequence[Header], kinds: Sequence[str | None]) -> Guess | None:
    """Return the keyword whose number is least in all bias frames and more in all others, as that of the exposure.

    >>> headers = [Header({"A": 0.0, "B": 7}), Header({"A": 5.0, "B": 7}), Header({"A": 60.0, "B": 3})]
    >>> guess_exposure(headers, ["bias", "flat", "science"]).keywords
    ('A',)
    """
    if "bias" not in kinds or len(set(kinds) - {"bias", None}) == 0:
        return None
    for key in keywords_of(headers):
        pairs = [
            (number_of(header.get(key)), kind) for header, kind in zip(headers, kinds, strict=True) if kind
        ]
        dark = [value for value, kind in pairs if kind == "bias" and value is not None]
        lit = [value for value, kind in pairs if kind != "bias" and value is not None]
        if len(dark) + len(lit) < len(pairs) or not dark or not lit:
            continue
        if 0 <= max(dark) < min(1.0, *lit):
            why = "the number that is least in bias frames and more in all others; is it in seconds?"
            return Guess((key,), PERHAPS, why, values_text(headers, key))
    return None


def time_beside(headers: Sequence[Header]) -> str | None:
    """Return the keyword of a time of day that stands beside a date, None where there is none.

    >>> time_beside([Header({"DATE-OBS": "2024-01-01", "UTC-OBS": "01:02:03.5"})])
    'UTC-OBS'
    """
    clock = _text(r"^\s*\d\d:\d\d:\d\d(\.\d*)?\s*$")
    found = [key for key in keywords_of(headers) if _all_fit(headers, key, clock)]
    named = [key for key in found if re.search(r"\AUT|TIME-?OBS|UTSTART|TIME", key) and "END" not in key]
    return named[0] if named else None


def keywords_of(headers: Iterable[Header]) -> list[str]:
    """Return the keywords of headers in their order, without commentary and those of the layout of the file."""
    found = dict.fromkeys(card.keyword for header in headers for card in header.cards)
    return [key for key in found if key not in COMMENTARY and not STRUCTURAL.match(key)]


def comment_of(headers: Iterable[Header], keyword: str) -> str:
    """Return the comment of a keyword in the first header that has it."""
    return next((header.comment(keyword) for header in headers if keyword in header), "")


def values_text(headers: Iterable[Header], *keywords: str) -> str:
    """List the values of the first keyword that a header has with the numbers of frames, the most frequent first.

    >>> values_text([Header({"FILTER": "V"}), Header({"FILTER": "V"}), Header()], "FILTER")
    "'V' (2), none (1)"
    """
    counted = Counter(
        next((text for keyword in keywords if (text := _shown(header.get(keyword))) != _NONE), _NONE)
        for header in headers
    )
    parts = [f"{value} ({count})" for value, count in counted.most_common(_SHOWN)]
    more = len(counted) - len(parts)
    return ", ".join(parts) + (f" and {more} more" if more else "")


def family(keyword: str) -> str:
    """Return a keyword with its numbers replaced: those of one family are wheels, amplifiers or axes.

    >>> family("FILTER12"), family("FILTER")
    ('FILTER#', 'FILTER')
    """
    return re.sub(r"\d+", "#", keyword)


def _shown(value: Any) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        return _NONE
    if isinstance(value, str):
        return repr(" ".join(value.split())[:40])
    return f"{value:g}" if isinstance(value, float) else str(value)


def _all_fit(headers: Sequence[Header], keyword: str, fits: Callable[[Any], bool]) -> bool:
    """Return whether there are values of a keyword and all of them fit."""
    values = [header.get(keyword) for header in headers]
    there = [value for value in values if value is not None and str(value).strip()]
    return bool(there) and all(fits(value) for value in there)
