"""Provenance in headers: the steps that were applied, by this and other programs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx.records.header import Header
from ccdfx.records.history import applied_steps, with_step


@pytest.mark.quick
@pytest.mark.parametrize(
    ("cards", "steps"),
    [
        ({"CALSTAT": "BDF"}, {"bias", "dark", "flat"}),
        ({"CALSTAT": " bd "}, {"bias", "dark"}),
        ({"ZEROCOR": "Nov 30 12:01 Zero level correction image is Zero"}, {"bias"}),
        ({"OVERSCAN": "Nov 30 12:01 Overscan section is [1:9,1:9] with mean=300."}, {"overscan"}),
        (
            {
                "TRIM": "Nov 30 12:01 Trim data section is [1:9,1:9]",
                "CCDPROC": "Nov 30 12:01 CCD processing done",
            },
            {"reduced"},
        ),
        (
            {"SUBOSCAN": "ccd=<CCDData>", "FLATCOR": "ccd=<CCDData>", "SUBDARK": True},
            {"overscan", "flat", "dark"},
        ),
        ({"BIASCORR": "COMPLETE", "FLATCORR": "PERFORM", "DARKCORR": "OMIT"}, {"bias"}),
        ({"L1STATBI": 1, "L1STATFL": 0, "L1STATOV": -1, "RLEVEL": 91}, {"bias", "reduced"}),
        ({"ESO PRO CATG": "MASTER_BIAS"}, {"reduced"}),
        ({"HISTORY": "Calibrated with a master flat, normalization of 0.310"}, {"flat"}),
        ({"HISTORY": "Calibrated with a synthetic bias of 512"}, {"bias"}),
        ({"HISTORY": "ImageIntegration.numberOfImages: 12"}, {"reduced"}),
        ({"HISTORY": "Bias corrected with mbias.fits"}, {"bias"}),
        ({"HISTORY": "Dark corrected with (deBiased) mdark.fits"}, {"dark"}),
        ({"HISTORY": "Flat corrected with mflat.fits"}, {"flat"}),
        ({"HISTORY": "Median master bias created from 9 images"}, {"reduced"}),
        ({"COMMENT": "1  Calibrated & aligned by ASTAP"}, {"reduced"}),
        ({"HISTORY": "ccdfx 0.1.0 subtract_dark dark=d.fits"}, {"dark"}),
        ({"PRODUCT": "calibrated frame"}, {"reduced"}),
        ({"NCOMBINE": 10, "IMCMB001": "zero1.fits"}, {"reduced"}),
        ({"STACKCNT": 30}, {"reduced"}),
        ({"NCOMBINE": 5}, {"reduced"}),
        ({"STACKCNT": 187}, {"reduced"}),
    ],
)
def test_cards_of_many_programs_say_what_was_applied(cards, steps) -> None:
    assert set(applied_steps(Header(cards))) == steps


@pytest.mark.parametrize(
    "cards",
    [
        {"CALSTAT": "", "FLATCOR": "no", "ZEROCOR": False, "DARKCOR": None, "CCDPROC": "F"},
        {"OVERSCAN": 32, "TRIM": "[1:10,1:10]", "RLEVEL": 0, "PRODUCT": "raw"},
        {"OVERSCAN": True, "TRIM": "0", "CALSTAT": "UNCALIBRATED", "PROGRAM": "Siril 1.4", "STACKCNT": 0},
        {"STACKCNT": 1, "NCOMBINE": 1},
        {"HISTORY": "calibration lamp on", "COMMENT": "Calibrated thermometer"},
    ],
)
def test_raw_frames_are_not_taken_for_reduced_ones(cards) -> None:
    assert applied_steps(Header(cards)) == {}


@given(st.lists(st.sampled_from(["overscan", "bias", "dark", "flat"]), max_size=6))
def test_steps_are_recorded_once_and_in_any_order(steps) -> None:
    header = Header()
    for step in steps:
        header = with_step(header, step)
    assert set(applied_steps(header)) == set(steps)
    assert header.get("CALSTAT", "") == "".join(x for x in "OBDF" if x in {s[0].upper() for s in steps})


def test_letters_of_other_programs_stay() -> None:
    assert with_step(Header({"CALSTAT": "DC"}), "flat")["CALSTAT"] == "DFC"
    assert with_step(Header({"CALSTAT": "unknown"}), "flat")["CALSTAT"] == "F"
