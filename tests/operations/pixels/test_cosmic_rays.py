"""Cosmic rays in one frame: what is found, what is spared, what is refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import ccdfx
from ccdfx import Flag, Image, ccd_noise, mask_cosmic_rays, mask_saturated
from ccdfx.operations.pixels import cosmic_rays
from ccdfx.operations.pixels.ray_search import Search

GAIN, READNOISE = 1.5, 6.0
RAY = np.uint8(Flag.COSMIC_RAY)


def star_field(
    size: int, rays: int, *, seed: int = 1, fwhm: float = 3.5, sky: float = 300.0
) -> SimpleNamespace:
    """A frame in ADU with noise, the electrons of its cosmic rays, and where its stars are."""
    rng = np.random.default_rng(seed)
    light = np.full((size, size), sky)
    y, x = np.mgrid[-15:16, -15:16]
    stars = rng.uniform(20, size - 20, (size * size // 4000, 2))
    for b, a in stars:
        i, j, sigma = round(a), round(b), fwhm / 2.3548
        star = np.exp(-((x + i - a) ** 2 + (y + j - b) ** 2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
        light[j - 15 : j + 16, i - 15 : i + 16] += min(2000 / (1 - rng.random()), 3e5) * star
    charge = np.zeros_like(light)
    for _ in range(rays):
        a, b = rng.uniform(20, size - 20, 2)
        angle, length, density = rng.uniform(0, np.pi), rng.uniform(1, 14), rng.uniform(200, 3000)
        for step in np.arange(0, length, 0.5):
            charge[int(b + step * np.sin(angle)), int(a + step * np.cos(angle))] += density / 2
    electrons = rng.poisson(light * GAIN) + rng.normal(0, READNOISE, light.shape) + charge
    return SimpleNamespace(array=(electrons / GAIN).astype(np.float32), charge=charge, stars=stars)


NOISE = ccd_noise(GAIN, READNOISE)


@pytest.fixture(scope="module")
def field() -> SimpleNamespace:
    return star_field(512, 150)


def rays_of(image: object, **options: object) -> np.ndarray:
    return (mask_cosmic_rays(image, **options).mask & RAY) != 0


@pytest.mark.parametrize("medians", ["exact", "separable"])
def test_rays_are_found_and_stars_are_not(field: SimpleNamespace, medians: str) -> None:
    found = rays_of(field.array, noise=NOISE, medians=medians)
    strong = field.charge > 10 * np.sqrt(300 * GAIN + READNOISE**2)
    assert found[strong].mean() > 0.99
    y, x = np.nonzero(field.charge)
    near = np.zeros(found.shape, bool)
    for dy in (-2, -1, 0, 1, 2):
        for dx in (-2, -1, 0, 1, 2):
            near[y + dy, x + dx] = True
    assert found[~near].mean() < 5e-5
    for b, a in field.stars:  # no star loses its core to a ray that is not there
        core = np.s_[round(b) - 1 : round(b) + 2, round(a) - 1 : round(a) + 2]
        assert near[core].any() or not found[core].any()


def test_noise_may_be_a_variance_a_model_or_in_the_header(field: SimpleNamespace) -> None:
    model = rays_of(field.array, noise=NOISE)
    variance = ccdfx.variance_of(field.array, model=NOISE)
    assert np.array_equal(rays_of(Image(field.array, variance=variance)), model)
    header = {"GAIN": GAIN, "RDNOISE": READNOISE}
    assert np.array_equal(rays_of(Image(field.array, header)), model)
    # What is given counts, whatever the image says of itself.
    assert np.array_equal(rays_of(Image(field.array, header, variance=variance * 100), noise=NOISE), model)


@pytest.mark.parametrize("tile", [(8, 16), (128, 512), (512, 31), (600, 700)])
@pytest.mark.parametrize("threads", [1, 3])
def test_tiles_and_threads_change_nothing(
    field: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tile: tuple[int, int], threads: int
) -> None:
    part = Image(field.array[100:250, 100:280])
    expected = mask_cosmic_rays(part, noise=NOISE, replace="median")
    monkeypatch.setattr(cosmic_rays, "TILE", tile)
    with ccdfx.engine(threads=threads):
        found = mask_cosmic_rays(part, noise=NOISE, replace="median")
    assert np.array_equal(found.mask, expected.mask) and np.array_equal(found.array, expected.array)
    assert (found.mask != 0).any()


@pytest.mark.parametrize("medians", ["exact", "separable"])
@pytest.mark.parametrize(
    "options", [{}, {"sigma_limit": 2.5, "object_limit": 1.5}, {"neighbour_fraction": 0}]
)
def test_medians_where_a_ray_may_be_find_the_same_as_medians_everywhere(
    field: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, medians: str, options: dict[str, float]
) -> None:
    array, mask = field.array[:300, :400].copy(), np.zeros((300, 400), np.uint8)
    array[::37, ::29], mask[100:120, 50:60] = np.nan, Flag.BAD_PIXEL
    variance = np.array(ccdfx.variance_of(array, model=NOISE))
    variance[::41] = 0
    image = Image(array, mask=mask, variance=variance)
    found = []
    for few in (1, 10**9):  # always one by one, always everywhere
        monkeypatch.setattr(cosmic_rays, "FEW", few)
        found.append(mask_cosmic_rays(image, medians=medians, replace="median", **options))
    one_by_one, everywhere = found
    assert np.array_equal(one_by_one.mask, everywhere.mask)
    assert np.array_equal(one_by_one.array, everywhere.array, equal_nan=True)
    assert np.count_nonzero(everywhere.mask & RAY) > 100


def test_replacing_gives_the_surroundings_and_their_variance(field: SimpleNamespace) -> None:
    variance = ccdfx.variance_of(field.array, model=NOISE)
    image = Image(field.array, variance=variance, mask=np.zeros(field.array.shape, bool))
    kept, cleaned = mask_cosmic_rays(image), mask_cosmic_rays(image, replace="median")
    rays = kept.mask == RAY
    assert kept.array is image.array and kept.variance is image.variance
    assert np.array_equal(cleaned.mask, kept.mask)
    assert np.array_equal(cleaned.array[~rays], image.array[~rays])
    assert np.array_equal(cleaned.variance[~rays], variance[~rays])
    strong = np.argwhere(rays & (field.charge > 500))
    assert len(strong) > 100
    for y, x in strong:
        box = np.s_[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        if (~rays[box]).sum() >= 3:
            assert cleaned.array[y, x] == pytest.approx(np.median(field.array[box][~rays[box]]), rel=1e-6)
            assert cleaned.variance[y, x] == pytest.approx(np.median(variance[box][~rays[box]]), rel=1e-5)


@pytest.mark.quick
def test_integers_stay_unless_they_are_replaced() -> None:
    array = np.full((20, 20), 1000, np.uint16)
    array[10, 10] = 9000
    assert mask_cosmic_rays(array, noise=NOISE).dtype == np.uint16
    cleaned = mask_cosmic_rays(array, noise=NOISE, replace="median")
    assert cleaned.dtype == np.float32 and (cleaned.array == 1000).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e7, -1e7])
def test_bad_pixels_are_neither_rays_nor_make_any(field: SimpleNamespace, value: float) -> None:
    array = field.array.copy()
    bad = np.random.default_rng(5).random(array.shape) < 0.01
    bad[:, 200], bad[300:340, 300:340] = True, True
    clean = rays_of(Image(array, mask=bad), noise=NOISE)
    array[bad] = value
    mask = np.where(bad, np.uint8(Flag.BAD_PIXEL), np.uint8(0))
    found = mask_cosmic_rays(Image(array, mask=mask), noise=NOISE)
    assert np.array_equal((found.mask & RAY) != 0, clean)
    assert np.array_equal(found.mask[bad], mask[bad])
    untouched = rays_of(field.array, noise=NOISE)
    assert np.count_nonzero(clean & ~untouched) < 0.03 * np.count_nonzero(untouched)


@pytest.mark.parametrize("medians", ["exact", "separable"])
def test_no_search_looks_further_than_gaps_are_filled(medians: str) -> None:
    search = Search(iterations=1, medians=medians)
    assert search.windows.margin <= cosmic_rays._SIGHT <= min(cosmic_rays.TILE)
    bad = np.zeros((80, 90), bool)
    bad[:, 20:70] = True
    seen = cosmic_rays._in_sight(bad)
    assert (
        seen[:, 20:28].all() and seen[:, 62:70].all() and not seen[:, 28:62].any() and not seen[:, :20].any()
    )


def test_a_variance_that_is_not_finite_makes_a_bad_pixel(field: SimpleNamespace) -> None:
    variance = ccdfx.variance_of(field.array, model=NOISE).copy()
    ray = np.unravel_index(np.argmax(field.charge), field.charge.shape)
    variance[ray] = np.inf
    found = rays_of(Image(field.array, variance=variance))
    assert found.any() and not found[ray]


def test_a_hot_pixel_within_its_own_noise_is_no_ray() -> None:
    array = np.random.default_rng(1).normal(300, 15, (60, 60))
    array[20, 20] = array[40, 40] = 600
    variance = np.full(array.shape, 15.0**2)
    variance[20, 20] = 200.0**2
    assert np.argwhere(rays_of(Image(array, variance=variance), neighbour_fraction=1)).tolist() == [[40, 40]]


def saturated_field() -> np.ndarray:
    """A star that is cut off at 60000 and bleeds along its column, and a ray that is cut off too."""
    y, x = np.mgrid[:100, :100]
    array = 300 + 3e6 * np.exp(-((x - 50.0) ** 2 + (y - 50.0) ** 2) / (2 * 2.0**2))
    array[15:85, 50] = 70000
    array[20, 20:26] = 70000
    noisy = array + np.random.default_rng(3).normal(0, np.sqrt(array / GAIN + (READNOISE / GAIN) ** 2))
    return np.minimum(noisy, 60000).astype(np.float32)


def test_saturated_stars_are_spared_and_saturated_rays_are_not() -> None:
    array = saturated_field()
    found = rays_of(mask_saturated(array, saturation=60000), noise=NOISE)
    assert found[20, 20:26].all()
    assert not found[10:90, 40:60].any()
    assert rays_of(array, noise=NOISE)[15:40, 50].any()  # without the flags the bleeding looks like a ray


def test_the_edge_is_not_searched() -> None:
    array = np.full((40, 40), 300.0)
    array[0], array[:, -1], array[20, 20] = 3000, 3000, 3000
    assert np.argwhere(rays_of(array, noise=NOISE)).tolist() == [[20, 20]]


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 50), (4, 4), (7, 7)])
@pytest.mark.parametrize("medians", ["exact", "separable"])
def test_small_frames(shape: tuple[int, int], medians: str) -> None:
    array = np.random.default_rng(1).normal(300, 15, shape)
    assert rays_of(array, noise=NOISE, medians=medians).shape == shape


def test_nothing_but_bad_pixels() -> None:
    image = Image(np.full((20, 20), np.nan), mask=np.ones((20, 20), bool))
    found = mask_cosmic_rays(image, noise=NOISE, replace="median")
    assert np.array_equal(found.mask, image.mask) and np.isnan(found.array).all()


@pytest.mark.parametrize("unit", [1e-140, 1.0, 1e140])
def test_units_and_values_may_be_extreme(unit: float) -> None:
    array = np.random.default_rng(1).normal(300, 15, (60, 60)) * unit
    array[30, 30], array[40, 20:23] = 1e300, 900 * unit
    variance = np.full(array.shape, (15 * unit) ** 2)
    variance[10, 10] = 1e300
    found = mask_cosmic_rays(Image(array, variance=variance), replace="median", neighbour_fraction=1)
    assert np.argwhere(found.mask).tolist() == [[30, 30], [40, 20], [40, 21], [40, 22]]
    assert found.array.max() < 400 * unit


def test_no_noise_no_rays() -> None:
    array = np.random.default_rng(1).normal(300, 15, (40, 40))
    assert not rays_of(Image(array, variance=np.zeros((40, 40)))).any()


@pytest.mark.quick
@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"sigma_limit": 0}, "sigma_limit"),
        ({"sigma_limit": np.nan}, "sigma_limit"),
        ({"neighbour_fraction": -0.1}, "neighbour_fraction"),
        ({"neighbour_fraction": 1.5}, "neighbour_fraction"),
        ({"object_limit": -1}, "object_limit"),
        ({"object_limit": "5"}, "object_limit"),
        ({"iterations": 0}, "iterations"),
        ({"iterations": 2.5}, "iterations"),
        ({"medians": "fast"}, "medians: must be one of exact, separable"),
        ({"medians": None}, "medians"),
        ({"replace": "mean"}, "replace"),
        ({"replace": True}, "replace"),
        ({"noise": 5.0}, "noise"),
    ],
)
def test_nonsense_is_refused(options: dict[str, object], word: str) -> None:
    with pytest.raises(ccdfx.CcdfxError, match=word) as caught:
        mask_cosmic_rays(np.ones((9, 9)), **({"noise": NOISE} | options))
    assert caught.value.remedy


def test_unknown_noise_is_refused_with_a_remedy() -> None:
    for header in ({}, {"GAIN": 2.0}, {"RDNOISE": 5.0}):
        with pytest.raises(ccdfx.ArgumentError, match=r"variance, or GAIN .*RDNOISE.*noise=ccd_noise"):
            mask_cosmic_rays(Image(np.ones((9, 9)), header))
    with pytest.raises(ccdfx.ArgumentError, match="RDNOISE"):
        mask_cosmic_rays(Image(np.ones((9, 9)), {"GAIN": 0, "RDNOISE": 5.0}))
    with pytest.raises(ccdfx.MismatchError, match="ADU"):
        mask_cosmic_rays(Image(np.ones((9, 9)), {"BUNIT": "electron"}), noise=NOISE)


def test_it_is_a_step(field: SimpleNamespace) -> None:
    one = ccdfx.step("mask_cosmic_rays", sigma_limit=5.0, noise=NOISE)
    found = one(field.array)
    assert np.array_equal((found.mask & RAY) != 0, rays_of(field.array, sigma_limit=5.0, noise=NOISE))
    assert "mask_cosmic_rays sigma_limit=5.0 noise=ccd(" in found.header.history[-1]
    again = ccdfx.read_recipe(ccdfx.to_recipe(ccdfx.pipeline(one)))
    assert np.array_equal(again(field.array).mask, found.mask)


@pytest.mark.parametrize("variance", [1e-320, 3e38, 1e300])
def test_a_variance_of_any_size_serves(variance: float) -> None:
    """Without a warning, which would be an error here."""
    image = Image(np.full((9, 9), 6.7, np.float32), variance=np.full((9, 9), variance))
    assert mask_cosmic_rays(image).mask is not None


@pytest.mark.quick
def test_a_frame_is_searched_in_its_own_type_or_converted_with_the_same_rays(field: SimpleNamespace) -> None:
    variance = ccdfx.variance_of(field.array, model=NOISE)
    mask = np.random.default_rng(3).random(field.array.shape) < 0.01
    single = Image(field.array, mask=mask, variance=variance)
    double = Image(field.array.astype(float), mask=mask, variance=variance.astype(float))
    found = [mask_cosmic_rays(one, replace="median") for one in (single, double)]
    assert np.array_equal(found[0].mask, found[1].mask)
    rays = (found[0].mask & RAY) != 0
    assert found[0].array[rays] == pytest.approx(found[1].array[rays], rel=1e-6)
    assert found[0].variance[rays] == pytest.approx(found[1].variance[rays], rel=1e-6)
