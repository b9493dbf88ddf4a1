"""The comparison of a combined frame with its frames: what it notices, and what it lets pass."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import ArgumentError, Flag, Image, aperture_photometry, check_fluxes, combine, mad_clip

SHAPE = (160, 160)
PLACES = np.array([(x, y) for x in range(20, 160, 24) for y in range(20, 160, 24)], float)
FLUXES = np.geomspace(5e3, 1e5, len(PLACES))


def frame(seed: int, fwhm: float, scale: float = 1.0, rays: int = 0) -> Image:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = np.full(SHAPE, 100.0)
    sigma = fwhm / 2.3548
    for (a, b), flux in zip(PLACES, FLUXES, strict=True):
        light += scale * flux / (2 * np.pi * sigma**2) * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 2 / sigma**2)
    values = rng.poisson(light) + rng.normal(0, 4, SHAPE)
    values[tuple(rng.integers(0, 160, (2, rays)))] += 3000
    return Image(values, variance=light + 16)


def tables(images):
    return [aperture_photometry(image, PLACES, radius=8, annulus=(10, 14)) for image in images]


def compared(frames, **options):
    combined = combine(frames, **options)
    return check_fluxes(tables([combined])[0], frames=tables(frames), weights=[1.0] * len(frames))


@pytest.mark.quick
def test_a_plain_mean_has_the_fluxes_of_its_frames():
    groups = compared([frame(600 + i, fwhm) for i, fwhm in enumerate((3, 3, 5, 5))], reject=None)
    assert [group.name for group in groups] == ["faint", "mid", "bright"]
    assert not any(group.wrong for group in groups)
    assert all(abs(group.ratio - 1) < 0.003 for group in groups)
    assert sum(group.stars for group in groups) == len(PLACES)


def test_a_rule_that_takes_stars_for_outliers_is_noticed():
    frames = [frame(610 + i, fwhm) for i, fwhm in enumerate((3, 3, 3, 5, 5))]
    groups = compared(frames, reject=mad_clip(low=4, high=4))
    assert all(group.wrong for group in groups)
    assert groups[1].ratio > 1.02  # sharp frames are in the majority


def test_cosmic_rays_that_the_rule_removes_are_no_fault():
    frames = [frame(620 + i, 3.0, rays=6) for i in range(5)]
    assert not any(group.wrong for group in compared(frames, reject=mad_clip(low=8, high=8, floor=None)))


def test_frames_on_another_flux_scale_are_noticed():
    one, two, three = (frame(630 + i, 3.0, scale) for i, scale in enumerate((1.0, 1.0, 0.9)))
    combined = combine([one, two], reject=None)
    (*_, bright) = check_fluxes(tables([combined])[0], frames=tables([one, two, three]), weights=[1, 1, 1])
    assert bright.wrong


def test_saturated_stars_are_left_out():
    frames = [frame(640 + i, 3.0) for i in range(3)]
    combined = tables([combine(frames, reject=None)])[0]
    mask = np.zeros(SHAPE, np.uint8)
    mask[:, :60] = Flag.SATURATED
    measured = tables([frames[0].replace(mask=mask), *frames[1:]])
    groups = check_fluxes(combined, frames=measured, weights=[1, 1, 1])
    assert sum(group.stars for group in groups) == int((PLACES[:, 0] >= 68).sum())


@pytest.mark.quick
def test_too_few_stars_are_not_compared_and_nonsense_is_refused():
    few = tables([frame(650, 3.0)])[0][:2]
    assert check_fluxes(few, frames=[few], weights=[1]) == ()
    with pytest.raises(ArgumentError, match="frames: must be tables of the stars"):
        check_fluxes(few, frames=[few], weights=[1, 1])
