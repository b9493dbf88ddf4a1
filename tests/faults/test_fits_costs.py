"""What a small file may cost: headers of many cards, and compressed files that inflate to much."""

from __future__ import annotations

import gzip
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import ccdfx
from ccdfx.errors import ArgumentError, FormatError
from ccdfx.io.fits.cards import header_bytes, parse_cards
from ccdfx.io.source import Format
from ccdfx.records.card import Card

CARDS = 90_000
_LINES = {
    "CONTINUE": ["LONG    = 'abc&'", *["CONTINUE  'abcdefghijklmnopqrstuvwxyz&'"] * CARDS],
    "CONTINUE comments": ["LONG    = 'abc&'", *["CONTINUE  '&' / a comment of some length"] * CARDS],
    "HIERARCH without a value": [f"HIERARCH{' ' * 60}{i}" for i in range(CARDS)],
    "HIERARCH": [f"HIERARCH ESO DET OUT{i} = {i}" for i in range(CARDS)],
    "one keyword": [f"KEY     = {i}" for i in range(CARDS)],
}


@pytest.mark.parametrize("kind", _LINES)
def test_a_header_of_many_cards_costs_no_more_than_its_length(kind: str) -> None:
    """They took 13 to 65 s before, and take less than 2."""
    text = "".join(line.ljust(80) for line in _LINES[kind])
    start = time.process_time()
    cards = parse_cards(text)
    assert time.process_time() - start < 8
    assert sum(len(f"{card.value}{card.comment}") for card in cards) > CARDS


def bomb(folder: Path, megabytes: int) -> Path:
    """A gzipped FITS file of zeros."""
    cards = {"SIMPLE": True, "BITPIX": 8, "NAXIS": 2, "NAXIS1": 1 << 20, "NAXIS2": megabytes}
    header = header_bytes([Card(keyword, value, "") for keyword, value in cards.items()])
    path = folder / "bomb.fits.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(header)
        for _ in range(megabytes):
            file.write(bytes(1 << 20))
        file.write(bytes(-(megabytes << 20) % 2880))
    return path


def test_gzip_that_claims_too_much_is_refused_before_it_is_inflated(tmp_path: Path) -> None:
    path = bomb(tmp_path, 300)
    tracemalloc.start()
    for call in (ccdfx.read, ccdfx.io.open_source, ccdfx.io.read_header):
        with pytest.raises(FormatError, match=r"inflates to more than the \d+ bytes .* set CCDFX_LIMIT"):
            call(path)
    assert tracemalloc.get_traced_memory()[1] < 30 << 20
    tracemalloc.stop()


def test_the_limit_is_that_of_the_call_then_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bomb(tmp_path, 4)
    assert ccdfx.read(path, limit=5 << 20).shape == (4, 1 << 20)
    with pytest.raises(FormatError, match="more than the 3000000 bytes"):
        ccdfx.read(path, limit=3_000_000)
    monkeypatch.setenv("CCDFX_LIMIT", "2000000")
    with pytest.raises(FormatError, match="more than the 2000000 bytes"):
        ccdfx.read(path)
    assert ccdfx.read(path, limit=5 << 20).array.max() == 0
    monkeypatch.setenv("CCDFX_LIMIT", "much")
    with pytest.raises(ArgumentError, match="CCDFX_LIMIT: must be a number of bytes"):
        ccdfx.read(path)
    for wrong in (0, -1, True, "5"):
        with pytest.raises(ArgumentError, match="limit: must be a number of bytes above 0"):
            ccdfx.read(path, limit=wrong)  # type: ignore[arg-type]
    plain = Format(name="plain", suffixes=(".fits.gz",), recognises=bool, open=lambda file, hdu: None)
    monkeypatch.setattr("ccdfx.io.reading.formats", lambda: (plain,))
    with pytest.raises(ArgumentError, match="is no option of the format plain"):
        ccdfx.read(path, limit=5)


def test_tiles_that_claim_too_much_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.fits.fz"
    fits.CompImageHDU(np.zeros((300, 400), np.int16), compression_type="RICE_1").writeto(path)
    assert ccdfx.read(path, limit=240_000).array.max() == 0
    with pytest.raises(FormatError, match="HDU 1: claims more than the 239999 bytes that tiles of its size"):
        ccdfx.read(path, limit=239_999)
    with fits.open(path, mode="append") as file:
        file.append(fits.CompImageHDU(np.zeros((300, 400), np.int16), compression_type="RICE_1"))
    assert len(ccdfx.read(path, hdu="all", limit=480_000)) == 2
    with pytest.raises(FormatError, match="claims more than the 479999 bytes that all its tiles"):
        ccdfx.read(path, hdu="all", limit=479_999)
