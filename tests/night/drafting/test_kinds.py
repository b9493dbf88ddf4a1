"""Rules of drafts by one keyword, by two, by words in names, by exposures."""

from __future__ import annotations

import pytest

from ccdfx.night.drafting.kinds import find_kinds
from ccdfx.records.header import Header


@pytest.mark.quick
@pytest.mark.parametrize(
    ("rows", "kinds", "rules"),
    [
        (  # Nickel: a bias is a dark of no exposure, a flat is an object of that name
            [("DARK", "x", 0), ("OBJECT", "sky flat", 4), ("OBJECT", "M 51", 60)],
            ("bias", "flat", "science"),
            [
                {"KIND": ("DARK",), "T": ("<= 0",)},
                {"KIND": ("OBJECT",), "OBJECT": ("*flat*",)},
                {"KIND": ("OBJECT",)},
            ],
        ),
        (  # a target called a test stays one; what is not understood is not guessed
            [("Light", "test", 9), ("Flat Field", "", 3), ("xyz", "", 3)],
            ("science", "flat", None),
            [{"KIND": ("Flat Field",)}, {"KIND": ("Light",)}],
        ),
        ([("", "M 51", 0), ("", "M 51", 9)], ("bias", None), [{"T": ("<= 0",)}]),
    ],
)
def test_rules(rows, kinds, rules) -> None:
    headers = [Header({"KIND": kind, "OBJECT": name, "T": seconds}) for kind, name, seconds in rows]
    found = find_kinds(headers, [f"{n}.fits" for n in range(len(rows))], "T", "OBJECT")
    assert found.of == kinds
    assert [dict(rule.when) for rule in found.rules[: len(rules)]] == rules
    assert bool(found.unknown) == (None in kinds)


def test_words_in_many_names() -> None:
    names = [f"bias_{n}" for n in range(6)] + [f"flats_j_{n}" for n in range(4)] + ["IC310_1", "IC310_2"]
    headers = [Header({"IRAFNAME": name, "OBJECT": "None"}) for name in names]
    found = find_kinds(headers, [f"{n}.fits" for n in range(12)], None, "OBJECT")
    assert [(rule.kind, dict(rule.when)) for rule in found.rules] == [
        ("bias", {"IRAFNAME": ("*bias*",)}),
        ("flat", {"IRAFNAME": ("*flat*",)}),
        ("science", {"IRAFNAME": ("*",)}),
    ]
