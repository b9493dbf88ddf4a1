"""Channels of Subaru's CCDs."""

from __future__ import annotations

import pytest

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.readouts.find import find_readouts
from ccdfx.night.instruments.readouts.stored import StoredImage
from ccdfx.records.header import Header

pytestmark = pytest.mark.quick

ENDS = {"EF1": (1, 4, 3, 8), "OS1": (5, 6, 1, 2), "EF2": (9, 12, 3, 8), "OS2": (7, 8, 3, 8)}
CARDS = {
    f"S_{name[:2]}{end}{name[2]}{axis}": ends[2 * (axis - 1) + (end == "MX")]
    for name, ends in ENDS.items()
    for axis in (1, 2)
    for end in ("MN", "MX")
}


def test_columns_of_overscan_are_those_of_all_exposed_rows() -> None:
    header = Header({**CARDS, "GAIN": 2.0, "S_GAIN1": 2.1, "S_GAIN2": 2.2})
    one, two = find_readouts([StoredImage(header=header, shape=(8, 12))])
    assert (one.data.to_fits(), one.bias[0].to_fits(), one.gain) == ("[1:4,3:8]", "[5:6,3:8]", 2.1)
    assert (two.place.to_fits(), two.bias[0].to_fits(), two.gain) == ("[5:8,1:6]", "[7:8,3:8]", 2.2)


def test_a_channel_must_have_its_cards_inside_the_image() -> None:
    lacking = {key: value for key, value in CARDS.items() if key != "S_OSMX21"}
    with pytest.raises(ArgumentError, match="S_OSMX21: is missing"):
        find_readouts([StoredImage(header=Header(lacking), shape=(8, 12))])
    with pytest.raises(ArgumentError, match="S_EFMN21: must begin a section inside the image"):
        find_readouts([StoredImage(header=Header(CARDS), shape=(8, 10))])
