"""Laws of the search for cosmic rays."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ccdfx import Flag, Image, mask_cosmic_rays, median_filter

SHAPE = (40, 44)
RAY = np.uint8(Flag.COSMIC_RAY)
seeds = st.integers(0, 2**32 - 1)
medians = st.sampled_from(["exact", "separable"])


def frame(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers: a sky with noise, a star, some rays; and the variance."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = 400 + 3000 * np.exp(
        -((x - rng.uniform(8, 36)) ** 2 + (y - rng.uniform(8, 32)) ** 2) / (2 * 1.6**2)
    )
    array = rng.poisson(light).astype(np.float32)
    for _ in range(4):
        j, i = rng.integers(3, SHAPE[0] - 8), rng.integers(3, SHAPE[1] - 8)
        array[j, i : i + rng.integers(1, 5)] += rng.integers(200, 5000)
    return array, np.rint(light).astype(np.float32)


def flagged(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed + 1)
    return (rng.integers(1, 256, SHAPE) * (rng.random(SHAPE) < 0.03)).astype(np.uint8)


def smooth(seed: int) -> np.ndarray:
    """A sky that slopes and bends, and a star of FWHM 2.4 pixels and more, wholly in the frame."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    sky = 500 + rng.uniform(-2, 2) * x + rng.uniform(-2, 2) * y + rng.uniform(-0.03, 0.03) * x * y
    a, b, sigma = rng.uniform(10, 34), rng.uniform(10, 30), rng.uniform(1, 5)
    return sky + rng.uniform(10, 20000) * np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * sigma**2))


@given(seeds, medians, st.sampled_from([None, "median"]))
@settings(max_examples=40)
def test_inputs_never_change_and_masks_only_grow(seed: int, how: str, replace: str | None) -> None:
    array, variance = frame(seed)
    mask = flagged(seed)
    image = Image(array, mask=mask, variance=variance)
    found = mask_cosmic_rays(image, medians=how, replace=replace)
    assert np.array_equal(image.array, array) and np.array_equal(image.variance, variance)
    assert np.array_equal(image.mask, mask)
    assert np.array_equal(found.mask & ~RAY, mask & ~RAY) and ((found.mask & mask) == mask).all()
    new = (found.mask & ~mask) != 0
    assert np.array_equal(found.array[~new], array[~new]) and np.array_equal(
        found.variance[~new], variance[~new]
    )


@given(seeds, medians, st.floats(1, 30))
@settings(max_examples=60)
def test_nothing_is_found_in_a_smooth_frame_without_noise(seed: int, how: str, gain: float) -> None:
    array = smooth(seed)
    found = mask_cosmic_rays(Image(array, variance=np.maximum(array, 1) / gain), medians=how)
    assert not found.mask.any()


@given(seeds, medians, st.integers(-100_000, 100_000))
@settings(max_examples=40)
def test_a_constant_with_the_same_variance_changes_nothing(seed: int, how: str, offset: int) -> None:
    array, variance = frame(seed)
    one = mask_cosmic_rays(Image(array, variance=variance), medians=how, replace="median")
    other = mask_cosmic_rays(
        Image(array + np.float32(offset), variance=variance), medians=how, replace="median"
    )
    assert np.array_equal(one.mask, other.mask)
    assert np.array_equal(one.array + np.float32(offset), other.array)


@given(seeds, medians, st.integers(-60, 40))
@settings(max_examples=40)
def test_scaling_with_the_variance_changes_nothing(seed: int, how: str, power: int) -> None:
    array, variance = frame(seed)
    one = mask_cosmic_rays(Image(array, variance=variance), medians=how, replace="median")
    factor = np.float32(2.0**power)
    other = mask_cosmic_rays(
        Image(array * factor, variance=variance * factor**2), medians=how, replace="median"
    )
    assert np.array_equal(one.mask, other.mask)
    assert np.array_equal(one.array * factor, other.array)


@given(seeds, medians, st.sampled_from([np.nan, np.inf, -1e9, 0.0]))
@settings(max_examples=40)
def test_what_a_bad_pixel_holds_never_matters(seed: int, how: str, value: float) -> None:
    array, variance = frame(seed)
    bad = flagged(seed) != 0
    one = mask_cosmic_rays(Image(array, mask=bad, variance=variance), medians=how)
    other = mask_cosmic_rays(Image(np.where(bad, value, array), mask=bad, variance=variance), medians=how)
    assert np.array_equal(one.mask, other.mask)


@given(seeds, st.sampled_from([lambda a: a[::-1], lambda a: a[:, ::-1], lambda a: a.T]))
@settings(max_examples=30)
def test_a_mirrored_frame_has_mirrored_rays(seed: int, turned: object) -> None:
    array, variance = frame(seed)
    one = mask_cosmic_rays(Image(array, variance=variance)).mask
    other = mask_cosmic_rays(Image(turned(array), variance=turned(variance))).mask
    assert np.array_equal(turned(one), other)


@given(seeds)
@settings(max_examples=30)
def test_lower_limits_find_more_in_one_pass(seed: int) -> None:
    array, variance = frame(seed)
    image = Image(array, variance=variance)
    some = mask_cosmic_rays(image, iterations=1).mask != 0
    for options in (
        {"sigma_limit": 3.5, "neighbour_fraction": 0.385},
        {"object_limit": 3.0},
        {"iterations": 3},
    ):
        more = mask_cosmic_rays(image, **({"iterations": 1} | options)).mask != 0
        assert more[some].all()


@given(seeds, st.sampled_from([3, 5, 7]), st.integers(-1000, 1000), st.booleans())
@settings(max_examples=40)
def test_a_median_filter_lies_between_and_moves_along(seed: int, size: int, offset: int, holes: bool) -> None:
    array, _ = frame(seed)
    image = Image(array, mask=flagged(seed) if holes else None)
    found = median_filter(image, size=size)
    known = np.isfinite(found.array)
    good = image.array[image.good]
    assert (found.array[known] >= good.min()).all() and (found.array[known] <= good.max()).all()
    moved = median_filter(image.replace(array=array + np.float32(offset)), size=size)
    assert np.array_equal(moved.array[known], found.array[known] + np.float32(offset))
