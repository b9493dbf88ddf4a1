"""The comparison of a combined frame with its frames: what it notices, and what it lets pass."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import (
    ArgumentError,
    Flag,
    Image,
    aperture_photometry,
    ccd_clip,
    check_fluxes,
    combine,
    mad_clip,
    profile_clip,
    profile_terms,
)

SHAPE = (160, 160)
PLACES = np.array([(x, y) for x in range(20, 160, 24) for y in range(20, 160, 24)], float)
FLUXES = np.geomspace(5e3, 1e5, len(PLACES))


def frame(seed: int, fwhm: float, scale: float = 1.0, rays: int = 0, places=PLACES, fluxes=FLUXES) -> Image:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = np.full(SHAPE, 100.0)
    sigma = fwhm / 2.3548
    for (a, b), flux in zip(places, fluxes, strict=True):
        light += scale * flux / (2 * np.pi * sigma**2) * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 2 / sigma**2)
    values = rng.poisson(light) + rng.normal(0, 4, SHAPE)
    values[tuple(rng.integers(0, 160, (2, rays)))] += 3000
    return Image(values, variance=light + 16)


def tables(images, places=PLACES):
    return [aperture_photometry(image, places, radius=8, annulus=(10, 14)) for image in images]


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


@pytest.mark.quick
def test_a_crowded_field_is_no_fault():
    rng = np.random.default_rng(660)
    places, fluxes = rng.uniform(15, 145, (90, 2)), 10 ** rng.uniform(3.6, 5.3, 90)
    frames = [frame(661 + i, rng.uniform(3, 5), places=places, fluxes=fluxes) for i in range(10)]
    weights = rng.uniform(0.3, 1, 10)
    combined = tables([combine(frames, reject=None, weights=weights)], places)[0]
    measured = tables(frames, places)
    for group in check_fluxes(combined, frames=measured, weights=weights):
        assert not group.wrong
        assert abs(group.ratio - 1) < 1e-3
    share = weights / weights.sum()
    means = sum(part * one["background"] for part, one in zip(share, measured, strict=True))
    # The rings of the combined frame are another measure of the sky: 0.3 % of the light of a faint star.
    assert np.median(means - combined["background"]) * combined["area"][0] > 0.003 * 4000


@pytest.mark.parametrize("rule", [mad_clip(low=4, high=4), ccd_clip(low=4, high=4, gain=1, readnoise=4)])
def test_a_rule_that_takes_stars_for_outliers_is_noticed(rule):
    frames = [frame(610 + i, fwhm) for i, fwhm in enumerate((3, 3, 3, 5, 5))]
    groups = compared(frames, reject=rule)
    assert all(group.wrong for group in groups[1:])
    assert groups[1].ratio > 1.015  # sharp frames are in the majority


def test_a_rule_that_allows_for_profiles_is_no_fault():
    fwhms = (3, 3.3, 4.4, 3, 3.6)
    amplitude, gradient = profile_terms(fwhms, limit=4)
    rule = profile_clip(low=4, high=4, amplitude=amplitude, gradient=gradient, gain=1, readnoise=4)
    frames = [frame(670 + i, fwhm, rays=6) for i, fwhm in enumerate(fwhms)]
    assert not any(group.wrong for group in compared(frames, reject=rule))


@pytest.mark.quick
@pytest.mark.parametrize(("every", "wrong"), [(3, True), (12, False)])
def test_losses_of_a_third_of_the_stars_are_noticed(every, wrong):
    frames = [frame(680 + i, 3.0) for i in range(4)]
    combined = tables([combine(frames, reject=None)])[0]
    bright = np.argsort(FLUXES)[-12:]
    combined["flux"][bright[::every]] *= 0.95
    (*_, group) = check_fluxes(combined, frames=tables(frames), weights=[1] * 4)
    assert (group.wrong, group.many_lose, group.losing) == (wrong, wrong, 12 // every)
    assert group.stars == 12


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
    assert (
        check_fluxes(few[:0], frames=[few[:0]], weights=[1]) == ()
    )  # and nothing is divided by their number
    with pytest.raises(ArgumentError, match="frames: must be tables of the stars"):
        check_fluxes(few, frames=[few], weights=[1, 1])


def test_undersampled_stars_that_lose_their_cores_are_noticed():
    fwhms = (1.5, 1.6, 2.6, 2.5, 2.7)
    amplitude, gradient = profile_terms((2.5, 2.5, 2.7), limit=4)  # not of these frames
    rule = profile_clip(low=4, high=4, amplitude=amplitude, gradient=gradient, gain=1, readnoise=4)
    groups = compared([frame(690 + i, fwhm) for i, fwhm in enumerate(fwhms)], reject=rule)
    assert groups[-1].many_lose and groups[-1].wrong
