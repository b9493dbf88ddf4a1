"""The language of conditions: what holds, its laws, and how a mistake is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx.errors import ArgumentError, ArgumentTypeError
from ccdfx.night.frames.comparisons import Constant
from ccdfx.night.frames.where import (
    AllOf,
    AnyOf,
    Comparison,
    Negation,
    evaluate,
    names_in,
    parse_where,
)

FRAME = {
    "kind": "science",
    "object": "NGC  4147",
    "filter": "[OIII]",
    "exptime": 30.0,
    "date": "2024-03-01T22:15:03.5",
    "binning": ("2x2", 2),
    "slot": "48",
    "SHUTTER": True,
    "LAMP": False,
    "OBSERVER": 'O\'Neill, "Ann"',
    "blank": "  ",
}
"""Values by name; `airmass` is missing."""


def holds(text):
    return evaluate(parse_where(text), FRAME.get).holds


@pytest.mark.quick
@pytest.mark.parametrize(
    "text",
    [
        "exptime = 30",
        "exptime == 30.0",
        "exptime >= 3e1",
        "exptime != 31",
        "exptime > -1 and exptime < +31",
        "exptime = 3*",
        "exptime = '30'",
        "slot = 48",
        "slot >= 48.0",
        "slot = '48'",
        "slot != '48.0'",
        "object = 'ngc 4147'",
        "object = NGC*",
        "object = 'NGC ????'",
        "object ~ 'ngc ?[0-9]+$'",
        "object ~ 41",
        "object !~ ^M",
        "filter = [OIII]",
        "filter = [o*]",
        "filter in (V, R, [OIII])",
        "filter not in (V, 'R')",
        "date = 2024-03-01",
        "date = 2024-03",
        "date <= 2024-03-01",
        "date > 2024-02-29",
        "date > '2024-03-01 22:15:03' or date = '2024-03-01 22:15:03.5'",
        "date >= 2024-03-01T22 and date < 2024-03-01T22:16",
        "date != 2024-03-02",
        "date = 2024-*",
        "binning = 2 and binning = 2x2 and binning < 3",
        "SHUTTER",
        "SHUTTER = true and SHUTTER = T",
        "not LAMP and LAMP = false",
        "not airmass",
        "not blank",
        "not airmass < 2",
        "not (airmass = 1 or airmass != 1)",
        "OBSERVER = 'O?Neill*'",
        '"exptime" = 30',
        "(kind=science)and(exptime>10)",
        "kind = bias and kind = dark or exptime > 1",
        "kind = science or kind = bias and kind = dark",
        "not kind = bias and kind = science",
        "NOT kind = bias AND kind = science OR kind IN (flat)",
    ],
)
def test_what_holds(text):
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "airmass < 2",
        "airmass > 2",
        "airmass != 2",
        "airmass not in (1, 2)",
        "airmass !~ x",
        "airmass",
        "blank = '*'",
        "object > 5",
        "object > 2024-01-01",
        "exptime > 2024-01-01",
        "date > 2024-03-01",
        "date = 2024-03-02",
        "slot = 4",
        "filter = O",
        "object ~ '^4'",
        "binning != 2",
        "LAMP",
        "exptime = true",
        "not (kind = bias or kind = science)",
    ],
)
def test_what_does_not(text):
    assert not holds(text)


@pytest.mark.parametrize(
    ("text", "place", "wanted"),
    [
        ("", 1, "a name"),
        ("   ", 1, "a name"),
        ("exptime >", 10, "a number or a date, there is the end"),
        ("exptime > and", 11, "a number or a date, there is 'and'"),
        ("exptime > V", 11, "a number or a date, there is 'V'"),
        ("exptime > inf", 11, "a number or a date"),
        ("date < 2024-02-30", 8, "a number or a date"),
        ("date < 2024-02-03T24:00", 8, "a number or a date"),
        ("object = M 51", 12, "'and', 'or' or the end, there is '51'"),
        ("object = 'M 51", 10, "a value"),
        ("10 < exptime", 1, "a name"),
        ("exptime = 10 and", 17, "a name"),
        ("exptime = 10 or or", 17, "a name"),
        ("(exptime = 10", 14, "'and', 'or' or ')', there is the end"),
        ("exptime = 10)", 13, "'and', 'or' or the end, there is ')'"),
        ("filter in V", 11, "'(', there is 'V'"),
        ("filter in ()", 12, "a value"),
        ("filter in (V,)", 14, "a value"),
        ("filter in (V R)", 14, "',' or ')'"),
        ("filter not V", 12, "'in', there is 'V'"),
        ("object ~ '('", 10, "a regular expression"),
        ("object ! V", 8, "'and', 'or' or the end, there is '!'"),
        ("object => V", 9, "a value"),
        ("__import__('os').system('true')", 11, "'and', 'or' or the end, there is"),
        ("exptime; kind", 1, "a name, such as exptime or AIRMASS, there is 'exptime;'"),
        ("'' = 3", 1, "a name"),
    ],
)
def test_a_mistake_is_told_with_its_place(text, place, wanted):
    with pytest.raises(ArgumentError) as error:
        parse_where(text)
    # Blanks before the end belong to it.
    assert str(error.value).startswith(
        f"where: at character {place if text.strip() else 1 + len(text)} must be "
    )
    assert wanted in str(error.value) and error.value.value == text and error.value.remedy


def test_quotes_that_are_open_are_told():
    with pytest.raises(ArgumentError, match="close the quotes"):
        parse_where("object = 'M 51")


def test_what_is_no_text_or_too_much_is_refused():
    with pytest.raises(ArgumentTypeError, match="where: must be text"):
        parse_where(3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="10000 characters at most"):
        parse_where("a" * 10_001)
    for text in ("(" * 5000, "not " * 2000 + "a", "not(" * 60 + "a" + ")" * 60):
        with pytest.raises(ArgumentError, match="no more than 50 conditions inside each other"):
            parse_where(text)


def test_missing_values_are_told_as_far_as_they_were_needed():
    def missing(text):
        return evaluate(parse_where(text), FRAME.get).missing

    assert missing("airmass < 2 or seeing < 3") == ("airmass", "seeing")
    assert missing("airmass < 2 and seeing < 3") == ("airmass",)
    assert missing("kind = bias and airmass < 2") == ()
    assert missing("not airmass or airmass < 2") == (), "asking whether there is one lacks nothing"


def test_names_are_those_written():
    assert names_in(parse_where("'ESO DET READ MODE' = slow and not (DATE-OBS or header.FILTER = V)")) == (
        "ESO DET READ MODE",
        "DATE-OBS",
        "header.FILTER",
    )


# The laws.

TEXTS = st.text(st.characters(exclude_characters="'"), max_size=8)
WORDS = st.text("abcXYZ019._-+*?[]", min_size=1, max_size=6).filter(
    lambda text: text.casefold() not in ("and", "or")
)
CONSTANTS = st.builds(Constant, WORDS) | st.builds(Constant, TEXTS, st.just(True))
NUMBERS = st.builds(
    lambda number: Constant(repr(number)), st.floats(-1e6, 1e6, allow_nan=False) | st.integers(-99, 99)
)
NAMES = st.sampled_from([*FRAME, "airmass"]) | WORDS.map(lambda word: f"n{word}") | st.just("and")
COMPARISONS = (
    st.builds(Comparison, NAMES)
    | st.builds(
        lambda name, sign, one: Comparison(name, sign, (one,)), NAMES, st.sampled_from(["=", "!="]), CONSTANTS
    )
    | st.builds(
        lambda name, sign, one: Comparison(name, sign, (one,)),
        NAMES,
        st.sampled_from(["<", "<=", ">", ">="]),
        NUMBERS,
    )
    | st.builds(
        lambda name, sign, some: Comparison(name, sign, tuple(some)),
        NAMES,
        st.sampled_from(["in", "not in"]),
        st.lists(CONSTANTS, min_size=1, max_size=3),
    )
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: (
        st.builds(Negation, inner)
        | st.builds(lambda parts: AllOf(tuple(parts)), st.lists(inner, min_size=2, max_size=3))
        | st.builds(lambda parts: AnyOf(tuple(parts)), st.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=8,
)


@given(CONDITIONS)
def test_what_is_written_is_parsed_to_the_same(condition):
    assert parse_where(str(condition)) == condition


@given(CONDITIONS, CONDITIONS)
def test_and_or_not_are_those_of_logic(one, other):
    a, b = evaluate(one, FRAME.get).holds, evaluate(other, FRAME.get).holds
    assert holds(f"({one}) and ({other})") == (a and b)
    assert holds(f"({one}) or ({other})") == (a or b)
    assert holds(f"not ({one})") == (not a)
    assert holds(f"not (({one}) and ({other}))") == holds(f"not ({one}) or not ({other})")


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_compare_as_numbers(value, limit):
    def compared(sign):
        return evaluate(parse_where(f"x {sign} {limit!r}"), {"x": value}.get).holds

    assert (compared("<"), compared("<="), compared("=")) == (value < limit, value <= limit, value == limit)
    assert (compared(">"), compared(">="), compared("!=")) == (value > limit, value >= limit, value != limit)


@given(COMPARISONS.filter(lambda one: one.sign))
def test_a_missing_value_meets_no_comparison(one):
    assert evaluate(one, {}.get) == (False, (one.name,))
    assert evaluate(Negation(one), {}.get) == (True, (one.name,))


@given(st.sampled_from(["!=", "not in"]), NAMES, CONSTANTS)
def test_the_opposite_is_that_of_a_value_that_is_there(sign, name, constant):
    positive = Comparison(name, {"!=": "=", "not in": "in"}[sign], (constant,))
    verdict = evaluate(positive, FRAME.get)
    opposite = evaluate(Comparison(name, sign, (constant,)), FRAME.get)
    assert opposite.holds == (not verdict.holds and not verdict.missing)


@given(st.text(max_size=30) | st.text("ab()'\"=<>!~, 1notiraed", max_size=30))
def test_any_text_is_a_condition_or_a_typed_error(text):
    try:
        condition = parse_where(text)
    except ArgumentError as error:
        assert error.subject == "where"
    else:
        assert parse_where(str(condition)) == condition
        evaluate(condition, FRAME.get)
