"""`ccdfx header`: cards printed, and corrected in copies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import ccdfx


@pytest.mark.quick
def test_cards_are_printed(run, frames: list[Path]) -> None:
    result = run("header", *frames[:2], "EXP*", "object")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:3] == [f"{frames[0]}:", "OBJECT   = 'M 51'", "EXPTIME  = 30.0"]
    assert run("header", frames[0]).stdout.startswith("SIMPLE   = T")
    assert "HDU 0:" in run("header", frames[0], "--hdu", "all", "BITPIX").stdout
    assert "no card has the keyword NOSUCH" in run("header", frames[0], "NOSUCH").stderr
    (found,) = json.loads(run("header", frames[0], "FILTER", "--json").stdout)
    assert found["cards"] == [["FILTER", "V", ""]]
    assert run("header", frames[0], "nosuch.fits").exit_code == 1


@pytest.mark.quick
def test_copies_are_corrected(run, frames: list[Path], tmp_path: Path) -> None:
    before = [path.read_bytes() for path in frames]
    new = tmp_path / "new"
    new.mkdir()
    edits = ("--set", "FILTER='2'", "--set", "EXPTIME=2.5", "--rename", "OBJECT=TARGET")
    result = run("header", *frames, *edits, "-o", new)
    assert result.exit_code == 0, result.output
    assert "OBJECT renamed TARGET; FILTER = '2', was 'V'; EXPTIME = 2.5, was 30.0" in result.stderr
    assert [path.read_bytes() for path in frames] == before
    for path in frames:
        one, two = ccdfx.read(path), ccdfx.read(new / path.name)
        assert np.array_equal(one.array, two.array)
        assert (two.header["TARGET"], two.header["FILTER"], two.header["EXPTIME"]) == ("M 51", "2", 2.5)
    assert run("header", *frames, *edits, "-o", new).exit_code == 4
    assert run("header", *frames, *edits, "-o", new, "--overwrite").exit_code == 0
    beside = run("header", frames[0], "--remove", "OBJECT", "--suffix", "_x")
    assert beside.exit_code == 0 and frames[0].with_name(f"{frames[0].stem}_x.fits").is_file()
    assert run("header", frames[1], "--remove", "OBJECT", "--in-place").exit_code == 0
    assert "OBJECT" not in ccdfx.read_header(frames[1])


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--set", "A=1"), 2, "say where corrected files go"),
        (("--set", "A=", "--in-place"), 2, "is not KEY=VALUE"),
        (("--set", "NAXIS1=4", "--in-place"), 2, "must not change how the file is read"),
        (("--set", "A=1", "--suffix", "b", "--in-place"), 2, "say where corrected files go"),
        (("--remove", "NOSUCH", "--in-place"), 1, "no file has one"),
        (("--in-place",), 2, "says what is corrected"),
        (("OBJECT", "--set", "A=1", "--in-place"), 2, "OBJECT is no file"),
        (("--set", "A=1", "-o", "."), 2, "must not be one of the inputs"),
        (("--set", "A=1", "-o", "new.fits"), 2, "new.fits is the name of a file, and a directory is made"),
    ],
)
def test_what_is_wrong_is_named(run, frames, monkeypatch, words, status, said) -> None:
    monkeypatch.chdir(frames[0].parent)
    before = frames[0].read_bytes()
    result = run("header", frames[0].name, *words)
    assert result.exit_code == status and said in result.stderr
    assert frames[0].read_bytes() == before
    assert "is a folder; give its files" in run("header", ".").stderr


def test_other_formats_are_refused(run, tmp_path: Path) -> None:
    ccdfx.write(np.zeros((4, 5)), tmp_path / "a.npz")
    result = run("header", tmp_path / "a.npz", "--set", "A=1", "--in-place")
    assert result.exit_code == 1 and "only headers of FITS files are corrected" in result.stderr
