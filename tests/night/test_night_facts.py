"""The metadata of a night are put together from records: what was made, lost and said, in the order of the plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ccdfx.night.graph.product import Graph
from ccdfx.night.graph.record import Record
from ccdfx.night.makers import product_graph
from ccdfx.night.night_facts import Results, night_facts, refusals
from ccdfx.night.plan import plan_night
from ccdfx.night.products.camera import Camera
from ccdfx.night.settings.choices import NightRecipe
from ccdfx.night.summary import plain_values

from .test_plan import biases, flats, frame, science

FRAMES = (*biases(), *flats("V"), *(science(f"s{i}.fits") for i in range(3)), frame("x.fits", "other"))
SKY = {"sky": 100.0, "unit": "adu", "noise_measured": 2.0, "undersampled": None}


def results(camera=Camera(), **changes):  # noqa: B008
    """A night all of whose products were made, but for what `changes` says of some records, by file."""
    plan = plan_night(FRAMES)
    cameras = dict.fromkeys(plan.setups, camera)
    possible = plan.without([setup for setup, one in cameras.items() if one.refused is not None])
    graph = product_graph(possible, NightRecipe(), cameras)
    records = {}
    for file, one in graph.products.items():
        facts = {"file": file, **(SKY if one.kind == "calibrated" else {})}
        facts |= {"effects": []} if one.kind == "effects" else {}
        given = {"facts": facts, "used": tuple(raw.file for raw in one.raw)} | changes.get(file, {})
        records[file] = Record(file=file, kind=one.kind, key=file, parts={}, **given)
    return Results(
        frames=FRAMES,
        planned=plan,
        recipe=NightRecipe(),
        cameras=cameras,
        measured={},
        graph=graph,
        records=records,
    )


def facts_of(found, left_over=()):
    return night_facts(found, Path("raw"), left_over)


@pytest.mark.quick
def test_a_whole_night():
    facts = facts_of(results())
    assert facts["complete"] and facts["directory"] == "raw" and facts["instrument"] == "iraf"
    assert [one["file"] for one in facts["masters"]] == ["masters/bias.fits", "masters/flat_V.fits"]
    assert [one["file"] for one in facts["calibrated"]] == [f"calibrated/s{i}.fits" for i in range(3)]
    assert [one["file"] for one in facts["combined"]] == ["combined/NGC_1_V.fits"]
    assert [one["file"] for one in facts["bad_pixels"]] == ["masters/bad_pixels.fits"]
    used = {one["file"]: one["used"] for one in facts["frames"]}
    assert used.pop("x.fits") is False and all(used.values())
    assert facts["lost"] == [] and facts["products"] == {}
    assert plain_values(facts) == json.loads(json.dumps(plain_values(facts)))


@pytest.mark.quick
def test_what_is_lost_is_said_with_what_it_costs():
    bias, frame_1 = "masters/bias.fits", "calibrated/s1.fits"
    found = results(
        **{
            bias: {
                "facts": None,
                "lost": "no frame of 3 is usable",
                "failed": {"b0.fits": "is cut"},
                "used": (),
            },
            frame_1: {"facts": None, "lost": "a step failed", "used": ()},
        }
    )
    facts = facts_of(found)
    assert facts["lost"] == [{"file": bias, "problem": "no frame of 3 is usable"}]
    problems = {one["file"]: one["problem"] for one in facts["frames"] if one["problem"]}
    assert problems == {"b0.fits": "is cut", "s1.fits": "a step failed"}
    assert [one["file"] for one in facts["calibrated"]] == ["calibrated/s0.fits", "calibrated/s2.fits"]
    assert f"{bias} could not be made: no frame of 3 is usable" in facts["warnings"]
    assert any(
        f"are calibrated without {bias}, which could not be made" in text for text in facts["warnings"]
    )
    assert not any(text.startswith(frame_1) for text in facts["warnings"]), "it is a failed frame"


@pytest.mark.quick
def test_a_camera_that_is_refused_loses_all_of_its_products():
    found = results(camera=Camera(refused="its overscan sees light"))
    facts = facts_of(found)
    assert {one["problem"] for one in facts["lost"]} == {"its overscan sees light"}
    assert facts["masters"] == facts["calibrated"] == facts["noise"] == []
    (said,) = refusals(found.planned, found.cameras)
    assert facts["warnings"].count(said) == 1 and said.endswith("could not be made: its overscan sees light")
    problems = {one["problem"] for one in facts["frames"] if one["file"] != "x.fits"}
    assert problems == {"its overscan sees light"}


def test_a_calibrated_frame_has_its_part_in_the_combined_one():
    name = "calibrated/s1.fits"
    combined = {
        "file": "combined/NGC_1_V.fits",
        "relative": {name: {"transparency": 0.6, "reference": "calibrated/s0.fits"}},
        "scales": [{"source": name, "scale": 0.6, "weight": 0.4}],
    }
    one = {
        fact["file"]: fact
        for fact in facts_of(results(**{"combined/NGC_1_V.fits": {"facts": combined}}))["calibrated"]
    }
    assert one[name] == {"file": name, **SKY, **combined["relative"][name], "scale": 0.6, "weight": 0.4}
    assert "scale" not in one["calibrated/s0.fits"]


def test_warnings_come_once_and_in_the_order_of_the_work():
    bias, combined = "masters/bias.fits", "combined/NGC_1_V.fits"
    found = results(
        **{combined: {"warnings": ("of the frame", "twice")}, bias: {"warnings": ("of the bias", "twice")}}
    )
    said = facts_of(found, left_over=["masters/old.fits"])["warnings"]
    wanted = [
        "of the bias",
        "twice",
        "of the frame",
        "masters/old.fits is of an earlier run and no product of this one",
    ]
    assert [text for text in said if text in wanted] == wanted


def test_a_sky_below_zero_is_one_warning():
    dark = {"facts": {"file": "calibrated/s0.fits", **SKY, "sky": -20.0}}
    (said,) = (
        text for text in facts_of(results(**{"calibrated/s0.fits": dark}))["warnings"] if "below zero" in text
    )
    assert "down to -20 adu" in said and said.endswith("s0.fits")


def test_products_of_plugins_have_a_table_of_their_own():
    found = results()
    records = {
        **found.records,
        "sky.fits": Record(file="sky.fits", kind="sky", key="1", parts={}, facts={"file": "sky.fits"}),
    }
    further = Results(
        frames=found.frames, planned=found.planned, recipe=found.recipe, cameras=found.cameras,
        measured={}, graph=Graph(found.graph.products), records=records,
    )  # fmt: skip
    assert facts_of(further)["products"] == {"sky": [{"file": "sky.fits"}]}
