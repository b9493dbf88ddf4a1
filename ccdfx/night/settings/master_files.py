"""The words of a recipe and of the command line for masters of other nights: ``FILE`` or ``KIND=FILE``."""

from __future__ import annotations

from pathlib import Path

from ccdfx.io.text import place_of

SAID: dict[str, tuple[str, bool | None]] = {
    "bias": ("bias", None),
    "bias-with-level": ("bias", False),
    "bias-without-level": ("bias", True),
    "dark": ("dark", None),
    "dark-with-bias": ("dark", False),
    "dark-without-bias": ("dark", True),
    "flat": ("flat", None),
    "flat-without-bias": ("flat", True),
}
"""The words before ``=FILE``: the kind, and whether the level without light was subtracted."""


def said_of(text: str) -> tuple[str | None, Path]:
    """Split ``KIND=FILE`` into the word and the path; the word is None where there is none.

    >>> word, path = said_of("dark-with-bias=old/dark.fits")
    >>> word, path.as_posix()
    ('dark-with-bias', 'old/dark.fits')
    >>> said_of("old/a=b.fits")[0] is None
    True
    """
    word, sign, rest = text.partition("=")
    return (word, Path(rest)) if sign and word in SAID else (None, Path(text))


def absolute_text(text: str, folder: str | Path = ".") -> str:
    """Make the path of ``FILE`` or ``KIND=FILE``, relative to a folder, absolute.

    >>> absolute_text("bias=b.fits", "/night")
    'bias=/night/b.fits'
    """
    word, path = said_of(text)
    place = place_of(path, folder)
    return place if word is None else f"{word}={place}"
