"""The raw frames in which a camera is measured: later science frames of a night are none of them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccdfx.night.cameras import saturation
from ccdfx.night.cameras.telling import telling_plan
from ccdfx.night.instruments.header_facts import Known
from ccdfx.night.plan import plan_night

from ..test_plan import SHAPE, biases, flats, science

MOST = 3


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Search the saturation in three frames."""
    monkeypatch.setattr(saturation, "MOST_PIXELS", MOST * math.prod(SHAPE))


def told(frames):
    """The plan in which the camera of the only setup is measured, and the names of its science frames."""
    plan = plan_night(frames)
    (setup,) = plan.setups
    part = telling_plan(plan, setup)
    return part, [item.use.frame.file for item in part.science]


@pytest.mark.quick
@settings(max_examples=20, deadline=None)
@given(exposures=st.lists(st.sampled_from([10.0, 60.0, 300.0]), max_size=9), more=st.integers(1, 4))
def test_more_science_frames_as_long_as_the_shortest_change_nothing(exposures, more):
    night = [*biases(), *flats("V"), *(science(f"s{n}.fits", exptime=t) for n, t in enumerate(exposures))]
    part, names = told(night)
    longest = sorted(exposures, reverse=True)
    found = sorted((item.use.frame.exptime for item in part.science), reverse=True)
    assert found[:MOST] == longest[:MOST] and found[-1:] == longest[-1:] and len(found) <= MOST + 1
    assert len(part.masters) == 2 and part.combined == ()
    if len(exposures) >= MOST:
        later = [science(f"t{n}.fits", exptime=min(exposures)) for n in range(more)]
        assert told([*night, *later]) == (part, names)
    assert told([*night, science("long.fits", exptime=900.0)])[1][-1] == "long.fits"


@pytest.mark.quick
def test_the_first_frame_that_states_a_number_tells_too():
    frames = [science(f"s{n}.fits", exptime=60.0) for n in range(5)]
    frames[3] = replace(frames[3], gain=Known(1.5, "header"))
    assert told([*biases(), *frames])[1] == ["s0.fits", "s1.fits", "s2.fits", "s3.fits"]
    stated = [replace(one, gain=Known(1.5, "header")) for one in biases()]
    assert told([*stated, *frames])[1] == ["s0.fits", "s1.fits", "s2.fits"]
