"""Remarks of files: each kind is said once, names where it is, and a clean file has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ccdfx
from ccdfx.io.fits.cards import header_bytes
from ccdfx.records.card import Card
from ccdfx.records.image import Image


def file_of(*lines: bytes, bitpix: int = 16, data: bytes = b"\0\1" * 1440) -> bytes:
    """A FITS file of one row of 4 pixels with these lines in its header."""
    layout = {"SIMPLE": True, "BITPIX": bitpix, "NAXIS": 2, "NAXIS1": 4, "NAXIS2": 1}
    start = header_bytes([Card(keyword, value, "") for keyword, value in layout.items()])[:400]
    header = start + b"".join(line.ljust(80) for line in lines) + b"END"
    return header.ljust(2880) + data


STRANGE = {
    "is no date: 2024-02-30": file_of(b"DATE-OBS= '2024-02-30'"),
    "DATE-END is no date: 2024-02-03T25:00:00": file_of(b"DATE-END= '2024-02-03T25:00:00'"),
    "DATE is no date: 31/02/99": file_of(b"DATE    = '31/02/99'"),
    "the WCS has values that are no numbers: CRVAL1, CD1_1": file_of(b"CRVAL1  = NaN", b"CD1_1   = 'x'"),
    "keywords come twice with different values: EXPTIME": file_of(b"EXPTIME = 1", b"EXPTIME = 2", b"A = 1", b"A = 1"),
    "a CONTINUE card continues no string": file_of(b"OBJECT  = 'M 13'", b"CONTINUE  'more'"),
    "text of its header is not ASCII: OBJECT, FILTER": file_of(b"OBJECT  = '\xe4'", "FILTER  = 'Hα'".encode()),
    "text of its header has control characters: OBJECT": file_of(b"OBJECT  = 'a\x1b[1m\0'"),
    "BLANK has no meaning for floats, and is ignored": file_of(b"BLANK   = 5", bitpix=-32),
    "no pixel has data": file_of(bitpix=-32, data=b"\xff" * 2880),
}  # fmt: skip


@pytest.mark.parametrize("remark", STRANGE)
def test_each_kind_is_said_once(remark: str) -> None:
    (said,) = ccdfx.list_remarks(STRANGE[remark])
    assert said.startswith("HDU 0: ") and said.endswith(remark)
    ccdfx.read(STRANGE[remark])  # it is read all the same


def test_what_follows_the_last_hdu_is_said() -> None:
    assert ccdfx.list_remarks(file_of() + b"\0" * 2000) == []
    assert ccdfx.list_remarks(file_of() + b"\0junk") == ["other bytes follow the last HDU, 0"]


def test_a_missing_end_is_a_remark_and_no_warning() -> None:
    (said,) = ccdfx.list_remarks(file_of()[:-9])
    assert "ends before the padding of HDU 0" in said


@pytest.mark.quick
@pytest.mark.parametrize("suffix", [".fits", ".fits.gz", ".fits.fz", ".npz"])
def test_clean_files_of_every_format_have_none(tmp_path: Path, suffix: str) -> None:
    cards = {
        "DATE-OBS": "2016-12-31T23:59:60.5",
        "DATE": "31/01/99",
        "DATE-END": "",
        "CRVAL1": 10.0,
        "COMMENT": "é",
    }
    image = Image(np.ones((3, 4), np.float32), cards, mask=np.ones((3, 4), np.uint8))
    assert ccdfx.list_remarks(ccdfx.write(image, tmp_path / f"a{suffix}")) == []
    empty = image.replace(array=np.full((3, 4), np.nan, np.float32))
    (said,) = ccdfx.list_remarks(ccdfx.write(empty, tmp_path / f"b{suffix}"))
    assert said.endswith("no pixel has data")


def test_the_command_prints_them_escaped(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from ccdfx.cli.group import commands

    path = tmp_path / "a.fits"
    path.write_bytes(file_of(b"OB\x1bECT  = 'a'", b"DATE    = '2024-13-01'"))
    result = CliRunner().invoke(commands, ["info", str(path)])
    assert "  remark: HDU 0: DATE is no date: 2024-13-01\n" in result.output
    assert "control characters: OB" in result.output and "\x1b" not in result.output
