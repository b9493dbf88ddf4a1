"""The words of plans, summaries and reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def counted(count: int, thing: str) -> str:
    """Format a number of things.

    >>> counted(1, "bias frame"), counted(3, "flat"), counted(0, "master")
    ('1 bias frame', '3 flats', '0 masters')
    """
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def made(products: Mapping[str, Sequence[Any]]) -> str:
    """Format the number of products of each kind.

    >>> made({"masters": [1], "calibrated": [1, 2], "combined": []})
    '1 master, 2 calibrated frames, 0 combined images'
    """
    things = {"masters": "master", "calibrated": "calibrated frame", "combined": "combined image"}
    return ", ".join(counted(len(products[sort]), thing) for sort, thing in things.items())


def not_made(file: str, problem: str) -> str:
    """Write that a product could not be made, and why.

    >>> not_made("masters/bias.fits", "no frame of 3 is usable")
    'masters/bias.fits could not be made: no frame of 3 is usable'
    """
    return f"{file} could not be made: {problem}"


def listed(names: Sequence[str], shown: int = 5) -> str:
    """List the first names, and how many more there are.

    >>> listed(["a", "b"]), listed(["a", "b", "c"], shown=1)
    ('a, b', 'a and 2 more')
    """
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def number(value: Any, digits: int = 4) -> str:
    """Format a number with `digits` significant digits, without exponent for common sizes; a dash for None.

    Examples
    --------
    >>> number(1234.5678), number(12.0), number(0.0100), number(None), number(3), number(True)
    ('1235', '12.00', '0.01', '–', '3', 'yes')
    """
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    if not isinstance(value, float):
        return str(value) or "–"  # a missing key of a record is ""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    if 1 <= abs(value) < 1e7:
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        return f"{value:.{decimals}f}"
    return f"{value:.{digits}g}"


def fixed(value: Any, decimals: int = 2) -> str:
    """Format a number with a fixed number of decimals, for columns that are compared.

    Examples
    --------
    >>> fixed(-0.0826, 3), fixed(0.9996), fixed(None)
    ('−0.083', '1.00', '–')
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return number(value)
    return f"{value:.{decimals}f}".replace("-", "\u2212")


def seconds_shown(value: Any) -> str:
    """Format an exposure time with as many digits as necessary.

    Examples
    --------
    >>> seconds_shown(180.0), seconds_shown(0.25), seconds_shown(None)
    ('180', '0.25', '–')
    """
    return f"{value:g}" if isinstance(value, (int, float)) else number(value)


def flags(counts: Any) -> str:
    """List the number of pixels with each flag.

    Examples
    --------
    >>> flags({"BAD_PIXEL": 12, "COSMIC_RAY": 0}), flags({}), flags(None)
    ('bad pixel 12', 'none', '–')
    """
    if not isinstance(counts, Mapping):
        return "–"
    shown = [f"{name.lower().replace('_', ' ')} {number(count)}" for name, count in counts.items() if count]
    return ", ".join(shown) or "none"
