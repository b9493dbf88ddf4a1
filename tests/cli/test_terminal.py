"""Escaping, tables, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import ccdfx
from ccdfx.cli import reduce, terminal
from ccdfx.cli.terminal import PLAN_LINES, escape, print_json, print_table


@pytest.mark.quick
@pytest.mark.parametrize(
    "text",
    ["\x1b[2J", "\x9b31m", "a\rb", "a\nb", "\x07", "\u202egnp.exe", "\u2028", "\udcff", "\x7f", "\u200b"],
)
def test_nothing_that_steers_a_terminal_gets_through(text: str) -> None:
    shown = escape(text)
    assert shown.isprintable() and "\\" in shown


@pytest.mark.parametrize("text", ["M 51", "Ä & <b>", "北斗", "", "a" * 5000])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert escape(text) == text


@pytest.mark.quick
def test_table_aligns_numbers_right_and_leaves_empty_columns_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([["a", 1.5, None], ["bcd", np.float32(200), None]], ["file", "mean", "problem"])
    assert capsys.readouterr().out == "file  mean\na      1.5\nbcd    200\n"


def test_json_of_what_json_cannot_hold(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(
        {
            "a": float("nan"),
            "b": np.float32(2),
            "c": (np.int64(1), float("inf")),
            "d": True,
            "e": "\x1b\udcff",
        }
    )
    out = capsys.readouterr().out
    assert out.isascii() and "\x1b" not in out
    assert json.loads(out) == {"a": None, "b": 2.0, "c": [1, None], "d": True, "e": "\x1b\udcff"}


@pytest.fixture
def long_night(tmp_path: Path) -> Path:
    for number in range(40):
        header = {"IMAGETYP": "bias", "EXPTIME": 0.0}
        ccdfx.write(
            ccdfx.Image(np.full((4, 5), 7, np.uint16), header=header), tmp_path / f"b{number:02}.fits"
        )
    return tmp_path


def test_a_long_plan_is_short_on_a_screen_and_whole_elsewhere(run, long_night, monkeypatch) -> None:
    whole = run("reduce", long_night, "-o", long_night / "out", "--dry-run").stdout.splitlines()
    assert sum("b39.fits" in line for line in whole) == 1 and len(whole) > 40
    monkeypatch.setattr(terminal, "_is_screen", lambda stream: True)
    short = run("reduce", long_night, "-o", long_night / "out", "--dry-run").stdout.splitlines()
    at = next(number for number, line in enumerate(short) if "lines with -v)" in line)
    assert at == PLAN_LINES - 1 and any("... and " in line for line in short[:at])
    assert run("reduce", long_night, "-o", long_night / "out", "--dry-run", "-v").stdout.splitlines() == whole


def test_a_warning_of_the_plan_is_said_once(run, long_night, monkeypatch) -> None:
    header = {"IMAGETYP": "science", "EXPTIME": 5.0, "FILTER": "V", "OBJECT": "M 51"}
    sky = np.random.default_rng(1).poisson(900, (40, 50)).astype(np.uint16)
    for path in long_night.glob("b*"):
        path.unlink()
    ccdfx.write(ccdfx.Image(sky - 400, header={"IMAGETYP": "bias", "EXPTIME": 0.0}), long_night / "b.fits")
    ccdfx.write(ccdfx.Image(sky, header=header), long_night / "s.fits")
    monkeypatch.setattr(reduce, "is_terminal", lambda: True)
    shown = run("reduce", long_night, "-o", long_night / "out").stderr
    notes = [line for line in shown.splitlines() if line.startswith("note: ")]
    assert any("flat" in line for line in notes) and len(notes) == len(set(notes))
