"""Frames of several readouts: as one readout alone they are those of a camera of one amplifier."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulated_readouts import Detector

from ccdfx import Range
from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import differences, setup_of
from ccdfx.night.plan import plan_night
from ccdfx.night.readouts.frames import (
    ReadoutValues,
    assembled_frame,
    frame_of_readout,
    geometry_of,
    with_values,
)


@pytest.mark.quick
def test_one_readout_is_a_camera_of_one_amplifier(tmp_path) -> None:
    readouts = Detector(2, 1).readouts
    moved = replace(
        readouts[1],
        window=readouts[1].window.moved(100, 7),
        data=readouts[1].data.moved(100, 7),
        bias=tuple(one.moved(100, 7) for one in readouts[1].bias),
    )
    frame = Frame(path=tmp_path / "a.fits", file="a.fits", kind="bias", readouts=(readouts[0], moved))
    alone = frame_of_readout(frame, moved)
    assert (
        alone.shape == (24, 42)
        and alone.data == Range(10, 42, 0, 24)
        and alone.overscan == Range(0, 10, 0, 24)
    )
    assert alone.hdu == 2 and alone.gain.value == 4.0 and alone.readouts == ()


@pytest.mark.quick
def test_what_is_measured_is_used_and_does_not_part_setups(tmp_path) -> None:
    frame = assembled_frame(Frame(path=tmp_path / "a.fits", file="a.fits", readouts=Detector(2, 2).readouts))
    values = {"A1": ReadoutValues(name="A1", gain=2.00004, readnoise=7.0, saturation=5e4)}
    measured = replace(frame, readouts=with_values(frame.readouts, values))
    assert [one.readnoise for one in measured.readouts][:2] == [frame.readouts[0].readnoise, 7.0]
    assert geometry_of(measured.readouts) == geometry_of(frame.readouts)
    assert setup_of(measured) == setup_of(frame) and setup_of(frame).label.endswith("64 x 48, 4 readouts")
    other = replace(frame, readouts=(replace(frame.readouts[0], gain=9.0), *frame.readouts[1:]))
    (said,) = differences(setup_of(frame), setup_of(other))
    assert said.startswith("readouts (A0 [1:32,1:24] at [1:32,1:24] gain 9,")


@pytest.mark.quick
def test_the_detectors_of_a_file_have_products_of_their_own(tmp_path) -> None:
    """They are never combined, and their names say which is which."""
    frames = []
    for file, kind in (("b1", "bias"), ("b2", "bias"), ("f", "flat"), ("s1", "science"), ("s2", "science")):
        for detector in ("1", "2"):
            readouts = tuple(replace(one, detector=detector) for one in Detector(2, 1).readouts)
            facts = {"object": "M 13", "exptime": 9.0} if kind == "science" else {}
            frames.append(
                Frame(
                    path=tmp_path / f"{file}.fits", file=f"{file}.fits[{detector}]", kind=kind, instrument="two", filter="V",
                    readouts=readouts, detector=detector, **facts,
                )
            )  # fmt: skip
    plan = plan_night(frames)
    assert plan.setups[0].label == "two, detector 1, 64 x 24, 2 readouts"
    assert {"calibrated/s1_1.fits", "calibrated/s2_1.fits", "combined/M_13_V_1.fits"} < set(plan.files)
    masters = [item.file for item in plan.masters]
    assert masters[:2] == ["masters/bias_two-64x24-1x1-1.fits", "masters/flat_V_two-64x24-1x1-1.fits"]
    assert "s1.fits[1], M 13, V, 9 s; assemble 2 readouts; subtract overscan, bias_" in str(plan)
    assert len(plan.combined) == 2 and all(item.setup.detector in ("1", "2") for item in plan.combined)
