"""The place of the output decides on which side prescan and overscan are."""

from __future__ import annotations

import pytest

from ccdfx.errors import FormatError
from ccdfx.night.instruments.file import read_instrument
from ccdfx.night.instruments.header_facts import facts_of
from ccdfx.night.instruments.known import builtin_instruments
from ccdfx.records.header import Header


def sections(**places):
    cards = {
        "NAXIS": 2, "NAXIS1": 1030, "NAXIS2": 1034, "EXPTIME": 1.0, "ESO DPR CATG": "CALIB",
        "ESO DPR TYPE": "FLAT,SKY", "ESO DET OUT1 PRSCX": 6, "ESO DET OUT1 PRSCY": 4,
        "ESO DET OUT1 NX": 1024, "ESO DET OUT1 NY": 1030, **{f"ESO DET OUT1 {k}": v for k, v in places.items()},
    }  # fmt: skip
    found = facts_of(Header(cards), builtin_instruments())
    return found["overscan"].to_fits(), found["data"].to_fits()


@pytest.mark.quick
@pytest.mark.parametrize(
    ("places", "overscan", "data"),
    [
        ({}, "[1:6,1:1034]", "[7:1030,5:1034]"),
        ({"X": 1, "Y": 1}, "[1:6,1:1034]", "[7:1030,5:1034]"),
        ({"X": 2048, "Y": 1}, "[1025:1030,1:1034]", "[1:1024,5:1034]"),
        ({"X": 1024, "Y": 1030}, "[1025:1030,1:1034]", "[1:1024,1:1030]"),
        ({"X": 1, "Y": 1, "OVSCX": 3, "PRSCX": 0}, "[1028:1030,1:1034]", "[1:1027,5:1034]"),
        ({"X": 1024, "Y": 1, "OVSCX": 3, "PRSCX": 0}, "[1:3,1:1034]", "[4:1030,5:1034]"),
    ],
)
def test_prescans_are_at_the_side_of_the_output(places, overscan, data):
    assert sections(**places) == (overscan, data)


def test_a_wrong_output_is_named():
    text = 'name = "m"\nmatch = { A = 1 }\nrules = [{ kind = "flat", when = { A = 1 } }]\nsections = { output = %s }'
    for wrong in ('"X"', "{}", '{ z = "X" }', "{ x = 3 }"):
        with pytest.raises(FormatError, match=r"sections\.output: must be a table of keywords x, y, nx, ny"):
            read_instrument(text % wrong)
