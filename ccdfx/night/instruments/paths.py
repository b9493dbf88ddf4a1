"""Conditions on the place of a frame: patterns of its path or file name, and what their named parts tell of it.

A pattern without a slash is that of the file name, one with a slash that of the whole path, from the root of the file
system on and with forward slashes. ``*`` stands for any characters, slashes too, ``?`` for one that is none. ``{filter}``
stands for one or more characters but slashes, and tells the filter; ``{object}``, ``{exptime}`` and ``{date}`` likewise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from ccdfx.errors import ArgumentError
from ccdfx.records.card import Card
from ccdfx.records.header import Header

PATH = "<PATH>"
"""The keyword under which conditions find the path of a frame; no header has it."""
PARTS = ("filter", "object", "exptime", "date")
_PIECE = re.compile(r"\{([^{}]*)\}|([*?])")
_WILD = {"*": ".*", "?": "[^/]"}
_SECONDS = re.compile(r"(\d+(?:\.\d*)?|\.\d+) *(?:s|sec|seconds?)?\Z", re.IGNORECASE)


def with_path(header: Header, path: str) -> Header:
    """Return a header in which conditions find the path of its file.

    >>> with_path(Header(), "/night/a.fits")[PATH]
    '/night/a.fits'
    """
    return Header._of((Card(PATH, path), *header.cards))  # first, so that no card can stand for it


def check_path_test(test: Any, where: str) -> None:
    """Raise unless a test of a path is a pattern, or several, whose named parts are known.

    Raises
    ------
    ArgumentError
        It is none; `where` names it.

    Examples
    --------
    >>> check_path_test(("*/flats/{filter}/*", "! dark*"), "rules.when.path")
    >>> check_path_test("*/{band}/*", "rules.when.path")
    Traceback (most recent call last):
    ccdfx.errors.ArgumentError: rules.when.path: has a named part that is none of {filter}, {object}, {exptime}, {date} (got '{band}'); correct the name
    """
    for one in test if isinstance(test, tuple) else (test,):
        if not isinstance(one, str):
            raise ArgumentError(
                where, "must be a pattern of paths", value=one, remedy='write for example "*/flats/*"'
            )
        names = [name for name, wild in _PIECE.findall(one) if not wild]
        for name in names:
            if name not in PARTS or names.count(name) > 1:
                rule = (
                    f"has a named part that is none of {', '.join(f'{{{part}}}' for part in PARTS)}"
                    if name not in PARTS
                    else "has a named part twice"
                )
                raise ArgumentError(where, rule, value=f"{{{name}}}", remedy="correct the name")


def meets_path(path: Any, test: Any) -> bool:
    """Return whether a path passes a test: a pattern, ``! pattern``, or any of several.

    >>> meets_path("/n/Flats/V/a.fits", "*/flats/{filter}/*"), meets_path("/n/flats/a.fits", "flat*")
    (True, False)
    """
    if isinstance(test, tuple):
        return any(meets_path(path, one) for one in test)
    if test.startswith("!"):
        return not meets_path(path, test[1:].strip())
    return _match(path, test) is not None


def told_by_path(path: str, tests: Iterable[Any]) -> dict[str, Any]:
    """Return what the named parts of the patterns that a path matches tell: filter, object, date, and exptime in s.

    Raises
    ------
    ArgumentError
        An exposure time is no number of seconds.

    Examples
    --------
    >>> told_by_path("/n/flats/V_30s/a.fits", ["*/flats/{filter}_{exptime}/*"])
    {'filter': 'V', 'exptime': 30.0}
    """
    found: dict[str, Any] = {}
    for test in tests:
        for one in test if isinstance(test, tuple) else (test,):
            match = None if one.startswith("!") else _match(path, one)
            if match is not None:
                found |= match.groupdict()
                break
    return {name: _seconds(value, path) if name == "exptime" else value for name, value in found.items()}


def told_by_rule(rules: Iterable[tuple[str, tuple[Any, ...]]], header: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the paths of the first rule whose conditions all hold tell; see `told_by_path`."""
    when = next((when for _, when in rules if all(one.holds(header) for one in when)), ())
    return told_by_path(str(header.get(PATH) or ""), [one.test for one in when if one.keyword == PATH])


def _seconds(text: str, path: str) -> float:
    match = _SECONDS.match(text)
    if match is None:
        raise ArgumentError(
            "exposure time in the path of the file",
            "must be a number of seconds, such as 30 or 30s",
            value=text,
            remedy="rename it, or correct the pattern of the instrument file",
        )
    return float(match[1])


def _match(path: Any, pattern: str) -> re.Match[str] | None:
    if not isinstance(path, str) or not path:
        return None
    return _compiled(pattern).match(path if "/" in pattern else path.rpartition("/")[2])


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts, at = [], 0
    for piece in _PIECE.finditer(pattern):
        parts.append(re.escape(pattern[at : piece.start()]))
        parts.append(_WILD[piece[2]] if piece[2] else f"(?P<{piece[1]}>[^/]+?)")
        at = piece.end()
    return re.compile("".join(parts) + re.escape(pattern[at:]) + r"\Z", re.IGNORECASE | re.DOTALL)
