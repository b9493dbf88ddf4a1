"""Which masters fit a setup, with the differences named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ccdfx.night.frames.frame import Frame
from ccdfx.night.given.fitting import contradictions, untold
from ccdfx.night.given.master import GivenMaster
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.instruments.camera_settings import CameraSetting
from ccdfx.night.instruments.header_facts import Known, KnownByUnit
from ccdfx.records.range import Range

OFFSET = CameraSetting("offset", "10", "OFFSET", "10")
SETUP = Setup("iraf", (96, 128), (2, 2), 2.0, Range(120, 128, 0, 96), Range(0, 120, 0, 96), (OFFSET,))
FRAME = Frame(
    path=Path("b.fits"),
    file="given:b.fits",
    kind="bias",
    instrument="iraf",
    shape=(96, 120),
    binning=(2, 2),
    gain=Known(2.0, "header"),
    settings=(OFFSET,),
)
MASTER = GivenMaster(frame=FRAME, overscan=True)
SCIENCE = replace(FRAME, kind="science", file="s.fits", header={"TELESCOP": "Big"})
OTHER = replace(OFFSET, value="20", text="20")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("changes", "frame", "reason"),
    [
        ({}, {}, None),
        ({}, {"shape": (96, 128)}, None),
        ({}, {"gain": None, "settings": ()}, None),
        ({"has_binning": False}, {"binning": (1, 1)}, None),
        ({}, {"instrument": "nickel"}, "instrument (nickel, not iraf)"),
        ({}, {"shape": (96, 121)}, "size (121 x 96, not 120 x 96)"),
        ({}, {"binning": (1, 1)}, "binning (1 x 1, not 2 x 2)"),
        ({}, {"gain": Known(1.5, "header")}, "gain (1.5 e-/ADU, not 2)"),
        ({}, {"settings": (OTHER,)}, "offset (OFFSET = 20, not 10)"),
        ({"window": Range(4, 124, 0, 96)}, {}, "exposed section ([5:124,1:96], not [1:120,1:96])"),
        ({"overscan": False}, {}, "level (its overscan was not subtracted, and that of the frames is)"),
        ({"overscan": False, "bias": True}, {"kind": "dark"}, None),
        ({"overscan": False}, {"kind": "dark"}, "level (its overscan was not subtracted, and that of the frames is)"),
        ({"electrons": True}, {}, "unit (electron, not adu: divide it by the gain)"),
        ({"telescope": "big"}, {"kind": "flat"}, None),
        ({"telescope": "small"}, {"kind": "flat"}, "telescope (small, not big)"),
    ],
)  # fmt: skip
def test_what_contradicts(changes, frame, reason):
    master = replace(MASTER, frame=replace(FRAME, **frame), **changes)
    assert contradictions(master, SETUP, [SCIENCE]) == ((reason,) if reason else ())


def test_a_level_without_light_is_that_of_frames_without_overscan():
    setup = replace(SETUP, overscan=None)
    (reason,) = contradictions(MASTER, setup, [])
    assert reason == "level (its overscan was subtracted, and the frames have none)"


def test_electrons_fit_frames_in_electrons():
    counted = replace(SCIENCE, gain=KnownByUnit(1.0, "header"))
    setup = replace(SETUP, gain=1.0)
    master = replace(MASTER, electrons=True, frame=replace(FRAME, gain=KnownByUnit(1.0, "header")))
    assert contradictions(master, setup, [counted]) == ()


def test_what_a_header_does_not_tell():
    silent = replace(MASTER, has_binning=False, frame=replace(FRAME, gain=None, settings=()))
    assert untold(silent, SETUP) == ("binning", "gain", "offset")
    assert untold(MASTER, SETUP) == ()
