"""Raw frames that are not in ADU."""

from __future__ import annotations

import pytest

from ccdfx.night.frames.scan import scan
from ccdfx.night.run import reduce_night


@pytest.mark.parametrize("unit", ["electron", "electrons", "e-"])
def test_frames_in_electrons_have_a_gain_of_1(camera, out, unit):
    """The ADU of this camera are electrons then: their noise is that of photons, and GAIN is not applied."""
    camera.biases(3, BUNIT=unit, GAIN=4.95)
    camera.science("s.fits", BUNIT=unit, GAIN=4.95)
    frames = scan(camera.folder)
    assert {(frame.gain.value, frame.gain.source) for frame in frames} == {(1.0, "header")}
    facts = reduce_night(camera.folder, out).facts
    assert facts["noise"][0]["gain"] == 1.0 and len(facts["calibrated"]) == 1


@pytest.mark.parametrize("unit", ["adu/s", "electron/s", "count s-1"])
def test_frames_in_counts_per_second_are_refused(camera, unit):
    camera.science("s.fits", BUNIT=unit)
    (frame,) = scan(camera.folder)
    assert "BUNIT" in frame.problem and unit in frame.problem and "exposure time" in frame.problem
