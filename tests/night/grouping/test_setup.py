"""Setups: frames that differ in what changes the signal are never together, and it is said in what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ccdfx import reduce_night
from ccdfx.night.frames.frame import Frame
from ccdfx.night.grouping.setup import differences, groups_of, setup_of
from ccdfx.night.instruments.camera_settings import (
    LOOKUPS,
    CameraSetting,
    Temperature,
    settings_of,
    temperature_of,
)
from ccdfx.night.instruments.file import read_instrument
from ccdfx.night.instruments.header_facts import Known
from ccdfx.night.plan import plan_night
from ccdfx.night.settings.reading import load_night_recipe
from ccdfx.records.header import Header
from ccdfx.records.range import Range


def frame(file, kind, **facts):
    given = {
        "shape": (96, 128),
        "binning": (1, 1),
        "instrument": "iraf",
        "data": Range(0, 128, 0, 96),
        "exptime": 0.0,
    }
    return Frame(path=Path(file), file=file, kind=kind, **(given | facts))


def settings(**values):
    keywords = {"gain setting": "GAIN", "offset": "OFFSET", "read mode": "READOUTM", "row order": "ROWORDER"}
    named = {name.replace("_", " "): str(value) for name, value in values.items()}
    return tuple(CameraSetting(name, text.casefold(), keywords[name], text) for name, text in named.items())


def biases(count=3, **facts):
    tag = "".join(str(value)[:1] for value in facts)
    return [frame(f"b{tag}{i}.fits", "bias", **facts) for i in range(count)]


def science(file="s.fits", **facts):
    return frame(file, "science", **({"object": "NGC 1", "filter": "V", "exptime": 60.0} | facts))


def at(value):
    return Temperature(value, "CCD-TEMP")


@pytest.mark.quick
@pytest.mark.parametrize(
    ("name", "keyword", "one", "two"),
    [
        ("gain_setting", "GAIN", 100, 200),
        ("offset", "OFFSET", 10, 300),
        ("read_mode", "READOUTM", "Fast", "Slow"),
        ("row_order", "ROWORDER", "TOP-DOWN", "BOTTOM-UP"),
    ],
)
def test_frames_of_another_setting_are_not_applied_and_both_values_are_said(name, keyword, one, two):
    plan = plan_night([*biases(settings=settings(**{name: one})), science(settings=settings(**{name: two}))])
    assert plan.science == ()
    reason = plan.left_out[0][1]
    title = name.replace("_", " ")
    assert reason.startswith(
        "has no overscan, and no bias, dark or flat fits it: those there are differ in "
        f"{title} ({keyword} = {one}, not {two}); take calibration frames like it"
    )
    assert [setup.label for setup in plan.setups] == [f"iraf, 128 x 96, {title} {one}, no overscan"]
    same = plan_night([*biases(settings=settings(**{name: one})), science(settings=settings(**{name: one}))])
    assert same.science[0].use.bias == "masters/bias.fits" and "GAIN" not in same.setups[0].label
    assert plan_night([*biases(), science(settings=settings(**{name: two}))]).science[0].use.bias


def test_a_missing_calibration_says_how_those_of_other_setups_differ():
    over = {"overscan": Range(120, 128, 0, 96)}
    plan = plan_night(
        [*biases(**over, settings=settings(offset=10)), science(**over, settings=settings(offset=30))]
    )
    assert any(
        "no bias frame fits (those there are differ in offset (OFFSET = 10, not 30)), so" in text
        for text in plan.warnings
    )
    small = plan_night([*biases(), science(shape=(48, 64), data=Range(0, 64, 0, 48))])
    assert "differ in size (128 x 96, not 64 x 48)" in small.left_out[0][1]


def test_setups_name_every_property_in_which_they_differ():
    one = setup_of(frame("a", "bias", gain=Known(1.0, "header"), settings=settings(offset=1)))
    other = replace(one, binning=(2, 2), gain=2.0, overscan=Range(0, 2, 0, 96), settings=settings(offset=2))
    assert len(differences(one, other)) == 4 and differences(one, one) == ()
    assert differences(one, replace(other, gain=None, settings=()))[0].startswith("binning")


def test_a_gain_that_is_written_to_more_digits_is_the_same_gain():
    one, two = (setup_of(frame("a", "bias", gain=Known(gain, "header"))) for gain in (1.0022427, 1.00224))
    assert one == two and differences(one, setup_of(frame("a", "bias", gain=Known(1.01, "header"))))


def test_a_frame_that_lacks_a_setting_joins_the_only_setup_it_fits():
    known, unsaid = frame("a", "bias", settings=settings(offset=1, read_mode="x")), frame("b", "bias")
    (setup,) = groups_of([unsaid, known])
    assert {one.name for one in setup.settings} == {"offset", "read mode"}
    assert len(groups_of([unsaid, known, frame("c", "bias", settings=settings(offset=2))])) == 3


def test_darks_and_biases_of_another_temperature_are_not_applied():
    warm = [frame(f"k{i}", "dark", exptime=60.0, temperature=at(0.1 * i)) for i in range(3)]
    plan = plan_night([*biases(temperature=at(-20.0)), *warm, science(temperature=at(-20.3))])
    use = plan.science[0].use
    assert (use.bias, use.dark) == ("masters/bias.fits", None)
    (said,) = (text for text in plan.warnings if "no dark of" in text)
    for words in ("CCD-TEMP = -20.3", "there are some of 0.1", "setup.temperature", "s.fits"):
        assert words in said
    loose = plan_night(
        [*warm, science(temperature=at(-20.3))], recipe=load_night_recipe({"setup": {"temperature": 25.0}})
    )
    assert loose.science[0].use.dark == "masters/dark_60s.fits"
    assert (
        plan_night([*warm, science()]).science[0].use.dark == "masters/dark_60s.fits"
    )  # it says no temperature


def test_each_frame_gets_the_masters_of_its_temperature():
    frames = [
        *(frame(f"b{t}{i}", "bias", temperature=at(t + 0.2 * i)) for t in (-20, 0) for i in range(2)),
        *(frame(f"k{t}{i}", "dark", exptime=60.0, temperature=at(t + 0.2 * i)) for t in (-20, 0) for i in range(2)),
        science("cold.fits", temperature=at(-20.0)), science("warm.fits", temperature=at(0.3)),
    ]  # fmt: skip
    plan = plan_night(frames)
    assert [(master.file, len(master.inputs)) for master in plan.masters] == [
        ("masters/bias_-20deg.fits", 2), ("masters/bias_0deg.fits", 2),
        ("masters/dark_60s_-20deg.fits", 2), ("masters/dark_60s_0deg.fits", 2),
    ]  # fmt: skip
    cold, warm = (item.use for item in plan.science)
    assert cold.masters == ("masters/bias_-20deg.fits", "masters/dark_60s_-20deg.fits")
    assert warm.masters == ("masters/bias_0deg.fits", "masters/dark_60s_0deg.fits")
    assert {use.bias for use in plan.masters[2].inputs} == {"masters/bias_-20deg.fits"}


def test_a_bias_is_not_subtracted_twice_with_a_dark_that_holds_it():
    warm = [frame(f"k{i}", "dark", exptime=60.0, temperature=at(0.0)) for i in range(2)]
    plan = plan_night(
        [*biases(temperature=at(-20.0)), *warm, science()]
    )  # no temperature is said: both would fit
    assert plan.science[0].use.masters == ("masters/dark_60s.fits",)


def test_a_flat_that_keeps_its_bias_is_left_out_of_the_others():
    flats = [
        frame(f"f{i}", "flat", filter="V", exptime=2.0, temperature=at(t))
        for i, t in enumerate((-20, -20, 5))
    ]
    plan = plan_night([*biases(temperature=at(-20.0)), *flats])
    assert [use.frame.file for use in plan.masters[1].inputs] == ["f0", "f1"]
    assert plan.left_out[0][0].file == "f2" and "CCD-TEMP = 5" in plan.left_out[0][1]


def test_one_warning_for_frames_of_many_exposures():
    frames = [*biases(temperature=at(0)), frame("k", "dark", exptime=10.0)]
    plan = plan_night([*frames, *(science(f"s{i}.fits", exptime=300.0 + i) for i in range(31))])
    (said,) = (text for text in plan.warnings if text.startswith("no dark of"))
    for words in ("300 s, 301 s", "and 26 more", "(there are darks of 10 s)", "dark.scale = true"):
        assert words in said


def test_settings_and_temperatures_of_headers():
    header = Header(
        {"GAIN": "120", "READOUTM": " Fast ", "XORGSUBF": 0, "YORGSUBF": 8, "CCD-TEMP": -999.0, "SET-TEMP": "-20",
         "ROWORDER": "", "OFFSET": 30.0}
    )  # fmt: skip
    found = {one.name: one.value for one in settings_of(header, LOOKUPS.items())}
    assert found == {"gain setting": "120", "offset": "30", "read mode": "fast", "window": "0 8"}
    assert temperature_of(header, LOOKUPS.items()) == (-20.0, "SET-TEMP")
    camera = read_instrument(
        'name = "m"\nmatch = { A = 1 }\nrules = [{ kind = "flat", when = { A = 1 } }]\n'
        'setup = { "read mode" = "MODE", offset = [], temperature = "T" }'
    )
    header = Header({"MODE": "x", "OFFSET": 3, "T": 1.5, "READOUTM": "y"})
    assert [(one.name, one.keyword) for one in settings_of(header, camera.setup)] == [("read mode", "MODE")]
    assert temperature_of(header, camera.setup) == (1.5, "T")


@pytest.mark.quick
def test_a_blank_flip_is_none_and_differs_from_a_flip():
    """MaxIm DL leaves FLIPSTAT blank where nothing is flipped; a blank gain says nothing."""
    (blank,) = settings_of(Header({"FLIPSTAT": "", "GAIN": " "}), LOOKUPS.items())
    (flipped,) = settings_of(Header({"FLIPSTAT": "Flip"}), LOOKUPS.items())
    assert (blank.name, blank.text) == ("flip", "none") and blank != flipped
    assert settings_of(Header({"GAIN": 2.0}), [("flip", ("FLIPSTAT",))]) == ()


def test_a_night_of_two_temperatures_has_its_skies(camera, out):
    bare = {"BIASSEC": None, "TRIMSEC": None}
    for i in range(3):
        camera.write(f"b{i}.fits", "zero", **bare, **{"CCD-TEMP": -20.0})
        camera.write(f"w{i}.fits", "dark", 400.0, exptime=60.0, **bare, **{"CCD-TEMP": 0.0})
    camera.science("s.fits", **bare, **{"CCD-TEMP": -20.1})
    facts = reduce_night(camera.folder, out).facts
    (done,) = facts["calibrated"]
    assert done["masters"] == ["masters/bias.fits"]
    assert done["sky"] == pytest.approx((400 * np.median(camera.flat) + 30) / 2, rel=0.05)
    assert any("no dark of CCD-TEMP = -20.1 fits" in text for text in facts["warnings"])
    assert facts["frames"][0]["temperature"] == -20.0


def test_a_night_without_fitting_biases_is_no_night_of_pedestals(camera, out):
    bare = {"BIASSEC": None, "TRIMSEC": None}
    for i in range(2):
        camera.write(f"b{i}.fits", "zero", **bare, OFFSET=10)
        camera.write(f"f{i}.fits", "flat", 30000.0 * camera.flat, exptime=2.0, filter="V", **bare, OFFSET=30)
    camera.science("s.fits", **bare, OFFSET=30)
    night = reduce_night(camera.folder, out)
    assert night.status == 1 and len(night.plan.files) == 1 and night.facts["calibrated"] == []
    reasons = {frame["file"]: frame["left_out"] for frame in night.facts["frames"]}
    assert reasons["s.fits"] == reasons["f0.fits"]
    assert reasons["s.fits"].endswith(
        "no bias frame fits (those there are differ in offset (OFFSET = 10, not 30))"
    )
    dry = reduce_night(camera.folder, out, dry_run=True, overwrite=True)
    assert {frame.file: why for frame, why in dry.plan.left_out}["s.fits"] == reasons["s.fits"]
