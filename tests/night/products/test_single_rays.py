"""Cosmic rays in the single frames of series, and stars that are too narrow for that."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.io import read
from ccdfx.night.products.single_rays import width_in_the_middle, without_rays
from ccdfx.night.run import reduce_night
from ccdfx.records.flags import Flag
from ccdfx.records.image import Image

RAY = np.uint8(Flag.COSMIC_RAY)


def struck(camera, name, row, **options):
    """Write a science frame and add a track to it."""
    from astropy.io import fits

    camera.science(name, **options)
    with fits.open(camera.folder / name, mode="update") as file:
        file[0].data[row, 40:48] += 900


def rays_in(path, row):
    mask = read(path).mask
    return 0 if mask is None else np.count_nonzero(mask[row, 40:48] & RAY)


@pytest.mark.quick
@pytest.mark.parametrize("single", [True, False])
def test_frames_of_a_series_get_their_rays_flagged(camera, out, single):
    camera.biases()
    camera.flats()
    for i in range(4):
        struck(camera, f"s{i}.fits", 20 + 17 * i, exptime=5.0)
    recipe = {"cosmic_rays": {"single": single}, "combine": {"use": False}}
    night = reduce_night(camera.folder, out, recipe=recipe)
    found = [rays_in(out / fact["file"], 20 + 17 * i) for i, fact in enumerate(night.facts["calibrated"])]
    assert found == [8] * 4 if single else found == [0] * 4


def test_stars_that_are_too_narrow_are_said_and_left_alone():
    rng = np.random.default_rng(2)
    scene = np.full((200, 200), 300.0)
    y, x = np.mgrid[:200, :200]
    for a, b in rng.uniform(8, 192, (80, 2)):
        scene += 5e4 * np.exp(-4 * np.log(2) * ((x - a) ** 2 + (y - b) ** 2) / 1.3**2)
    array = rng.poisson(scene) + rng.normal(0, 5, scene.shape)
    found = without_rays(Image(array, variance=scene + 25), {})
    assert found.undersampled and found.image.mask is None and found.stars.fwhm < 1.8


@pytest.mark.parametrize("fwhm", [2.2, 3.2])
@pytest.mark.parametrize("stars", [25, 900])
def test_a_large_frame_is_measured_in_its_middle_first_and_released_as_by_all_stars(monkeypatch, fwhm, stars):
    """Rays stay flagged, no star does; with few stars in the middle those of the whole frame decide."""
    rng = np.random.default_rng(3)
    size = 1100
    scene, struck = np.full((size, size), 300.0), np.zeros((size, size), bool)
    y, x = np.mgrid[-12:13, -12:13]
    places = rng.uniform(20, size - 20, (stars, 2))
    for a, b in np.concatenate([places, places[:20] + 1.9 * fwhm]):  # some are close pairs, very bright
        i, j = int(a), int(b)
        profile = np.exp(-4 * np.log(2) * ((x - a + i) ** 2 + (y - b + j) ** 2) / fwhm**2)
        scene[j - 12 : j + 13, i - 12 : i + 13] += 10 ** rng.uniform(3.5, 5) * profile
    for row, column in rng.integers(20, size - 30, (300, 2)):
        if scene[row - 8 : row + 9, column - 8 : column + 14].max() < 302:  # not at a star
            struck[row, column : column + 6] = True
    array = rng.poisson(scene + 4000.0 * struck) + rng.normal(0, 5, scene.shape)
    image = Image(array.astype(np.float32), variance=(scene + 25).astype(np.float32))
    found = without_rays(image, {})
    middle = width_in_the_middle(image)
    assert middle == pytest.approx(fwhm, rel=0.03) if stars > 100 else np.isnan(middle)
    monkeypatch.setattr("ccdfx.night.products.single_rays._LARGEST_PART", 0.0)
    whole = without_rays(image, {})
    assert found.stars.fwhm == pytest.approx(fwhm, rel=0.05) and not found.undersampled
    rays, expected = (one.image.mask & RAY != 0 for one in (found, whole))
    assert np.count_nonzero(rays != expected) <= 2e-3 * np.count_nonzero(expected)
    assert np.count_nonzero(struck) > 100 and rays[struck].mean() > 0.98
    bright = np.flatnonzero(scene > 3e4)
    assert rays.reshape(-1)[bright].mean() < 0.01
