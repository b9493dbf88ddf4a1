"""Sources and apertures: against truth that was simulated, against formulas, and on bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.table import Table

from ccdfx import ArgumentError, ArgumentTypeError, Flag, Image, aperture_photometry, centroid, find_sources
from ccdfx.kernels.image.bad_pixels import fill_bad
from ccdfx.kernels.sources.apertures import aperture, overlap
from ccdfx.kernels.sources.maxima import local_maxima, ring_level, windowed

SHAPE = (300, 340)


def stars_at(rng: np.random.Generator, count: int, apart: float, faintest: float = 2000.0) -> np.ndarray:
    """Rows x, y, flux of stars that keep their distance from each other and from the edges."""
    rows: list[tuple[float, float, float]] = []
    while len(rows) < count:
        x, y = rng.uniform(20, SHAPE[1] - 20), rng.uniform(20, SHAPE[0] - 20)
        if all(math.hypot(x - a, y - b) > apart for a, b, _ in rows):
            rows.append((x, y, faintest * 30 ** rng.random()))
    return np.array(rows)


def painted(stars: np.ndarray, fwhm: float, sky: float = 100.0) -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    sigma = fwhm / 2.3548
    out = np.full(SHAPE, float(sky))
    for a, b, flux in stars:
        out += flux / (2 * np.pi * sigma**2) * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * sigma**2))
    return out


def found_of(stars: np.ndarray, table: np.ndarray, within: float = 1.0) -> tuple[int, int]:
    """How many stars are found, and how many sources are no star."""
    gaps = np.hypot(stars[:, 0][:, None] - table["x"], stars[:, 1][:, None] - table["y"])
    return int((gaps.min(axis=1) < within).sum()), int((gaps.min(axis=0) >= within).sum())


@pytest.mark.parametrize("fwhm", [1.6, 2.2, 3.0, 5.0, 9.0, 14.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_all_stars_are_found_where_they_are_and_nothing_else(fwhm: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    stars = stars_at(rng, 20, 40, faintest=600 * fwhm**2 if fwhm > 5 else 2000)
    table = find_sources(rng.poisson(painted(stars, fwhm)).astype(np.uint16))
    inside = np.hypot(stars[:, 0][:, None] - table["x"], stars[:, 1][:, None] - table["y"]).min(axis=1)
    assert found_of(stars, table) == (20, 0)
    assert np.median(table["fwhm"]) == pytest.approx(fwhm, rel=0.08 if fwhm > 2 else 0.15)
    assert np.median(inside) < 0.06 * max(fwhm / 3, 1)
    assert (np.diff(table["flux"]) <= 0).all()
    order = np.argsort(-stars[:, 2])
    assert np.median(table["flux"] / stars[order, 2]) == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("given", [None, 2.6])
def test_hot_pixels_cosmic_rays_columns_and_saturated_stars_are_no_sources(given: float | None) -> None:
    rng = np.random.default_rng(3)
    stars = stars_at(rng, 25, 25)
    array = rng.poisson(painted(stars, 2.6)).astype(float)
    array[rng.integers(0, SHAPE[0], 300), rng.integers(0, SHAPE[1], 300)] += rng.exponential(2000, 300)
    for _ in range(80):
        x, y, angle = rng.integers(10, 290), rng.integers(10, 290), rng.uniform(0, np.pi)
        t = np.arange(0, 1 + rng.exponential(5), 0.4)
        array[(y + t * np.sin(angle)).astype(int), (x + t * np.cos(angle)).astype(int)] += rng.uniform(
            200, 3000
        )
    array[:, 200] += 900
    array[40:, 91] += 300
    array[77] -= 60
    mask = np.zeros(SHAPE, np.uint8)
    saturated = stars[0]
    near = np.hypot(np.arange(SHAPE[1]) - saturated[0], (np.arange(SHAPE[0]) - saturated[1])[:, None]) < 2
    array[near], mask[near] = 4000, Flag.SATURATED
    table = find_sources(Image(array, mask=mask), fwhm=given)
    apart = np.hypot(table["x"] - saturated[0], table["y"] - saturated[1])
    assert apart.min() > 3
    clear = stars[1:][
        (np.abs(stars[1:, 0] - 200) > 6) & (np.abs(stars[1:, 0] - 91) > 6) & (abs(stars[1:, 1] - 77) > 6)
    ]
    found, _ = found_of(clear, table)
    assert found >= 0.85 * len(clear)
    # A few blobs where several hits meet may pass.
    assert found_of(stars, table)[1] <= 3


@pytest.mark.quick
def test_masked_pixels_are_no_sources() -> None:
    rng = np.random.default_rng(4)
    array = rng.normal(100, 3, SHAPE)
    array[100:104, 150:154] = 9000
    array[200:203, 50:53] = np.nan
    mask = np.zeros(SHAPE, bool)
    mask[100:104, 150:154] = True
    assert len(find_sources(Image(array, mask=mask))) == 0


@pytest.mark.quick
@pytest.mark.parametrize("masked", ["half", "all but a circle"])
def test_stars_beside_a_large_masked_area_are_found(masked: str) -> None:
    rng = np.random.default_rng(14)
    truth = stars_at(rng, 40, 14)
    sky = rng.poisson(painted(truth, 3.0)) + rng.normal(0, 3, SHAPE)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    mask = x < 200 if masked == "half" else np.hypot(x - 170, y - 150) > 110
    distance = x - 200 if masked == "half" else 110 - np.hypot(x - 170, y - 150)
    seen = truth[distance[np.rint(truth[:, 1]).astype(int), np.rint(truth[:, 0]).astype(int)] > 8]
    table = find_sources(Image(sky, mask=mask))
    assert len(seen) > 10 and found_of(seen, table)[0] >= len(seen) - 1


def test_a_sky_without_stars_has_no_sources() -> None:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for seed in range(4):
        noise = np.random.default_rng(seed).normal(0, 5, SHAPE)
        assert len(find_sources(noise + 500 + 0.5 * x + 1e-3 * y**2)) <= 1
    assert len(find_sources(np.full((50, 60), 7))) == 0
    assert len(find_sources(np.full((50, 60), np.nan))) == 0
    assert len(find_sources(np.zeros((1, 1)))) == 0


def test_a_cluster_is_taken_apart() -> None:
    rng = np.random.default_rng(5)
    stars = np.column_stack(
        [rng.normal(170, 45, 400), rng.normal(150, 45, 400), rng.pareto(1.2, 400) * 500 + 500]
    )
    table = find_sources(rng.poisson(painted(stars, 3.0)).astype(float))
    bright = stars[np.argsort(-stars[:, 2])][:40]
    inside = bright[(np.abs(bright[:, 0] - 170) < 130) & (np.abs(bright[:, 1] - 150) < 130)]
    assert found_of(inside, table)[0] >= 0.75 * len(inside)


def test_positions_are_those_of_the_array_and_the_border_is_kept() -> None:
    rng = np.random.default_rng(6)
    stars = np.array([[4.0, 150.0, 9000], [170.0, 150.0, 9000]])
    array = rng.poisson(painted(stars, 3.0))
    wide = find_sources(Image(array, range=(50, 390, 20, 320)), fwhm=3, border=0)
    assert found_of(stars, wide) == (2, 0)
    assert len(find_sources(array, fwhm=3, border=10)) == 1
    assert len(find_sources(array, fwhm=3)) == 2


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"threshold": 0}, ArgumentError),
        ({"threshold": "5"}, ArgumentTypeError),
        ({"fwhm": -1.0}, ArgumentError),
        ({"fwhm": math.nan}, ArgumentError),
        ({"border": -1}, ArgumentError),
        ({"border": 1.5}, ArgumentTypeError),
    ],
)
def test_find_sources_refuses_bad_options(options: dict, error: type) -> None:
    with pytest.raises(error):
        find_sources(np.zeros((20, 20)), **options)


@pytest.mark.parametrize("fwhm", [1.8, 3.0, 6.0])
def test_centroid_finds_the_centre_from_afar(fwhm: float) -> None:
    stars = np.array([[100.37, 80.81, 1e4]])
    array = painted(stars, fwhm) + 0.3 * np.arange(SHAPE[1])
    found = centroid(array, 101.5, 80, 1.5 * fwhm + 1)
    assert math.hypot(found.x - 100.37, found.y - 80.81) < 0.06


@pytest.mark.quick
def test_centroid_keeps_clear_of_bad_pixels() -> None:
    array = painted(np.array([[100.0, 80.0, 1e4]]), 4.0)
    array[82, 103] = 1e6
    mask = array > 1e5
    found = centroid(Image(array, mask=mask), 100, 80, 6)
    assert math.hypot(found.x - 100, found.y - 80) < 0.02


def test_centroid_says_so_where_nothing_is() -> None:
    assert all(map(math.isnan, centroid(np.full((30, 30), 5.0), 15, 15, 4)))
    assert all(map(math.isnan, centroid(np.full((30, 30), np.nan), 15, 15, 4)))
    hole = np.full((30, 30), 5.0)
    hole[15, 15] = 0
    assert all(map(math.isnan, centroid(hole, 15, 15, 4)))


@pytest.mark.parametrize(
    ("x", "y", "radius", "error"),
    [
        (-3, 5, 4, ArgumentError),
        (5, 31, 4, ArgumentError),
        (5, 5, 0.5, ArgumentError),
        (5, 5, math.inf, ArgumentError),
        (math.nan, 5, 4, ArgumentError),
        ("5", 5, 4, ArgumentTypeError),
    ],
)
def test_centroid_refuses_bad_input(x: object, y: float, radius: float, error: type) -> None:
    with pytest.raises(error):
        centroid(np.ones((30, 30)), x, y, radius)


@pytest.mark.parametrize("radius", [0.2, 0.5, 0.8, 2.0, 5.37])
@pytest.mark.parametrize("centre", [(0, 0), (0.5, 0.5), (0.31, -0.22)])
def test_overlap_of_pixel_and_circle(radius: float, centre: tuple[float, float]) -> None:
    x, y = centre
    areas = {(i, j): overlap(i - x, j - y, radius) for i in range(-8, 9) for j in range(-8, 9)}
    assert sum(areas.values()) == pytest.approx(math.pi * radius**2, rel=1e-12)
    fine = (np.arange(400) + 0.5) / 400 - 0.5
    for (i, j), area in areas.items():
        if 0 < area < 1:
            inside = (fine[None, :] + i - x) ** 2 + (fine[:, None] + j - y) ** 2 <= radius**2
            assert area == pytest.approx(inside.mean(), abs=3e-3)


@pytest.mark.quick
def test_a_flat_image_gives_area_times_level() -> None:
    table = aperture_photometry(np.full((40, 50), 7.0), [(20, 20), (10.3, 15.8)], radius=5.5)
    assert np.allclose(table["flux"], 7 * math.pi * 5.5**2)
    assert np.isnan(table["variance"]).all() and not table["flags"].any()


def test_flux_and_variance_match_simulated_stars() -> None:
    rng = np.random.default_rng(7)
    stars = stars_at(rng, 12, 45, faintest=5000)
    truth = painted(stars, 3.0, sky=200)
    fluxes, variances = [], []
    for _ in range(40):
        noisy = rng.poisson(truth).astype(float)
        table = aperture_photometry(Image(noisy, variance=truth), stars[:, :2], radius=6, annulus=(10, 16))
        fluxes.append(table["flux"])
        variances.append(table["variance"])
    mean, scatter = np.mean(fluxes, axis=0), np.var(fluxes, axis=0, ddof=1)
    error = np.sqrt(np.mean(variances, axis=0) / 40)
    assert (np.abs(mean - stars[:, 2]) < 4 * error + 2e-4 * stars[:, 2]).all()
    assert np.mean(scatter / np.mean(variances, axis=0)) == pytest.approx(1, abs=0.2)


def test_without_a_variance_plane_the_ring_says_the_noise() -> None:
    rng = np.random.default_rng(8)
    table = aperture_photometry(rng.normal(50, 4, (90, 90)), [(45, 45)], radius=5, annulus=(8, 30))
    assert table["variance"][0] == pytest.approx(16 * math.pi * 25, rel=0.15)


@pytest.mark.parametrize("known", [False, True])
def test_the_variance_holds_that_of_the_median_of_a_narrow_ring(known: bool) -> None:
    """Where most of the noise of a flux is that of its background."""
    array = np.random.default_rng(14).normal(50, 4, (900, 900))
    image = Image(array, variance=np.full(array.shape, 16.0)) if known else array
    places = [(x, y) for x in range(8, 892, 16) for y in range(8, 892, 16)]
    table = aperture_photometry(image, places, radius=5, annulus=(6, 7.5))
    assert len(places) > 3000 and np.var(table["flux"]) > 2.5 * 16 * math.pi * 25
    assert np.var(table["flux"]) == pytest.approx(np.mean(table["variance"]), rel=0.12)


def test_a_star_in_the_ring_does_not_count() -> None:
    array = np.random.default_rng(9).normal(100, 2, (80, 80))
    array[40, 40] += 1000
    array[40:44, 52:56] += 5000
    table = aperture_photometry(array, [(40, 40)], radius=4, annulus=(8, 18))
    assert table["flux"][0] == pytest.approx(1000, abs=60)
    assert table["background"][0] == pytest.approx(100, abs=0.5)


def test_bad_pixels_take_their_neighbours_value_and_raise_their_flag() -> None:
    array = np.full((40, 40), 10.0)
    mask = np.zeros((40, 40), np.uint8)
    array[20, 21], mask[20, 21] = 1e9, Flag.COSMIC_RAY
    array[22, 20] = np.nan
    table = aperture_photometry(
        Image(array, mask=mask, variance=np.ones_like(array)), [(20, 20), (9, 9)], radius=4
    )
    assert np.allclose(table["flux"], 10 * math.pi * 16)
    assert table["flags"].tolist() == [Flag.COSMIC_RAY | Flag.NO_DATA, 0]
    assert table["masked_area"].tolist() == [2, 0]


def test_an_aperture_over_the_edge_is_flagged() -> None:
    table = aperture_photometry(np.ones((30, 30)), [(0, 15), (15, 15), (-20, 5)], radius=4)
    assert table["flags"].tolist() == [Flag.NO_DATA, 0, Flag.NO_DATA]
    assert table["flux"][0] == pytest.approx(table["area"][0])
    assert table["area"][0] < math.pi * 16
    assert np.isnan(table["flux"][2])


def test_nothing_good_gives_nan() -> None:
    mask = np.zeros((40, 40), bool)
    mask[10:31, 10:31] = True
    image = Image(np.ones((40, 40)), mask=mask)
    assert np.isnan(aperture_photometry(image, [(20, 20)], radius=3)["flux"][0])
    assert np.isnan(aperture_photometry(image, [(20, 20)], radius=3, annulus=(4, 6))["flux"][0])


def test_positions_may_be_a_table_a_list_or_empty() -> None:
    rng = np.random.default_rng(10)
    array = rng.poisson(painted(stars_at(rng, 5, 50), 3.0)).astype(float)
    table = find_sources(array)
    from_table = aperture_photometry(array, table, radius=5)
    from_pairs = aperture_photometry(array, [(row["x"], row["y"]) for row in table], radius=5)
    from_astropy = aperture_photometry(array, Table(table), radius=5)
    assert len(table) == 5 and np.array_equal(from_table["flux"], from_pairs["flux"])
    assert np.array_equal(from_astropy["flux"], from_pairs["flux"])
    assert len(aperture_photometry(array, [], radius=5)) == 0
    assert aperture_photometry(array, [(5, 5)], radius=1e200)["flags"] == Flag.NO_DATA


@pytest.mark.parametrize(
    ("positions", "options", "error"),
    [
        ([(1, 2)], {"radius": 0}, ArgumentError),
        ([(1, 2)], {"radius": "3"}, ArgumentTypeError),
        ([(1, 2)], {"radius": 3, "annulus": (2, 5)}, ArgumentError),
        ([(1, 2)], {"radius": 3, "annulus": (6, 5)}, ArgumentError),
        ([(1, 2)], {"radius": 3, "annulus": 5}, ArgumentTypeError),
        ([(1, 2, 3)], {"radius": 3}, ArgumentError),
        ([(1, math.nan)], {"radius": 3}, ArgumentError),
        ("here", {"radius": 3}, ArgumentTypeError),
        (None, {"radius": 3}, ArgumentTypeError),
    ],
)
def test_aperture_photometry_refuses_bad_input(positions: object, options: dict, error: type) -> None:
    with pytest.raises(error):
        aperture_photometry(np.ones((20, 20)), positions, **options)


def test_no_value_is_too_large_to_look_for_sources() -> None:
    sky = np.random.default_rng(4).normal(size=(64, 64))
    sky[20, 20:40] = 1e300
    assert len(find_sources(sky)) == 0


@pytest.mark.quick
def test_local_maxima_equal_their_twin() -> None:
    plane = np.random.default_rng(11).integers(0, 6, (40, 50)).astype(np.float32)
    found = np.empty((2000, 2), np.int64)
    count = local_maxima(plane, 3.0, 2, found)
    expected = []
    for y in range(2, 38):
        for x in range(2, 48):
            around = [
                (plane[y + j, x + i], (j, i)) for j in (-1, 0, 1) for i in (-1, 0, 1) if (j, i) != (0, 0)
            ]
            first = all(plane[y, x] > v if step < (0, 0) else plane[y, x] >= v for v, step in around)
            if plane[y, x] > 3 and first:
                expected.append((y, x))
    # A plateau may lack its first pixel in reading order on the right above: the rule there is strict.
    assert [tuple(row) for row in found[:count].tolist()] == expected


@pytest.mark.quick
def test_ring_level_equals_its_twin() -> None:
    rng = np.random.default_rng(12)
    array, bad = rng.normal(10, 1, (50, 50)), rng.random((50, 50)) < 0.1
    array[bad] = 1e6
    y, x = np.indices(array.shape)
    r = np.hypot(x - 25.3, y - 24.6)
    values = array[(r > 6) & (r <= 11) & ~bad]
    for _ in range(3):
        median = np.median(values)
        scatter = 1.482602218505602 * np.median(np.abs(values - median))
        kept = values[np.abs(values - median) <= 3 * scatter]
        if kept.size == values.size:
            break
        values = kept
    level, found, count = ring_level(array, bad, 25.3, 24.6, 6.0, 11.0, np.empty(4000))
    assert (level, found) == (pytest.approx(median), pytest.approx(scatter)) and count == values.size


@pytest.mark.quick
def test_aperture_equals_its_twin() -> None:
    rng = np.random.default_rng(13)
    array, variance = rng.normal(5, 1, (20, 22)), rng.uniform(1, 2, (20, 22))
    mask = (rng.random((20, 22)) < 0.1).astype(np.uint8) * np.uint8(9)
    weights = np.array([[overlap(i - 11.2, j - 9.7, 4.3) for i in range(22)] for j in range(20)])
    nan, unknown = (10, 12), (9, 13)
    array[nan], variance[unknown], mask[nan], mask[unknown] = np.nan, np.nan, 0, 0
    bad = (mask != 0) | np.isnan(array)
    values, variances = array.copy(), variance.copy()
    fill_bad(values, bad, 4, 7.0)
    fill_bad(variances, bad | np.isnan(variance), 4, 8.0)
    usual = np.array([7.0, 8.0])
    total, noise, area, masked, flags = aperture(array, variance, mask, 11.2, 9.7, 4.3, usual)
    assert total == pytest.approx((weights * values).sum())
    assert noise == pytest.approx((weights**2 * variances).sum())
    assert area == pytest.approx(weights.sum()) and masked == pytest.approx(weights[bad].sum())
    assert flags == (9 if (weights[mask != 0] > 0).any() else 0) | Flag.NO_DATA
    nothing = np.empty((0, 0), np.uint8), np.empty((0, 0))
    total, noise, area, masked, flags = aperture(values, nothing[1], nothing[0], 11.2, 9.7, 4.3, usual)
    assert total == pytest.approx((weights * values).sum()) and noise == pytest.approx((weights**2).sum())
    assert masked == flags == 0


def test_values_whose_sums_are_no_numbers_give_no_warning() -> None:
    array = np.array([[1e308, 25.0, 1e308, 1e308, 40.0, 57.0]])
    assert not np.isfinite(aperture_photometry(array, [(1, 1)], radius=1.5, annulus=(2, 3))["flux"]).any()
    assert len(find_sources(np.full((1, 1), 2**62))) == 0


@pytest.mark.quick
def test_a_window_that_leaves_the_frame_at_its_last_step_measures_nothing() -> None:
    array = np.zeros((12, 12))
    array[6, 0], array[6, 2] = 1.0, -0.99  # almost no light, with its centre far outside
    x, _, total, *_ = windowed(array, 1.0, 6.0, 1.0, 3.0, 0.0, 1)
    assert x < 0 and math.isnan(total)
