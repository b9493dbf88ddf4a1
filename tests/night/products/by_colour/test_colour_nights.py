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
