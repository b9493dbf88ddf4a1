"""Amplifiers of Keck's CCDs by PREPIX, POSTPIX and WINDOW."""

from __future__ import annotations

import pytest

from ccdfx.errors import ArgumentError
from ccdfx.night.instruments.readouts.find import find_readouts
from ccdfx.night.instruments.readouts.keck import sites_of_windows
from ccdfx.night.instruments.readouts.stored import StoredImage
from ccdfx.records.header import Header

pytestmark = pytest.mark.quick

CARDS = {"NUMAMPS": 2, "PREPIX": 4, "POSTPIX": 8, "WINDOW": "0,0,0,40,30"}


@pytest.mark.parametrize(
    ("more", "shape", "binning", "sections"),
    [
        ({}, (30, 64), (1, 1), [("[9:28,1:30]", "[49:56,1:30]"), ("[29:48,1:30]", "[57:64,1:30]")]),
        ({}, (15, 32), (2, 2), [("[5:14,1:15]", "[25:28,1:15]"), ("[15:24,1:15]", "[29:32,1:15]")]),
        ({"NUMAMPS": 1}, (30, 52), (1, 1), [("[5:44,1:30]", "[45:52,1:30]")]),
    ],
)
def test_columns_that_fill_the_image(more, shape, binning, sections) -> None:
    readouts = find_readouts([StoredImage(header=Header(CARDS | more), shape=shape, binning=binning)])
    assert [(one.data.to_fits(), one.bias[0].to_fits()) for one in readouts] == sections


def test_columns_that_do_not_fill_the_image_are_not_guessed() -> None:
    image = StoredImage(header=Header(CARDS), shape=(30, 63))
    assert sites_of_windows(image) == []
    with pytest.raises(ArgumentError, match="NUMAMPS: must be 1, or each amplifier must have its sections"):
        find_readouts([image])
