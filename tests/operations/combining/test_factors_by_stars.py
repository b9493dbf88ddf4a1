"""Frames on the flux scale of the first by their stars: against simulated clouds, exposures and skies."""

from __future__ import annotations

import numpy as np
import pytest

import ccdfx
from ccdfx import ArgumentError, CcdfxWarning, FluxRatio, Image, aperture_photometry, combine
from ccdfx.operations.combining.factors import best_weights, scales_of
from ccdfx.operations.combining.plan import Choices, plan_job

SHAPE = (200, 220)
RNG = np.random.default_rng(701)
PLACES = np.array([(x, y) for x in range(24, 210, 28) for y in range(24, 190, 28)]) + RNG.uniform(
    -3, 3, (42, 2)
)
FLUXES = np.geomspace(4e3, 2e5, len(PLACES))


def frame(seed, transparency=1.0, exptime=None, sky=150.0, fwhm=3.0, readnoise=5.0):
    """An exposure in electrons with the flux of every star times transparency and seconds."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    sigma = fwhm / 2.3548
    light = np.zeros(SHAPE)
    for (a, b), flux in zip(PLACES, FLUXES, strict=True):
        light += flux / (2 * np.pi * sigma**2) * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * sigma**2))
    light = (transparency * light + sky) * (exptime or 1.0)
    values = rng.poisson(light) + rng.normal(0, readnoise, SHAPE)
    return Image(values, {} if exptime is None else {"EXPTIME": exptime}, variance=light + readnoise**2)


def biases(image, unit=1.0):
    """The mean of measured / true flux of the faint, mid and bright third, each with its error."""
    table = aperture_photometry(image, PLACES, radius=8, annulus=(10, 14))
    ratio, error = table["flux"] / FLUXES / unit, np.sqrt(table["variance"]) / FLUXES / unit
    found = []
    for rows in np.array_split(np.arange(len(PLACES)), 3):
        weights = 1 / error[rows] ** 2
        found.append((np.average(ratio[rows], weights=weights) - 1, weights.sum() ** -0.5))
    return found


@pytest.mark.quick
def test_clouds_do_not_change_the_fluxes():
    frames = [frame(710 + i, t) for i, t in enumerate((1.0, 0.6, 1.0, 0.6, 1.0))]
    combined = combine(frames, scale="stars", weights="noise", reject=None)
    for bias, error in biases(combined):
        assert abs(bias) < max(0.005, 3 * error)
    (*_, (unscaled, _)) = biases(combine(frames, reject=None))
    assert unscaled < -0.1


@pytest.mark.parametrize("known", ["variances", "headers", "nothing"])
def test_the_default_rule_keeps_stars_of_other_seeing_and_rejects_cosmic_rays(known):
    given = [(1.0, 3.0), (0.6, 3.2), (0.95, 4.2), (0.6, 3.0), (0.9, 3.6)]
    frames = [frame(750 + i, t, fwhm=fwhm) for i, (t, fwhm) in enumerate(given)]
    if known != "variances":
        header = {"GAIN": 1.0, "RDNOISE": 5.0} if known == "headers" else {}
        frames = [Image(image.array, header) for image in frames]
    struck = [(38 + 28 * i, 38) for i in range(4)]  # between the stars
    for x, y in struck:
        hit = frames[2].array.copy()
        hit[y, x] += 3000.0
        frames[2] = frames[2].replace(array=hit)
    combined = combine(frames, scale="stars")
    for bias, error in biases(combined):
        assert abs(bias) < max(0.007, 3 * error)
    assert all(abs(combined.array[y, x] - 150) < 50 for x, y in struck)  # unrejected it would be 600
    rule = plan_job(frames, Choices(reject=ccdfx.default_rejection(), scale="stars")).reject
    assert rule.name == "profile_clip" and rule.parameters["level"] == pytest.approx(150, abs=2)
    assert rule.parameters["gain"] == ("GAIN" if known == "headers" else None)
    asked = plan_job(frames, Choices(reject=ccdfx.profile_clip(gradient=0.3), scale="stars")).reject
    assert asked == rule.configure(gradient=0.3, gain=None, readnoise=None)
    bare = plan_job(frames, Choices(reject=ccdfx.profile_clip())).reject
    assert bare == ccdfx.profile_clip(amplitude=0.2, gradient=0.5)


def test_exposure_times_are_part_of_the_scale():
    frames = [frame(720, exptime=1.0), frame(721, 0.5, exptime=4.0, sky=300.0)]
    combined = combine(frames, scale="stars", reject=None)
    for bias, error in biases(combined):
        assert abs(bias) < max(0.01, 3 * error)
    assert ccdfx.sky_level(combined) == pytest.approx(150, abs=2)


def test_without_stars_the_exposure_scales_and_is_said():
    rng = np.random.default_rng(730)
    empty = [Image(rng.normal(100 * t, 1, (64, 64)), {"EXPTIME": t}) for t in (1.0, 2.0)]
    with pytest.warns(CcdfxWarning, match="scaled by exposure alone"):
        combined = combine(empty, scale="stars", reject=None)
    assert np.median(combined.array) == pytest.approx(100, abs=0.5)
    bare = [image.replace(header={}) for image in empty]
    with pytest.raises(ArgumentError, match=r"scale of frames\[1\]: needs three usable stars"):
        combine(bare, scale="stars")


def test_frames_side_by_side_are_refused():
    with pytest.raises(ArgumentError, match="goes with frames that lie on one another"):
        combine([np.zeros((9, 9))] * 2, scale="stars", offsets=[(0, 0), (3, 0)])


@pytest.mark.quick
def test_the_scale_is_that_of_the_exposure_unless_it_is_clearly_another():
    def scale(*ratios, exposures):
        return scales_of([None, *ratios], [1.0, *exposures])[1:]

    near, off, vague = FluxRatio(1.97, 0.019, 9), FluxRatio(1.90, 0.02, 9), FluxRatio(1.97, 0.03, 9)
    assert scale(near, exposures=[2.0]) == [1.97]  # alone, and known to 1 %: no clear night
    assert scale(vague, exposures=[2.0]) == [2.0]
    assert scale(off, near, exposures=[2.0, 2.0]) == [1.90, 1.97]
    assert scale(None, exposures=[3.0]) == [3.0] and scale(off, exposures=[None]) == [1.90]


@pytest.mark.quick
def test_the_noise_of_the_reference_does_not_scale_a_clear_night():
    ratios = [None, *(FluxRatio(0.996, 0.004, 20) for _ in range(4))]
    assert scales_of(ratios, [1.0] * 5) == [1.0] * 5
    assert scales_of([*ratios[:4], FluxRatio(0.97, 0.004, 20)], [1.0] * 5)[1:] == [0.996] * 3 + [0.97]


@pytest.mark.quick
def test_weights_give_the_least_noise():
    """45 and 17 ADU of noise at equal exposure: the noise of the mean is that of the best combination."""
    rng = np.random.default_rng(740)
    noises = (45.0, 17.0, 17.0)
    weights = best_weights([1.0, 1.0, 1.0], noises)
    frames = [rng.normal(0, noise, (100, 100)) for noise in noises]
    best = sum(noise**-2 for noise in noises) ** -0.5
    assert combine(frames, weights=weights, reject=None).array.std() == pytest.approx(best, rel=0.03)
    assert best_weights([1.0, 1.0], [3.0, None]) is None
