"""Cosmic rays in the single frames of series, and stars that are too narrow for that."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx.io import read
from ccdfx.night.products.single_rays import without_rays
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
