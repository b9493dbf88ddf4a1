"""FITS files made by hand, card by card, so that they can be wrong in any way."""

from __future__ import annotations

import numpy as np
import pytest

BLOCK = 2880


def card(keyword: str, value: object) -> str:
    """A card of which the value is written as it is given."""
    return f"{keyword:<8}= {value!s:>20}".ljust(80)


def header(*cards: str, end: bool = True) -> bytes:
    text = "".join(line.ljust(80) for line in cards) + ("END".ljust(80) if end else "")
    return text.encode("latin-1").ljust(-(-len(text) // BLOCK) * BLOCK)


def padded(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // BLOCK) * BLOCK, b"\0")


class Maker:
    """What the tests need to write FITS files with."""

    card = staticmethod(card)
    header = staticmethod(header)
    padded = staticmethod(padded)

    @staticmethod
    def image(*changes: tuple[str, object], data: bytes | None = None, drop: tuple[str, ...] = ()) -> bytes:
        """A 4 x 3 image of int16 with some cards changed, added or dropped."""
        cards = {"SIMPLE": "T", "BITPIX": 16, "NAXIS": 2, "NAXIS1": 4, "NAXIS2": 3} | dict(changes)
        pixels = np.arange(12, dtype=">i2").tobytes() if data is None else data
        lines = [card(key, value) for key, value in cards.items() if key not in drop]
        return header(*lines) + padded(pixels)

    @staticmethod
    def extension(*changes: tuple[str, object], data: bytes | None = None) -> bytes:
        """An IMAGE extension of the same kind."""
        cards = {
            "XTENSION": "'IMAGE   '",
            "BITPIX": 16,
            "NAXIS": 2,
            "NAXIS1": 4,
            "NAXIS2": 3,
            "PCOUNT": 0,
            "GCOUNT": 1,
        }
        pixels = np.arange(12, dtype=">i2").tobytes() if data is None else data
        return header(*[card(key, value) for key, value in (cards | dict(changes)).items()]) + padded(pixels)

    @staticmethod
    def empty_primary(*changes: tuple[str, object]) -> bytes:
        """A primary HDU without data."""
        cards = {"SIMPLE": "T", "BITPIX": 8, "NAXIS": 0, "EXTEND": "T"} | dict(changes)
        return header(*[card(key, value) for key, value in cards.items()])


@pytest.fixture(scope="session")
def make() -> type[Maker]:
    return Maker
