"""An overscan whose level follows the light of the frames sees light."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx import read, reduce_night
from ccdfx.errors import ArgumentError
from ccdfx.night.cameras.overscan_light import (
    SectionLevels,
    light_in_overscan,
    refuse_lit_levels,
    refuse_lit_overscan,
    section_levels,
    telling_frames,
)
from ccdfx.night.frames.scan import scan


def levels(light, share=0.0, zero=1000.0, drift=0.0, dark=None, scatter=4.0):
    """Levels of a frame of some light, of which its overscan sees a share."""
    dark = light == 0 if dark is None else dark
    noise = np.hypot(scatter, np.sqrt(share * light))  # 1 e-/ADU
    return SectionLevels(zero + drift + share * light, zero + drift + light, float(noise), dark)


LIGHTS = st.lists(st.floats(500, 60000), min_size=1, max_size=6)


@pytest.mark.quick
def test_a_level_that_follows_the_light_is_found():
    frames = [levels(0), levels(0, drift=2.0), levels(20000, 0.3), levels(30000, 0.3)]
    assert light_in_overscan(frames) == pytest.approx(0.3, abs=0.001)
    assert light_in_overscan(frames[2:]) == pytest.approx(0.3, abs=0.001)  # without any dark frame too
    assert light_in_overscan(frames[:2]) is None and light_in_overscan(frames[:1]) is None


def test_one_saturated_frame_whose_charge_spills_decides_nothing():
    frames = [levels(0), levels(0, drift=3.0), levels(30000), levels(32000), levels(64000, 0.1)]
    assert light_in_overscan(frames) is None
    assert light_in_overscan([*frames[:2], *(levels(x, 0.1) for x in (30000, 32000, 64000))]) > 0.05


@pytest.mark.quick
def test_a_level_that_jumps_between_two_kinds_of_frames_is_no_light():
    science = [levels(200, drift=120.0), levels(210, drift=120.0)]
    assert light_in_overscan([levels(0), levels(0, drift=1.0), *science]) is None
    lit = [levels(200, 1.0), levels(210, 1.0)]  # as faint, and seen by the overscan
    assert light_in_overscan([levels(0), levels(0, drift=1.0), *lit]) == pytest.approx(1.0)


@given(LIGHTS, st.floats(0, 0.005), st.lists(st.floats(-15, 15), min_size=9, max_size=9))
def test_late_charge_and_drifts_are_no_light(lights, late, drifts):
    frames = [levels(0, drift=drift) for drift in drifts[:3]]
    frames += [levels(light, late, drift=drift) for light, drift in zip(lights, drifts[3:], strict=False)]
    assert light_in_overscan(frames) is None


@given(LIGHTS, st.floats(0.05, 0.95), st.floats(0, 1e4), st.sampled_from([0.01, 1.0, 100.0]))
def test_the_share_does_not_depend_on_level_and_unit(lights, share, zero, unit):
    frames = [levels(0, zero=zero), *(levels(light + 5000, share, zero=zero) for light in lights)]
    scaled = [
        SectionLevels(one.overscan * unit, one.exposed * unit, one.scatter * unit, one.dark) for one in frames
    ]
    assert light_in_overscan(scaled) == pytest.approx(share, rel=1e-6)


def test_a_night_whose_overscan_is_exposed_is_refused_and_the_reason_said_once(camera, out):
    lit = {"BIASSEC": "[113:120,1:96]", "TRIMSEC": "[1:112,1:96]"}
    camera.biases(3, **lit)
    camera.flats(3, **lit)
    camera.science("s.fits", **lit)
    night = reduce_night(camera.folder, out)
    assert night.status == 3 and not (out / "masters").exists()
    (said,) = (text for text in night.facts["warnings"] if "see light" in text)
    for words in ("masters/bias.fits, masters/flat_V.fits", "[113:120,1:96]", "sections.overscan"):
        assert words in said
    assert {frame["problem"] for frame in night.facts["frames"]} == {night.facts["lost"][0]["problem"]}
    dry = reduce_night(camera.folder, out, dry_run=True, overwrite=True)
    assert dry.status == 3 and dry.plan.files == () and said in dry.plan.warnings
    assert {why for _, why in dry.plan.left_out} == {night.facts["lost"][0]["problem"]}
    other = reduce_night(camera.folder, out, recipe={"overscan": {"use": False}}, overwrite=True)
    assert other.status == 0 and len(other.facts["calibrated"]) == 1


def test_a_night_that_is_right_is_not_refused(camera, out):
    camera.biases(3)
    camera.flats(3, level=1180.0)  # the level jumped between biases and flats
    camera.science("s.fits", level=900.0)
    camera.science("t.fits", level=1250.0, sky=500.0)
    assert reduce_night(camera.folder, out).status == 0


def test_efosc_has_its_levels(shared, tmp_path):
    facts = reduce_night(shared / "inputs/nights/efosc", tmp_path).facts
    (flat,) = (item for item in facts["masters"] if item["kind"] == "flat")
    assert flat["levels"] == pytest.approx([38100, 37300, 36800], rel=0.002)
    assert np.mean([item["sky"] for item in facts["calibrated"]]) == pytest.approx(385, abs=5)


def test_levels_that_were_measured_before_refuse_what_frames_do(camera):
    lit = {"BIASSEC": "[113:120,1:96]", "TRIMSEC": "[1:112,1:96]"}
    camera.biases(5, **lit)
    camera.flats(2, **lit)
    frames = scan(camera.folder)
    chosen = telling_frames(frames)
    assert [frame.kind for frame in chosen] == ["bias"] * 3 + ["flat"] * 2
    assert telling_frames(frame for frame in frames if frame.kind == "bias") == []
    levels = [section_levels(frame, read(frame.path)) for frame in chosen]
    reads = []

    def load(frame):
        reads.append(frame)
        return read(frame.path)

    said = []
    for refuse in (lambda: refuse_lit_levels(chosen, levels), lambda: refuse_lit_overscan(frames, load)):
        with pytest.raises(ArgumentError, match="must not see light") as caught:
            refuse()
        said.append(str(caught.value))
    assert said[0] == said[1] and reads == chosen
    refuse_lit_levels(chosen, levels, saturation=100.0)
    refuse_lit_levels(chosen, [None] * len(chosen))
