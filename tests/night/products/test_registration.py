"""Frames of a night laid on one another: shifted, turned, and those that are not moved."""

from __future__ import annotations

import math
from contextlib import ExitStack

import numpy as np
import pytest

from ccdfx import Image, Transform, aperture_photometry, find_sources, similarity, write
from ccdfx.io import read
from ccdfx.night.products.registration import FileView, displacement_facts, register, unmoved
from ccdfx.night.run import reduce_night
from ccdfx.operations.registration.view import View

SHAPE = (200, 240)
MIDDLE = np.array([119.5, 99.5])


def about_the_middle(rotation: float, offset: tuple[float, float]) -> Transform:
    turned = similarity(rotation=rotation)
    x, y = MIDDLE - np.array(turned.matrix) @ MIDDLE + offset
    return Transform(turned.matrix, (x, y))


def exposure(rng: np.random.Generator, places: np.ndarray, flux: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    sky = np.full(SHAPE, 200.0)
    for (a, b), total in zip(places, flux, strict=True):
        sky += total / (2 * np.pi * 1.3**2) * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * 1.3**2))
    return rng.normal(sky, np.sqrt(sky + 16)).astype("f4")


@pytest.mark.quick
def test_each_frame_gets_the_transform_that_its_stars_show(tmp_path) -> None:
    rng = np.random.default_rng(41)
    stars, flux = rng.uniform(30, 200, (40, 2)) * (1, 0.75) + (5, 15), rng.uniform(3e3, 6e4, 40)
    true = [
        Transform(),
        Transform(offset=(4.3, -2.6)),
        about_the_middle(0.4, (-3.2, 1.0)),
        about_the_middle(170.0, (2.0, 2.0)),
    ]
    for i, one in enumerate(true):
        write(Image(exposure(rng, one.apply(stars), flux)), tmp_path / f"{i}.fits")
    write(Image(rng.normal(200, 15, SHAPE).astype("f4")), tmp_path / "empty.fits")
    files = ["0.fits", "1.fits", "2.fits", "3.fits", "empty.fits"]
    found = register(dict.fromkeys(files), tmp_path)
    assert list(found.transforms) == files[:4] and found.transforms["0.fits"].method == "reference"
    for file, one in zip(files, true, strict=False):
        laid = found.transforms[file].apply(one.apply(stars))
        assert np.hypot(*(laid - stars).T).max() < 0.15
    assert found.transforms["1.fits"].is_shift and not found.transforms["2.fits"].is_shift
    assert found.left_out["empty.fits"].startswith("cannot be aligned: of ")
    facts = displacement_facts(found.transforms["2.fits"], SHAPE)
    assert facts["rotation"] == pytest.approx(-0.4, abs=0.01) and facts["scale"] == pytest.approx(1, abs=1e-3)
    assert (facts["dx"], facts["dy"]) == (pytest.approx(3.2, abs=0.1), pytest.approx(-1.0, abs=0.1))
    assert facts["method"] == "stars" and facts["matched"] >= 20 and facts["error"] < 0.05
    # Tables that were measured before say the same.
    tables = {file: find_sources(read(tmp_path / file)) for file in files}
    assert register(tables, tmp_path) == found


def test_frames_that_are_not_to_be_aligned_are_not_moved() -> None:
    found = unmoved(["a", "b"])
    assert all(one.is_shift and one.offset == (0.0, 0.0) for one in found.transforms.values())
    assert (
        math.isnan(found.transforms["a"].error)
        and displacement_facts(found.transforms["a"], SHAPE)["error"] is None
    )


def test_a_night_of_turned_frames_keeps_the_fluxes_of_its_stars(camera, out) -> None:
    y, x = (axis.ravel() for axis in np.mgrid[16:96:16, 20:120:20])
    stars = np.column_stack([x, y]) + np.random.default_rng(42).uniform(-2.5, 2.5, (len(x), 2))
    camera.fluxes = np.geomspace(3e4, 3e5, len(stars))
    camera.biases(9)
    camera.flats(9)
    middle = np.array([59.5, 47.5])
    for i, angle in enumerate((0.0, 0.1, -0.5, 2.0, 12.0)):
        turn = np.array(similarity(rotation=angle).matrix)
        camera.stars = (stars - middle) @ turn.T + middle
        camera.science(f"t{i}.fits", object="other", exptime=60.0)
    facts = reduce_night(camera.folder, out, recipe={"combine": {"reject": "none"}}).facts
    (fact,) = [one for one in facts["combined"] if one["object"] == "other"]
    angles = dict(zip((f"calibrated/t{i}.fits" for i in range(5)), (0.0, 0.1, -0.5, 2.0, 12.0), strict=True))
    own = angles[fact["reference"]]
    for one in fact["shifts"]:
        assert one["rotation"] == pytest.approx(own - angles[one["source"]], abs=0.03)
    image = read(out / fact["file"])
    places = (stars - middle) @ np.array(similarity(rotation=own).matrix).T + middle
    table = aperture_photometry(image, places, radius=6, annulus=(7, 9))
    clean = table["flags"] == 0
    ratio = table["flux"][clean] * 2.0 / camera.fluxes[clean]
    assert clean.sum() >= 9 and np.average(ratio, weights=camera.fluxes[clean]) == pytest.approx(1, abs=0.005)


@pytest.mark.quick
def test_a_file_of_which_little_is_read_hides_the_same_stars(tmp_path) -> None:
    rng = np.random.default_rng(42)
    flags = (rng.random(SHAPE) < 0.5).astype("u1") * 4 * (rng.random(SHAPE) < 0.1) | (rng.random(SHAPE) < 0.4)
    image = Image(rng.normal(0, 1, SHAPE).astype("f4"), mask=flags.astype("u1"))
    image = image.replace(range=(100, 340, 50, 250))
    write(image, tmp_path / "a.fits")
    places = rng.uniform(-0.5, 0.5, (200, 2)) + rng.integers((0, 0), (240, 200), (200, 2))
    places[:4] = (0.5, 1.5), (-0.4, 199.4), (239.4, 0.0), (239.5, 198.5)
    with ExitStack() as stack:
        view = FileView(tmp_path / "a.fits", None, stack)
        found = [view.hidden(places, 3.2), view.hidden(places[:0], 3.2)]
        assert "image" not in vars(view)
    assert found[0].tolist() == View(image).hidden(places, 3.2).tolist() and found[1].size == 0
    assert 0 < found[0].sum() < len(places)
