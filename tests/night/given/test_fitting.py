"""Which masters fit a setup, with the differences named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ccdfx.night.calibrators import Calibrator, Calibrators
from ccdfx.night.frames.frame import Frame
from ccdfx.night.given.fitting import contradictions, fitting, given_warnings, taken_for, untold
from ccdfx.night.given.master import GivenMaster, GivenMasters
from ccdfx.night.grouping.setup import Setup
from ccdfx.night.instruments.camera_settings import CameraSetting, Temperature
from ccdfx.night.instruments.header_facts import Known, KnownByUnit
from ccdfx.night.settings.choices import BiasChoice, DarkChoice, NightRecipe
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


def _dark(name, exptime, degrees=None):
    temperature = None if degrees is None else Temperature(degrees, "CCD-TEMP")
    frame = replace(FRAME, file=f"given:{name}", kind="dark", exptime=exptime, temperature=temperature)
    return GivenMaster(frame=frame, bias=True)


def test_frames_of_the_night_go_first():
    """Also where a given master is nearer in temperature, or needs less scaling."""
    own = (
        Calibrator("masters/dark_60s.fits", 60.0, Temperature(-18.5, "CCD-TEMP")),
        Calibrator("masters/dark_20s.fits", 20.0),
    )
    given = GivenMasters((_dark("a.fits", 60.0, -20.0), _dark("b.fits", 30.0), _dark("c.fits", 100.0)))
    known = fitting(given, SETUP, [], "").join(Calibrators(darks=own), "dark")
    assert list(known.given) == ["masters/dark_60s_2.fits", "masters/dark_30s.fits", "masters/dark_100s.fits"]

    def dark_of(exptime, **options):
        frame = replace(SCIENCE, exptime=exptime, temperature=Temperature(-20.0, "CCD-TEMP"))
        use = known.for_science(frame, NightRecipe(bias=BiasChoice(level=0.0), dark=DarkChoice(**options)))
        return use.dark, use.dark_scale

    assert dark_of(60.0) == ("masters/dark_60s.fits", None)
    assert dark_of(30.0) == ("masters/dark_30s.fits", None)
    assert dark_of(90.0) == (None, None)
    assert dark_of(90.0, scale=True) == ("masters/dark_60s.fits", 1.5)


def test_only_what_is_used_is_taken():
    given = GivenMasters((_dark("a.fits", 60.0), _dark("b.fits", 30.0)))
    known = fitting(given, SETUP, [], "_x").join(Calibrators(), "dark")
    use = known.for_science(replace(SCIENCE, exptime=30.0), NightRecipe(bias=BiasChoice(level=0.0)))
    (item,) = taken_for([use], [known.given])
    assert (item.file, item.exptime, item.master.name) == ("masters/dark_30s_x.fits", 30.0, "b.fits")


def test_a_difference_is_said_once():
    others = [replace(MASTER, frame=replace(FRAME, file=f"given:{name}", settings=(OTHER,))) for name in "ab"]
    groups = {SETUP: [SCIENCE]}
    assert given_warnings(GivenMasters((*others, MASTER)), groups, []) == (
        "masters that are given fit no frames of the night, they differ in offset (OFFSET = 20, not 10): a, b",
    )
