"""Text of counts and lists in messages."""

from __future__ import annotations

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
