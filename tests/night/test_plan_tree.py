"""The plan of a night as a tree: each frame and each product where an observer looks for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccdfx.night.plan import Plan, plan_night
from ccdfx.night.plan_tree import tree_of

from .test_plan import biases, darks, flats, frame, science


def labels(nodes):
    return [text for node in nodes for text in (node["label"], *labels(node["children"]))]


@pytest.mark.quick
def test_masters_frames_and_what_is_not_used():
    frames = [
        *biases(),
        *darks(60),
        *flats("V"),
        science("s0.fits"),
        science("s1.fits"),
        frame("x.fits", "other"),
    ]
    used, left = tree_of(plan_night(frames))
    assert used["label"].startswith("iraf, 128 x 96") and left["label"] == "not used"
    first = [node["label"] for node in used["children"]]
    assert first == [
        "masters/bias.fits: 3 bias frames",
        "masters/dark_60s.fits: 2 dark frames of 60 s",
        "masters/flat_V.fits: 2 flat frames, filter V",
        "calibrated: 2 science frames",
        "combined/NGC_1_V.fits: 2 frames of NGC 1, filter V",
    ]
    assert labels(used["children"][4]["children"]) == ["calibrated/s0.fits", "calibrated/s1.fits"]
    assert [node["label"].split(":")[0] for node in left["children"]] == ["x.fits"]


@pytest.mark.quick
def test_an_empty_plan_is_an_empty_tree():
    assert tree_of(Plan()) == []


@pytest.mark.quick
def test_mosaics_of_all_detectors_stand_behind_the_detectors():
    (tree,) = tree_of(Plan(mosaics=(("combined/M_13_V.fits", ("a.fits", "b.fits")),)))
    assert tree["label"] == "of all detectors" and labels(tree["children"]) == [
        "combined/M_13_V.fits: 2 detectors",
        "a.fits",
        "b.fits",
    ]


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_each_product_is_there_once(bias, dark, flat, objects):
    frames = [
        *biases(bias),
        *darks(60, dark),
        *flats("V", flat),
        *(science(f"s{i}.fits") for i in range(objects)),
    ]
    plan = plan_night(frames)
    said = labels(tree_of(plan))
    for product in plan.products:
        assert sum(text.startswith(f"{product.file}: ") for text in said) == 1
    for one in frames:
        assert any(
            text.startswith((f"{one.file},", f"{one.file}:", one.file)) or f": {one.file}" in text
            for text in said
        )
