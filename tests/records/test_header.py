"""The immutable header."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from ccdfx import ArgumentError, ArgumentTypeError, Card, Header, Image

KEYWORDS = st.from_regex(r"[A-Z][A-Z0-9_]{0,7}", fullmatch=True).filter(
    lambda key: key not in ("HISTORY", "COMMENT", "END", "CONTINUE", "HIERARCH", "SIMPLE", "XTENSION")
)
VALUES = st.one_of(
    st.integers(-(2**40), 2**40), st.floats(allow_nan=False, allow_infinity=False, width=32), st.booleans(), st.none(),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40),
)  # fmt: skip


@pytest.mark.quick
def test_a_header_does_not_change() -> None:
    header = Header({"GAIN": 1.9})
    changed = header.set("gain", 2.0).set("NEW", 1)
    assert header["GAIN"] == 1.9 and "NEW" not in header
    assert changed["GAIN"] == 2.0 and list(changed) == ["GAIN", "NEW"]
    with pytest.raises(AttributeError, match="immutable"):
        header._cards = ()


@pytest.mark.quick
def test_order_comments_and_duplicates_are_kept() -> None:
    header = Header(
        [("B", 1, "first"), ("A", 2), ("B", 3), ("COMMENT", "one"), ("COMMENT", "two"), ("HISTORY", "h")]
    )
    assert header["B"] == 1 and header.all("B") == (1, 3) and header.comment("b") == "first"
    assert header["COMMENT"] == "one".ljust(72) + "two" and header.history == ("h",)
    assert header.set("B", 7).cards[0] == Card("B", 7, "first")
    assert [card.keyword for card in header.remove("B", "ABSENT").cards] == [
        "A",
        "COMMENT",
        "COMMENT",
        "HISTORY",
    ]


def test_it_shows_its_cards_and_is_asked_as_that_of_astropy() -> None:
    cards = [
        ("FILTER1", "V", "<b>"),
        ("FILTER2", 'it\'s "5"'),
        ("EXPTIME", 5.5, "s"),
        ("A", True),
        ("N", None),
        ("HISTORY", "h"),
    ]
    header = Header(cards)
    shown = str(header).splitlines()
    assert [
        line.rstrip() for line in str(header.to_astropy().tostring("\n")).splitlines()[: len(shown)]
    ] == shown
    assert repr(header) == str(header) and "&lt;b&gt;" in header._repr_html_()
    assert (
        header[0] == "V" and header[-1] == "h" and header["FILTER?"] == header["filt*"] == Header(cards[:2])
    )
    assert header["Q*"] == Header() and header.comments["EXPTIME"] == "s" and len(header.comments) == 6
    for wrong in (9, "Q", True):
        with pytest.raises((IndexError, KeyError, TypeError)):
            header[wrong]  # type: ignore[index]


def test_numpy_scalars_become_python_values() -> None:
    header = Header({"A": np.float32(1.5), "B": np.int64(3), "C": np.bool_(True)})
    assert [type(value) for value in header.values()] == [float, int, bool]


@pytest.mark.parametrize(
    ("value", "number"),
    [(1.9, 1.9), (2, 2.0), ("1.9", 1.9), (" 10,5 ", 10.5), ("1.5D2", 150.0), (None, None), ("", None)],
)
def test_number_is_lenient(value: object, number: float | None) -> None:
    assert Header({"GAIN": value}).number("GAIN") == number


@pytest.mark.parametrize("value", ["high", True, float("nan"), float("inf"), 1 + 2j])
def test_number_names_the_keyword_it_cannot_read(value: object) -> None:
    with pytest.raises(ArgumentError, match="header keyword GAIN: must be a finite number"):
        Header({"GAIN": value}).number("GAIN")


@pytest.mark.parametrize(
    "source", [5, "text", [1], [("A", 1, "c", "d")], {"A": [1]}, {"A": object()}, ["AB"]]
)
def test_what_is_no_header_is_refused(source: object) -> None:
    with pytest.raises(ArgumentTypeError):
        Header(source)


def test_what_cannot_be_set_or_read_is_refused() -> None:
    with pytest.raises(ArgumentTypeError, match="values: must be a mapping"):
        Header().update([("A", 1)])
    with pytest.raises(ArgumentError, match="must be a finite number"):
        Header({"A": 10**400}).number("A")
    with pytest.raises(ArgumentTypeError, match="must be a CCDData"):
        Image.from_ccddata(5)


def test_history_cannot_be_set() -> None:
    with pytest.raises(ArgumentError, match="add_history"):
        Header().set("HISTORY", "x")


@given(st.lists(st.tuples(KEYWORDS, VALUES, st.just("a comment")), max_size=8))
def test_astropy_round_trip(cards: list[tuple[str, object, str]]) -> None:
    header = Header(cards).add_history("done")
    again = Header(header.to_astropy())
    assert again == header
    assert pickle.loads(pickle.dumps(header)) == header and hash(again) == hash(header)


def test_long_keywords_and_long_text_go_through_astropy() -> None:
    header = Header({"ESO DET OUT1 GAIN": 1.5, "LONGTEXT": "x" * 200, "HIERARCH ESO TPL ID": "a"})
    text = header.to_astropy().tostring()
    assert Header(fits.Header.fromstring(text)) == header
    assert header["ESO TPL ID"] == "a" and header["HIERARCH ESO DET OUT1 GAIN"] == 1.5


def test_astropy_makes_a_wcs_of_a_header_with_several_lines_of_history() -> None:
    from astropy.wcs import WCS

    long = "divide_flat " + "word " * 40
    header = Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 10.0, "CRVAL2": 20.0})
    header = header.add_history("one", long, "three")
    assert WCS(header).wcs.crval.tolist() == [10.0, 20.0]
    again = fits.Header()
    for keyword, value in header.items():  # as astropy does, and many a script
        again[keyword] = value
    assert "".join(again["HISTORY"][1:-1]).split() == long.split() and again["HISTORY"][-1] == "three"
