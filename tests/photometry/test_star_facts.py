"""What the stars of a frame tell: against simulated truth of seeing, shape and transparency."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import erf

import ccdfx
from ccdfx import Flag, Image, flux_ratio, measure_stars
from ccdfx.photometry.clipped_mean import clipped_mean
from ccdfx.photometry.depth import relative_depths
from ccdfx.photometry.plane import lent_plane
from ccdfx.photometry.profile import total_by_core, total_by_growth, true_fwhm

SHAPE = (320, 340)
READNOISE, SKY = 5.0, 200.0


def stars_of(seed: int, count: int = 40) -> np.ndarray:
    """Rows x, y, flux: from 3000 to 200,000 electrons, at least 24 pixels apart."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[float, float, float]] = []
    while len(rows) < count:
        x, y = rng.uniform(25, SHAPE[1] - 25), rng.uniform(25, SHAPE[0] - 25)
        if all(math.hypot(x - a, y - b) > 24 for a, b, _ in rows):
            rows.append((x, y, 3000 * 66 ** rng.random()))
    return np.array(rows)


def frame(stars, fwhm, *, seed, transparency=1.0, exponent=None, sky=SKY, axis=1.0, at=(0.0, 0.0)):
    """An exposure of the stars, in electrons: Gaussians integrated over pixels, or Moffat functions."""
    rng = np.random.default_rng(seed)
    light = np.full(SHAPE, float(sky))
    x, y = np.arange(SHAPE[1]), np.arange(SHAPE[0])
    for a, b, flux in stars + np.array([*at, 0.0]):
        if exponent is None:
            sigma = fwhm / 2.3548
            across, along = (
                0.5
                * (
                    erf((grid - centre + 0.5) / s / math.sqrt(2))
                    - erf((grid - centre - 0.5) / s / math.sqrt(2))
                )
                for grid, centre, s in ((x, a, sigma), (y, b, sigma * axis))
            )
            light += transparency * flux * np.outer(along, across)
        else:
            width = fwhm / (2 * math.sqrt(2 ** (1 / exponent) - 1))
            squares = (x - a) ** 2 + (y - b)[:, None] ** 2
            peak = transparency * flux * (exponent - 1) / (math.pi * width**2)
            light += peak * (1 + squares / width**2) ** -exponent
    counts = rng.poisson(light) + rng.normal(0, READNOISE, SHAPE)
    return Image(counts, variance=light + READNOISE**2)


@pytest.mark.quick
@pytest.mark.parametrize("exponent", [None, 4.0])
@pytest.mark.parametrize("fwhm", [2.5, 4.0, 7.0])
def test_the_fwhm_is_that_of_the_profile(fwhm, exponent):
    found = measure_stars(frame(stars_of(201), fwhm, seed=202, exponent=exponent))
    assert found.fwhm == pytest.approx(fwhm, rel=0.03)
    assert found.ellipticity < 0.05
    assert len(found.sources) == pytest.approx(40, abs=5)


def test_elongated_stars_say_so():
    round_ones, long_ones = (
        measure_stars(frame(stars_of(211), 3.5, seed=212, axis=axis)) for axis in (1.0, 1.25)
    )
    assert round_ones.ellipticity < 0.04
    assert long_ones.ellipticity == pytest.approx(1 - 1 / 1.25, abs=0.04)


def test_a_frame_without_stars_tells_nothing():
    found = measure_stars(np.random.default_rng(1).normal(0, 1, (100, 100)))
    assert len(found.sources) == 0
    assert math.isnan(found.fwhm)
    assert math.isnan(found.ellipticity)
    full = measure_stars(frame(stars_of(221), 3.0, seed=222))
    assert flux_ratio(found, reference=full) is None
    assert flux_ratio(full, reference=found) is None


@pytest.mark.quick
def test_the_fluxes_have_their_errors():
    stars = stars_of(231)
    found = measure_stars(frame(stars, 3.0, seed=232))
    gaps = np.hypot(*(found.places[:, None] - stars[None, :, :2]).transpose(2, 0, 1))
    true = stars[gaps.argmin(axis=1), 2]
    z = ((found.flux - true) / found.error)[found.usable]
    assert len(z) > 25
    assert np.sqrt(np.mean(z**2)) == pytest.approx(1.0, abs=0.35)


