"""Corrected headers: the cards are those wanted, and everything else keeps its bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import ccdfx
from ccdfx.io.fits.edit_header import CardEdits, edit_fits

EDITS = CardEdits(
    rename=(("EXPOSED", "EXPTIME"), ("LONG", "A LONG NAME")),
    remove=("WRONG",),
    set=(("FILTER", "V"), ("TWICE", 3), ("NEW", True), ("GAIN", 1.5)),
)
LONG = "a text that does not fit on one card, " * 4


def image() -> ccdfx.Image:
    rng = np.random.default_rng(1)
    cards = [("EXPOSED", 30.0, "s"), ("WRONG", 1), ("TWICE", 1), ("FILTER", "R", "slot"), ("TWICE", 2)]
    cards += [("LONG", LONG), ("GAIN", 1.5), *((f"KEY{number}", number) for number in range(40))]
    return ccdfx.Image(
        rng.integers(0, 60000, (20, 30)).astype(np.uint16),
        cards,
        mask=np.eye(20, 30, dtype=np.uint8),
        variance=rng.uniform(1, 2, (20, 30)).astype(np.float32),
    )


@pytest.mark.quick
@pytest.mark.parametrize("ending", ["fits", "fits.gz", "fits.bz2", "fits.fz"])
def test_only_the_cards_change(tmp_path: Path, ending: str) -> None:
    path, target = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    ccdfx.write([image(), image()], path)
    changes = edit_fits(path, target, EDITS)
    assert changes[0] == "EXPOSED renamed EXPTIME" and "FILTER = 'V', was 'R'" in changes
    assert not any(change.startswith("GAIN") for change in changes)  # it was so
    one, two = ccdfx.read(path, hdu="all"), ccdfx.read(target, hdu="all")  # which verify all checksums
    assert len(two) == 2 and two[1].header == one[1].header
    assert all(np.array_equal(a.array, b.array) for a, b in zip(one, two, strict=True))
    assert np.array_equal(one[0].mask, two[0].mask) and np.array_equal(one[0].variance, two[0].variance)
    header = two[0].header
    assert (header["EXPTIME"], header["FILTER"], header["NEW"]) == (30.0, "V", True)
    assert header.all("TWICE") == (3,) and header.comment("FILTER") == "slot"
    assert header["A LONG NAME"].strip() == LONG.strip() and "WRONG" not in header and "EXPOSED" not in header
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = {"gz": gzip.decompress, "bz2": bz2.decompress}.get(ending.rpartition(".")[2], bytes)
        with fits.open(io.BytesIO(plain(target.read_bytes())), checksum=True) as hdus:
            assert [hdu.verify("exception") for hdu in hdus] == [None] * len(hdus)
    files = [plain(file.read_bytes()) for file in (path, target)]
    assert files[0][-2880 * 3 :] == files[1][-2880 * 3 :]  # HDUs behind the corrected one


@pytest.mark.quick
def test_the_corrected_frame_is_raw_still(tmp_path: Path) -> None:
    """What the HISTORY says of a correction is not taken for a reduction."""
    raw = ccdfx.Image(np.zeros((4, 5), np.uint16), {"TYPE": "flat", "EXPTIME": 1.0})
    ccdfx.write(raw, tmp_path / "a.fits")
    edit_fits(tmp_path / "a.fits", tmp_path / "b.fits", CardEdits(rename=(("TYPE", "IMAGETYP"),)))
    (frame,) = ccdfx.scan(tmp_path / "b.fits")
    assert (frame.kind, frame.problem) == ("flat", None)


@pytest.mark.parametrize(
    ("edits", "hdu", "words"),
    [
        (CardEdits(remove=("NAXIS1",)), None, "must not change how the file is read"),
        (CardEdits(set=(("ZCMPTYPE", "X"),)), 1, "must not change how its tiles are read"),
        (CardEdits(remove=("ABOVE",)), 1, "inherits the card from the primary header"),
        (CardEdits(set=(("KEY", 10**80),)), 1, "does not fit on a card"),
    ],
)
def test_what_would_harm_is_refused(tmp_path: Path, edits: CardEdits, hdu: int | None, words: str) -> None:
    path = tmp_path / "a.fits.fz"
    hdus = [fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((8, 8), np.int16))]
    hdus[0].header["ABOVE"] = 1
    fits.HDUList(hdus).writeto(path, checksum=True)
    with pytest.raises(ccdfx.ArgumentError, match=words):
        edit_fits(path, tmp_path / "b.fits.fz", edits, hdu=hdu)


def test_a_damaged_file_gets_no_valid_sums(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    ccdfx.write(image(), path)
    data = bytearray(path.read_bytes())
    data[-2880 * 5] ^= 1
    path.write_bytes(data)
    with pytest.raises(ccdfx.FormatError, match="disagrees with the bytes"):
        edit_fits(path, tmp_path / "b.fits", EDITS)
