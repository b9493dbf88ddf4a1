"""The text of headers: what the standard says, what observatories write, and what is only noise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx.io.fits.cards import format_card, header_bytes, parse_cards
from ccdfx.records.card import Card, broken, for_astropy
from ccdfx.records.header import Header

MEANINGS = {
    "SIMPLE  =                    T / conforms": ("SIMPLE", True, "conforms"),
    "FLAG    =                    F": ("FLAG", False, ""),
    "NAXIS   =                    2 / axes": ("NAXIS", 2, "axes"),
    "BIG     = 123456789012345678901234567890": ("BIG", 123456789012345678901234567890, ""),
    "EXPTIME =                 1.5": ("EXPTIME", 1.5, ""),
    "FLOAT   = -1.5E-3": ("FLOAT", -1.5e-3, ""),
    "DOUBLE  = 1.5D3": ("DOUBLE", 1500.0, ""),
    "SMALL   = .5d0": ("SMALL", 0.5, ""),
    "TOOBIG  = 1E999": ("TOOBIG", "1E999", ""),
    "COMPLEX = (1.0, -2.5)": ("COMPLEX", 1 - 2.5j, ""),
    "NOTHING =                      / undefined": ("NOTHING", None, "undefined"),
    "EMPTY   = ''": ("EMPTY", "", ""),
    "OBJECT  = 'M 13    '           / target": ("OBJECT", "M 13", "target"),
    "OBSERVER= 'O''Hara / x'        / who": ("OBSERVER", "O'Hara / x", "who"),
    "LEADING = '  two'": ("LEADING", "  two", ""),
    "HIERARCH ESO DET CHIP1 GAIN = 1.7 / e-/ADU": ("ESO DET CHIP1 GAIN", 1.7, "e-/ADU"),
    "HIERARCH ESO TEL=  'VLT'": ("ESO TEL", "VLT", ""),
    "HISTORY = looks like a value": ("HISTORY", "= looks like a value", ""),
    "COMMENT  two spaces ": ("COMMENT", " two spaces", ""),
    "         text under a blank keyword": ("", " text under a blank keyword", ""),
    "object  = 'lower case'": ("OBJECT", "lower case", ""),
}
BROKEN = {
    "GAIN=1.5": ("GAIN", 1.5, ""),
    "GAIN = 1.5 / misplaced": ("GAIN", 1.5, "misplaced"),
    "OBJECT  = 'never closed": ("OBJECT", "'never closed", ""),
    "OBJECT  = 'closed' and more": ("OBJECT", "'closed' and more", ""),
    "DATE    = 12:30:00": ("DATE", "12:30:00", ""),
    "VALUE   = NaN": ("VALUE", "NaN", ""),
    "VALUE   = 1_000": ("VALUE", "1_000", ""),
    "VALUE   = 1 000": ("VALUE", "1 000", ""),
    "VALUE   = 0x10": ("VALUE", "0x10", ""),
    "NOVALUE just text": ("NOVALUE", "just text", ""),
    "HIERARCH without an equals sign": ("HIERARCH", "without an equals sign", ""),
    "CONTINUE  'orphan'": ("CONTINUE", "  'orphan'", ""),
    "EXPTIME =\0\0 5\0\0": ("EXPTIME", 5, ""),
    "A=B     = 5": ("A=B", 5, ""),
}


@pytest.mark.quick
@pytest.mark.parametrize("line", [*MEANINGS, *BROKEN])
def test_a_line_means_what_it_should(line: str) -> None:
    (card,) = parse_cards(line.ljust(80))
    assert card == Card(*(MEANINGS | BROKEN)[line])
    assert type(card.value) is type((MEANINGS | BROKEN)[line][1])


def test_long_strings_are_put_together() -> None:
    lines = ["LONG    = 'one &'", "CONTINUE  'two''&' / first", "CONTINUE  'three' / second", "NEXT    = 5"]
    cards = parse_cards("".join(line.ljust(80) for line in lines))
    assert cards == (Card("LONG", "one two'three", "first second"), Card("NEXT", 5, ""))


def test_an_ampersand_without_continuation_stays() -> None:
    lines = ["A       = 'one&'", "B       = 'two'", "CONTINUE  'three'"]
    cards = parse_cards("".join(line.ljust(80) for line in lines))
    assert [card.value for card in cards] == ["one&", "two", "  'three'"]


def test_text_beyond_ascii_survives() -> None:
    utf8 = "OBSERVER= 'Šimůnek'".encode().ljust(80).decode("latin-1")
    latin = "OBSERVER= 'José'".ljust(80)
    assert parse_cards(utf8)[0].value == "Šimůnek"
    assert parse_cards(latin)[0].value == "José"


def test_a_short_last_line_is_read() -> None:
    assert parse_cards("GAIN    = 5") == (Card("GAIN", 5, ""),)
    assert parse_cards("") == ()


def test_numbers_keep_their_comments() -> None:
    long = Card("EXPTIME", 1.0, "a comment that would not fit behind a value in its place")
    assert format_card(long).rstrip().endswith("in its place")
    assert parse_cards(format_card(long)) == (long,)
    cut = format_card(Card("EXPTIME", 1.0, "x" * 100))
    assert len(cut) == 80


@pytest.mark.quick
def test_values_stand_where_the_fixed_format_wants_them() -> None:
    assert format_card(Card("SIMPLE", True, "")).rstrip() == "SIMPLE  =                    T"
    assert format_card(Card("A", 5e-324, "")).rstrip() == "A       =             5.0E-324"
    assert format_card(Card("A", None, "unknown")).rstrip() == "A       =                      / unknown"
    assert format_card(Card("A", "x", "")).rstrip() == "A       = 'x       '"


def test_a_header_is_whole_blocks() -> None:
    assert header_bytes([]) == b"END".ljust(2880)
    assert len(header_bytes([Card("A", i, "") for i in range(36)])) == 2 * 2880


def test_cards_that_start_like_a_long_keyword_stay_apart() -> None:
    header = Header([Card("EXPOSURE_TIME", 1, ""), Card("LOW ER", 2, ""), Card("A.B", 3, "")])
    text = header_bytes(header.cards).decode()
    assert Header._of(parse_cards(text[: text.index("END".ljust(80))])) == header


@pytest.mark.quick
@given(st.lists(st.text("abc XYZ=,.'", max_size=40), max_size=12).map(" ".join))
def test_history_breaks_at_blanks_and_reads_back_the_same(text: str) -> None:
    text = text.strip()
    lines = [card.value for card in parse_cards(format_card(Card("HISTORY", text, "")))]
    assert "".join(lines) == text or "  " * 36 in text, "no text is lost, and no blank"
    whole = set(text.split())
    assert all(len(word) > 72 or set(line.split()) <= whole for word in whole for line in lines)
    assert [str(card[1]) for card in for_astropy(Card("HISTORY", text, ""))] == lines or text == ""


def test_a_word_longer_than_a_card_is_cut() -> None:
    lines = [card.value for card in parse_cards(format_card(Card("HISTORY", "x" * 100, "")))]
    assert lines == ["x" * 72, "x" * 28]
    assert broken("rule(low=3,high=4)", 12) == ["rule(low=3,", "high=4)"], "after a comma where there is one"