@pytest.mark.parametrize("exponent", [None, 3.5])
def test_transparency_comes_back_within_its_error(exponent):
    """For transparencies of 0.4 to 1 and seeing up to 1.8 times worse."""
    z, bias = [], []
    cases = [(t, s) for t in (1.0, 0.65, 0.4) for s in (1.0, 1.35, 1.8)]
    for number, (transparency, seeing) in enumerate(cases):
        stars = stars_of(300 + number)
        reference = measure_stars(frame(stars, 2.8, seed=400 + number, exponent=exponent))
        other = measure_stars(
            frame(
                stars, 2.8 * seeing, seed=500 + number, transparency=transparency,
                exponent=exponent, at=(2.3, -1.6),
            )
        )  # fmt: skip
        found = flux_ratio(other, reference=reference, places=other.places - [2.3, -1.6])
        assert found.stars >= 8
        assert found.error < 0.02 * transparency
        z.append((found.value - transparency) / found.error)
        bias.append(found.value / transparency - 1)
    assert 0.4 < np.sqrt(np.mean(np.square(z))) < 1.6
    assert abs(np.mean(bias)) < 0.004


def test_saturated_flagged_and_crowded_stars_are_not_usable():
    stars = stars_of(241)[:6]
    stars[:, 2] = 50_000
    stars[5, :2] = stars[4, :2] + [9, 0]
    image = frame(stars, 3.0, seed=242)
    mask = np.zeros(SHAPE, np.uint8)
    for (x, y, _), flag, dx in ((stars[0], Flag.BAD_PIXEL, 3), (stars[1], Flag.SATURATED, 8)):
        mask[round(y), round(x) + dx] = flag
    found = measure_stars(image.replace(mask=mask))
    gaps = np.hypot(*(found.places[:, None] - stars[None, :, :2]).transpose(2, 0, 1))
    usable = {int(k): bool(found.usable[row]) for row, k in enumerate(gaps.argmin(axis=1))}
    assert usable == {0: False, 1: False, 2: True, 3: True, 4: False, 5: False}


def test_two_stars_are_too_few_and_three_have_a_larger_error():
    few = stars_of(251)[:3]
    few[:, 2] = 80_000
    many = np.vstack([few, stars_of(252, 30) * [1, 1, 0] + [0, 0, 80_000]])
    ratios = {}
    for name, stars in (("two", few[:2]), ("three", few), ("many", many)):
        one, two = (measure_stars(frame(stars, 3.0, seed=seed)) for seed in (253, 254))
        ratios[name] = flux_ratio(two, reference=one)
    assert ratios["two"] is None
    assert ratios["three"].error > 1.5 * ratios["many"].error


def test_three_stars_in_common_always_have_a_ratio():
    z = []
    for seed in range(12):
        stars = stars_of(2600 + seed, 3)
        stars[:, 2] = [40_000, 90_000, 150_000]
        one, two = (
            measure_stars(frame(stars, fwhm, seed=2700 + 2 * seed + k, transparency=transparency))
            for k, (fwhm, transparency) in enumerate([(3.0, 1.0), (3.2, 0.6)])
        )
        found = flux_ratio(two, reference=one)
        assert found is not None
        assert found.stars == 3
        z.append((found.value - 0.6) / found.error)
    assert np.sqrt(np.mean(np.square(z))) < 1.5


def test_places_are_one_for_each_source():
    found = measure_stars(frame(stars_of(261)[:5], 3.0, seed=262))
    with pytest.raises(ccdfx.ArgumentError, match="places: must be one for each of the 5 sources"):
        flux_ratio(found, reference=found, places=[(1, 2)])


@pytest.mark.quick
def test_the_deepest_frame_has_least_noise_and_best_seeing():
    stars = stars_of(271)
    cases = [(3.0, 6000, 1.0), (3.0, 200, 0.6), (3.0, 200, 1.0), (5.4, 200, 1.0)]
    frames = [
        measure_stars(frame(stars, fwhm, seed=272 + i, sky=sky, transparency=t))
        for i, (fwhm, sky, t) in enumerate(cases)
    ]
    depths = relative_depths(frames, noises=[math.sqrt(sky + READNOISE**2) for _, sky, _ in cases])
    assert depths.argmax() == 2
    assert depths[0] == pytest.approx(math.sqrt(225 / 6025), rel=0.15)
    assert depths[1] == pytest.approx(0.6, rel=0.1)
    assert depths[3] == pytest.approx(1 / 1.8, rel=0.12)


