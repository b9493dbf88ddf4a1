"""Text files: recipes, instruments, lists of offsets, and metadata in JSON, within limits of size, depth and numbers."""

from __future__ import annotations

import json
import os
import re
import tomllib
from typing import Any

from ccdfx.errors import FormatError
from ccdfx.io.content import FileContent

LARGEST = 1 << 20  # bytes; the longest instrument file of ccdfx has a hundredth of this
LARGEST_JSON = 256 << 20  # bytes; night.json of 10,000 frames has a tenth of this
DEEPEST = 32  # tables and lists inside each other
_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
# tomllib needs the square of the number of parts of a key: minutes for one of 64 kB.
_LONG_KEY = re.compile(rf"(?<![A-Za-z0-9_-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{DEEPEST}}}")


def place_of(path: str | os.PathLike[str], folder: str | os.PathLike[str] = ".") -> str:
    """Return the absolute path of a file that a text names: relative to the folder of the text, and ~ as in shells.

    >>> place_of("b.fits", "/night"), place_of("/a/b.fits", "/night")
    ('/night/b.fits', '/a/b.fits')
    """
    return os.path.abspath(os.path.join(folder, os.path.expanduser(path)))


def read_text(path: str | os.PathLike[str], largest: int = LARGEST) -> str:
    """Read a text file of up to `largest` bytes, 1 MiB by default.

    Raises
    ------
    FileError
        The file cannot be opened, or is no regular file: a device or a pipe might never end.
    FormatError
        It is larger, or not UTF-8.
    """
    content = FileContent(path)
    with content.held():  # one version, also of a file that is replaced meanwhile
        if content.size > largest:
            raise FormatError(
                content.name,
                f"must be a text of at most {largest} bytes",
                value=content.size,
                remedy="give another file",
            )
        data = bytes(content.read_at(0, content.size))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(
            content.name, f"must be text in UTF-8: {error}", remedy="save it as UTF-8"
        ) from None


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file of up to 256 MiB.

    Raises
    ------
    FileError, FormatError
        As `read_text`; or it is not JSON, or nests too deeply for Python.
    """
    try:
        return json.loads(read_text(path, LARGEST_JSON))
    except RecursionError:
        raise FormatError(os.fsdecode(path), "nests too deeply", remedy="make the file again") from None
    except json.JSONDecodeError as error:
        raise FormatError(os.fsdecode(path), f"is not JSON: {error}", remedy="make the file again") from None


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a TOML file of up to 1 MiB; errors are those of `read_text` and `parse_toml`."""
    return parse_toml(read_text(path), os.fsdecode(path))


def parse_toml(text: str, subject: str) -> dict[str, Any]:
    """Parse TOML; `subject` names the text in errors.

    Raises
    ------
    FormatError
        The text is not TOML, nests deeper than 32 tables and lists, or has an integer of more than 64 bits.

    Examples
    --------
    >>> parse_toml("dark = { scale = true }", "recipe")
    {'dark': {'scale': True}}
    >>> parse_toml("gain = 1" + 20 * "0", "recipe")
    Traceback (most recent call last):
    ccdfx.errors.FormatError: recipe: gain: must be an integer of at most 64 bits (got 100000000000000000000); correct the number
    """
    if len(text) > LARGEST:
        raise FormatError(
            subject, f"must be a text of at most {LARGEST} bytes", value=len(text), remedy="give less text"
        )
    if _LONG_KEY.search(text):
        raise _too_deep(subject)
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise _too_deep(subject) from None
    except ValueError as error:  # tomllib's own error, or an integer of over 4300 digits
        raise FormatError(subject, f"is not TOML: {error}", remedy="correct the line") from None
    _check_values(table, subject)
    return table


def _check_values(table: dict[str, Any], subject: str) -> None:
    """Raise for values that nest too deeply or that TOML does not have; not recursive, since they may."""
    waiting: list[tuple[Any, str, int]] = [(table, "", 0)]
    while waiting:
        value, where, depth = waiting.pop()
        if depth > DEEPEST:
            raise _too_deep(subject)
        if isinstance(value, dict):
            waiting += [(item, f"{where}.{key}" if where else key, depth + 1) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [(item, where, depth + 1) for item in value]
        elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            raise FormatError(
                f"{subject}: {where}",
                "must be an integer of at most 64 bits",
                value=value,
                remedy="correct the number",
            )


def _too_deep(subject: str) -> FormatError:
    return FormatError(subject, f"nests deeper than {DEEPEST} tables and lists", remedy="write it flatter")
