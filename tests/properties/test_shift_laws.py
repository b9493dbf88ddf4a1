"""Laws of shift that hold for any image."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from star_fields import SHAPE, flagged, kernels, seeds, smooth

from ccdfx import Flag, Image, shift

steps = st.floats(-6, 6, allow_nan=False)
whole = st.integers(-20, 20)


@given(seeds, whole, whole, kernels)
@settings(max_examples=40, deadline=None)
def test_whole_steps_are_exact_and_invertible(seed: int, dx: int, dy: int, kernel: str) -> None:
    image = Image(np.random.default_rng(seed).normal(0, 1, SHAPE), mask=flagged(seed))
    back = shift(shift(image, dx=dx, dy=dy, kernel=kernel), dx=-dx, dy=-dy, kernel=kernel)
    seen = np.s_[max(-dy, 0) : SHAPE[0] - max(dy, 0), max(-dx, 0) : SHAPE[1] - max(dx, 0)]
    assert np.array_equal(back.array[seen], image.array[seen])
    assert np.array_equal(back.mask[seen], image.mask[seen])


@given(seeds, steps, steps, steps, steps)
@settings(max_examples=40, deadline=None)
def test_two_steps_are_one(seed: int, ax: float, ay: float, bx: float, by: float) -> None:
    image = Image(smooth(seed))
    twice = shift(shift(image, dx=ax, dy=ay), dx=bx, dy=by)
    once = shift(image, dx=ax + bx, dy=ay + by)
    inner = np.s_[20:-20, 20:-20]
    assert np.abs(twice.array - once.array)[inner].max() < 0.02 * np.ptp(image.array)


@given(st.floats(-1e6, 1e6), steps, steps, kernels, st.sampled_from([np.float32, np.float64]))
@settings(max_examples=60, deadline=None)
def test_a_flat_sky_stays_flat(value: float, dx: float, dy: float, kernel: str, dtype: type) -> None:
    image = Image(np.full(SHAPE, value, dtype), mask=flagged(7))
    moved = shift(image, dx=dx, dy=dy, kernel=kernel)
    precision = 2e-6 if moved.dtype == np.float32 else 1e-12
    assert np.abs(moved.array[moved.good] - image.array[0, 0]).max() <= precision * abs(value) + 1e-30


@given(steps, steps, st.floats(1.0, 3.0), kernels)
@settings(max_examples=40, deadline=None)
def test_a_lone_star_keeps_its_flux_and_moves_by_the_step(
    dx: float, dy: float, sigma: float, kernel: str
) -> None:
    y, x = np.mgrid[:81, :81]
    star = 1000 * np.exp(-((x - 40.2) ** 2 + (y - 39.7) ** 2) / (2 * sigma**2))
    moved = shift(star, dx=dx, dy=dy, kernel=kernel).array
    assert abs(moved.sum() / star.sum() - 1) < 1e-4
    centre = (moved * x).sum() / moved.sum(), (moved * y).sum() / moved.sum()
    assert np.hypot(centre[0] - 40.2 - dx, centre[1] - 39.7 - dy) < (0.005 if kernel == "spline" else 0.05)


@given(steps, steps, st.floats(-30, 80), st.floats(-30, 80))
@settings(max_examples=20, deadline=None)
def test_sky_positions_never_move(dx: float, dy: float, x: float, y: float) -> None:
    header = {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 250.4, "CRVAL2": 36.5, "CRPIX1": 20.0, "CRPIX2": 30.0,
        "CD1_1": -1e-4, "CD1_2": 2e-5, "CD2_1": 2e-5, "CD2_2": 1e-4,
    }  # fmt: skip
    image = Image(np.zeros(SHAPE), header)
    moved = shift(image, dx=dx, dy=dy)
    before = image.wcs.all_pix2world(x, y, 0)
    after = moved.wcs.all_pix2world(x + dx, y + dy, 0)
    assert np.allclose(before, after, atol=1e-10, rtol=0)


@given(seeds, steps, steps, kernels)
@settings(max_examples=40, deadline=None)
def test_masks_only_grow(seed: int, dx: float, dy: float, kernel: str) -> None:
    image = Image(smooth(seed), mask=flagged(seed))
    assert image.mask.any()
    moved = shift(image, dx=dx, dy=dy, kernel=kernel)
    # Each flagged pixel whose new place is inside the frame flags at least the pixel next to that place.
    for y, x in np.argwhere(image.mask):
        j, i = round(y + dy), round(x + dx)
        if 0 <= j < SHAPE[0] and 0 <= i < SHAPE[1]:
            assert moved.mask[j, i] & image.mask[y, x] == image.mask[y, x]


@given(seeds, steps, steps, kernels, st.floats(-1e6, 1e6))
@settings(max_examples=40, deadline=None)
def test_what_a_bad_pixel_holds_never_matters(
    seed: int, dx: float, dy: float, kernel: str, value: float
) -> None:
    assume(not (float(dx).is_integer() and float(dy).is_integer()))
    mask = flagged(seed)
    array = smooth(seed)
    one = shift(Image(array, mask=mask), dx=dx, dy=dy, kernel=kernel)
    other = shift(Image(np.where(mask, value, array), mask=mask), dx=dx, dy=dy, kernel=kernel)
    assert np.array_equal(one.array, other.array) and np.array_equal(one.mask, other.mask)


@given(seeds, steps, steps, st.floats(0.01, 100))
@settings(max_examples=30, deadline=None)
def test_variance_is_never_negative_and_scales_with_the_square(
    seed: int, dx: float, dy: float, factor: float
) -> None:
    variance = np.random.default_rng(seed).uniform(0, 5, SHAPE)
    array = smooth(seed)
    one = shift(Image(array, variance=variance), dx=dx, dy=dy)
    other = shift(Image(array * factor, variance=variance * factor**2), dx=dx, dy=dy)
    assert (one.variance >= 0).all()
    assert np.allclose(other.variance, one.variance * factor**2, rtol=1e-9)
    assert np.allclose(other.array, one.array * factor, rtol=1e-9, atol=1e-9 * factor)


@given(steps, steps, kernels)
@settings(max_examples=30, deadline=None)
def test_only_the_edges_lack_data(dx: float, dy: float, kernel: str) -> None:
    moved = shift(np.ones(SHAPE), dx=dx, dy=dy, kernel=kernel)
    if moved.mask is None:
        assert dx == dy == 0
        return
    assert set(np.unique(moved.mask)) <= {0, int(Flag.NO_DATA)}
    y, x = np.indices(SHAPE)
    far = (y - dy > 4) & (y - dy < SHAPE[0] - 5) & (x - dx > 4) & (x - dx < SHAPE[1] - 5)
    beyond = (y - dy < -0.51) | (y - dy > SHAPE[0] - 0.49) | (x - dx < -0.51) | (x - dx > SHAPE[1] - 0.49)
    assert not moved.mask[far].any()
    assert (moved.mask[beyond] == Flag.NO_DATA).all()
