"""Products that fail their own check are not written, and what needs them is refused."""

from __future__ import annotations

import pytest

from ccdfx import reduce_night


def lost(night):
    return {item["file"]: item["problem"] for item in night.facts["lost"]}


def problems(night):
    return {frame["file"]: frame["problem"] for frame in night.facts["frames"] if frame["problem"]}


@pytest.mark.quick
def test_a_master_with_too_few_good_pixels_is_an_error_and_what_needs_it_is_refused(camera, out):
    camera.biases()
    camera.flats(3)
    camera.flats(3, filter="R")
    camera.science("v.fits")
    camera.science("r.fits", filter="R")
    recipe = {"flat": {"response": 1.0}, "masters": {"good": 0.9}}  # half of the pixels count as dead
    night = reduce_night(camera.folder, out, recipe=recipe)
    reason = lost(night)["masters/flat_V.fits"]
    for words in ("good pixels", "at least 90% of the frame", "bad pixel", "masters.good"):
        assert words in reason
    assert night.status == 1 and not (out / "masters/flat_V.fits").exists()
    assert "masters/flat_V.fits, which could not be made (good pixels" in problems(night)["v.fits"]
    assert not (out / "calibrated").exists() and (out / "masters/bias.fits").exists()
    assert any(
        "masters/flat_V.fits could not be made: good pixels" in text for text in night.facts["warnings"]
    )
    assert not any("is calibrated without" in text for text in night.facts["warnings"])


def test_the_rest_of_the_night_goes_on(camera, out):
    camera.biases()
    camera.flats(3)
    camera.write("fR0.fits", "flat", 30000.0 * (camera.flat > 1.0), exptime=2.0, filter="R")
    camera.science("v.fits")
    camera.science("r.fits", filter="R")
    night = reduce_night(camera.folder, out, recipe={"masters": {"good": 0.6}})
    assert set(lost(night)) == {"masters/flat_R.fits"} and set(problems(night)) == {"r.fits"}
    assert [item["source"] for item in night.facts["calibrated"]] == ["v.fits"]


def test_rejection_of_more_than_outliers_is_an_error(camera, out):
    for i in range(5):
        camera.write(f"b{i}.fits", "zero", RDNOISE=0.2)  # thirty times less than it is
    stated = {"noise": {"prefer": "header"}}
    night = reduce_night(camera.folder, out, recipe=stated)
    reason = lost(night)["masters/bias.fits"]
    for words in ("rejected values", "at most 25% of all", "ccd_clip", "read noise", "masters.rejected"):
        assert words in reason
    assert (
        reduce_night(
            camera.folder, out, recipe=stated | {"masters": {"rejected": 1.0}}, overwrite=True
        ).status
        == 0
    )


def test_a_rule_by_rank_rejects_what_it_is_asked_to(camera, out):
    camera.biases(4)
    night = reduce_night(
        camera.folder, out, recipe={"bias": {"reject": {"name": "minmax", "low": 1, "high": 1}}}
    )
    assert night.status == 0 and lost(night) == {}


def test_a_combined_frame_is_checked_too(camera, out):
    camera.biases()
    for i in range(3):
        camera.science(f"s{i}.fits")
    night = reduce_night(
        camera.folder,
        out,
        recipe={"combine": {"reject": {"name": "sigma_clip", "low": 0.3, "high": 0.3}, "rejected": 0.2}},
    )
    assert "rejected values" in lost(night)["combined/field_V.fits"]
    assert not (out / "combined").exists() and len(night.facts["calibrated"]) == 3


def test_what_needs_it_through_another_master_is_refused_too(camera, out):
    for i in range(5):
        camera.write(f"b{i}.fits", "zero", RDNOISE=0.2)  # thirty times less than it is
    camera.flats(2)
    for name in ("s0.fits", "s1.fits"):
        camera.science(name)
    night = reduce_night(camera.folder, out, recipe={"noise": {"prefer": "header"}})
    assert "without masters/bias.fits" in lost(night)["masters/flat_V.fits"]
    assert len(set(problems(night).values())) == 1 and len(problems(night)) == 4


def test_frames_that_go_without_a_master_are_said_in_one_sentence(camera, out):
    camera.biases(2)
    camera.flats(1)
    for name in ("s0.fits", "s1.fits"):
        camera.science(name)
    night = reduce_night(camera.folder, out, recipe={"flat": {"level": 60000.0}})
    said = [text for text in night.facts["warnings"] if "calibrated without" in text]
    assert said == ["s0.fits, s1.fits are calibrated without masters/flat_V.fits, which could not be made"]
