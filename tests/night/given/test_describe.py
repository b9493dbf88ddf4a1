"""What headers of masters say: ours, and those of IRAF, ccdproc, Siril, PixInsight and MaxIm."""

from __future__ import annotations

import pytest

from ccdfx.night.given.describe import as_raw_header, described
from ccdfx.records.header import Header


@pytest.mark.quick
@pytest.mark.parametrize(
    ("cards", "kind", "is_master", "overscan", "bias"),
    [
        ({"PRODUCT": "master bias", "CREATOR": "ccdfx 1.0", "CALSTAT": "O"}, "bias", True, True, False),
        ({"PRODUCT": "master dark", "CREATOR": "ccdfx 1.0"}, "dark", True, False, False),
        ({"IMAGETYP": "zero", "NCOMBINE": 10, "OVERSCAN": "Overscan section is [1:9,1:9]"}, "bias", True, True, None),
        ({"IMAGETYP": "flat", "NCOMBINE": 5, "ZEROCOR": "Zero level correction image is Z"}, "flat", True, None, True),
        ({"IMAGETYP": "BIAS", "COMBINED": True}, "bias", True, None, None),
        ({"IMAGETYP": "Dark Frame", "STACKCNT": 20, "PROGRAM": "Siril 1.2.0"}, "dark", True, None, None),
        ({"IMAGETYP": "Master Flat"}, "flat", True, None, None),
        ({"IMAGETYP": "Dark Frame", "SNAPSHOT": 12, "CALSTAT": "BM"}, "dark", True, None, True),
        ({"IMAGETYP": "Master Flat Dark"}, "dark", True, None, None),
        ({"IMAGETYP": "dark"}, "dark", False, None, None),
        ({"IMAGETYP": "zero", "PRODUCT": "combined frame", "CREATOR": "ccdfx 1.0", "NCOMBINE": 5}, "bias", True, None, None),
        ({"IMAGETYP": "object", "PRODUCT": "combined frame", "CREATOR": "ccdfx 1.0"}, None, False, None, None),
        ({"FRAME": "Light"}, None, False, None, None),
    ],
)  # fmt: skip
def test_kinds_and_what_was_subtracted(cards, kind, is_master, overscan, bias):
    found = described(Header(cards))
    assert (found.kind, found.is_master, found.overscan, found.bias) == (kind, is_master, overscan, bias)


def test_other_products_of_ours_are_no_masters():
    found = described(Header({"IMAGETYP": "mask", "PRODUCT": "map of bad pixels", "CREATOR": "ccdfx 1.0"}))
    assert found.is_other_product and found.kind is None


def test_units():
    assert described(Header({"BUNIT": "electron"})).electrons
    assert described(Header({"BUNIT": "adu/s"})).problem == "is in adu/s, not in counts"
    assert described(Header({"PROGRAM": "Siril 1.2.0"})).fractions
    assert not described(Header({"PROGRAM": "MaxIm DL"})).fractions


def test_the_gain_of_a_mean_is_not_that_of_its_frames():
    assert "GAIN" not in as_raw_header(Header({"GAIN": 10.0}), is_mean=True)
    assert as_raw_header(Header({"GAIN": 10.0}), is_mean=False)["GAIN"] == 10.0
