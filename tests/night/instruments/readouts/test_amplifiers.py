"""Readouts of one image whose cards bear the names of amplifiers, without a card of their places."""

from __future__ import annotations

import pytest

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.header_facts import facts_of
from ccdfx.night.instruments.known import builtin_instruments
from ccdfx.night.instruments.readouts.find import find_readouts
from ccdfx.night.instruments.readouts.numbers import Numbers
from ccdfx.night.instruments.readouts.stored import StoredImage
from ccdfx.records.header import Header

pytestmark = pytest.mark.quick

PORTS = {  # Maidanak: four ports, the overscans of all between them
    "4P_ASECD": "[1:8,1:6]", "4P_ASECB": "[9:10,1:6]", "4P_BSECD": "[13:20,1:6]", "4P_BSECB": "[11:12,1:6]",
    "4P_CSECD": "[1:8,7:12]", "4P_CSECB": "[9:10,7:12]", "4P_DSECD": "[13:20,7:12]", "4P_DSECB": "[11:12,7:12]",
    "DATASEC": "[1:16,1:12]", "BIASSEC": "[17:20,1:12]",
}  # fmt: skip


def found(cards, shape):
    numbers = Numbers(gain=("GAIN",))
    return {
        one.name: one
        for one in find_readouts([StoredImage(header=Header(cards), shape=shape)], numbers=numbers)
    }


def test_ports_follow_each_other_as_they_are_stored() -> None:
    ports = found(PORTS, (12, 20))
    assert [one.place.to_fits() for one in ports.values()] == [
        "[1:8,1:6]",
        "[9:16,1:6]",
        "[1:8,7:12]",
        "[9:16,7:12]",
    ]
    assert ports["D"].data.to_fits() == "[13:20,7:12]" and ports["D"].bias[0].to_fits() == "[11:12,7:12]"


def test_sections_beyond_an_image_whose_overscan_was_cut_tell_nothing() -> None:
    assert found(PORTS, (12, 16)) == {}
    header = Header({**PORTS, "IMAGETYP": "zero", "NAXIS": 2, "NAXIS1": 16, "NAXIS2": 12})
    facts = facts_of(header, builtin_instruments())
    assert facts["overscan"] is None and facts["data"].to_fits() == "[1:16,1:12]" and "problem" not in facts


def test_one_amplifier_of_several_and_its_overscan() -> None:
    cards = {"DSEC11": "[1:16,1:12]", "BSEC11": "[17:20,1:12]", "GTGAIN11": 2.0}
    (one,) = found(cards, (12, 20)).values()
    assert (one.place.to_fits(), one.bias[0].to_fits(), one.gain) == ("[1:16,1:12]", "[17:20,1:12]", 2.0)
    assert found({**cards, "BIASSEC": "[17:20,1:12]"}, (12, 20)) == {}


def test_overscans_whose_exposed_pixels_no_card_names_are_refused() -> None:
    cards = {
        "IMAGETYP": "zero",
        "NAXIS": 2,
        "NAXIS1": 20,
        "NAXIS2": 12,
        "BSEC1": "[17:18,1:12]",
        "BSEC2": "[19:20,1:12]",
    }
    problem = facts_of(Header(cards), builtin_instruments())["problem"]
    assert problem.startswith("frame: must say which pixels each of its amplifiers read (got 'BSEC1, BSEC2')")


def test_readouts_that_leave_a_hole_as_they_are_stored_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"must (begin and end|have a readout)"):
        found(
            {"DSECA": "[1:8,1:6]", "BSECA": "[9:10,1:6]", "DSECB": "[13:20,1:12]", "BSECB": "[11:12,1:12]"},
            (12, 20),
        )
