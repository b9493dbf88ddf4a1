"""Cores of bright stars are released from the flag COSMIC_RAY, and cosmic rays are not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from ccdfx import Image, mask_cosmic_rays, median_filter
from ccdfx.errors import CcdfxError
from ccdfx.estimators import median_of
from ccdfx.operations.pixels.sharpness import sharper
from ccdfx.operations.pixels.star_cores import release_stars
from ccdfx.records.flags import Flag

SIZE, RAY = 120, np.uint8(Flag.COSMIC_RAY)


def frame(fwhm, *, rays=True):
    """Two very bright stars close together, fainter ones, and tracks; with the map of the tracks."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:SIZE, :SIZE]
    scene = np.full((SIZE, SIZE), 300.0)
    stars = [(60.2, 60.1, 8e5), (60.2 + 1.9 * fwhm, 60.8 + 1.6 * fwhm, 9e5), (57.1, 60.1 + 2.2 * fwhm, 7e5)]
    stars += [(a, b, 3e4) for a, b in rng.uniform(10, 40, (6, 2))]
    for a, b, flux in stars:
        profile = np.exp(-4 * np.log(2) * ((x - a) ** 2 + (y - b) ** 2) / fwhm**2)
        scene += flux * 4 * np.log(2) / np.pi / fwhm**2 * profile
    struck = np.zeros(scene.shape, bool)
    if rays:
        struck[100, 20:29] = struck[np.arange(90, 99), np.arange(80, 89)] = struck[15, 100] = True
    array = rng.poisson(scene + 3000.0 * struck) + rng.normal(0, 5, scene.shape)
    return Image(array, variance=np.maximum(array, 0) + 25), struck


@pytest.mark.quick
@pytest.mark.parametrize("fwhm", [2.5, 3.0, 4.0])
def test_groups_of_bright_stars_are_released_and_tracks_are_not(fwhm):
    image, struck = frame(fwhm)
    masked = mask_cosmic_rays(image)
    found = release_stars(masked, fwhm=fwhm)
    rays = (found.mask & RAY) != 0
    assert rays[struck].all()
    near = np.hypot(*(np.mgrid[:SIZE, :SIZE] - 62.0)) < 6 * fwhm
    assert not rays[near].any()
    assert found.array is masked.array and np.array_equal(found.mask & ~RAY, masked.mask & ~RAY)


def test_a_ray_on_a_star_stays_flagged():
    image, _ = frame(3.0, rays=False)
    array = np.array(image.array)
    array[60, 60] += 3 * array[60, 60]
    mask = np.zeros(array.shape, np.uint8)
    mask[60, 60] = RAY | Flag.SATURATED
    mask[62:64, 66] = RAY
    found = release_stars(Image(array, mask=mask), fwhm=3.0)
    assert found.mask[60, 60] == RAY | Flag.SATURATED


def test_nothing_flagged_is_the_same_image():
    image, _ = frame(3.0)
    assert release_stars(image, fwhm=3.0) is image


def test_nonsense_is_refused():
    with pytest.raises(CcdfxError, match="fwhm"):
        release_stars(np.ones((9, 9)), fwhm=0)


def released_in_whole_frames(image, fwhm):
    """Release by labels and filters of the whole frame."""
    rays = (image.mask & RAY) != 0
    groups, count = ndimage.label(rays, structure=np.ones((3, 3)))
    known = np.isfinite(image.array)
    level = float(median_of(image.array, known))
    height = np.where(known, image.array, level).astype(np.float64) - level
    y, x = np.array(ndimage.maximum_position(height, groups, range(1, count + 1))).T
    around = median_filter(height, size=3 if fwhm < 2.5 else 5).array[y, x]
    wide = np.pad(height, 2, constant_values=np.nan)
    sharp = np.zeros(count, bool)
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        sides = {step: wide[y + 2 + step * dy, x + 2 + step * dx] for step in (-2, -1, 1, 2)}
        sharp |= sharper(height[y, x], sides, fwhm / np.hypot(dy, dx), 0.75)
    star = (around > 0.1 * height[y, x]) & ~sharp
    return np.where(np.concatenate([[False], star])[groups], image.mask & ~RAY, image.mask)


@pytest.mark.parametrize("seed", range(12))
def test_only_the_flagged_places_need_to_be_looked_at(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 40, 2))
    y, x = np.mgrid[: shape[0], : shape[1]]
    array = rng.normal(100, 5, shape)
    for _ in range(5):
        distance = (y - rng.uniform(0, shape[0])) ** 2 + (x - rng.uniform(0, shape[1])) ** 2
        array += rng.uniform(100, 5000) * np.exp(-distance / 4)
    if seed % 3 == 0:
        array[rng.random(shape) < 0.03] = np.nan
    mask = RAY * (rng.random(shape) < 0.2) | np.uint8(Flag.SATURATED) * (rng.random(shape) < 0.1)
    mask[0, 0] |= RAY
    image = Image(array.astype(np.float32 if seed % 2 else np.float64), mask=mask)
    for fwhm in (2.0, 3.0, 4.0):
        assert np.array_equal(release_stars(image, fwhm=fwhm).mask, released_in_whole_frames(image, fwhm))
