"""What is measured of a camera, from each raw frame read as seldom as it can be."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from ccdfx.engines import engine
from ccdfx.night.cameras.camera_noise import camera_noise, frames_of_noise
from ccdfx.night.frames.scan import scan
from ccdfx.night.graph.perform import make
from ccdfx.night.makers import camera_graph
from ccdfx.night.plan import plan_night
from ccdfx.night.raw.preparation import prepared
from ccdfx.night.raw.reading import raw_image
from ccdfx.night.settings.choices import NightRecipe


def made(camera, tmp_path, threads=1, recipe=None):
    recipe = recipe or NightRecipe()
    plan = plan_night(scan(camera.folder), recipe=recipe)
    ((_, product),) = camera_graph(plan, recipe).products.items()
    with engine("threads", threads=threads):
        return make(product, {"raw": {}, "inputs": {}}, {}, tmp_path)


@pytest.fixture
def reads(monkeypatch):
    """Count how often each raw frame is read."""
    found, lock = Counter(), threading.Lock()

    def counted(frame, recipe):
        with lock:
            found[frame.file] += 1
        return raw_image(frame, recipe)

    monkeypatch.setattr("ccdfx.night.products.camera.raw_image", counted)
    return found


@pytest.mark.quick
@pytest.mark.parametrize("stated", [True, False])
def test_frames_that_serve_twice_are_read_once(camera, tmp_path, reads, monkeypatch, stated):
    unknown = {} if stated else {"GAIN": None, "RDNOISE": None}
    camera.biases(12, **unknown)
    camera.flats(8, **unknown)
    for i in range(3):
        camera.science(f"s{i}.fits", **unknown)
    monkeypatch.setattr(
        "ccdfx.night.cameras.saturation.MOST_PIXELS", 3 * 96 * 128
    )  # those of the science frames
    found = made(camera, tmp_path)
    assert found.facts["refused"] is None and found.lost is None
    assert set(reads.values()) == {1}
    assert reads.keys() >= {"s0.fits", "s1.fits", "s2.fits"}
    # Of the biases and flats whose overscan is compared, three or two are not those in which noise is measured.
    assert len(reads) == 3 + (4 + 4 + 3 if stated else 10 + 6 + 2)


@pytest.mark.parametrize("stated", [True, False])
def test_it_is_what_frames_read_for_one_purpose_tell_on_any_number_of_threads(camera, tmp_path, stated):
    unknown = {} if stated else {"GAIN": None, "RDNOISE": None}
    camera.biases(4, **unknown)
    camera.flats(4, **unknown)
    camera.science("s0.fits", **unknown)
    camera.write("b9.fits", "zero", level=90000.0, **unknown)  # nothing of it is good
    found = [made(camera, tmp_path, threads) for threads in (1, 2, 3)]
    assert found[0].facts == found[1].facts == found[2].facts
    assert found[0].warnings == found[1].warnings == found[2].warnings
    recipe = NightRecipe()
    frames = plan_night(scan(camera.folder), recipe=recipe)
    frames = frames.frames_of(frames.setups[0])
    loaded = []

    def load(frame):
        loaded.append(frame.file)
        if frame.file == "b9.fits":
            return None
        image = prepared(frame, recipe)
        return image if image.good.mean() >= recipe.flat.good else None

    with engine("threads", threads=1):
        noise = camera_noise(frames, load, lambda text: None)
    assert noise.as_dict() == found[0].facts["noise"]
    assert {frame.file for frame in frames_of_noise(frames)} >= set(loaded) - {"b9.fits"}
