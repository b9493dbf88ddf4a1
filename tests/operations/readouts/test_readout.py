"""Readouts: sections that contradict each other are refused by name."""

from __future__ import annotations

import pytest

from ccdfx import ArgumentError, Range
from ccdfx.operations.readouts.readout import Readout

GOOD = {
    "name": "A",
    "window": Range(0, 58, 0, 50),
    "data": Range(0, 50, 0, 50),
    "bias": (Range(50, 58, 0, 50),),
    "place": Range(50, 100, 0, 50),
}


@pytest.mark.quick
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"data": Range(20, 70, 0, 50)}, "data of readout A: must lie inside"),
        ({"place": Range(0, 49, 0, 50)}, "place of readout A: must have the size"),
        ({"bias": (Range(49, 58, 0, 50),)}, "bias of readout A: must not overlap"),
        ({"bias": (Range(50, 59, 0, 50),)}, "bias of readout A: must lie inside"),
        ({"gain": 0.0}, "gain of readout A"),
        ({"readnoise": -1.0}, "readnoise of readout A"),
    ],
)
def test_contradictory_readouts_are_refused(wrong: dict, message: str) -> None:
    Readout(**GOOD)
    with pytest.raises(ArgumentError, match=message):
        Readout(**{**GOOD, **wrong})
