"""Frames of several readouts: as one readout alone they are those of a camera of one amplifier."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulated_readouts import Detector

from ccdfx import Range
from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import differences, setup_of
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
