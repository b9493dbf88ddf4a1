"""The instruments that are known by name, built in or of plugins, and those of a file."""

from __future__ import annotations

import os
from functools import cache
from importlib import resources
from pathlib import Path

from ccdfx import registry
from ccdfx.errors import UnknownNameError, did_you_mean
from ccdfx.night.instruments.file import read_instrument, read_instrument_file
from ccdfx.night.instruments.instrument import Instrument


def load_instrument(name_or_path: str | Path | Instrument) -> Instrument:
    """Load an instrument by its registered name or from a TOML file.

    Text that contains a slash or ends in ``.toml`` is a path.

    Raises
    ------
    UnknownNameError
        No instrument of this name is known.
    FormatError
        The file is not a description of an instrument; the file, key and rule are named.

    See Also
    --------
    scan, draft_instrument
    """
    if isinstance(name_or_path, Instrument):
        return name_or_path
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith(".toml") or "/" in text or "\\" in text:
        return read_instrument_file(Path(name_or_path))
    try:
        return registry.lookup("instrument", text)
    except UnknownNameError as problem:
        known = registry.records("instrument")
        remedy = did_you_mean(text, known, "choose one of these, or give the path of a TOML file")
        raise UnknownNameError(problem.subject, problem.rule, value=text, remedy=remedy) from None


def name_or_path_of(instrument: str | Path | Instrument | None) -> str | None:
    """Return what `load_instrument` finds an instrument by, in any working directory.

    It is its name if it is registered, else the path of its file; of one made in Python, which has none, its name.

    >>> name_or_path_of("iraf"), name_or_path_of(None)
    ('iraf', None)
    """
    if instrument is None:
        return None
    found = load_instrument(instrument)
    is_known = registry.records("instrument").get(found.name) == found
    has_file = not is_known and Path(found.source).is_file()
    return os.path.abspath(found.source) if has_file else found.name


def known_instruments() -> tuple[Instrument, ...]:
    """Return the instruments of ccdfx and its plugins, sorted by name."""
    return tuple(record for _, record in sorted(registry.records("instrument").items()))


@cache
def _builtin() -> tuple[Instrument, ...]:
    folder = resources.files("ccdfx.night.instruments") / "descriptions"
    files = sorted(
        (item for item in folder.iterdir() if item.name.endswith(".toml")), key=lambda item: item.name
    )
    return tuple(read_instrument(item.read_text(encoding="utf-8"), item.name) for item in files)


def builtin_instruments() -> list[Instrument]:
    """Return the instruments that are part of ccdfx."""
    return list(_builtin())
