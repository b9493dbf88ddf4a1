"""The graph of a night: which product needs which, and what its key depends on."""

from __future__ import annotations

from collections import Counter

import pytest

from ccdfx.night.cameras.camera_noise import CameraNoise
from ccdfx.night.graph.keys import digest
from ccdfx.night.instruments.header_facts import Known
from ccdfx.night.makers import CAMERA, MAKERS, camera_graph, product_graph
from ccdfx.night.plan import plan_night
from ccdfx.night.products.camera import Camera
from ccdfx.night.settings.reading import load_night_recipe

from .test_plan import biases, darks, flats, science

FRAMES = [*biases(), *darks(60), *darks(2), *flats("V"), *(science(f"s{i}.fits") for i in range(3))]


def graph(frames=FRAMES, cameras=None, **recipe):
    choices = load_night_recipe(recipe)
    plan = plan_night(frames, recipe=choices)
    found = {} if cameras is None else dict.fromkeys(plan.setups, cameras)
    return product_graph(plan, choices, found)


def keys(one):
    """The keys of all products, where each raw frame has its name as a key."""
    found: dict[str, str] = {}
    for file in one.order:
        made = one.products[file]
        found[file] = digest(made.key_parts(found, {frame.file: frame.file for frame in made.raw}))
    return found


def changed(one, two):
    """The products whose key differs, or that are in the second alone."""
    before = keys(one)
    return {file for file, key in keys(two).items() if before.get(file) != key}


@pytest.mark.quick
def test_a_night_is_a_graph():
    found = graph()
    assert Counter(one.kind for one in found.products.values()) == {
        "bias": 1, "dark": 2, "flat": 1, "bad_pixels": 1, "calibrated": 3, "combined": 1, "effects": 1,
    }  # fmt: skip
    assert found.products["masters/flat_V.fits"].needs == ("masters/bias.fits", "masters/dark_2s.fits")
    frame = found.products["calibrated/s0.fits"]
    assert set(frame.needs) == {
        "masters/bias.fits", "masters/dark_60s.fits", "masters/flat_V.fits", "masters/bad_pixels.fits",
    }  # fmt: skip
    assert [one.file for one in frame.raw] == ["s0.fits"]
    assert set(found.products["combined/NGC_1_V.fits"].needs) >= {f"calibrated/s{i}.fits" for i in range(3)}
    assert set(found.products["effects.json"].needs) == set(found.products) - {"effects.json"}
    assert [file for file, one in found.products.items() if not one.has_image] == ["effects.json"]
    assert all(one.memory >= 96 * 128 for one in found.products.values() if one.has_image)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("recipe", "kinds"),
    [
        ({}, set()),
        ({"combine": {"average": "median"}}, {"combined", "effects"}),
        ({"cosmic_rays": {"sigma_limit": 9.0}}, {"calibrated", "combined", "effects"}),
        ({"bad_pixels": {"sigma_limit": 9.0}}, {"bad_pixels", "calibrated", "combined", "effects"}),
        ({"noise": {"tolerance": 0.5}}, set()),
    ],
    ids=["nothing", "combine", "cosmic_rays", "bad_pixels", "noise"],
)
def test_a_key_depends_on_the_tables_of_its_maker_and_of_what_it_needs(recipe, kinds):
    two = graph(**recipe)
    assert {two.products[file].kind for file in changed(graph(), two)} == kinds


def test_an_option_of_the_flats_leaves_what_no_flat_is_in():
    whole = graph()
    kept = {file for file, product in whole.products.items() if product.kind in ("bias", "dark")}
    assert kept and changed(whole, graph(flat={"average": "median"})) == set(whole.products) - kept
    without = [one for one in FRAMES if one.kind != "science"]
    assert changed(graph(without), graph(without, combine={"average": "median"})) == set()


def test_the_camera_shows_in_the_keys():
    two = graph(cameras=Camera(noise=CameraNoise(gain=2.0)))
    assert changed(graph(), two) == set(two.products)
    three = graph(cameras=Camera(noise=CameraNoise(gain=2.0), saturation=Known(60000.0, "measured")))
    assert changed(two, three) == set(three.products)


def test_one_more_frame_leaves_the_others():
    more = graph([*FRAMES, science("s3.fits")], bad_pixels={"use": False})
    assert changed(graph(bad_pixels={"use": False}), more) == {
        "calibrated/s3.fits", "combined/NGC_1_V.fits", "effects.json",
    }  # fmt: skip


def test_a_file_of_the_recipe_counts_by_its_content(tmp_path):
    own = tmp_path / "steps.toml"
    own.write_text('[[step]]\nuse = "trim"\nsection = "[1:9,1:9]"\n')
    one = graph(science={"steps": str(own)})
    own.write_text('[[step]]\nuse = "trim"\nsection = "[1:8,1:8]"\n')
    kinds = {one.products[file].kind for file in changed(one, graph(science={"steps": str(own)}))}
    assert "calibrated" in kinds and "bias" not in kinds


@pytest.mark.quick
def test_makers_have_names_of_their_own_and_tables_that_exist():
    recipe = load_night_recipe(None)
    names = [maker.name for maker in (CAMERA, *MAKERS)]
    assert len(set(names)) == len(names)
    for maker in (CAMERA, *MAKERS):
        assert all(hasattr(recipe, table) for table in maker.tables), maker.name


@pytest.mark.quick
def test_cameras_are_measured_before():
    choices = load_night_recipe(None)
    (camera,) = camera_graph(plan_night(FRAMES), choices).products.values()
    assert camera.file == "camera/iraf-128x96-1x1.json" and not camera.has_image and camera.needs == ()
    assert sorted(one.file for one in camera.raw) == sorted(one.file for one in FRAMES)
