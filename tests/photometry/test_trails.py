"""Trails of satellites: their maxima are no stars, and the stars beside them are found as without them."""

from __future__ import annotations

import numpy as np
import pytest

from ccdfx import find_sources, measure_stars, measure_transform
from ccdfx.photometry.detection import detected, measured, prepared
from ccdfx.photometry.trails import Trail, on_trails, trails_among
from ccdfx.photometry.width import estimated_fwhm

SHAPE = (256, 256)
FWHM = 3.0


def stars_of(rng: np.random.Generator, count: int = 8) -> np.ndarray:
    turn, radius = rng.uniform(0, 2 * np.pi, count), 105 * np.sqrt(rng.uniform(0, 1, count))
    return np.column_stack(
        [127.5 + radius * np.cos(turn), 127.5 + radius * np.sin(turn), 4000 * 10 ** rng.uniform(0, 1, count)]
    )


def expected(stars: np.ndarray, long: float = 1.0) -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    s = FWHM / 2.3548
    out = np.full(SHAPE, 200.0)
    for a, b, flux in stars:
        shape = np.exp(-(((x - a) / long) ** 2 + (y - b) ** 2) / (2 * s**2))
        out += flux / (2 * np.pi * s**2 * long) * shape
    return out


def trail(at: tuple[float, float], angle: float, height: float, sigma: float = 1.5) -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    across = (y - at[1]) * np.cos(angle) - (x - at[0]) * np.sin(angle)
    return height * np.exp(-0.5 * (across / sigma) ** 2)


def found_of(stars: np.ndarray, table: np.ndarray) -> tuple[int, int]:
    """How many stars are found, and how many sources are no star."""
    gaps = np.hypot(stars[:, 0][:, None] - table["x"], stars[:, 1][:, None] - table["y"])
    return int((gaps.min(axis=1) < 1).sum()), int((gaps.min(axis=0) >= 1.5).sum())


@pytest.mark.quick
@pytest.mark.parametrize(("angle", "sigma"), [(0.3, 1.5), (1.4, 2.0), (2.5, 1.5)])
def test_stars_beside_a_trail_are_found_and_nothing_of_the_trail(angle: float, sigma: float) -> None:
    rng = np.random.default_rng([701, round(10 * angle)])
    stars = stars_of(rng)
    ridge = trail((128, rng.uniform(90, 170)), angle, 300, sigma)
    apart = stars[[ridge[round(y), round(x)] < 1 for x, y, _ in stars]]
    frame = rng.poisson(expected(stars) + ridge).astype(float)
    fwhm, trails = estimated_fwhm(prepared(frame, np.isfinite(frame)), 5.0)
    assert trails and fwhm == pytest.approx(FWHM, rel=0.05)
    for given in (None, FWHM):
        table = find_sources(frame, fwhm=given)
        assert len(apart) >= 5 and found_of(apart, table)[0] == len(apart)
        assert found_of(stars, table)[1] == 0


def test_a_trail_alone_is_no_star() -> None:
    for height in (30, 100, 300, 1000):
        rng = np.random.default_rng([702, height])
        sky = expected(np.empty((0, 3))) + trail((128, 120), rng.uniform(0, np.pi), height)
        assert len(find_sources(rng.poisson(sky).astype(float))) <= 1


def test_a_star_that_outshines_the_trail_on_which_it_lies_is_kept() -> None:
    rng = np.random.default_rng(703)
    stars = np.array([[128.0, 128.0, 20000.0], [60.0, 200.0, 8000.0], [190.0, 50.0, 8000.0]])
    frame = rng.poisson(expected(stars) + trail((128, 128), 0.4, 200)).astype(float)
    assert found_of(stars, find_sources(frame)) == (3, 0)


def test_the_facts_and_the_transform_of_a_frame_are_those_without_its_trail() -> None:
    rng = np.random.default_rng(704)
    stars = stars_of(rng, 15)
    moved = stars + np.array([4.0, -3.0, 0.0])
    plain = rng.poisson(expected(stars)).astype(float)
    crossed = rng.poisson(expected(moved) + trail((128, 110), 0.8, 300)).astype(float)
    facts, others = measure_stars(plain), measure_stars(crossed)
    assert others.fwhm == pytest.approx(facts.fwhm, rel=0.05)
    assert others.ellipticity < facts.ellipticity + 0.05
    assert abs(others.flux.size - facts.flux.size) <= 2 < facts.flux.size
    found = measure_transform(crossed, reference=plain)
    assert np.allclose(found.offset, (4, -3), atol=0.2) or np.allclose(found.offset, (-4, 3), atol=0.2)


@pytest.mark.parametrize(("count", "long"), [(1500, 1.0), (300, 1.8)])
def test_crowded_and_trailed_stars_are_no_trail(count: int, long: float) -> None:
    rng = np.random.default_rng([705, count])
    places = rng.uniform(0, 256, (count, 2))
    stars = np.column_stack([places, 500 * 100 ** rng.uniform(0, 1, count) ** 2])
    frame = rng.poisson(expected(stars, long)).astype(float)
    assert estimated_fwhm(prepared(frame, np.isfinite(frame)), 5.0)[1] == []


def test_without_trails_no_source_is_on_one() -> None:
    frame = np.random.default_rng(706).poisson(expected(stars_of(np.random.default_rng(707)))).astype(float)
    plane = prepared(frame, np.isfinite(frame))
    shapes = measured(plane, detected(plane, 3.0, 5.0, 3), 3.0)
    assert trails_among(plane, shapes, 3.0) == []
    assert not on_trails(plane, [], shapes, 3.0).any()
    along, across = Trail(1.0, 1.0, 0.0, 0.0, 1.0, 3.0).along(np.array([3.0]), np.array([2.0]))
    assert (along[0], across[0]) == (2.0, 1.0)
