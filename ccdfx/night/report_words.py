"""Number formats of the report of a night."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


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


def seconds(value: Any) -> str:
    """Format an exposure time with as many digits as necessary.

    Examples
    --------
    >>> seconds(180.0), seconds(0.25), seconds(None)
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
