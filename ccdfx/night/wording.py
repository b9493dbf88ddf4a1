"""Counts and lists in plain words."""

from __future__ import annotations

from collections.abc import Sequence


def counted(count: int, thing: str) -> str:
    """A number of things.

    >>> counted(1, "bias frame"), counted(3, "flat"), counted(0, "master")
    ('1 bias frame', '3 flats', '0 masters')
    """
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def listed(names: Sequence[str], shown: int = 5) -> str:
    """The first names, and how many more there are.

    >>> listed(["a", "b"]), listed(["a", "b", "c"], shown=1)
    ('a, b', 'a and 2 more')
    """
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
