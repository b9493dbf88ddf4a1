"""Nights of colour cameras, reduced and compared with the truth, colour by colour."""

import numpy as np
import pytest

import ccdfx
from ccdfx.estimators import background

STEPS = ((0, 0), (3, -1), (-5, 3), (1.4, 2.7))


def fluxes(camera, image, colour, reference, scale):
    """Ratio of the measured fluxes of stars to the true ones, and where the stars are beside their true places."""
    at = (camera.stars + camera.steps[reference] - (scale - 1) / 2) / scale
    radius = 12 / scale
    table = ccdfx.aperture_photometry(image, at, radius=radius, annulus=(1.2 * radius, 1.6 * radius))
    expected = camera.fluxes[colour] / 2.0 * camera.response[colour] / scale**2
    found = ccdfx.find_sources(image)
    distances = np.hypot(found["x"] - at[:, :1], found["y"] - at[:, 1:])
    near = distances.min(axis=1) < 1
    places = np.column_stack([found["x"], found["y"]])[distances.argmin(axis=1)]
    return table["flux"] / expected, np.median((places - at)[near], axis=0)


@pytest.mark.parametrize(
    ("letters", "cards", "products"),
    [
        pytest.param("GRBG", {"BAYERPAT": "RGGB", "XBAYROFF": 1}, "split", marks=pytest.mark.quick),
        ("RGGB", {"BAYERPAT": "GBRG", "ROWORDER": "BOTTOM-UP", "YBAYROFF": 1}, "debayer"),
    ],
)
def test_a_night_becomes_three_images_that_lie_on_each_other(
    colour_camera, tmp_path, letters, cards, products
):
    camera = colour_camera(tmp_path / "raw", letters, **cards)
    camera.night(STEPS)
    night = ccdfx.reduce_night(camera.folder, tmp_path / "out", recipe={"colour": {"products": products}})
    assert night.status == 0 and all("no dark" in text for text in night.facts["warnings"])
    assert [one["file"] for one in night.facts["combined"]] == [
        f"combined/field_L_{name}.fits" for name in "RGB"
    ]
    split = products == "split"
    for facts, colour in zip(night.facts["combined"], "RGB", strict=True):
        assert facts["filter"] == f"L {colour}" and len(facts["inputs"]) == len(STEPS)
        image = ccdfx.read(tmp_path / "out" / facts["file"])
        reference = facts["reference"].split("/")[1].split("_")[0] + ".fits"
        ratios, beside = fluxes(camera, image, colour, reference, 2 if split else 1)
        assert np.median(ratios) == pytest.approx(1, abs=0.005) and abs(beside).max() < (
            0.03 if split else 0.05
        )
        level = 0.5 * {"R": 300, "G": 600, "B": 400}[colour] * camera.response[colour]
        assert facts["sky"] == pytest.approx(level, rel=0.004)
    assert_calibrated(camera, night, tmp_path / "out", split)


def assert_calibrated(camera, night, out, split):
    """The sky has no pattern of two greens, rays are found, the noise is that which is stated."""
    flat = ccdfx.read(out / "masters/flat_L.fits")
    for colour in "RGB":
        chosen = flat.array[camera.colour == colour]
        assert np.median(chosen) == pytest.approx(1, abs=0.001)
        rows = camera.flat[camera.colour == colour] / camera.response[colour]
        assert np.std(chosen / rows) < 0.006  # of the photons of the flats alone
    far = np.hypot(camera.x[..., None] - camera.stars[:, 0], camera.y[..., None] - camera.stars[:, 1]).min(-1)
    hits = missed = ratios = 0
    for facts in night.facts["calibrated"]:
        if "skies" not in facts:
            assert not split or facts["excess"] == pytest.approx(1, abs=0.06)
            continue
        assert facts["skies"]["G1"] == pytest.approx(facts["skies"]["G2"], rel=0.004)
        image = ccdfx.read(out / facts["file"])
        dx, dy = camera.steps[facts["source"]]
        sky = np.roll(far, (round(dy), round(dx)), (0, 1)) > 12
        rays = camera.rays[facts["source"]] & sky
        flagged = (image.mask & ccdfx.Flag.COSMIC_RAY) > 0
        hits, missed = hits + rays.sum(), missed + (rays & ~flagged).sum()
        assert (flagged & sky & ~rays).mean() < 3e-4
        for name, plane in zip(("R", "G1", "G2", "B"), ccdfx.split_colours(image), strict=True):
            ratios += background(plane).excess ** 2 / 4 / len(STEPS)
            assert plane.header["CFAPLANE"] == name
    assert hits > 60 and missed == 0
    assert ratios == pytest.approx(1, abs=0.05)
    assert all(
        one["fwhm"] == pytest.approx(5.0, abs=0.3) for one in night.facts["calibrated"] if "skies" in one
    )


def test_frames_that_do_not_fit_into_memory_give_the_same_flat(colour_camera, tmp_path, monkeypatch):
    camera = colour_camera(tmp_path / "raw", "BGGR", shape=(66, 72), BAYERPAT="BGGR")
    camera.night(())
    for folder, memory in (("one", 1 << 30), ("two", 0)):
        monkeypatch.setattr("ccdfx.night.products.master_inputs.MEMORY", memory)
        ccdfx.reduce_night(camera.folder, tmp_path / folder)
    one, two = (ccdfx.read(tmp_path / folder / "masters/flat_L.fits") for folder in ("one", "two"))
    for name in ("array", "variance"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    assert one.header["NCOMBINE"] == 5 and one.header["BAYERPAT"] == "BGGR"


def test_a_night_in_electrons_after_the_telescope_has_flipped(colour_camera, tmp_path):
    camera = colour_camera(tmp_path / "raw", "RGGB", BAYERPAT="RGGB")
    camera.night(STEPS[:2], flats=3)
    there, camera.stars = camera.stars, np.array(camera.shape[::-1]) - 1 - camera.stars
    for number in (2, 3):
        light = (
            camera.scene(*STEPS[number]) + camera.of_colours({"R": 300, "G": 600, "B": 400})
        ) * camera.flat
        camera.write(f"s{number}.fits", "light", light, 60.0, FILTER="L", OBJECT="field")
        camera.steps[f"s{number}.fits"] = STEPS[number]
    camera.stars = there
    recipe = {"science": {"electrons": True}, "select": {"stars": {"least": 5}}}
    night = ccdfx.reduce_night(camera.folder, tmp_path / "out", recipe=recipe)
    assert night.status == 0
    for facts, colour in zip(night.facts["combined"], "RGB", strict=True):
        assert len(facts["inputs"]) == 4 and facts["unit"] == "electron"
        turned = [abs(one["rotation"]) for one in facts["shifts"]]
        assert sorted(turned) == pytest.approx([0, 0, 180, 180], abs=0.05)
        image = ccdfx.read(tmp_path / "out" / facts["file"])
        reference = facts["reference"].split("/")[1].split("_")[0] + ".fits"
        assert reference in ("s0.fits", "s1.fits")
        ratios, beside = fluxes(camera, image, colour, reference, 2)
        assert np.median(ratios) == pytest.approx(2, abs=0.01) and abs(beside).max() < 0.03
