"""Names of filters from one keyword or several wheels, and the cards beside them."""

from __future__ import annotations

import pytest

from ccdfx.errors import FormatError
from ccdfx.night.instruments.file import read_instrument
from ccdfx.night.instruments.filters import filter_of, other_filter_cards
from ccdfx.night.instruments.header_facts import facts_of
from ccdfx.night.instruments.known import builtin_instruments
from ccdfx.records.header import Header

FILE = """
name = "mine"
match = {{ INSTRUME = "*" }}
rules = [{{ kind = "flat", when = {{ INSTRUME = "*" }} }}]
keywords = {{ filter = {filter}, no_filter = ["block*"] }}
"""


@pytest.mark.quick
@pytest.mark.parametrize(
    ("cards", "name"),
    [
        ({"FILTNAME": "VR"}, "VR"),
        ({"FILTER": "R", "FILTER1": "Clear"}, "R"),
        ({"FILTER1": "Clear", "FILTER2": "R"}, "R"),
        ({"FILTER1": "V", "FILTER2": "ND1"}, "V + ND1"),
        ({"FILTER1": "air", "FILTER2": "V", "FILTER3": "air"}, "V"),
        ({"FILTER1": "V", "FILTER2": "V"}, "V"),
        ({"FILTER1": "Open", "FILTER2": "Clear"}, "Open"),
        ({"ALFLTNM": "Open", "FAFLTNM": "B_Bes 440_100"}, "B_Bes 440_100"),
        ({"FILTER": 0}, "0"),
        ({"FILTER": "  "}, None),
        ({"FILTER": "Unknown", "FILTNAME": "N/A"}, None),
        ({}, None),
    ],
)
def test_iraf_reads_the_usual_keywords_of_filters(cards, name):
    header = Header({"NAXIS": 2, "NAXIS1": 9, "NAXIS2": 9, "IMAGETYP": "flat", "EXPTIME": 1.0, **cards})
    assert facts_of(header, builtin_instruments())["filter"] == name


def test_numbered_keywords_and_lists_in_lists_are_wheels():
    header = Header({"W1": "J", "W2": "ND", "TOP": "block", "LOW": "H"})
    for text, name in (('["W1", "W2"]', "J + ND"), ('["W0", ["TOP", "LOW"], "W1"]', "H"), ('"W2"', "ND")):
        camera = read_instrument(FILE.format(filter=text))
        assert filter_of(header, camera.filter, camera.no_filter) == name
    with pytest.raises(FormatError, match=r"keywords\.filter"):
        read_instrument(FILE.format(filter="[[3]]"))


def test_cards_of_filters_that_are_not_the_name_are_kept_for_comparison():
    header = Header(
        {
            "FILTER": "V",
            "FILTER2": "ND1",
            "TELFILT": 3,
            "FILTPOS": 1200,  # an encoder
            "WHEELFILTPOS": 2,
            "FILTENC": "x",
            "FILTMM": 4.5,
            "XFILT": True,
        }
    )
    assert other_filter_cards(header, ("FILTER",)) == (
        ("FILTER2", "ND1"),
        ("TELFILT", "3"),
        ("WHEELFILTPOS", "2"),
    )
