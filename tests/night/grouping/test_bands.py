"""Frames of one filter by name that differ in another card of filters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ccdfx.night.frames.frame import Frame
from ccdfx.night.frames.scan import scan
from ccdfx.night.grouping.bands import separate_bands
from ccdfx.night.plan import plan_night
from ccdfx.records.range import Range

LOWELL = Path(__file__).parents[3].parent / "shared" / "inputs" / "nights" / "lowell42"


def frame(file, kind="flat", filter=None, **cards):
    return Frame(
        path=Path(file),
        file=file,
        kind=kind,
        filter=filter,
        filter_cards=tuple(cards.items()),
        exptime=2.0,
        shape=(9, 9),
        instrument="iraf",
        overscan=Range(0, 2, 0, 9),
        data=Range(2, 9, 0, 9),
    )


@pytest.mark.quick
def test_flats_that_differ_in_any_card_of_filters_are_kept_apart_and_it_is_said():
    frames = [
        frame("a", filter="V", XFILT="ND1"), frame("b", filter="V", XFILT="none"), frame("c", filter="V", XFILT="ND1"),
        frame("s", "science", filter="V", XFILT="none"), frame("bias", "bias", XFILT="z"),
    ]  # fmt: skip
    found, (said,) = separate_bands(frames)
    bands = [item.filter for item in found]
    assert bands == ["V (XFILT = ND1)", "V (XFILT = none)", "V (XFILT = ND1)", "V (XFILT = none)", None]
    for words in ("filter V differ in XFILT", "XFILT = ND1: a, c", "keywords.filter"):
        assert words in said
    plan = plan_night(frames)
    assert said in plan.warnings
    assert [len(master.inputs) for master in plan.masters if master.kind == "flat"] == [2, 1]
    assert plan.science[0].use.flat == "masters/flat_V_XFILT_none.fits"


def test_frames_that_lack_the_card_belong_to_the_others_unless_these_differ():
    alike = [frame("a", filter="V", XFILT="ND1"), frame("s", "science", filter="V")]
    assert separate_bands(alike) == (tuple(alike), ())
    unclear = [*alike, frame("b", filter="V", XFILT="none")]
    found, (said,) = separate_bands(unclear)
    assert [item.filter for item in found] == ["V (XFILT = ND1)", "V", "V (XFILT = none)"]
    assert "no XFILT: s" in said


def test_a_filter_that_is_named_may_be_in_another_slot_of_its_wheel():
    frames = [frame("a", filter="V", SLOT="2"), frame("b", filter="V", SLOT="4")]
    assert separate_bands(frames) == (tuple(frames), ())


def test_without_a_name_of_the_filter_the_card_is_the_name():
    found, (said,) = separate_bands([frame("a", XFILT="V", SLOT="3"), frame("b", XFILT="VR", SLOT="1")])
    assert [item.filter for item in found] == ["XFILT = V", "XFILT = VR"]
    assert "frames without a filter's name" in said


@pytest.mark.skipif(
    not LOWELL.is_dir(), reason="the frames of the Hall telescope are not here (../shared/inputs)"
)
def test_a_flat_in_v_is_never_combined_with_those_in_vr():
    plan = plan_night(scan(LOWELL))
    flats = {m.filter: [use.frame.file for use in m.inputs] for m in plan.masters if m.kind == "flat"}
    assert flats["V"] == ["20190326.0100.fits.gz"] and len(flats["VR"]) == 3
    assert {item.use.flat for item in plan.science} == {"masters/flat_VR.fits"}


def test_the_detectors_of_a_file_stay_what_they_are():
    frames = [
        replace(frame(file, filter="V", XFILT=card), detector=detector)
        for file, card in (("a", "ND1"), ("b", "none"))
        for detector in ("left", "right")
    ]
    assert [one.detector for one in separate_bands(frames)[0]] == ["left", "right", "left", "right"]
