"""File names of products, made from header values; they stay inside their folder and are unique."""

from __future__ import annotations

import re
from collections.abc import Iterable

_UNSAFE = re.compile(r"[^A-Za-z0-9.+-]+")
_LONGEST = 60
_DETECTOR = re.compile(r"(.*?)(?:\[([^\[\]]+)\])?", re.DOTALL)
_PACKED = re.compile(r"\.(gz|bz2|fz|xz|zst|Z)$", re.IGNORECASE)
_FORMAT = re.compile(r"\.[A-Za-z][A-Za-z0-9]*$")


def slug(text: object, empty: str = "unnamed") -> str:
    """Convert text to a part of a file name: letters, digits, ``. + -``, and ``_`` for all else.

    It does not begin with ``-``, so that no command takes the file for an option.

    >>> slug("../../NGC 4147"), slug("[O III] 5007/12"), slug("..."), slug("-rf")
    ('NGC_4147', 'O_III_5007_12', 'unnamed', 'rf')
    """
    return _UNSAFE.sub("_", str(text)).lstrip("-._")[:_LONGEST].rstrip("._") or empty


def seconds(value: float) -> str:
    """Format an exposure time as a part of a file name.

    >>> seconds(120.0), seconds(0.25), seconds(1234567.891)
    ('120s', '0.25s', '1234567.891s')
    """
    return f"{round(value, 3):.3f}".rstrip("0").rstrip(".") + "s"


def degrees(value: float) -> str:
    """Format a temperature as a part of a file name.

    >>> degrees(-19.98), degrees(0.02)
    ('-20deg', '0deg')
    """
    return f"{round(value):d}deg"


def unique(stems: Iterable[str]) -> list[str]:
    """Make names unique by adding _2, _3... to repeated ones; case is ignored.

    >>> unique(["a", "A", "b", "a_2", "a"])
    ['a', 'A_2', 'b', 'a_2_2', 'a_3']
    """
    taken: set[str] = set()
    names = []
    for stem in stems:
        name, number = stem, 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name.lower())
        names.append(name)
    return names


def stem_of(file: str) -> str:
    """Convert the path of a raw file, without the suffix of its format, to a part of a file name, with its detector.

    >>> stem_of("V/d1036.fits.gz"), stem_of("frame.001"), stem_of("d1036.fits[CCD2]")
    ('V_d1036', 'frame.001', 'd1036_CCD2')
    """
    path, detector = _DETECTOR.fullmatch(file).groups()  # type: ignore[union-attr]  # it matches any text
    return slug(_FORMAT.sub("", _PACKED.sub("", path)) + (f"_{detector}" if detector else ""))


def raw_file_of(file: str) -> str:
    """Return the path of the file of a raw frame, whose name may end in its detector.

    >>> raw_file_of("V/d1036.fits.gz"), raw_file_of("d1036.fits[CCD2]")
    ('V/d1036.fits.gz', 'd1036.fits')
    """
    return str(_DETECTOR.fullmatch(file)[1])  # type: ignore[index]  # it matches any text


def subject(name: str, filter: str | None, detector: str | None = None) -> str:
    """Make the name of what frames of one object, filter and detector are combined to.

    >>> subject("M 13", "V"), subject("M 13", None, "2")
    ('M_13_V', 'M_13_nofilter_2')
    """
    stem = f"{slug(name)}_{slug(filter) if filter else 'nofilter'}"
    return f"{stem}_{slug(detector)}" if detector else stem
