"""Cards that contradict each other are refused where the reduction depends on them."""

from __future__ import annotations

import pytest

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.contradictions import refuse_contradictions
from ccdfx.night.instruments.header_facts import facts_of
from ccdfx.night.instruments.known import known_instruments
from ccdfx.records.header import Header

IRAF = next(item for item in known_instruments() if item.name == "iraf")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("keyword", "values"),
    [("EXPTIME", (60.0, 30.0)), ("FILTER", ("V", "R")), ("IMAGETYP", ("zero", "flat")), ("GAIN", (1.5, 2.0)),
     ("BIASSEC", ("[1:5,1:9]", "[6:9,1:9]")), ("CCDSUM", ("1 1", "2 2"))],
)  # fmt: skip
def test_two_values_of_a_keyword_that_is_used_are_refused(keyword, values):
    header = Header([(keyword, value) for value in values])
    with pytest.raises(ArgumentError, match=f"keyword {keyword}: must have one value"):
        refuse_contradictions(header, IRAF)
    refuse_contradictions(Header([(keyword, values[0])] * 2), IRAF)


@pytest.mark.quick
def test_other_keywords_and_comments_may_stand_twice():
    cards = [("TELFOCUS", 1), ("TELFOCUS", 2), ("HISTORY", "a"), ("HISTORY", "b"), ("EXPTIME", 1.0)]
    refuse_contradictions(Header(cards), IRAF)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("cards", "said"),
    [
        ({"EXPTIME": 60.0, "EXPOSURE": 30.0}, ("EXPOSURE is 30 where EXPTIME is 60",)),
        ({"EXPTIME": 60.0, "EXPOSURE": "1 min", "CCDSUM": "2 2", "XBINNING": 2, "YBINNING": 2}, ()),
        ({"EXPTIME": 60.0, "CCDSUM": "2 2", "XBINNING": 1, "YBINNING": 1},
         ("XBINNING and YBINNING is 1 x 1 where CCDSUM is 2 x 2",)),
        ({"EXPTIME": 60.0, "ELAPTIME": 75.0, "BINNING": "2"}, ()),
    ],
)  # fmt: skip
def test_cards_of_one_thing_that_do_not_agree_are_said(cards, said):
    header = Header({"NAXIS": 2, "NAXIS1": 8, "NAXIS2": 8, "IMAGETYP": "object", **cards})
    found = facts_of(header, [IRAF])
    assert found.get("problem") is None and found["doubts"] == said


@pytest.mark.quick
def test_a_comma_before_three_digits_is_no_number():
    for text in ("1,000", "12,000,000", "-1,500"):
        with pytest.raises(ArgumentError, match="may divide thousands"):
            Header({"EXPTIME": text}).number("EXPTIME")
    assert Header({"A": "0,500", "B": "1,5", "C": "1,0000"}).number("A") == 0.5
