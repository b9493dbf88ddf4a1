"""Escaping, tables, JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ccdfx.cli.terminal import escape, print_json, print_table


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