@pytest.mark.quick
def test_profiles_are_those_of_moffat_functions():
    """f1 / f2 and f3 / f2 by numerical sums over a Moffat function, in units of its windowed width."""
    exponent, fwhm = 3.2, 40.0
    scale = fwhm / (2 * math.sqrt(2 ** (1 / exponent) - 1))
    r = np.arange(0.05, 2000, 0.1)
    light = (1 + (r / scale) ** 2) ** -exponent * r
    width = fwhm
    for _ in range(80):
        window = (width / 2.3548200) ** 2
        shown = (light * r**2 * np.exp(-0.5 * r**2 / window)).sum() / 2
        shown /= (light * np.exp(-0.5 * r**2 / window)).sum()
        width = math.sqrt(width * 2.3548200 / math.sqrt(1 / shown - 1 / window))
    ring = np.interp(5.1 * width, r, light / r)
    f1, f2, f3 = (light[r <= k * width].sum() * 0.1 - (k * width) ** 2 / 2 * ring for k in (1, 2, 3))
    assert true_fwhm(width, f1 / f2) == pytest.approx(fwhm, rel=0.002)
    assert total_by_growth(f3 / f2) == pytest.approx(light.sum() * 0.1 / f2, rel=0.002)
    assert total_by_core(f1 / f2) == pytest.approx(light.sum() * 0.1 / f2, rel=0.002)


@pytest.mark.quick
def test_a_clipped_mean_has_an_honest_error():
    rng = np.random.default_rng(281)
    z = []
    for _ in range(400):
        errors = rng.uniform(0.5, 2, 12)
        values = 7 + errors * rng.normal(size=12)
        values[3] += 60
        found = clipped_mean(values, errors)
        assert not found.kept[3]
        z.append((found.mean - 7) / found.error)
    assert np.sqrt(np.mean(np.square(z))) == pytest.approx(0.95, abs=0.12)


@pytest.mark.quick
@pytest.mark.parametrize("count", [3, 4, 5])
def test_few_good_values_are_all_kept_and_a_wrong_one_is_not(count):
    rng = np.random.default_rng(283)
    lost = 0
    for _ in range(200):
        values = rng.normal(size=count)
        lost += count - clipped_mean(values, np.ones(count)).kept.sum()
        values[0] = 1e3
        assert not clipped_mean(values, np.ones(count)).kept[0]
    assert lost <= 0.01 * 200 * count


def test_a_common_offset_is_fitted_beside_the_mean():
    rng = np.random.default_rng(282)
    flux = 10 ** rng.uniform(3, 5, 60)
    ratios = 0.8 - 30 / flux + rng.normal(0, 0.003, 60)
    errors = np.full(60, 0.003)
    plain, fitted = clipped_mean(ratios, errors), clipped_mean(ratios, errors, slopes=1 / flux, spread=50)
    assert abs(fitted.mean - 0.8) < 3 * fitted.error < 0.003
    assert plain.mean < 0.8 - 3 * fitted.error


@pytest.mark.quick
def test_threads_and_strips_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    image = frame(stars_of(5, 60), 3.5, seed=6)
    flagged = image.replace(mask=np.random.default_rng(7).random(SHAPE) < 0.002)
    found = []
    for threads, strip, some in ((1, 256, 128), (3, 128, 7)):
        for module in ("plane", "detection"):
            monkeypatch.setattr(f"ccdfx.photometry.{module}._STRIP", strip)
        for module in ("aperture", "detection"):
            monkeypatch.setattr(f"ccdfx.photometry.{module}._SOME", some)
        with ccdfx.engine(threads=threads):
            found.append(measure_stars(flagged))
    one, other = found
    assert len(one.sources) > 50
    for name in ("sources", "flux", "error", "usable"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes()
    assert (one.fwhm, one.core, one.growth) == (other.fwhm, other.core, other.growth)


@pytest.mark.quick
def test_memory_that_is_used_again_holds_nothing_of_the_image_before() -> None:
    image = frame(stars_of(8), 3.5, seed=9)
    flagged = image.replace(mask=np.random.default_rng(9).random(SHAPE) < 0.05)
    alone = [ccdfx.find_sources(one).tobytes() for one in (image, flagged)]
    with lent_plane(flagged) as plane:
        plane.array[:], plane.bad[:] = np.nan, True
        # What is lent is not lent to another, and comes back as it is.
        assert [ccdfx.find_sources(one).tobytes() for one in (image, flagged)] == alone
    with lent_plane(image) as again:
        assert again.array is plane.array and np.isfinite(again.array).all()
    assert [ccdfx.find_sources(one).tobytes() for one in (flagged, image)] == alone[::-1]
