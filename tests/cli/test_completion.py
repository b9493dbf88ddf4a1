"""Completion of values, as a shell asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from ccdfx.cli.group import commands


def completed(*words: object) -> list[str]:
    """The completions of the last word; "file" or "dir" where the shell completes their names."""
    *before, last = map(str, words)
    found = BashComplete(commands, {}, "ccdfx", "_CCDFX_COMPLETE").get_completions(before, last)
    return [one.value if one.type == "plain" else one.type for one in found]


@pytest.mark.quick
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("red",), ["reduce"]),
        (("help", "st"), ["stats"]),
        (("stats", "any"), ["file"]),
        (("reduce", ".", "-o", ""), ["dir"]),
        (("combine", "--reject", "sig"), ["sigma_clip"]),
        (("combine", "--reject", "no"), ["none"]),
        (("show", "--scaling", "asi"), ["asinh"]),
        (("show", "--colours", "virid"), ["viridis"]),
        (("scan", "--instrument", "nick"), ["nickel"]),
        (("scan", "--instrument", "./mi"), ["file"]),
        (("scan", "--kind", "b"), ["bias"]),
        (("reduce", "--engine", "thr"), ["threads"]),
        (("scan", "--filter", ""), []),
    ],
)
def test_values_are_completed(words: tuple[str, ...], expected: list[str]) -> None:
    assert completed(*words) == expected


def test_filters_and_objects_are_those_of_the_frames(frames: list[Path]) -> None:
    assert completed("scan", frames[0].parent, "--filter", "") == ["V"]
    assert completed("reduce", frames[0].parent, "--object", "M") == ["M 51"]
