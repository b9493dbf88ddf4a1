"""The camera of each setup, measured before the products are planned, and what is said of one that is not known."""

from __future__ import annotations

import json
import warnings
from collections import OrderedDict
from dataclasses import replace

import pytest

from ccdfx.errors import CcdfxWarning
from ccdfx.night.cameras import once, saturation
from ccdfx.night.cameras.camera_noise import CameraNoise
from ccdfx.night.graph.record import Record, read_record
from ccdfx.night.plan import plan_night
from ccdfx.night.products import camera as module
from ccdfx.night.products.camera import Camera, camera_of, noise_warnings, saturations
from ccdfx.night.run import reduce_night
from ccdfx.night.settings.reading import load_night_recipe

from ..test_plan import biases, science

PLACE = "camera/iraf-128x96-1x1.json"


def record(**facts):
    given = {"saturation": None, "noise": None, "refused": None} | facts
    return Record(file=PLACE, kind="camera", key="1", parts={}, facts=given)


@pytest.mark.quick
def test_a_camera_comes_back_from_its_record():
    noise = CameraNoise(
        gain=2.0,
        gain_error=0.1,
        gain_source="measured",
        readnoise=6.0,
        readnoise_source="header",
        pairs=4,
        stated={"gain": 2.2},
    )
    found = camera_of(record(noise=noise.as_dict(), saturation={"value": 6e4, "source": "measured"}))
    assert found.noise == noise and (found.saturation.value, found.saturation.source) == (6e4, "measured")
    assert found.refused is None
    through = json.loads(json.dumps(record(noise=noise.as_dict()).facts))
    assert camera_of(record(**through)).noise == noise
    assert camera_of(record(refused="sees light")) == Camera(refused="sees light")
    lost = Record(file=PLACE, kind="camera", key="1", parts={}, lost="cut")
    assert camera_of(lost) == Camera(refused="cut")


@pytest.mark.quick
def test_what_cannot_be_done_without_gain_and_noise_is_said_of_science_frames():
    plan = plan_night([*biases(), science()])
    (setup,) = plan.setups
    choices = load_night_recipe({"science": {"electrons": True}})
    said = noise_warnings(setup, Camera(), plan, choices)
    assert said[0] == "the gain is not known, so these frames are in ADU, not in electrons: s.fits"
    assert any("no cosmic rays are masked: s.fits" in text for text in said[1:])
    known = Camera(noise=CameraNoise(gain=2.0, readnoise=6.0))
    assert noise_warnings(setup, known, plan, choices) == []
    assert saturations({setup: known}) == {}


@pytest.mark.quick
def test_a_night_measures_its_camera_and_keeps_the_numbers(camera, out):
    camera.biases(GAIN=None, RDNOISE=None)
    camera.flats(GAIN=None, RDNOISE=None)
    camera.science("s.fits", GAIN=None, RDNOISE=None)
    night = reduce_night(camera.folder, out)
    kept = camera_of(read_record(out, PLACE))
    assert kept.noise.gain == pytest.approx(2.0, rel=0.05) and kept.noise.gain_source == "measured"
    assert night.facts["noise"][0]["gain"] == kept.noise.gain
    events = []
    reduce_night(camera.folder, out, told=events.append)
    assert {event.state for event in events} == {"current"} and events[0].kind == "camera"


def test_a_change_of_its_frames_that_changes_no_number_costs_nothing_else(camera, out):
    """The numbers stand in the keys of the products, not the frames that they were measured in."""
    camera.biases()
    camera.flats(filter="V")
    camera.science("s.fits")
    reduce_night(camera.folder, out)
    camera.science("t.fits", filter="V", object="other")
    made = {file for file, why in reduce_night(camera.folder, out).made.items() if why is not None}
    assert not {"masters/bias.fits", "masters/flat_V.fits"} & made and "calibrated/t.fits" in made


def test_frames_that_tell_nothing_more_of_it_cost_no_measurement(camera, out, tmp_path, monkeypatch):
    """A later science frame leaves it as it is; one in which the saturation is searched leaves the noise as it is."""
    measured, plain = [], module.camera_noise

    def counted(*arguments):
        measured.append(len(arguments[0]))
        warnings.warn("a note of a reader", CcdfxWarning, stacklevel=2)
        return plain(*arguments)

    def states(**options):
        events = []
        reduce_night(camera.folder, out, told=events.append, **options)
        return [event.state for event in events if event.kind == "camera"]

    monkeypatch.setattr(module, "camera_noise", counted)
    camera.biases(2)
    camera.science("s.fits")
    assert states() == ["made"]
    camera.science("t.fits", dx=2.0)
    assert states() == ["made"] and len(measured) == 1
    monkeypatch.setattr(saturation, "MOST_PIXELS", 1)
    assert states() == ["made"]
    camera.science("u.fits", dx=3.0)
    assert states() == ["current"] and len(measured) == 2  # of other samples, when fewer frames were searched
    monkeypatch.setattr(once, "_known", OrderedDict())
    reduce_night(camera.folder, tmp_path / "fresh")
    one, two = read_record(out, PLACE), read_record(tmp_path / "fresh", PLACE)
    assert len(measured) == 3 and "a note of a reader" in one.warnings
    assert replace(one, seconds=None) == replace(two, seconds=None)
