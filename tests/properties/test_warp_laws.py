"""Laws of warp and of transforms that hold for any image."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from star_fields import SHAPE, flagged, kernels, seeds, smooth

from ccdfx import Flag, Image, Transform, engine, match_stars, similarity, warp

MIDDLE = np.array([25.5, 23.5])
angles = st.floats(-180, 180)
scales = st.floats(0.85, 1.2)


@st.composite
def transforms(draw: st.DrawFn) -> Transform:
    """Similarities that keep the middle of the frame within three pixels."""
    turned = similarity(rotation=draw(angles), scale=draw(scales), flip=draw(st.booleans()))
    step = np.array([draw(st.floats(-3, 3)), draw(st.floats(-3, 3))])
    x, y = MIDDLE - np.array(turned.matrix) @ MIDDLE + step
    return Transform(turned.matrix, (float(x), float(y)))


def places() -> np.ndarray:
    y, x = np.indices(SHAPE)
    return np.column_stack([x.ravel(), y.ravel()])


@given(transforms(), transforms())
def test_transforms_compose_and_have_inverses(one: Transform, two: Transform) -> None:
    both = one.then(two)
    assert np.allclose(both.apply(places()), two.apply(one.apply(places())), atol=1e-9)
    assert np.allclose(one.inverse().apply(one.apply(places())), places(), atol=1e-9)
    assert np.isclose(both.scale, one.scale * two.scale) and both.flipped == (one.flipped != two.flipped)


@given(seeds, transforms())
@settings(max_examples=40)
def test_there_and_back_is_where_it_was(seed: int, transform: Transform) -> None:
    image = Image(smooth(seed))
    back = warp(warp(image, transform=transform), transform=transform.inverse())
    inner = np.zeros(SHAPE, bool)
    inner[14:-14, 16:-16] = True
    inner &= back.good
    assert inner.sum() > 200
    assert np.abs(back.array - image.array)[inner].max() < 0.03 * np.ptp(image.array)


@given(st.floats(-1e6, 1e6), transforms(), kernels, st.sampled_from([np.float32, np.float64]))
@settings(max_examples=40)
def test_a_flat_sky_stays_flat_and_follows_the_area(
    value: float, transform: Transform, kernel: str, dtype: type
) -> None:
    image = Image(np.full(SHAPE, value, dtype), mask=flagged(7))
    turned = warp(image, transform=transform, kernel=kernel)
    expected = float(image.array[0, 0]) / abs(transform.determinant)
    precision = 4e-6 if turned.dtype == np.float32 else 1e-12
    assert np.abs(turned.array[turned.good] - expected).max() <= precision * abs(value) + 1e-30


@given(transforms(), st.floats(1.3, 2.5), kernels)
@settings(max_examples=40)
def test_a_lone_star_keeps_its_flux_and_goes_where_the_transform_says(
    transform: Transform, sigma: float, kernel: str
) -> None:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    star = 1000 * np.exp(-((x - 26.2) ** 2 + (y - 22.7) ** 2) / (2 * sigma**2))
    turned = warp(star, transform=transform, kernel=kernel).array
    assert abs(turned.sum() / star.sum() - 1) < (3e-3 if kernel == "spline" else 1e-2)
    centre = (turned * x).sum() / turned.sum(), (turned * y).sum() / turned.sum()
    assert np.hypot(*(np.array(centre) - transform.apply([(26.2, 22.7)])[0])) < 0.08


@given(seeds, transforms(), kernels)
@settings(max_examples=40)
def test_masks_only_grow(seed: int, transform: Transform, kernel: str) -> None:
    image = Image(smooth(seed), mask=flagged(seed))
    turned = warp(image, transform=transform, kernel=kernel)
    plain = warp(image.replace(mask=None), transform=transform, kernel=kernel)
    assert turned.mask is not None
    assert plain.mask is None or ((turned.mask & plain.mask) == plain.mask).all()
    # The pixel that a place in the result is nearest to hands on its flags.
    there = transform.inverse().apply(places()).round().astype(int)
    inside = ((there >= 0) & (there < SHAPE[::-1])).all(axis=1)
    own = np.where(inside, image.mask[tuple(there.clip(0, np.array(SHAPE[::-1]) - 1).T[::-1])], 0)
    got = turned.mask.ravel()
    assert ((own & got) == own).all()
    assert (got[~inside] & Flag.NO_DATA != 0).all()


@given(seeds, transforms(), kernels, st.floats(-6e4, 6e4))
@settings(max_examples=30)
def test_what_a_flagged_pixel_holds_reaches_no_pixel(
    seed: int, transform: Transform, kernel: str, value: float
) -> None:
    # A shift by whole pixels only copies: what a flagged pixel holds stays in it.
    assume(not (transform.is_shift and all(step.is_integer() for step in transform.offset)))
    image = Image(smooth(seed), mask=flagged(seed), variance=np.abs(smooth(seed)))
    other = image.replace(array=np.where(image.mask != 0, value, image.array))
    one, two = (warp(frame, transform=transform, kernel=kernel) for frame in (image, other))
    assert np.array_equal(one.array, two.array) and np.array_equal(one.variance, two.variance)


@given(seeds, transforms(), kernels, st.floats(0.1, 10))
@settings(max_examples=30)
def test_variance_goes_with_the_square_of_a_factor_and_threads_do_not_matter(
    seed: int, transform: Transform, kernel: str, factor: float
) -> None:
    image = Image(smooth(seed), variance=np.abs(smooth(seed + 1)))
    scaled = image.replace(array=image.array * factor, variance=image.variance * factor**2)
    one, other = (warp(frame, transform=transform, kernel=kernel) for frame in (image, scaled))
    assert (one.variance >= 0).all()
    assert np.allclose(other.variance, one.variance * factor**2, rtol=1e-9)
    with engine(threads=3):
        again = warp(image, transform=transform, kernel=kernel)
    assert again.array.tobytes() == one.array.tobytes() and again.variance.tobytes() == one.variance.tobytes()


@given(seeds, transforms())
@settings(max_examples=25)
def test_stars_that_only_moved_are_matched(seed: int, transform: Transform) -> None:
    stars = np.random.default_rng(seed).uniform(0, 400, (15, 2))
    found = match_stars(stars[np.random.default_rng(seed).permutation(15)], reference=transform.apply(stars))
    assert np.allclose(found.apply(stars), transform.apply(stars), atol=0.05)
